"""A secret is known in each form in which programs print one, and nothing else is taken for it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.secret_forms import SecretForms
from elsewhere.core.secrets import GIVEN
from tests.properties import PROPERTY

SECRET = 'p&ss/w"rd\\+ü~ 1'
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


def hidden(secret: str, text: str) -> str:
    """What is shown of the text; an output shows the same."""
    forms = SecretForms([secret])
    shown = forms.hide(text)
    assert forms.hide_in(text.encode()).decode() == shown
    return shown


def in_shell(text: str) -> str:
    done = subprocess.run(["base64"], input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (str, "***"),
        (json.dumps, '"***"'),
        (lambda text: json.dumps(text, ensure_ascii=False), '"***"'),
        (lambda text: json.dumps([text, {"a": text}]), '["***", {"a": "***"}]'),
        (repr, "'***'"),
        (quote, "***"),
        (quote_plus, "***"),
        (lambda text: quote(text, safe=""), "***"),
        (lambda text: urlencode({"word": text, "n": 1}), "word=***&n=1"),
        (lambda text: f"https://ada:{quote(text, safe='')}@host/x", "https://ada:***@host/x"),
        (lambda text: base64.b64encode(text.encode()).decode(), "***"),
        (lambda text: base64.urlsafe_b64encode(text.encode()).decode(), "***"),
        (in_shell, "***\n"),
    ],
)
def test_no_form_shows_it(form: Callable[[str], str], shown: str) -> None:
    assert hidden(SECRET, form(SECRET)) == shown


@PROPERTY
@given(st.text("ab~?", max_size=7), st.text("ab~?", max_size=7))
def test_base64_hides_it_within_a_longer_text(before: str, behind: str) -> None:
    secret = "fedcb-9876"
    text = f"{before}{secret}{behind}".encode()
    for encoded in (base64.b64encode(text), base64.urlsafe_b64encode(text)):
        head, mark, tail = hidden(secret, encoded.decode()).partition("***")
        assert mark
        # No more of it is left at either end than a character shares with a neighbour.
        assert len(head) <= -(-(len(before) + 1) * 8 // 6)
        assert len(tail) <= len(base64.b64encode(b".." + behind.encode()))


def test_long_base64_is_hidden_in_lines() -> None:
    secret = "".join(f"{number:04x}" for number in range(3, 60))
    lines = in_shell(secret).splitlines()
    assert len(lines) > 2
    assert [hidden(secret, line) for line in lines] == ["***"] * len(lines)


def test_each_line_of_a_file_is_a_secret_but_what_frames_it() -> None:
    assert hidden(KEY, KEY) == "***\n", "the whole, however long"
    lines = [hidden(KEY, line) for line in KEY.splitlines()]
    assert lines == ["-----BEGIN PRIVATE KEY-----", "***", "***", "-----END PRIVATE KEY-----"]
    assert hidden("{\n}\n", "{ }") == "{ }"


def test_of_json_what_has_the_name_of_a_secret_is_one() -> None:
    account = {
        "type": "service_account",
        "client_email": "robot@project",
        "private_key": KEY,
        "inner": {"tokens": {"api_key": "abcdef-123"}, "credentials": ["fedcba-321"]},
    }
    shown = hidden(json.dumps(account, indent=2), f"{account['client_email']} {account['type']}")
    assert shown == "robot@project service_account"
    for text in ("MIIEvAIBADANBgkq", KEY.strip(), "abcdef-123", "fedcba-321"):
        assert hidden(json.dumps(account), f"<{text}>") == "<***>"


def test_of_settings_the_value_is_one_under_its_name() -> None:
    file = "[default]\naws_access_key_id = AKIA0000\naws_secret_access_key = wJalrXUtnFEMI\nx = 1\n"
    assert hidden(file, "key wJalrXUtnFEMI, region eu-west-1") == "key ***, region eu-west-1"
    netrc = "machine hub.example.org\n  login ada\n  password sw0rdfish\n"
    assert hidden(netrc, "password is sw0rdfish") == "password is ***"


def test_a_short_secret_hides_nothing() -> None:
    assert hidden("abc", "abc YWJj") == "abc YWJj"


def test_a_program_knows_what_it_was_given_by_name(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    variables = {"PLAIN": "nothing-to-see", "KEYFILE": str(file), GIVEN: "PLAIN @KEYFILE"}
    known = KnownSecrets([], variables)
    assert known.hide("nothing-to-see, MIIEvAIBADANBgkq") == "***, ***"
    assert known.hide(str(file)) == str(file), "its path is none"
    variables["PLAIN"] = "another-value"
    assert known.hide("another-value") == "***", "it may change"
    assert KnownSecrets([], {**variables, GIVEN: ""}).hide("another-value") == "another-value"


def test_a_parameter_with_a_long_secret_in_it_is_hidden_whole() -> None:
    known = KnownSecrets([], {"A_TOKEN": "long-t0ken-value", "B_TOKEN": "abcdef"})
    given = {"header": "Bearer long-t0ken-value", "name": "abcdefgh", "rate": 1.0}
    assert known.hide_values(given) == {"header": "***", "name": "abcdefgh", "rate": 1.0}

"""The redactor: what is shown does not depend on how the stream was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere_sandbox.redact import Redactor
from tests.properties import PROPERTY

#: few letters, so that secrets overlap, begin alike and lie in one another
SECRETS = st.lists(st.text("ab", min_size=6, max_size=9), max_size=3)
PIECES = st.lists(st.text("ab\n", max_size=8), max_size=12)


def shown(secrets: list[str], pieces: list[bytes]) -> bytes:
    redactor = Redactor(secrets)
    return b"".join(map(redactor.feed, pieces)) + redactor.flush()


@PROPERTY
@given(SECRETS, PIECES)
def test_any_cut_shows_the_same(secrets: list[str], pieces: list[str]) -> None:
    cut = [piece.encode() for piece in pieces]
    whole = shown(secrets, [b"".join(cut)])
    assert shown(secrets, cut) == whole
    assert shown(secrets, [bytes([byte]) for byte in b"".join(cut)]) == whole


@PROPERTY
@given(SECRETS, PIECES)
def test_no_secret_is_left_and_nothing_else_is_lost(secrets: list[str], pieces: list[str]) -> None:
    whole = "".join(pieces)
    rest = shown(secrets, [whole.encode()]).decode()
    assert not any(secret in part for secret in secrets for part in rest.split("***"))
    if not any(secret in whole for secret in secrets):
        assert rest == whole


@pytest.mark.parametrize(
    ("secrets", "text", "wanted"),
    [
        ([], b"anything", b"anything"),
        (["hunter22"], b"password hunter22!", b"password ***!"),
        (["hunter22"], b"hunter2", b"hunter2"),
        (["short"], b"short", b"short"),
        (["abcdef", "abcdefgh"], b"abcdefgh abcdef", b"*** ***"),
        (["a.*+c?"], b"a.*+c? axxxxc", b"*** axxxxc"),
        (["pässword"], "pässword".encode(), b"***"),
        (["line1\nline2"], b"line1\nline2\n", b"***\n"),
        (["\udcffsecret"], b"\xffsecret", b"***"),
    ],
)
def test_what_is_shown(secrets: list[str], text: bytes, wanted: bytes) -> None:
    assert shown(secrets, [text]) == wanted


def test_only_what_may_become_a_secret_is_held_back() -> None:
    redactor = Redactor(["hunter22"])
    assert redactor.feed(b"password: hunt") == b"password: "
    assert redactor.feed(b"ing") == b"hunting"
    assert redactor.flush() == b""

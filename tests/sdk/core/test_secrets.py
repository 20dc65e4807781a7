"""Secrets: hidden in what is shown and recorded; `tests/test_secrets.py` has their names."""

from __future__ import annotations

import pytest

from elsewhere.core.secrets import (
    hide,
    hide_arguments,
    hide_passwords,
    is_hidden,
    is_secret,
    passwords_in,
    strip_credentials,
    values_to_redact,
)

TOKEN = "0123456789abcdef0123"  # the shortest that counts


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *(("--api-key", True), ("General/aws/secret_access_key", True), ("secret/lr", False)),
        *(("oldPassword", True), ("token_v2", True), ("", False), ("Environment/PWD", False)),
    ],
)
def test_the_last_part_of_a_name_counts_in_any_spelling(name: str, is_one: bool) -> None:
    assert is_secret(name) is is_one


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgres://ada:pw@host/db", "postgres://ada:***@host/db"),
        ("redis://:pw@host:6379/0", "redis://:***@host:6379/0"),
        ("--db=postgres://ada:pw@host and more", "--db=postgres://ada:***@host and more"),
        ("rediss://ada:p@w:d@there:1/2", "rediss://ada:***@there:1/2"),
        ("redis://ada:p/w?d@there", "redis://ada:***@there"),
        ("redis://:it's@there", "redis://:***@there"),
        ("redis://a:b@one,redis://c:d@two", "redis://a:***@one,redis://c:***@two"),
        ('["redis://a:b@one", "c@d"]', '["redis://a:***@one", "c@d"]'),
        ("git+https://a:b@host/x.git@v1", "git+https://a:***@host/x.git@v1"),
        (f"https://{TOKEN}@host/x", "https://***@host/x"),
        (f"https://{TOKEN}:x-oauth-basic@host", "https://***:***@host"),
        ("unix:///x.sock?password=pw&db=1", "unix:///x.sock?password=***&db=1"),
        ("rediss://there?ssl_password=pw", "rediss://there?ssl_password=***"),
        ("https://host/a?X-Amz-Signature=0a&x=1", "https://host/a?X-Amz-Signature=***&x=1"),
        ("Of https://host/a?sv=1&sig=0a. Again.", "Of https://host/a?sv=1&sig=***. Again."),
        ('"HTTPS://host/?KEY=0a" is it', '"HTTPS://host/?KEY=***" is it'),
        ("Endpoint=x;AccountKey=0a;", "Endpoint=x;AccountKey=***;"),
        ("Driver=x;UID=ada;PWD=pw", "Driver=x;UID=ada;PWD=***"),
    ],
)
def test_a_secret_within_a_url_is_hidden_and_overrides_nothing(text: str, hidden: str) -> None:
    assert hide_passwords(text) == hide("Args/db", text) == hidden
    assert hide_passwords(hidden) == hidden
    assert passwords_in(text)
    assert is_hidden(hidden)
    assert not is_hidden(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a:b@c", "git@host:group/a.git", "ssh://git@host:22/a.git", "https://ada@host/a.git"),
        *(
            "https://host/a:b@c",
            "https://host:8443/a@v1",
            "http://[::1]:80/a@b",
            "https://h?a=b:c@d",
        ),
        *("unix:///tmp/a@b:c/x.sock?db=1", "s3://bucket/key?a=b@c", "file:///folder/a?b"),
        *("https://host/a?design=x&author=me&monkey=y", "https://host/a (404)? Yes.", "*****"),
        *('["redis://one:6379","c@d"]', "http://a:80,http://b:80/x@y"),
    ],
)
def test_a_url_without_secrets_stays(text: str) -> None:
    assert hide_passwords(text) == text
    assert passwords_in(text) == []
    assert not is_hidden(text)


def test_only_texts_are_hidden_also_within_others() -> None:
    value = {
        "api_key": ["a", "b"],
        "pin": 1,
        "password": {"port": 5},
        "token": None,
        "secret": True,
    }
    hidden = {**value, "api_key": ["***", "***"]}
    assert hide("Args/x", value) == hidden
    assert is_hidden(hidden)
    assert not is_hidden(value)
    assert is_hidden("***")


def test_an_argument_is_hidden_and_a_flag_takes_no_word_with_it() -> None:
    argv = (
        *("train.py", "--api-key", "a", "--password=b", "+db.password=c", "name=x", "-p", "d"),
        *("--use-auth-token", "--epochs", "3", "--no-auth", "file", "--db", "redis://:e@host"),
    )
    assert hide_arguments(argv) == (
        *(
            "train.py",
            "--api-key",
            "***",
            "--password=***",
            "+db.password=***",
            "name=x",
            "-p",
            "d",
        ),
        *("--use-auth-token", "--epochs", "3", "--no-auth", "file", "--db", "redis://:***@host"),
    )


@pytest.mark.parametrize(
    "option",
    [
        *("--api-k", "--api_ke", "--hf.tok", "--tok", "--toke", "--passw", "--db-passwor"),
        *("--passp", "--client-secr", "--cred", "--awsCreden", "--apik"),
    ],
)
def test_an_option_that_is_cut_short_hides_what_the_whole_one_hides(option: str) -> None:
    assert hide_arguments((option, "abc")) == (option, "***")
    assert hide_arguments((f"{option}=a=b",)) == (f"{option}=***",)


@pytest.mark.parametrize(
    "words",
    [
        *("--to ada", "--pass 3", "--auto x", "--path x", "--pas x", "--passe x", "--top-k all"),
        *("--k x", "--sec x", "--cre x", "--pad-tok x", "--max-tok 5", "--api-k 3", "--tokenize x"),
        *("--secretary x", "--api x", "-tok x", "tok=x", "--credit x", "--set=api.k=x"),
    ],
)
def test_other_short_options_hide_nothing(words: str) -> None:
    assert " ".join(hide_arguments(words.split())) == words


def test_the_output_has_neither_secret_variables_nor_passwords_of_urls() -> None:
    variables = {"DB_PWD": "a", "URL": "redis://ada:b@host?token=c", "PWD": "/home", "LR": "1"}
    assert values_to_redact(variables) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://me:token@example.org:8443/a.git", "https://example.org:8443/a.git"),
        ("https://token@example.org/a.git?private_token=x", "https://example.org/a.git"),
        ("ssh://git:secret@example.org/a.git", "ssh://git@example.org/a.git"),
        ("ssh://example.org/a.git", "ssh://example.org/a.git"),
        ("git@example.org:team/a.git", "git@example.org:team/a.git"),
    ],
)
def test_a_url_loses_its_credentials(url: str, clean: str) -> None:
    assert strip_credentials(url) == clean

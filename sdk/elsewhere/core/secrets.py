"""The one idea of a secret: whose name is a secret's, and what is shown in place of its value.

The last words of a name decide, in whichever way it is written: `DB_PWD`, `dbPassword`, `--api-key`
and `Args/hf_token` are names of secrets, `TOKENIZER_NAME`, `password_file` and `keyboard` are not.

- A password, passphrase, secret, credential, authorization, cookie and the like is a secret.
- A token is one, too, but not those of a vocabulary: `pad_token`.
- A pass is one, but not those over data and of filters: `forward_pass`, `low_pass`.
- A key is one by the word before it, and so are tokens, which most programs count:
  `api_key`, `KAGGLE_KEY`, `auth_tokens`, but `sort_key`, `max_tokens`.
- Digits, and words that number or distinguish it, do not count: `password2`, `TOKEN_PROD`.
- A name that begins as a claim is a flag's: `no_auth`, `skip_password`.
- The last word of an option may be cut short, where no common word begins so: `--passw`, `--tok`.

Within a URL the password is a secret, a web user's name as long as a token, and each option whose
name is a secret's. Only texts are hidden: numbers and booleans stay as they are. Where the field
uses a name for both, it counts as a secret's: what is hidden in vain costs less.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

#: what is recorded and shown in place of a secret
HIDDEN: Final = "***"
#: a variable with the names of those that the task asks for: their values are secrets, whatever
#: their names; `@NAME` has the path of a file, whose content is one
GIVEN: Final = "ELSEWHERE_SECRETS"
#: characters of a secret that is looked for in texts, at least
_SHORTEST: Final = 6


def is_secret(name: str) -> bool:
    """True when a text under this `name` is probably a secret; of a path its last part counts."""
    name = name.rpartition("/")[2]
    words = _words_of(name)
    if name == "PWD" or _CLAIMS.intersection(words[:1]):  # PWD is the shell's working folder
        return False
    before, last = ["", "", *words][-2:]
    if last == "token":
        return before not in _TEXT_TOKENS
    if last == "pass":
        return before not in _PASSES
    if (before, last) == ("", "pat"):  # a personal access token by itself
        return True
    if last in ("key", "keys", "tokens", "pat"):
        return before in _OWNERS
    return last in _SECRETS or last.endswith(_ENDINGS) or (before, last) in _PAIRS


def hide(name: str, value: Any) -> Any:
    """Hides secrets in the `value` under a `name`: its text is HIDDEN where it is a secret, and
    so are the passwords of URLs in it; also within lists, and dicts by the names of their items."""
    if isinstance(value, Mapping):
        return {key: hide(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide(name, item) for item in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if is_secret(name) else hide_passwords(value)


def is_hidden(value: object) -> bool:
    """True when `hide` has put something into the `value`: it is not what the program had, and
    overrides nothing, whatever its name, since records are older than the names known today."""
    if isinstance(value, Mapping):
        return any(map(is_hidden, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(is_hidden, value))
    return isinstance(value, str) and _MARK.search(value) is not None


def hide_arguments(argv: Iterable[str]) -> tuple[str, ...]:
    """The words of a command line `argv`, `--api-key X` and `api_key=X` with HIDDEN for X, and URLs
    without their passwords. A flag's value is no secret, nor the number of `--max-token 2048`. An
    option without a value takes no word with it. Whatever its name, X is hidden that is a secret of
    this process's environment, and no number, or that a parser has taken for one."""
    found = worth_redacting(values_to_redact(os.environ))
    known = {value for value in found if not value.isdigit()} | TYPED
    hidden, before = [], ""
    for word in argv:
        assigned = [
            prefix
            for prefix, name, value in _assignments(word)
            if _is_secret_word(name, value) or value in known
        ]
        if assigned:
            hidden.append(assigned[0] + HIDDEN)
        elif (
            word in known
            or any(map(word.endswith, TYPED))
            or (not word.startswith("-") and _is_secret_word(before, word))
        ):  # -pX is one word
            hidden.append(HIDDEN)
        else:
            hidden.append(hide_passwords(word))
        if word.startswith("-"):
            before = "" if "=" in word else word
        elif not before.endswith(_MANY):  # --api-keys X Y
            before = ""
    return tuple(hidden)


def _assignments(word: str) -> Iterator[tuple[str, str, str]]:
    """Yields what a word may assign as (all before the value, the name, the value), which begins
    behind its first or its last equals sign: `--api-key=X==`, `--set=model.api_key=X`."""
    for at in sorted({word.find("="), word.rfind("=")} - {-1}):
        before = word[:at]
        yield f"{before}=", before.rpartition("=")[2], word[at + 1 :]


def _is_secret_word(name: str, value: str) -> bool:
    name = _whole(name)
    if not is_secret(name) or _FLAG.fullmatch(value):
        return False
    return not (_words_of(name)[-1] in _COUNTED and _NUMBER.fullmatch(value))


def _whole(option: str) -> str:
    """The `option` of a secret that it stands for where parsers take the beginning of one, too:
    `--api-key` for `--api-k`; else the option itself."""
    last = ["", *_WORD.findall(option)][-1]
    if not (option.startswith("--") and option.endswith(last)):
        return option
    options = (
        option + word[len(last) :]
        for word, shortest in _CUT_SHORT.items()
        if len(last) >= shortest and word.startswith(last.lower())
    )
    return next(filter(is_secret, options), option)


def _words_of(name: str) -> list[str]:
    """The words of a name in small letters, without those at its end that distinguish it."""
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1] in _QUALIFIERS:
        words.pop()
    return words


class HiddenWord(NamedTuple):
    """A word of a command line whose value does not travel: it stands behind `prefix` in the word
    of this `number`, from 0 on, and is that of `option`, which is empty for a word without one."""

    number: int
    prefix: str
    option: str

    @property
    def variable(self) -> str:
        """The environment variable that gives the value elsewhere: API_KEY for `--api-key`."""
        return variable_of(_whole(self.option))


def variable_of(name: str) -> str:
    """The environment variable of a secret: API_KEY for `--api-key` and for `Args/api_key`."""
    return re.sub(r"\W", "_", name.rpartition("/")[2].lstrip("-")).upper()


def hidden_words(argv: Iterable[str]) -> list[HiddenWord]:
    """The words of `argv` that `hide_arguments` has changed."""
    found, before = [], ""
    for number, word in enumerate(argv):
        assigned = [HiddenWord(number, *one[:2]) for one in _assignments(word) if is_hidden(one[2])]
        if assigned:
            found.append(assigned[0])
        elif is_hidden(word):
            found.append(HiddenWord(number, "", before))
        before = word if word.startswith("-") and "=" not in word else ""
    return found


def hide_passwords(text: str) -> str:
    """The `text` with HIDDEN for each secret within a URL in it: `redis://ada:***@host`."""
    for pattern in _IN_URLS:
        text = pattern.sub(
            lambda found: found[1] + (HIDDEN if _is_meant(found) else found[2]), text
        )
    return text


def passwords_in(text: str) -> list[str]:
    """The secrets within the URLs of a `text`, as they stand there."""
    found = [match for pattern in _IN_URLS for match in pattern.finditer(text)]
    return [match[2] for match in found if _is_meant(match)]


def note_typed(name: str, value: object) -> None:
    """Notes the `value` that a parser has for `name`, if it is a secret of this command line: the
    words alone do not tell that for `-k X` and for X by its place."""
    if not isinstance(value, str) or len(value) < _SHORTEST or not _is_secret_word(name, value):
        return
    if any(word.endswith(value) for word in sys.argv[1:]):
        TYPED.add(value)


def values_to_redact(variables: Mapping[str, str]) -> list[str]:
    """The values of environment `variables` that a program's output must not show."""
    given = variables.get(GIVEN, "").split()
    found = [value for name, value in variables.items() if is_secret(name) or name in given]
    found += (_content(variables.get(word[1:], "")) for word in given if word.startswith("@"))
    return [*found, *(one for value in variables.values() for one in passwords_in(value))]


def _content(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="surrogateescape") if file else ""
    except OSError:
        return ""


def worth_redacting(values: Iterable[str]) -> list[str]:
    """Those of the secret `values` that are looked for in texts, the longest first: a short one
    would redact half of every log."""
    return sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True)


#: the secrets among the words of this process's command line that its parsers have shown
TYPED: Final[set[str]] = set()


def strip_credentials(url: str) -> str:
    """The `url` of a repository without its password and options, so that it is still one: without
    the user, too, except for ssh, which needs it and where it is no secret."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - weight

    parts = urlsplit(url)
    if not parts.netloc:
        return url
    user, at, host = parts.netloc.rpartition("@")
    if "ssh" in parts.scheme:
        host = user.partition(":")[0] + at + host
    return parts._replace(netloc=host, query="", fragment="").geturl()


_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRETS: Final = {
    *("auth", "oauth", "authorization", "bearer", "jwt", "cookie", "cookies", "webhook"),
    *("secret", "secrets", "credential", "credentials", "creds", "pwd", "pw", "sshpass"),
}
#: of words that are written as one
_ENDINGS: Final = (
    *("password", "passwords", "passwd", "passphrase", "passphrases", "passcode"),
    *("apikey", "apikeys", "accesskey", "privatekey", "secretkey", "authtoken", "accesstoken"),
)
_PAIRS: Final = {
    *(("connection", "string"), ("auth", "config"), ("auth", "header"), ("webhook", "url")),
}
_SERVICES: Final = {
    *("kaggle", "openai", "anthropic", "gemini", "google", "wandb", "comet", "hf", "huggingface"),
    *("github", "gh", "gitlab", "azure", "aws", "gcp"),
}
#: whose key, or whose many tokens, are secrets
_OWNERS: Final = _SERVICES | {
    *("api", "access", "private", "secret", "auth", "encryption", "decryption", "account", "ssh"),
    *("signing", "master", "deploy", "license", "subscription", "storage", "service", "shared"),
    *("app", "admin", "fernet", "hmac", "jwt"),
}
#: which one of several, or in which form; `b64` and `v2` are read as `b` and `v`
_QUALIFIERS: Final = _SERVICES | {
    *("b", "base", "default", "dev", "hash", "json", "new", "old", "plain", "prod", "production"),
    *("read", "staging", "test", "v", "value", "write", "db", "mysql", "postgres", "redis", "smtp"),
}
#: the special tokens of a vocabulary
_TEXT_TOKENS: Final = {
    *("pad", "padding", "eos", "bos", "sos", "eot", "eod", "sep", "separator", "delimiter", "cls"),
    *("mask", "unk", "unknown", "oov", "blank", "newline", "special", "additional", "reserved"),
    *("start", "begin", "end", "stop", "first", "last", "next", "prefix", "suffix", "middle"),
    *("image", "img", "video", "audio", "text", "speaker", "language", "lang", "class", "per"),
    *("decoder", "query", "prompt", "response", "system", "assistant", "think", "sentinel"),
    *("placeholder", "initializer", "modifier", "trigger", "register", "fill"),
}
#: the first words of names of flags, such as `--no-auth`
_CLAIMS: Final = {"no", "not", "skip", "disable", "enable", "require", "is", "has"}
#: the words of secrets -> how many letters of them are no other word's that is common
_CUT_SHORT: Final = {
    "password": 5,
    "passphrase": 5,
    "passcode": 5,
    "token": 3,
    "secret": 4,
    "credentials": 4,
    "apikey": 4,
    "key": 1,  # its owner stands before it
}
#: the ends of options that may have many values
_MANY: Final = ("keys", "tokens", "secrets", "passwords", "passphrases", "credentials", "cookies")
#: of what there may be a number
_COUNTED: Final = {"token", "tokens", "pass", "pat", "pw", "key", "keys", "cookie", "cookies"}
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_FLAG: Final = re.compile("true|false|none|null|yes|no|on|off", re.IGNORECASE)
_PASSES: Final = {
    *("forward", "backward", "first", "second", "third", "last", "next", "final", "per", "each"),
    *("one", "two", "single", "double", "multi", "n", "num", "low", "high", "band", "all"),
}

#: group 1 stands before the secret, which is group 2
_IN_URLS: Final = (
    # A password reaches to the last `@` before the path; also past a slash, unless it is a port.
    re.compile(r'(://[^/\s:@"?#\[]*:)([^/\s"?#]+|(?!\d+[/?#])(?:(?!://)[^\s"])+)(?=@)'),
    # A token may stand for the user of a web URL; no shorter text is one.
    re.compile(r'(?i)(https?://)([^/\s:@"?#]{20,})(?=(?::[^/\s"?#]*)?@)'),
    # The punctuation of a sentence around a URL does not belong to its last option.
    re.compile(r"""([?&;][\w.-]+=)([^&;#\s'"<>]*[^&;#\s'"<>.,:)])"""),
)
#: options that give a permission in a URL, whatever else is called so
_PERMISSIONS: Final = {"key", "sig", "signature", "x-amz-signature", "x-goog-signature"}
_MARK: Final = re.compile(r"\A\*{3}\Z|[:/]\*{3}[:@]|[?&;][\w.-]+=\*{3}")


def _is_meant(found: re.Match[str]) -> bool:
    """Returns False for an option of a URL whose name is not a secret's."""
    before = found[1]
    return before[-1] != "=" or is_secret(before[1:]) or before[1:-1].lower() in _PERMISSIONS

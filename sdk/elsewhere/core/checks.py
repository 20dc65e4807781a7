"""Arguments that a user gave, checked: one sentence for each kind that they must be of.

`what` names the argument in the sentence, and a `note` adds to the kind, such as an example.
All raise UsageError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from elsewhere.core.errors import UsageError


def plain(given: Any) -> Any:
    """What Python has for a scalar of numpy, or an array or a tensor of one number; any other value
    as it is."""
    try:
        return given.item()
    except (AttributeError, TypeError, ValueError, RuntimeError):  # no such thing, or several
        return given


def is_whole(given: object) -> TypeGuard[int]:
    """Whether `given` is a whole number, also one of numpy; True, which Python counts as 1, is not
    one."""
    number = plain(given)
    return isinstance(number, int) and not isinstance(number, bool)


def is_number(given: object) -> TypeGuard[float]:
    """Whether `given` is a number, also one of numpy; infinities and NaN are, True and False are
    not."""
    return isinstance(plain(given), float) or is_whole(given)


def checked_text(what: str, given: object, *, is_needed: bool = False, note: str = "") -> str:
    """The text `given`, which must not be blank where it `is_needed`."""
    if not isinstance(given, str):
        raise _wrong(what, f"a text{note}", given)
    if is_needed and not given.strip():
        raise UsageError(f"{what} cannot be empty: it must be a text{note}.")
    return given


def checked_texts(what: str, given: object) -> list[str]:
    """The texts `given`; one text is a list of one."""
    texts: Any = [given] if isinstance(given, str) else given
    is_list = isinstance(texts, (list, tuple, set, frozenset))
    if not is_list or not all(isinstance(text, str) for text in texts):
        raise _wrong(what, "a list of texts, or one text", given)
    return list(texts)


def checked_flag(what: str, given: object) -> bool:
    """The flag `given`."""
    flag = plain(given)
    if not isinstance(flag, bool):
        raise _wrong(what, "True or False", given)
    return flag


def checked_whole(what: str, given: object, least: int | None = None, *, note: str = "") -> int:
    """The whole number `given`, which must not be below the `least`."""
    if not is_whole(given) or (least is not None and given < least):
        limit = "" if least is None else f" of {least} or more"
        raise _wrong(what, f"a whole number{limit}{note}", given)
    return int(plain(given))


def checked_bytes(what: str, given: object) -> int:
    """The number of bytes `given`, or a text such as 512MB or 32 GB; units are powers of 1024."""
    if isinstance(given, str) and (found := _SIZE.fullmatch(given.strip())):
        return int(float(found[1]) * 1024 ** " KMGT".index((found[2] or " ").upper()))
    if not is_whole(given) or given < 0:
        raise _wrong(what, "a number of bytes, or a text such as '32GB'", given)
    return int(plain(given))


_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])?(?:i?b)?", re.IGNORECASE)


def checked_seconds(what: str, given: object, *, may_be_zero: bool = True, note: str = "") -> float:
    """The number of seconds `given`, not negative."""
    if not is_number(given) or not (given > 0 or (may_be_zero and given == 0)):
        limit = "0 or more" if may_be_zero else "more than 0"
        raise _wrong(what, f"a number of seconds, {limit}{note}", given)
    seconds: float = plain(given)
    return seconds


def checked_dict(what: str, given: object) -> Mapping[Any, Any]:
    """The dict `given`, or another mapping."""
    if not isinstance(given, Mapping):
        raise _wrong(what, "a dict", given)
    return given


def checked_labels(given: object, kind: type[Mapping[Any, Any]] = Mapping) -> dict[str, int]:
    """A copy of the labels `given`, names to numbers; they must be of this `kind`."""
    if not isinstance(given, kind):
        raise UsageError(f"Labels are a dict such as {{'cat': 1, 'dog': 2}}, not {given!r:.80}.")
    for name, number in given.items():
        if not isinstance(name, str) or not is_whole(number):
            raise UsageError(
                f"Labels are texts with whole numbers: {name!r:.80}: {number!r:.80} is none."
            )
    return {name: int(plain(number)) for name, number in given.items()}


def checked_pattern(what: str, given: object, flags: int = 0) -> re.Pattern[str]:
    """The regular expression `given`, compiled with the `flags` of re."""
    try:
        return re.compile(checked_text(what, given), flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"{what} must be a regular expression, not {given!r:.80}: {error}."
        ) from error


def _wrong(what: str, kind: str, given: object) -> UsageError:
    return UsageError(f"{what} must be {kind}, not {given!r:.80}.")

"""What may be said of a model: each wrong argument is one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from elsewhere.core.errors import UsageError
from elsewhere.core.params import to_parameter
from elsewhere.core.records import Parameter

__all__ = [
    "checked_design",
    "checked_id",
    "checked_labels",
    "checked_metadata",
    "checked_pattern",
    "checked_tags",
    "checked_text",
]


def checked_text(what: str, given: object, *, is_needed: bool = False) -> str:
    """Empty for None. Raises UsageError, also for an empty one that `is_needed`."""
    if given is None and not is_needed:
        return ""
    if not isinstance(given, str):
        raise UsageError(f"{what} must be a text, not {given!r:.80}.")
    if is_needed and not given.strip():
        raise UsageError(f"{what} cannot be empty.")
    return given


def checked_id(what: str, given: object) -> str:
    """Of 32 hex digits; that of a Model object, too."""
    found = given if isinstance(given, str) else getattr(given, "id", given)
    if not isinstance(found, str) or not re.fullmatch("[0-9a-f]{32}", found):
        raise UsageError(
            f"{what} must be the id of a model, which has 32 hex digits, not {given!r:.80}. Find a"
            " model by its name with Model.query_models or InputModel(name=...)."
        )
    return found


def checked_tags(given: object) -> list[str]:
    """None and one text are lists, too."""
    tags = [given] if isinstance(given, str) else given
    if tags is None:
        return []
    if not isinstance(tags, (list, tuple, set, frozenset)):
        raise UsageError(f"The tags of a model must be a list of texts, not {given!r:.80}.")
    for tag in tags:
        if not isinstance(tag, str) or not tag.strip():
            raise UsageError(f"The tags of a model must be texts, and {tag!r:.80} is none.")
    return list(dict.fromkeys(tags))


def checked_labels(given: object) -> dict[str, int]:
    if not isinstance(given, Mapping):
        raise UsageError(f"The labels of a model must be a dict, not {given!r:.80}.")
    for name, number in given.items():
        if not isinstance(name, str) or isinstance(number, bool) or not isinstance(number, int):
            raise UsageError(
                "The labels of a model are texts with whole numbers, such as {'cat': 1}, not"
                f" {name!r:.80}: {number!r:.80}."
            )
    return dict(given)


def checked_design(text: object, plain: object) -> str | None:
    """A text, or a dict, which becomes readable JSON; None where neither is given."""
    if text is not None and plain is not None:
        raise UsageError("The design of a model is config_text or config_dict: give one of them.")
    if text is not None:
        return checked_text("config_text", text)
    if plain is None:
        return None
    if not isinstance(plain, Mapping):
        raise UsageError(f"config_dict must be a dict, not {plain!r:.80}.")
    try:
        return json.dumps(plain, indent=4, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"config_dict cannot be kept as JSON: {error}.") from error


def checked_metadata(key: object, value: object, kind: object = None) -> Parameter:
    """`kind` is the name of a type that a text is read as."""
    checked_text("The key of a model's metadata", key, is_needed=True)
    return to_parameter(value, type_name=checked_text("v_type", kind))


def checked_pattern(what: str, given: object) -> str:
    """A regular expression; empty for None."""
    pattern = checked_text(what, given)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{what} {pattern!r:.80} is no regular expression: {error}.") from error
    return pattern

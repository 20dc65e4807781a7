"""The checks of arguments that become fields of a model. Each raises UsageError."""

from __future__ import annotations

import json
import re

from elsewhere.core import checks
from elsewhere.core.checks import checked_dict, checked_texts
from elsewhere.core.errors import UsageError
from elsewhere.core.params import to_parameter
from elsewhere.core.records import Parameter


def checked_text(what: str, given: object, *, is_needed: bool = False) -> str:
    """The text `given`, empty for None unless it `is_needed`."""
    text = "" if given is None and not is_needed else given
    return checks.checked_text(what, text, is_needed=is_needed)


def checked_id(what: str, given: object) -> str:
    """The id, 32 hex digits; a Model object stands for its own."""
    found = given if isinstance(given, str) else getattr(given, "id", given)
    if not isinstance(found, str) or not re.fullmatch("[0-9a-f]{32}", found):
        raise UsageError(
            f"{what} must be the id of a model, which has 32 hex digits, not {given!r:.80}. Find a"
            " model by its name with Model.query_models or InputModel(name=...)."
        )
    return found


def checked_tags(given: object) -> list[str]:
    """The tags, each once; a text alone is one tag, and None is an empty list."""
    tags = checked_texts("The tags of a model", () if given is None else given)
    for tag in tags:
        checks.checked_text("A tag of a model", tag, is_needed=True)
    return list(dict.fromkeys(tags))


def checked_design(text: object, plain: object) -> str | None:
    """The design as text, a dict as indented JSON; None if neither is given."""
    if text is not None and plain is not None:
        raise UsageError("The design of a model is config_text or config_dict: give one of them.")
    if text is not None:
        return checked_text("config_text", text)
    if plain is None:
        return None
    content = checked_dict("config_dict", plain)
    try:
        return json.dumps(content, indent=4, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"config_dict cannot be kept as JSON: {error}.") from error


def checked_metadata(key: object, value: object, kind: object = None) -> Parameter:
    """The entry of a model's metadata; `kind` names the type that a text is read as."""
    checked_text("The key of a model's metadata", key, is_needed=True)
    return to_parameter(value, type_name=checked_text("v_type", kind))

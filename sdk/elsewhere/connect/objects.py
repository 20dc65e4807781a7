"""Connected objects, classes and dicts of other kinds: what they hold is the task's parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Final

from elsewhere.connect.api import Record
from elsewhere.connect.nodes import attribute_names, is_mapping, slots
from elsewhere.connect.sections import apply_overrides, record_new, track
from elsewhere.core.records import Parameter

logger = logging.getLogger(__name__)

_FUNCTIONS: Final = (FunctionType, BuiltinFunctionType, MethodType)


def connect_object(
    connected: object,
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
) -> Callable[[], None]:
    """Overrides and records, in place, a dict of another kind, or the public attributes of an
    instance, or of a class with all that it inherits, as `connect_dict` does the keys of a dict.

    Returns the call that records, at the end, what has changed since: to notice each write, the
    program's class would have to become another one. Raises UsageError as `apply_overrides` does.
    """
    apply_overrides(connected, section, overrides)
    record_new(connected, section, overrides, record)
    if not is_mapping(connected) and not attribute_names(connected) and _is_filled(connected):
        logger.warning(
            "Nothing of the connected %s is recorded: it has no public attributes. Connect a dict"
            " of its values.",
            type(connected).__name__,
        )
    return track(connected, section, record)


def has_attributes(given: object) -> bool:
    """Returns whether an object has attributes to connect: builtins, functions and sequences have
    none of the program's."""
    if isinstance(given, type):
        return given.__module__ != "builtins"
    if isinstance(given, (Sequence, *_FUNCTIONS)):
        return False
    return hasattr(given, "__dict__") or any(slots(type(given)))


def _is_filled(given: object) -> bool:
    """Whether an object has attributes at all: an empty one may be filled later."""
    return not isinstance(given, type) and bool(getattr(given, "__dict__", slots(type(given))))

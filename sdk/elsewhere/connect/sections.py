"""Sections of parameters: how the leaves of a connected value are overridden and recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Final

from elsewhere.connect.api import Record
from elsewhere.connect.nodes import Unreadable, first_line, leaves_of, put
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Parameters
from elsewhere.core.nesting import Leaf
from elsewhere.core.params import cast, is_scalar, to_parameter
from elsewhere.core.records import Parameter
from elsewhere.core.secret_parameters import shown
from elsewhere.core.secrets import is_hidden
from elsewhere.report.recorder import Target

logger = logging.getLogger(__name__)

#: the end of the description of a parameter that the program has removed since
_REMOVED: Final = "Removed by the program."
_NUMBERS: Final = ("bool", "int", "float")


def apply_overrides(root: object, section: str, overrides: Mapping[str, Parameter] | None) -> None:
    """Sets the leaves below `root` that have an override, cast to the types that they have.

    No key is added. Raises UsageError for two leaves of one name, for what contains itself, and for
    a value of another type, with nothing changed; and for one that the program's object refuses.
    """
    overrides = overrides or {}
    changes = []
    for leaf in leaves_of(root, section):
        override = overrides.get(leaf.name)
        if override is None or is_hidden(override.value):
            continue
        like = None if isinstance(leaf.value, Unreadable) else leaf.value
        value = _cast(override, like, leaf.name)
        if value is not like:
            changes.append((leaf, value))
    for leaf, value in changes:
        put(root, leaf, value)


def record_new(
    root: object, section: str, overrides: Mapping[str, Parameter] | None, record: Record
) -> None:
    """Records the leaves that have no override: all of them on a local run."""
    overrides = overrides or {}
    found = parameters(leaves_of(root, section))
    if new := {name: parameter for name, parameter in found.items() if name not in overrides}:
        record(Parameters(values=new))


def parameters(found: Iterable[Leaf], *, is_quiet: bool = False) -> dict[str, Parameter]:
    """Returns the parameters of the leaves that can be recorded; logs the others, as warnings
    unless `is_quiet`."""
    recorded: dict[str, Parameter] = {}
    refused: dict[str, list[str]] = {}
    for leaf in found:
        try:
            recorded[leaf.name] = shown(leaf.name, _parameter(leaf.value))
        except UsageError as error:
            refused.setdefault(str(error), []).append(leaf.name)
    level = logging.DEBUG if is_quiet else logging.WARNING
    for why, names in refused.items():
        verb = "is" if len(names) == 1 else "are"
        logger.log(level, "%s %s not recorded. %s", ", ".join(names), verb, why)
    return recorded


def changes(before: Iterable[Leaf], after: Iterable[Leaf]) -> dict[str, Parameter]:
    """Returns the parameters that changed from the leaves `before` to those `after`.

    What the program has removed stays, with that in its description: a program that takes its
    values out (`lr = config.pop("lr")`) was given them, and is overridden by them the next time.
    """
    is_there = {leaf.name for leaf in after}
    gone = parameters((leaf for leaf in before if leaf.name not in is_there), is_quiet=True)
    return {name: _removed(one) for name, one in gone.items()} | parameters(after)


def track(root: object, section: str, record: Record) -> Callable[[], None]:
    """Reads the leaves below `root`; the returned call does so again, and records what has changed
    since."""
    before = _read(root, section)

    def record_changes() -> None:
        try:
            now = _read(root, section)
        except UsageError as error:
            logger.warning("What has changed in the section %s is not recorded. %s", section, error)
            return
        except Exception:  # an outermost seam: the program's own code, and the run's end goes on
            logger.warning("What has changed in a connected object is not recorded.", exc_info=True)
            return
        new = {name: item for name, item in now.items() if item and before.get(name) != item}
        gone = {name: _removed(item) for name, item in before.items() if item and name not in now}
        if new or gone:
            record(Parameters(values=new | gone))

    return record_changes


def is_ignored(flag: str, target: Target, *, is_ignoring: bool) -> bool:
    """Returns whether overrides do not count: the override of the parameter `flag` decides it, else
    `is_ignoring`, which is recorded under that name."""
    override = (target.overrides() or {}).get(flag)
    if override is not None:
        return bool(cast(override, False, flag))
    if is_ignoring:
        description = "The program's own values count, whatever the task's are."
        parameter = Parameter(value=True, type="bool", description=description)
        target.record(Parameters(values={flag: parameter}))
    return is_ignoring


def _read(root: object, section: str) -> dict[str, Parameter | None]:
    """Returns the parameters of all leaves, None for those that cannot be recorded."""
    found = leaves_of(root, section)
    recorded = parameters(found, is_quiet=True)
    return {leaf.name: recorded.get(leaf.name) for leaf in found}


def _parameter(value: object) -> Parameter:
    error = value.error if isinstance(value, Unreadable) else None
    try:
        if error is None:
            return to_parameter(value)
    except UsageError:
        raise
    except Exception as raised:  # noqa: BLE001 - the program's own class, or one of its libraries
        error = raised
    raise UsageError(f"It cannot be read: {type(error).__name__}: {first_line(error)}.") from error


def _removed(parameter: Parameter) -> Parameter:
    described = parameter.description.removesuffix(_REMOVED).strip()
    return replace(parameter, description=f"{described} {_REMOVED}".strip())


def _cast(override: Parameter, like: object, name: str) -> object:
    # An empty text that was given for a number is None with the number's type.
    is_empty = override.value == "" or (override.value is None and override.type in _NUMBERS)
    is_number = isinstance(like, (int, float)) or is_scalar(like)
    if is_empty and is_number and not isinstance(like, (str, Enum)):
        raise UsageError(
            f"Parameter {name!r} cannot be an empty text: the code has a {type(like).__name__}"
            " there. Give a number."
        )
    return cast(override, like, name)

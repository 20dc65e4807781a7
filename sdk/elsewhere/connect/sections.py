"""A section of the task's parameters whose values are those of a dict or an object of the program:
overridden before the program reads them, recorded, and compared at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from elsewhere.connect.api import Record
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Parameters
from elsewhere.core.params import cast, flatten, shown, to_parameter
from elsewhere.core.records import Parameter
from elsewhere.core.secrets import is_hidden
from elsewhere.report.recorder import Target

logger = logging.getLogger(__name__)


def apply_overrides(
    mutable: MutableMapping[Any, Any], section: str, overrides: Mapping[str, Parameter] | None
) -> None:
    """Sets the leaves that have an override, nested ones too, cast to the types that they have.

    No key is added. Raises UsageError, with nothing changed, for a value of another type.
    """
    overrides = overrides or {}
    changes = [
        (node, key, cast(overrides[name], node[key], name))
        for node, key, name in _leaves(mutable, section)
        if name in overrides and not is_hidden(overrides[name].value)
    ]
    for node, key, value in changes:
        if value is not node[key]:
            node[key] = value


def record_new(
    content: Mapping[Any, Any],
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
    *,
    is_quiet: bool = False,
) -> None:
    """Records the leaves that have no override: all of them on a local run."""
    overrides = overrides or {}
    found = parameters(content, section, is_quiet=is_quiet)
    if new := {name: parameter for name, parameter in found.items() if name not in overrides}:
        record(Parameters(values=new))


def parameters(
    content: Mapping[Any, Any], section: str, *, is_quiet: bool = False
) -> dict[str, Parameter]:
    """Returns the parameters of the leaves that can be recorded; logs the others, as warnings
    unless `is_quiet`."""
    level = logging.DEBUG if is_quiet else logging.WARNING
    found = {}
    for name, value in flatten(content, section).items():
        try:
            found[name] = shown(name, to_parameter(value))
        except UsageError as error:
            logger.log(level, "%s is not recorded. %s", name, error)
    return found


def track(read: Callable[[], dict[str, Parameter]], record: Record) -> Callable[[], None]:
    """Calls `read`; the returned call does so again, and records what has changed since."""
    before = read()

    def record_changes() -> None:
        try:
            now = read()
        except Exception:  # an outermost seam: the program's own code, and the run's end goes on
            logger.warning("What has changed in a connected object is not recorded.", exc_info=True)
            return
        if new := {name: item for name, item in now.items() if before.get(name) != item}:
            record(Parameters(values=new))

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


def _leaves(
    node: MutableMapping[Any, Any], section: str
) -> Iterator[tuple[MutableMapping[Any, Any], Any, str]]:
    """Yields the dict that holds a leaf, its key and its parameter's name, as `flatten` has it."""
    for key, value in node.items():
        if isinstance(value, MutableMapping) and value:
            yield from _leaves(value, f"{section}/{key}")
        else:
            yield node, key, f"{section}/{key}"

"""User properties: labels that people give a task, which no run reads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from elsewhere.core.records import Parameter

__all__ = ["PropertiesAspect"]

logger = logging.getLogger(__name__)

_SECTION: Final = "properties"
#: what a property in full may say, beside its name
_SAID: Final = {"value", "type", "description", "section"}


class PropertiesAspect(Handle):
    """They can be changed at any time, whatever the status."""

    def set_user_properties(
        self, *iterables: Mapping[str, Any] | Iterable[Mapping[str, Any]], **properties: Any
    ) -> bool:
        """Sets some; the others stay. Each may be said in any of these ways, also in a list:

            {"name": "backbone", "value": "great", "description": "network type", "type": "str"}
            {"backbone": "great", "layers": {"value": 5, "description": "how deep"}}
            backbone="great", layers={"value": 5, "description": "how deep"}

        A description that is not given stays. Raises UsageError; else returns True.
        """
        from elsewhere.core.events import Properties  # noqa: PLC0415

        said = {name: item for given in (*iterables, properties) for name, item in _said(given)}
        known = dict(self._properties) if said else {}
        values = {name: _property(name, item, known.get(name)) for name, item in said.items()}
        if values:
            self.access.record_event(Properties(values=values))
        return True

    def get_user_properties(self, value_only: bool = False) -> dict[str, Any]:
        """Name to what is known of it, as a dict with section, name, value, type and description;
        or, with `value_only`, to its value."""
        from elsewhere.core.params import to_value  # noqa: PLC0415

        found = sorted(self._properties.items())
        if value_only:
            return {name: to_value(item) for name, item in found}
        return {
            name: {
                "section": _SECTION,
                "name": name,
                "value": to_value(item),
                "type": item.type,
                "description": item.description,
            }
            for name, item in found
        }

    def delete_user_properties(self, *names: str | Mapping[str, str] | Iterable[Any]) -> bool:
        """By names, or dicts with a name, also in a list. False, and a warning with the closest
        name, when one of them was not there; the others are gone all the same."""
        from elsewhere.core.events import Properties  # noqa: PLC0415

        wanted = [name for given in names for name in _names(given)]
        known = self._properties
        missing = [name for name in wanted if name not in known]
        for name in missing:
            choices = known_choices(name, known)
            logger.warning("Task %s has no user property %r. %s", self.id, name, choices)
        if removed := tuple(name for name in dict.fromkeys(wanted) if name in known):
            self.access.record_event(Properties(removed=removed))
        return not missing

    # helpers

    @property
    def _properties(self) -> Mapping[str, Parameter]:
        return self.access.record.properties


def _said(given: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names, and what is said of each: a dict with a value."""
    from collections.abc import Mapping  # noqa: PLC0415

    if isinstance(given, (list, tuple)):
        for one in given:
            yield from _said(one)
        return
    if not isinstance(given, Mapping):
        raise UsageError(
            f"User properties are dicts such as {{'backbone': 'great'}}, not {given!r:.80}."
        )
    if "name" in given and given.keys() <= {"name", *_SAID} and len(given) > 1:
        if "value" not in given:
            raise UsageError(f"The user property {given['name']!r:.80} has no value: give it one.")
        _check_name(given["name"])
        yield given["name"], {key: item for key, item in given.items() if key != "name"}
        return
    for name, item in given.items():
        _check_name(name)
        is_whole = isinstance(item, Mapping) and "value" in item and item.keys() <= _SAID
        yield name, dict(item) if is_whole else {"value": item}


def _names(given: Any) -> Iterator[str]:
    from collections.abc import Iterable, Mapping  # noqa: PLC0415

    if isinstance(given, Mapping):
        given = given.get("name")
    elif isinstance(given, Iterable) and not isinstance(given, str):
        for one in given:
            yield from _names(one)
        return
    _check_name(given)
    yield given


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise UsageError(f"A user property's name is a text, not {name!r:.80}.")


def _property(name: str, said: dict[str, Any], old: Parameter | None) -> Parameter:
    from elsewhere.core import params  # noqa: PLC0415

    description = said.get("description")
    if description is None:
        description = old.description if old is not None else ""
    if not isinstance(description, str):
        raise UsageError(f"The description of {name!r} is a text, not {description!r:.80}.")
    try:
        type_name = params.checked_type(said.get("type"))
        return params.to_parameter(said["value"], description, type_name)
    except UsageError as error:
        raise UsageError(f"The user property {name!r} is not set. {error}") from error

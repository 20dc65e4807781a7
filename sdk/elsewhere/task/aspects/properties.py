"""User properties: labels that people give a task, which no run reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import checked_text
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.records import Parameter

logger = late_logger(__name__)

_NAME: Final = "The name of a user property"

_SECTION: Final = "properties"
#: the keys of a property in full, beside its name
_KEYS: Final = {"value", "type", "description", "section"}


class PropertiesAspect(Handle):
    """User properties can be changed at any time, whatever the status."""

    def set_user_properties(
        self, *iterables: Mapping[str, Any] | Iterable[Mapping[str, Any]], **properties: Any
    ) -> bool:
        """Sets some properties and returns True. Forms of `iterables` and `properties`, also in a
        list:

            {"name": "backbone", "value": "great", "description": "network type", "type": "str"}
            {"backbone": "great", "layers": {"value": 5, "description": "how deep"}}
            backbone="great", layers={"value": 5, "description": "how deep"}

        Other properties, and descriptions that are not given, stay. Raises UsageError for other
        forms and for values that no record can hold, and NotFoundError for a deleted task.
        """
        from elsewhere.core.events import Properties  # noqa: PLC0415

        new = {name: item for given in (*iterables, properties) for name, item in _items(given)}
        known = self.access.record.properties if new else {}
        values = {name: _property(name, item, known.get(name)) for name, item in new.items()}
        if values:
            self.access.record_event(Properties(values=values))
        return True

    def get_user_properties(self, value_only: bool = False) -> dict[str, Any]:
        """The properties by name, as dicts with section, name, value, type and description, or with
        `value_only` as their values."""
        from elsewhere.core.params import to_value  # noqa: PLC0415

        found = sorted(self.access.record.properties.items())
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
        """Deletes the properties `names`: names, or dicts with a name, also in a list. Returns
        False, with a warning, if one of them was not there; the others are deleted all the same.
        Raises UsageError for what is not a name."""
        from elsewhere.core.events import Properties  # noqa: PLC0415

        wanted = [name for given in names for name in _names(given)]
        known = self.access.record.properties
        missing = [name for name in wanted if name not in known]
        for name in missing:
            choices = known_choices(name, known)
            logger.warning("Task %s has no user property %r. %s", self.id, name, choices)
        if removed := tuple(name for name in dict.fromkeys(wanted) if name in known):
            self.access.record_event(Properties(removed=removed))
        return not missing


def _items(given: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names in `given`, each with a dict that has a value and may have the other keys."""
    if isinstance(given, (list, tuple)):
        for one in given:
            yield from _items(one)
        return
    if not isinstance(given, Mapping):
        raise UsageError(
            f"User properties are dicts such as {{'backbone': 'great'}}, not {given!r:.80}."
        )
    if "name" in given and given.keys() <= {"name", *_KEYS} and len(given) > 1:
        if "value" not in given:
            raise UsageError(f"The user property {given['name']!r:.80} has no value: give it one.")
        checked_text(_NAME, given["name"], is_needed=True)
        yield given["name"], {key: item for key, item in given.items() if key != "name"}
        return
    for name, item in given.items():
        checked_text(_NAME, name, is_needed=True)
        is_whole = isinstance(item, Mapping) and "value" in item and item.keys() <= _KEYS
        yield name, dict(item) if is_whole else {"value": item}


def _names(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        given = given.get("name")
    elif isinstance(given, Iterable) and not isinstance(given, str):
        for one in given:
            yield from _names(one)
        return
    checked_text(_NAME, given, is_needed=True)
    yield given


def _property(name: str, item: dict[str, Any], old: Parameter | None) -> Parameter:
    from elsewhere.core import params  # noqa: PLC0415

    description = item.get("description")
    if description is None:
        description = old.description if old is not None else ""
    checked_text(f"The description of {name!r}", description)
    try:
        type_name = params.checked_type(item.get("type"))
        return params.to_parameter(item["value"], description, type_name)
    except UsageError as error:
        raise UsageError(f"The user property {name!r} is not set. {error}") from error

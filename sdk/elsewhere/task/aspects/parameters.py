"""A task's parameters: read and changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import checked_text
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.core.records import Parameter

logger = late_logger(__name__)

#: values that keep the type of the parameter that they are written to
_KEPT: Final = {("int", "float"), ("list", "tuple")}


class ParametersAspect(Handle):
    """Parameters are named `Section/name`, with case; a name without a section is in `General`.
    They can be changed while the task is a draft or runs. User properties do not influence a run,
    and are kept apart."""

    def set_parameters(self, *args: Mapping[str, Any], **kwargs: Any) -> None:
        """Replaces all parameters by those of the dicts `args` and of `kwargs`: `Section/name` to
        value, the last one for a name given twice. Raises UsageError for what no record can hold,
        and TransitionError unless the task is a draft or runs."""
        from elsewhere.core.events import Parameters  # noqa: PLC0415
        from elsewhere.core.params import as_edit  # noqa: PLC0415

        before = self.access.known_record.parameters
        values = {
            name: as_edit(_parameter(name, value), before.get(name))
            for name, value in _given("set_parameters", (*args, kwargs)).items()
        }
        self.access.record_input(Parameters(values=values, is_whole=True))

    def update_parameters(self, *args: Mapping[str, Any], **kwargs: Any) -> None:
        """Sets the parameters of the dicts `args` and of `kwargs`; the others stay. Types and
        descriptions are kept as by `set_parameter`. Raises UsageError and TransitionError."""
        self._update(_given("update_parameters", (*args, kwargs)))

    def set_parameters_as_dict(self, dictionary: Mapping[str, Any]) -> None:
        """Sets the parameters of the nested `dictionary`; the others stay. A dict in it is a
        section, a dict in a section a part of names: `{"my_args": {"opt": {"lr": 0.3}}, "epochs":
        10}` is `my_args/opt/lr` and `General/epochs`. Raises UsageError and TransitionError."""
        from elsewhere.core.nesting import flatten  # noqa: PLC0415

        flat: dict[str, Any] = {}
        for name, value in _checked("set_parameters_as_dict", dictionary).items():
            new = flatten(value, name) if isinstance(value, dict) else {name: value}
            if twice := sorted(flat.keys() & new.keys()):
                raise UsageError(f"set_parameters_as_dict was given {twice[0]!r} twice.")
            flat |= new
        self._update(_given("set_parameters_as_dict", [flat]))

    def set_parameter(
        self,
        name: str,
        value: Any,
        description: str | None = None,
        value_type: type | str | None = None,
        *,
        force: bool = False,
    ) -> None:
        """Sets the parameter `name` to `value`; the others stay. `value_type` is bool, int, float,
        str, list, tuple or dict, or such a name. Without it a text is read as the parameter's
        present type, and other values have their own. A `description` of None stays as it is.
        `force` allows any status. Raises UsageError for what no record can hold, and
        TransitionError unless the task is a draft or runs."""
        from elsewhere.core import params  # noqa: PLC0415

        type_name = params.checked_type(value_type)
        self._update({_full_name(name): value}, description, type_name, force=force)

    def get_parameters(
        self, backwards_compatibility: bool = True, cast: bool = False
    ) -> dict[str, Any]:
        """All parameters, `Section/name` to value, with their types; without user properties.
        `cast` reads a text without a recorded type as the literal that it looks like: `"5"` is 5.
        `backwards_compatibility`, which existing scripts pass, changes nothing."""
        return {
            name: _value(item, cast) for name, item in sorted(self.access.record.parameters.items())
        }

    def get_parameters_as_dict(self, cast: bool = False) -> dict[str, Any]:
        """All parameters as nested dicts: section to name to value, and more dicts for slashes in
        names, except below a name with a value. `cast` is that of `get_parameters`."""
        from elsewhere.core.params import unflatten  # noqa: PLC0415

        return unflatten(self.get_parameters(cast=cast))

    def get_parameter(self, name: str, default: Any = None, cast: bool = False) -> Any:
        """The value of the parameter `name`, or `default` if there is none; `cast` is that of
        `get_parameters`. Raises UsageError for a name that is not a text."""
        found = self.access.record.parameters.get(_full_name(name))
        return default if found is None else _value(found, cast)

    def delete_parameter(self, name: str, force: bool = False) -> bool:
        """Deletes the parameter `name`; returns False, with a warning, if there is none. `force`
        allows any status. Raises UsageError for a name that is not a text, and TransitionError
        unless the task is a draft or runs."""
        from elsewhere.core.events import Parameters  # noqa: PLC0415

        full_name, known = _full_name(name), self.access.record.parameters
        if full_name not in known:
            choices = known_choices(full_name, known)
            logger.warning("Task %s has no parameter %r. %s", self.id, full_name, choices)
            return False
        self.access.record_input(Parameters(removed=(full_name,)), force=force)
        return True

    def _update(
        self,
        values: Mapping[str, Any],
        description: str | None = None,
        type_name: str = "",
        *,
        force: bool = False,
    ) -> None:
        from elsewhere.core.events import Parameters  # noqa: PLC0415
        from elsewhere.core.params import as_edit  # noqa: PLC0415

        before = self.access.known_record.parameters
        new = {}
        for name, value in values.items():
            old = before.get(name)
            text = description if description is not None else old.description if old else ""
            parameter = _parameter(name, value, text, type_name or _kept(value, old))
            new[name] = as_edit(parameter, old)
        if new:
            self.access.record_input(Parameters(values=new), force=force)


def _given(what: str, given: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of dicts, by full names; the last one for a name that is given twice."""
    return {_full_name(name): value for one in given for name, value in _checked(what, one).items()}


def _checked(what: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise UsageError(f"{what} takes dicts of names and values, not {given!r:.80}.")
    return given


def _full_name(name: object) -> str:
    from elsewhere.core.params import full_name  # noqa: PLC0415

    return full_name(checked_text("The name of a parameter", name))


def _parameter(name: str, value: Any, description: str = "", type_name: str = "") -> Parameter:
    from elsewhere.core.params import to_parameter  # noqa: PLC0415
    from elsewhere.core.secret_parameters import as_set  # noqa: PLC0415

    checked_text(f"The description of {name!r}", description)
    try:
        return as_set(name, to_parameter(value, description, type_name))
    except UsageError as error:
        raise UsageError(f"The parameter {name!r} is not set. {error}") from error


def _kept(value: object, old: Parameter | None) -> str:
    """The type that a new value takes over from the parameter `old`; empty if it keeps its own."""
    if old is None:
        return ""
    is_kept = isinstance(value, str) or (type(value).__name__, old.type) in _KEPT
    return old.type if is_kept else ""


def _value(parameter: Parameter, cast: bool) -> Any:
    from elsewhere.core import params  # noqa: PLC0415

    return params.meaning(parameter) if cast else params.to_value(parameter)

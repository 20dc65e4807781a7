"""What a task was given: its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.handle.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.events import Parameters
    from elsewhere.records import Parameter

__all__ = ["Parameterized"]


class Parameterized(Handle):
    """Names are `Section/name`; a name without a section is one of `General`."""

    def set_parameters(self, *args: Mapping[str, Any], **kwargs: Any) -> None:
        """Replaces all parameters by these: `Section/name` to value; General without a section."""
        from elsewhere import params  # noqa: PLC0415
        from elsewhere.events import Parameters  # noqa: PLC0415

        merged: dict[str, Any] = {}
        for given in (*args, kwargs):
            merged.update(given)
        values = {
            params.full_name(key): params.to_parameter(value) for key, value in merged.items()
        }
        self._say_parameters(Parameters(values=values, is_whole=True))

    def set_parameter(self, name: str, value: Any, description: str | None = None) -> None:
        """Sets one; the others stay. Text for a parameter of another type is read as that type."""
        from elsewhere import params  # noqa: PLC0415
        from elsewhere.events import Parameters  # noqa: PLC0415

        full_name = params.full_name(name)
        before = self._parameters.get(full_name)
        type_name = before.type if before is not None and isinstance(value, str) else ""
        if description is None:
            description = before.description if before is not None else ""
        parameter = params.to_parameter(value, description, type_name)
        self._say_parameters(Parameters(values={full_name: parameter}))

    def get_parameters(self) -> dict[str, Any]:
        """`Section/name` to value, with the types that they were set with."""
        from elsewhere import params  # noqa: PLC0415

        return {name: params.to_value(item) for name, item in sorted(self._parameters.items())}

    def get_parameter(self, name: str, default: Any = None) -> Any:
        from elsewhere import params  # noqa: PLC0415

        found = self._parameters.get(params.full_name(name))
        return default if found is None else params.to_value(found)

    # helpers

    @property
    def _parameters(self) -> Mapping[str, Parameter]:
        if self._run is not None and self._is_own:
            return self._run.task_record.parameters
        return self._record.parameters

    def _say_parameters(self, event: Parameters) -> None:
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415

        self._say(event, allowed=EDITABLE)

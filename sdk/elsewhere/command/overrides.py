"""Parameters that a person gives on the command line: `--set Section/name=value`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from elsewhere.core import params
from elsewhere.core.errors import UsageError
from elsewhere.core.secret_parameters import is_a_secret
from elsewhere.core.secrets import variable_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elsewhere.core.records import Parameter


def read_overrides(known: Mapping[str, Parameter], settings: Sequence[str]) -> dict[str, Parameter]:
    """Reads `settings`, `Section/name=value` each; a parameter in `known` keeps its type."""
    overrides = {}
    for setting in settings:
        written, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r} cannot be read: write Section/name=value.")
        name = params.full_name(written.strip())
        old = known.get(name)
        new = _read(text, old, name) if old else params.to_parameter(params.from_text(text))
        if is_a_secret(name, new.value):
            raise UsageError(
                f"The value of {name} is a secret, and everybody who sees a task sees its"
                f" parameters. Give it by the variable {variable_of(name)}, which the agent must"
                " have and pass on: agent.pass_environment."
            )
        overrides[name] = params.as_edit(new, old)
    return overrides


def _read(text: str, old: Parameter, name: str) -> Parameter:
    """The parameter that a text makes of `old`; a function of the program reads its own types."""
    if old.type not in ("", "NoneType") and not params.is_type_name(old.type):
        return replace(old, value=text)
    if old.type in ("bool", "int", "float", "str"):  # 0 may be the default of a float
        return replace(old, value=params.from_text(text, old.type, name))
    is_scalar = old.type in ("list", "tuple") and not isinstance(old.value, list)  # as a default
    value = params.cast(text, None if is_scalar else params.to_value(old), name)
    type_name = "" if is_scalar or old.type == "NoneType" else old.type
    new = params.to_parameter(value, old.description, type_name)
    return replace(new, description=old.description)

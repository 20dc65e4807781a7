"""Parameters whose values are secrets: everybody who sees a task sees its parameters."""

from __future__ import annotations

import logging
from dataclasses import replace

from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.records import Json, Parameter
from elsewhere.core.secrets import HIDDEN, hide, variable_of

logger = logging.getLogger(__name__)


def shown(name: str, parameter: Parameter) -> Parameter:
    """Returns the `parameter` as it may be recorded under its `name`: without secrets."""
    return with_value(parameter, hide(name, parameter.value))


def with_value(parameter: Parameter, value: Json) -> Parameter:
    """Returns the `parameter` with the `value` that may be seen: what is hidden is a text."""
    return replace(parameter, value=value, type="str" if value == HIDDEN else parameter.type)


def is_a_secret(name: str, value: Json) -> bool:
    """Whether the `value` of the parameter `name` is a secret by its name, or has one of those that
    this process has."""
    known = KnownSecrets.of_this_process()
    return hide(name, value) == HIDDEN or bool(known.hide_values(value) != value)


def as_set(name: str, parameter: Parameter) -> Parameter:
    """Returns the `parameter` that a program sets as it may be recorded; logs where that is without
    its value."""
    if is_a_secret(name, parameter.value):
        logger.warning(
            "The value of %s is a secret and is not recorded: everybody who sees a task sees its"
            " parameters. Give it by the variable %s, which the agent must have and pass on:"
            " agent.pass_environment.",
            *(name, variable_of(name)),
        )
        return with_value(parameter, HIDDEN)
    return shown(name, parameter)

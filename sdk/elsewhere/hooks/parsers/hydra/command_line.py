"""The lines of a Hydra command line as parameters, and overrides as such lines.

    lr=0.1           Hydra/lr = 0.1
    +db=mysql        Hydra/db = "mysql"      applied as a choice of the group, else as ++db=mysql
    lr=1,2           Hydra/lr = "1,2"        a sweep: what was typed
    name='1'         Hydra/name = "'1'"      without its quotes it would be a number
    ~db              Hydra/~db = True

A text is what would be typed behind the `=`, and is quoted where Hydra cannot read it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import OverrideParseException

from elsewhere.core.records import Json, Parameter
from elsewhere.hooks.parsers.values import is_effective, shown

SECTION: Final = "Hydra"
_MULTIRUN: Final = ("-m", "--multirun")
_OF_SWEEPS: Final = (
    *("hydra.mode", "hydra.sweep", "hydra/sweep", "hydra.launcher", "hydra/launcher"),
)


class Groups(Protocol):
    """The config groups of a program; a key is `group` or `group@package`."""

    def has(self, key: str) -> bool: ...

    def has_default(self, key: str) -> bool:
        """Returns whether the defaults list chooses one of the group already."""


def to_parameters(lines: Sequence[str]) -> dict[str, Parameter]:
    """Maps `Hydra/key` to its value. Raises HydraException for a line that is not an override."""
    return {_name(line): _to_parameter(line) for line in _parse(lines)}


def effective(lines: Sequence[str], overrides: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Returns the overrides of the section that differ from the command line."""
    typed = to_parameters(lines)
    return {
        name: override
        for name, override in overrides.items()
        if name.startswith(f"{SECTION}/") and is_effective(override, typed.get(name))
    }


def replaced(lines: Sequence[str], overrides: Mapping[str, Parameter], groups: Groups) -> list[str]:
    """Returns the command line with each override in place of the line of its key, or behind it.

    Each works whether the config has the key or not. `Hydra/~key` is a deletion unless it is False.
    """
    typed = {_name(line): line for line in _parse(lines)}
    result = {name: line.input_line or "" for name, line in typed.items()}
    for name, override in overrides.items():
        result[name] = _line(name[len(SECTION) + 1 :], override.value, typed.get(name), groups)
    return [line for line in result.values() if line]


def alone(words: Sequence[str]) -> list[str]:
    """Returns the words of a sweep's command line that count for each job by itself: its options,
    and the settings of Hydra that do not make the sweep."""
    lines: list[str] = get_args_parser().parse_args(list(words)).overrides
    kept = [word for word in words if word not in (*_MULTIRUN, *lines)]
    of_hydra = [line for line in lines if line.lstrip("+~").startswith(("hydra.", "hydra/"))]
    return kept + [line for line in of_hydra if not line.lstrip("+~").startswith(_OF_SWEEPS)]


def _parse(lines: Sequence[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(lines))


def _name(line: Override) -> str:
    package = f"@{line.package}" if line.package is not None else ""
    deletion = "~" if line.is_delete() else ""
    return f"{SECTION}/{deletion}{line.key_or_group}{package}"


def _to_parameter(line: Override) -> Parameter:
    name = _name(line)
    _, equals, typed = (line.input_line or "").partition("=")
    if line.is_delete():
        return shown(name, typed if equals else True)
    if line.is_sweep_override():
        return shown(name, typed, type_name="sweep")
    value: Any = line.value()
    if isinstance(value, float) and not math.isfinite(value):
        return shown(name, typed)  # JSON has no such number
    if not isinstance(value, str):
        return shown(name, value)
    is_same_unquoted = _can_read(value) and _parse([f"key={value}"])[0].value() == value
    return shown(name, value if is_same_unquoted else typed)


def _line(key: str, value: Json, typed: Override | None, groups: Groups) -> str:
    """Returns the line that sets the key, or "" for a deletion that is False."""
    if key.startswith("~"):
        return "" if value is False else key if value is True else f"{key}={_text(value)}"
    if not groups.has(key) or isinstance(value, dict):
        return f"++{key}={_text(value)}"
    is_added = not groups.has_default(key) if typed is None else typed.is_add()
    return f"{'+' if is_added else ''}{key}={_text(value)}"


def _text(value: Json) -> str:
    if not isinstance(value, str):
        return Override._get_value_element_as_str(_element(value))
    is_readable = value == value.strip() and _can_read(value)
    return value if is_readable else QuotedString(value, Quote.single).with_quotes()


def _element(value: Json) -> Any:
    """Returns the value as Hydra's parser does: texts inside of lists and dicts are quoted."""
    if isinstance(value, list):
        return [_element(item) for item in value]
    if isinstance(value, dict):
        return {key: _element(item) for key, item in value.items()}
    return QuotedString(value, Quote.single) if isinstance(value, str) else value


def _can_read(text: str) -> bool:
    try:
        _parse([f"key={text}"])
    except OverrideParseException:
        return False
    return True

"""The patched flags of absl: their values have the task's edits and are recorded.

app.run, FLAGS(argv) (patched) -> parses -> validate_all_flags (patched) -> edits into the flags
                                                                         -> the original
                                                                         -> all values to the task
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from absl import flags

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast, to_parameter, to_text
from elsewhere.core.records import Json, Parameter
from elsewhere.hooks.parsers.parsed import Watcher, record
from elsewhere.hooks.parsers.values import is_effective, refuse, shown
from elsewhere.hooks.replacing import replace_all

_SECTION: Final = "TF_DEFINE"
#: absl's names of types, and ours
_TYPES: Final = {"bool": "bool", "int": "int", "float": "float", "string": "str"}
_SAMPLES: Final[dict[str, object]] = {"bool": False, "int": 0, "float": 0.0}
_NO_HELP: Final = "(no help available)"


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the class, for all flags; returns the undo."""
    words: list[object] = []

    def call(
        original: Callable[..., list[str]],
        values: flags.FlagValues,
        argv: Sequence[str],
        *given: Any,
        **named: Any,
    ) -> list[str]:
        words.append(list(argv)[1:] if not isinstance(argv, str) else argv)
        try:
            return original(values, argv, *given, **named)
        finally:
            words.pop()

    def validate(original: Callable[[flags.FlagValues], None], values: flags.FlagValues) -> None:
        parse = watcher.parse(values, _program(), words[-1] if words else None)
        given = {name for name, flag in _flags(values) if flag.present}
        try:
            _apply(values, parse.unless_given(parse.edits(), given))
        except UsageError as error:
            refuse(_program(), error)
        original(values)
        record(parse, lambda: {name: _shown(flag) for name, flag in _flags(values)})

    return replace_all(
        (flags.FlagValues, "__call__", call), (flags.FlagValues, "validate_all_flags", validate)
    )


def _apply(values: flags.FlagValues, edits: Mapping[str, Parameter]) -> None:
    """Gives the flags their `edits`. Raises UsageError, which names what is accepted."""
    changed: dict[str, flags.Flag[Any]] = {}
    for name, flag in _flags(values):
        edit = edits.get(name)
        if edit is not None and is_effective(edit, _shown(flag)):
            flag.value = _parsed(flag, edit, name)
            flag.using_default_value = False
            flag.present += 1
            changed[name] = flag
    for name, flag in changed.items():
        for validator in flag.validators:
            try:
                validator.verify(values)
            except flags.ValidationError as error:
                raise _refused(name, edits[name].value, error) from error


def _flags(values: flags.FlagValues) -> Iterator[tuple[str, flags.Flag[Any]]]:
    """Yields full name and flag, without replaced flags, aliases and absl's own flags."""
    for module, defined in values.flags_by_module_dict().items():
        if module.partition(".")[0] == "absl":
            continue
        for flag in defined:
            is_there = flag.name in values and values[flag.name] is flag
            if is_there and type(flag).__name__ != "_FlagAlias":
                yield f"{_SECTION}/{flag.name}", flag


def _shown(flag: flags.Flag[Any]) -> Parameter:
    description = "" if flag.help in (None, _NO_HELP) else str(flag.help)
    value = _as_json(flag, flag.value)
    known = "list" if _is_list(flag) else _TYPES.get(flag.flag_type(), "")
    kind = known or ("" if value is flag.value else flag.flag_type())
    return shown(flag.name, value, description, kind)


def _as_json(flag: flags.Flag[Any], value: object) -> object:
    """Returns the value, or the text of the flag's own serializer if JSON cannot hold it."""
    if isinstance(flag, flags.MultiFlag) and isinstance(value, list):
        return [_text(flag, item) for item in value]
    return _text(flag, value)


def _text(flag: flags.Flag[Any], value: object) -> object:
    try:
        to_parameter(value)
    except UsageError:
        return flag.serializer.serialize(value) if flag.serializer else value
    return value


def _parsed(flag: flags.Flag[Any], edit: Parameter, name: str) -> object:
    """Returns the value that the flag has if the edit is typed on the command line.

    None stays None; an empty text is None if the default is None and the flag is not a text.
    """
    value = edit.value
    is_text = not _is_list(flag) and flag.flag_type() not in _SAMPLES
    if value is None or (value == "" and not is_text and flag.default is None):
        return None
    if value == "" and not is_text:
        raise UsageError(f"Parameter {name!r} cannot be empty.")
    is_multi = isinstance(flag, flags.MultiFlag)
    is_json_list = isinstance(value, list) or to_text(value).startswith("[")
    if is_multi or (_is_list(flag) and is_json_list):
        items = cast(edit, [], name)
        assert isinstance(items, list)
        return [_element(flag, item, name) if is_multi else to_text(item) for item in items]
    return _element(flag, value, name)


def _element(flag: flags.Flag[Any], item: Json, name: str) -> object:
    """Returns one value, parsed by the flag's own parser."""
    kind = flag.flag_type().removeprefix("multi ")
    typed: object = to_text(item)
    if kind == "bool" or (kind in _SAMPLES and not isinstance(item, str)):
        typed = cast(Parameter(value=item), _SAMPLES[kind], name)
    try:
        return flag.parser.parse(typed)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(name, item, error) from error


def _is_list(flag: flags.Flag[Any]) -> bool:
    return isinstance(flag, flags.MultiFlag) or isinstance(flag.parser, flags.BaseListParser)


def _refused(name: str, value: Json, error: Exception) -> UsageError:
    return UsageError(f"Parameter {name!r} cannot be {value!r:.200}: {error}.")


def _program() -> str:
    return Path(sys.argv[0]).name

"""The patched backend of tyro: what it has parsed has the task's edits and is recorded.

tyro.cli -> parse_args (patched) -> the original: texts by the keys of the fields
     |             |-> edits in their place
     |             |-> all values to the task
     |-> the values, out of the texts
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.params import cast, to_text
from elsewhere.core.records import Json, Parameter
from elsewhere.hooks.parsers.parsed import record
from elsewhere.hooks.parsers.values import as_json, is_effective, plain, refuse, shown
from elsewhere.hooks.replacing import replace

if TYPE_CHECKING:
    from elsewhere.hooks.parsers.parsed import Watcher

_SECTION: Final = "Args"
#: tyro's name for what has none: the value of a program that is one function, one class, one union
_NAMELESS: Final = ("__tyro-dummy-inner__", "__tyro_dummy_inner__")
#: the recorded name of a sub-command that has none
_COMMAND: Final = "command"


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the backend; returns the undo. Nothing in a tyro that parses by argparse."""
    try:
        from tyro._backends._tyro_backend import TyroBackend  # noqa: PLC0415 - not in an older one
    except ImportError:
        return lambda: None

    def parse(
        original: Callable[..., Any],
        backend: Any,
        parser_spec: Any,
        args: Any,
        prog: str,
        **how: Any,
    ) -> Any:
        parse = watcher.parse(parser_spec.f, prog, args)
        edits, words = parse.edits(), list(args)

        def parsed(words: list[str]) -> Any:
            return original(backend, parser_spec=parser_spec, args=words, prog=prog, **how)

        found, rest = parsed(words)
        if parse.is_command_line and (chosen := _with_command(parser_spec, found, words, edits)):
            found, rest = parsed(chosen)
        fields = dict(_fields(parser_spec, found))
        given = [name for name, field in fields.items() if _is_given(field, found)]
        for name, edit in parse.unless_given(edits, given).items():
            if name in fields:
                _apply(fields[name], found, name, edit, prog)
        record(parse, lambda: _parameters(parser_spec, fields, found))
        return found, rest

    return replace(TyroBackend, "parse_args", parse)


def _name(text: str) -> str:
    for nameless in _NAMELESS:
        text = text.removeprefix(nameless).removeprefix(".")
    return f"{_SECTION}/{text.lstrip('-').replace('-', '_') or _COMMAND}"


def _commands(spec: Any, found: Mapping[Any, Any]) -> Iterator[tuple[str, str, Any]]:
    """The recorded name, the key and the parser of each choice of a sub-command."""
    for prefix, command in spec.subparsers_from_intern_prefix.items():
        key = f"{prefix} (positional)"
        yield _name(prefix), key, command
        chosen = _chosen(command, found.get(key))
        if chosen is not None:
            yield from _commands(chosen, found)
    for child in spec.child_from_prefix.values():
        yield from _commands(child, found)


def _chosen(command: Any, name: object) -> Any:
    name = command.canonical_from_alias().get(name, name)
    parser = command.parser_from_name.get(name)
    return parser.evaluate() if parser is not None else None


def _fields(spec: Any, found: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """The fields by their recorded names, with those of the sub-commands that run."""
    for field in spec.args:
        if not field.lowered.is_fixed() and not field.is_suppressed():
            yield _name(field.lowered.name_or_flags[-1 if field.is_positional() else 0]), field
    for child in spec.child_from_prefix.values():
        yield from _fields(child, found)
    for prefix, command in spec.subparsers_from_intern_prefix.items():
        chosen = _chosen(command, found.get(f"{prefix} (positional)"))
        if chosen is not None:
            yield from _fields(chosen, found)


def _with_command(
    spec: Any, found: Mapping[Any, Any], words: list[str], edits: Mapping[str, Parameter]
) -> list[str] | None:
    """The words with the sub-command that an edit chooses; None where none does."""
    for name, key, command in _commands(spec, found):
        edit, runs = edits.get(name), found.get(key)
        if edit is None or edit.value == runs:
            continue
        wanted = to_text(edit.value)
        if wanted not in command.parser_from_name:
            known = known_choices(wanted, command.parser_from_name)
            refuse(spec.prog_suffix or "program", UsageError(_sentence(name, edit, known)))
        at = words.index(str(runs)) if runs in words else len(words)
        return [*words[:at], wanted]
    return None


def _is_given(field: Any, found: Mapping[Any, Any]) -> bool:
    return not _is_missing(found.get(field.get_output_key(), field.field.default))


def _is_missing(value: object) -> bool:
    from tyro._singleton import is_missing  # noqa: PLC0415 - a part of tyro, which is imported

    return bool(is_missing(value))


def _value(field: Any, found: Mapping[Any, Any]) -> Any:
    """What tyro makes of the texts of a field; None for one without a value."""
    text = found.get(field.get_output_key())
    if text is None or _is_missing(text):
        return None if _is_missing(field.field.default) else field.field.default
    return field.lowered.instance_from_str([text] if field.lowered.nargs == "?" else text)


def _parameters(
    spec: Any, fields: Mapping[str, Any], found: Mapping[Any, Any]
) -> dict[str, Parameter]:
    values = {name: _parameter(name, field, found) for name, field in fields.items()}
    for name, key, command in _commands(spec, found):
        chosen = found.get(key)
        text = ", ".join(command.parser_from_name)
        values[name] = Parameter(value=chosen, type="str", description=f"one of {text}"[:200])
    return values


def _parameter(name: str, field: Any, found: Mapping[Any, Any]) -> Parameter:
    value, text = _value(field, found), found.get(field.get_output_key())
    if isinstance(text, list) and field.lowered.nargs == 1 and len(text) == 1:
        (text,) = text
    annotation = field.field.type_stripped
    type_name = annotation.__name__ if annotation in (bool, int, float, str) else ""
    held = as_json(text, value)
    text_of_help = field.field.helptext
    description = text_of_help() if callable(text_of_help) else text_of_help
    return shown(name, held, description or "", type_name)


def _apply(field: Any, found: dict[Any, Any], name: str, edit: Parameter, program: str) -> None:
    """Puts an edit in the place of the texts of its field, as if it were typed."""
    if not is_effective(edit, plain(_value(field, found))):
        return
    try:
        texts = _texts(field.lowered, edit, name)
        field.lowered.instance_from_str([texts] if field.lowered.nargs == "?" else texts)
    except (ValueError, TypeError) as error:
        refuse(program, UsageError(_sentence(name, edit, str(error))))
    except UsageError as error:
        refuse(program, error)
    found[field.get_output_key()] = texts


def _texts(lowered: Any, edit: Parameter, name: str) -> Any:
    """The edit as tyro's backend gives what was typed. Raises UsageError."""
    if lowered.action == "count":
        return cast(Parameter(value=edit.value), 0, name)
    if lowered.action is not None and lowered.action != "append":
        return cast(Parameter(value=edit.value), False, name)
    if isinstance(edit.value, dict):
        texts = [_text(one) for item in edit.value.items() for one in item]
    elif lowered.nargs in (1, "?"):
        texts = [_text(edit.value)]
    else:
        items = cast(edit, [], name)
        assert isinstance(items, list)
        texts = list(map(_text, items))
    for text in texts:
        if lowered.choices and text not in lowered.choices:
            raise UsageError(_sentence(name, edit, known_choices(text, lowered.choices)))
    if isinstance(lowered.nargs, int) and len(texts) != lowered.nargs:
        raise UsageError(_sentence(name, edit, f"it takes {lowered.nargs}."))
    if lowered.action == "append":
        return [[text] for text in texts]
    return texts[0] if lowered.nargs == "?" else texts


def _text(value: Json) -> str:
    return str(value) if value is None or isinstance(value, bool) else to_text(value)


def _sentence(name: str, edit: Parameter, why: str) -> str:
    return f"Parameter {name!r} cannot be {edit.value!r:.200}: {why}"

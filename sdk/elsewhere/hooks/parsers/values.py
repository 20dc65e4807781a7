"""A value of a command line, whichever library has parsed it: what is recorded of it, and whether
an edit takes its place."""

from __future__ import annotations

import re
import sys
from typing import Final, NoReturn

from elsewhere.core import params, secret_parameters
from elsewhere.core.errors import UsageError
from elsewhere.core.params import to_parameter, to_text
from elsewhere.core.records import Parameter
from elsewhere.core.secrets import is_hidden, note_typed

#: a text such as `<object at 0x7f00>`, which names an object of another process
_OBJECT: Final = re.compile(r"<.* at 0x[0-9a-f]+>")


def shown(name: str, value: object, description: str = "", type_name: str = "") -> Parameter:
    """Returns the parameter of a parsed value; a text under the name of a secret is hidden.

    Without a `type_name` the type is the value's.
    """
    found = plain(value)
    note_typed(name, value)
    return secret_parameters.shown(
        name,
        Parameter(
            value=found.value,
            type=type_name or found.type,
            description=description or found.description,
        ),
    )


def plain(value: object) -> Parameter:
    """Returns the parameter of a value, or of its text if JSON cannot hold it."""
    try:
        return to_parameter(value)
    except UsageError:
        if isinstance(value, list):
            return Parameter(value=[plain(item).value for item in value], type="list")
        return Parameter(value=to_parameter(str(value)).value, type=type(value).__name__)


def as_json(given: object, value: object) -> object:
    """The `value` that a parser has made of what was `given`, or that text if JSON cannot hold it,
    as with a file or a date; each by itself of several."""
    if isinstance(value, (list, tuple)):
        pairs = given if isinstance(given, (list, tuple)) and len(given) == len(value) else value
        return type(value)(map(as_json, pairs, value)) if type(value) in (list, tuple) else value
    try:
        to_parameter(value)
    except UsageError:
        return given if isinstance(given, str) else value
    return value


def is_effective(edit: Parameter, parsed: Parameter | None) -> bool:
    """Returns whether the edit can be used and differs from the `parsed` value."""
    is_same = parsed is not None and params.is_same(edit.value, parsed.value)
    if is_same or is_hidden(edit.value):
        return False
    text = to_text(edit.value)
    is_plain = edit.type in ("", "NoneType", "bool", "int", "float", "str", "list")
    return not (_OBJECT.search(text) or (text.startswith("<") and not is_plain))


def refuse(program: str, error: UsageError) -> NoReturn:
    """Ends the program with status 2 and the error's sentence on stderr."""
    sys.stderr.write(f"{program}: error: {error}\n")
    sys.exit(2)

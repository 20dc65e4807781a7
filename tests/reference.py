"""The list of public names, docs/sdk.md: `python -m tests.reference` writes it anew."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import elsewhere

PAGE: Final = Path(__file__).parents[1] / "docs" / "sdk.md"
_HEAD: Final = """\
# The SDK, name by name

Made from the docstrings by `make reference`. `help(Task.init)` and the like say the rest: units,
errors, what may be called twice.
"""


def public_names() -> dict[str, Any]:
    """What `from elsewhere import ...` gives."""
    return {name: getattr(elsewhere, name) for name in sorted(elsewhere.__all__)}


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods, properties and values of a class, also those of its bases of ours."""
    for name, static in sorted(
        {
            name: inspect.getattr_static(kind, name)
            for base in kind.__mro__
            if base.__module__.startswith("elsewhere")
            for name in vars(base)
            if not name.startswith("_")
        }.items()
    ):
        unwrapped = static.__func__ if isinstance(static, (classmethod, staticmethod)) else static
        if callable(unwrapped) or isinstance(unwrapped, property):
            yield name, unwrapped


def documented(name: str) -> str:
    """The docstring of `Task` or `Task.init`, of a class with that of its making."""
    kind, _, member = name.partition(".")
    found = public_names()[kind]
    if member:
        found = dict(members(found))[member]
        found = found.fget if isinstance(found, property) else found
    made = inspect.getdoc(found.__init__) if inspect.isclass(found) else None
    return f"{inspect.getdoc(found) or ''}\n{made or ''}"


def page() -> str:
    """The whole text."""
    lines = [_HEAD]
    for name, found in public_names().items():
        if not inspect.isclass(found):
            lines += [f"## {name}\n", f"`{name}{_signature(found)}`: {_first_line(found)}\n"]
            continue
        lines += [f"## {name}\n", f"{_first_line(found)}\n"]
        lines += [_line(member, value) for member, value in members(found)]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def _line(name: str, value: Any) -> str:
    if isinstance(value, property):
        return f"- `{name}`: {_first_line(value.fget)}"
    if inspect.isclass(value):
        return f"- `{name}`: {_first_line(value)}"
    return f"- `{name}{_signature(value)}`: {_first_line(value)}"


def _signature(value: Any) -> str:
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(value).parameters.values()
        if parameter.name not in ("self", "cls")
    ]
    text = str(inspect.Signature(parameters)).replace("'", '"')
    return re.sub(r"=<object object at \w+>", "=<must be given>", text)


def _first_line(value: Any) -> str:
    """The first sentence of the docstring, on one line."""
    paragraph = (inspect.getdoc(value) or "").partition("\n\n")[0]
    text = " ".join(paragraph.split())
    return re.split(r"(?<=[.;]) (?=[A-Z])", text)[0]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())

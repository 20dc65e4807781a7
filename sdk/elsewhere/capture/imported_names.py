"""The names that a script imports, read from its source and from those of local modules.

Nothing is imported or run. Imports inside functions and `try` count, as do
`importlib.import_module` and `__import__` with a literal name.
"""

from __future__ import annotations

import ast
import logging
from typing import TYPE_CHECKING

from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """`files` are the local modules reached, without the entry; `names` are all others, dotted.

    `from a.b import c` gives `a.b.c`, whether or not `c` is a module.
    """

    files: frozenset[Path]
    names: frozenset[str]


def scan_imports(
    entry: Path,
    folders: Sequence[Path],
    later: Sequence[Path] = (),
    is_installed: Callable[[str], bool] = bool,
    content: bytes | None = None,
) -> Imports:
    """Follows imports from `entry` through the modules that lie in `folders`, searched in order.

    `later` are folders that may come onto the path while the program runs: a module in one of them
    counts only where `is_installed` says that nothing else gives its first name. `content` is the
    source of an entry that is no file.
    """
    entry = entry.resolve()
    seen: set[Path] = set()
    names: set[str] = set()
    waiting = [entry]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        waiting += _packages_around(file)
        for level, name in _imports_of(file, content if file == entry else None):
            parts = name.split(".") if name else []
            if level:
                waiting += _modules(file.parents[level - 1], parts)
                continue
            found = _first(folders, parts)
            if not found and later and parts and not is_installed(parts[0]):
                found = _first(later, parts)
            waiting += found
            if not found:
                names.add(name)
    return Imports(files=frozenset(seen - {entry}), names=frozenset(names))


def _first(folders: Sequence[Path], parts: Sequence[str]) -> list[Path]:
    return next(filter(None, (_modules(folder, parts) for folder in folders)), [])


def _packages_around(file: Path) -> list[Path]:
    """Returns the `__init__.py` that runs before this module, if there is one."""
    folder = file.parent.parent if file.name == "__init__.py" else file.parent
    package = folder / "__init__.py"
    return [package] if package.is_file() else []


def _modules(folder: Path, parts: Sequence[str]) -> list[Path]:
    """Returns the sources of a dotted name in `folder`, outermost first.

    A folder without `__init__.py` counts only with a module in it: `wandb/` and `datasets/` are
    often data that lies beside the script.
    """
    found: list[Path] = []
    for part in parts:
        module = folder / f"{part}.py"
        folder /= part
        if (package := folder / "__init__.py").is_file():
            found.append(package.resolve())
        elif module.is_file():
            return [*found, module.resolve()]
        elif not folder.is_dir():
            break
    return found


def _imports_of(file: Path, content: bytes | None) -> Iterator[tuple[int, str]]:
    """Yields (number of leading dots, dotted name) of each import in a source."""
    try:
        tree = ast.parse(file.read_bytes() if content is None else content, str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        logger.debug("The imports of %s are not captured: %s", file, error)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                parts = (node.module, None if alias.name == "*" else alias.name)
                yield node.level, ".".join(filter(None, parts))
        elif isinstance(node, ast.Call) and (literal := _dynamic_import(node)):
            name = literal.lstrip(".")
            yield len(literal) - len(name), name


def _dynamic_import(call: ast.Call) -> str:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in ("import_module", "__import__") or not call.args:
        return ""
    argument = call.args[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return ""

"""The installed distributions that a program imports: by its source, and by what is loaded."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from elsewhere.capture.imported_names import scan_imports
from elsewhere.capture.installed import is_below, is_installed, name_in, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elsewhere.capture.installed import Installed

#: the package that the agent gives to every run
LENT: Final = "elsewhere"
#: modules that are loaded wherever they are installed, by the start of Python and by debuggers
_HOOKS: Final = ("_distutils_hack", "pydevd_plugins")
#: what runs a notebook's cells: not needed where they run as a program
_KERNEL: Final = "ipykernel"


class Needed(NamedTuple):
    """The keys of distributions: `direct` ones are imported by the code, `loaded` ones are in
    memory beside them. `warnings` are sentences on modules that no distribution has."""

    direct: frozenset[str]
    loaded: frozenset[str]
    warnings: tuple[str, ...] = ()


def needed(
    entry: Path,
    root: Path,
    start: Path,
    items: Sequence[Installed],
    modules: Iterable[str],
    also: Sequence[str] = (),
    content: bytes | None = None,
) -> Needed:
    """Returns what the script `entry` and the modules below `root` import, out of `items`.

    `start` is the folder that Python puts first on its path; `modules` are the dotted names of
    those that are loaded, and `also` of those that count as imported. `content` is the source of an
    entry that is no file.
    """
    projects = [item for item in items if item.project and is_below(item.project, root)]
    on_path, later = _local_folders(start, root, projects)
    imports = scan_imports(entry, on_path, later, _has_top, content)
    wanted = {name for name in (*imports.names, *also) if _is_foreign(name)}
    found = _providers(wanted, items)
    direct = {item.key for provided in found.values() for item in provided}
    direct |= {item.key for item in projects if item.holds(imports.files)}
    ours = {name_in(line) for item in items if item.key == LENT for line in item.requires}
    ours |= _with_required(_KERNEL, items)
    in_memory = _providers(_in_memory(modules), items)
    loaded = {item.key for provided in in_memory.values() for item in provided} - ours
    tops = {name.partition(".")[0] for name in wanted - found.keys()}
    tops -= {name.partition(".")[0] for name in found}
    warnings = {_outside(top, root) for top in tops} - {""}
    return Needed(
        direct=frozenset(direct - {LENT}),
        loaded=frozenset(loaded - direct - {LENT}),
        warnings=tuple(sorted(warnings)),
    )


def _with_required(key: str, items: Sequence[Installed]) -> set[str]:
    """The key and those of all that it requires, if it is loaded here."""
    by_key, found, waiting = {item.key: item for item in items}, set[str](), [key]
    while key in sys.modules and waiting:
        one = waiting.pop()
        if one not in found and one in by_key:
            found.add(one)
            waiting += [name_in(line) for line in by_key[one].requires]
    return found


def _local_folders(
    start: Path, root: Path, projects: Sequence[Installed]
) -> tuple[list[Path], list[Path]]:
    """Returns the folders that modules of the repository are imported from, in Python's order,
    and those that a program often adds to the path by itself."""
    on_path = [Path(entry).resolve() for entry in sys.path]
    local = [path for path in on_path if is_below(path, root) and not is_installed(path)]
    own = [item.project for item in projects if item.project]
    sources = [folder / inner for folder in own for inner in ("", "src")]
    return list(dict.fromkeys([start.resolve(), *local, *sources])), [root, root / "src"]


def _has_top(top: str) -> bool:
    """Returns whether an installed distribution or Python itself has this module."""
    if top in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(is_installed(Path(place)) for place in places if place)


def _is_foreign(name: str) -> bool:
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in (LENT, "__main__", "")


def _in_memory(modules: Iterable[str]) -> set[str]:
    """Returns the first names of loaded modules; whole names below a folder that many share."""
    names = [name for name in modules if _is_foreign(name) and not name.startswith(_HOOKS)]
    tops = {name.partition(".")[0] for name in names}
    shared = {top for top in tops if _is_namespace(sys.modules.get(top))}
    return (tops - shared) | {name for name in names if name.partition(".")[0] in shared}


def _is_namespace(module: Any) -> bool:
    try:
        known = object.__getattribute__(module, "__dict__")  # not the way that loads a lazy module
    except AttributeError:
        return False
    return known.get("__file__") is None and "__path__" in known


def _providers(names: set[str], items: Sequence[Installed]) -> dict[str, list[Installed]]:
    """Maps each dotted name to the distributions with the longest part of it that is a module.

    There are several if several have the very same module. A name like `google` alone, which is a
    folder shared by many, has none.
    """
    by_key = {item.key: item for item in items}
    found: dict[str, list[Installed]] = {}
    for name in names:  # most are named as they are imported: no need to read all the others
        named = by_key.get(normalised(name.partition(".")[0]))
        if named and _depth(named.modules(), name):
            found[name] = [named]
    best = dict.fromkeys(names - found.keys(), 1)
    for item in items if best else ():
        modules = item.modules()
        for name, deepest in best.items():
            depth = _depth(modules, name)
            if depth > deepest:
                best[name] = depth
                found[name] = [item]
            elif depth == deepest:
                found.setdefault(name, []).append(item)
    return found


def _depth(modules: bytes, name: str) -> int:
    """Returns how many parts of a dotted name lead to a module among these paths; 0 for none."""
    parts = name.split(".")
    if f"\n{parts[0]}".encode() not in modules:
        return 0
    for depth in range(len(parts), 0, -1):
        path = re.escape("/".join(parts[:depth]))
        if re.search(rf"\n{path}(/__init__)?\.(py|so|pyd|[\w-]+\.so)\b".encode(), modules):
            return depth
    return 0


def _outside(top: str, root: Path) -> str:
    """Returns a warning for a module found neither in a package nor in the repository, or ""."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return ""
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        return ""
    origin = Path(spec.origin).resolve()
    if is_below(origin, root):
        return ""
    if is_installed(origin):
        return (
            f"The module {top} lies in {origin}, and no installed package lists it, so that it will"
            " be missing elsewhere: install it as a package, or move it into the repository."
        )
    return (
        f"The module {top} is imported from {origin}, outside the repository and in no installed "
        "package, so that it will be missing elsewhere: move it into the repository."
    )

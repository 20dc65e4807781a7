"""The packages that a script needs, as pinned requirement lines, and the Python that it runs on."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import platform
import re
import sys
from dataclasses import dataclass, replace
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from elsewhere.capture.by_hand import requirement_lines
from elsewhere.capture.git import Git
from elsewhere.capture.imported_names import scan_imports
from elsewhere.capture.remote import Remote
from elsewhere.capture.wishes import NO_WISHES
from elsewhere.core.errors import CaptureError
from elsewhere.core.secrets import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.capture.wishes import Wishes

logger = logging.getLogger(__name__)

#: the package that the agent gives to every run
_LENT: Final = "elsewhere"
#: folders of installed packages, by their names on every platform
_INSTALLED: Final = {"site-packages", "dist-packages"}
#: the packages that every environment has
_INSTALLERS: Final = {"pip", "setuptools", "wheel"}
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPackages:
    """Requirement lines, sorted; `warnings` are sentences on what may be missing elsewhere."""

    python: str
    packages: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def capture_packages(
    entry: Path,
    root: Path,
    *,
    start: Path | None = None,
    wishes: Wishes = NO_WISHES,
    launcher: Sequence[str] = (),
) -> CapturedPackages:
    """Captures the packages of the script `entry` and of the modules below its repository's `root`.

    `start` is the folder that Python puts first on its path: the script's own by default, the
    working folder for `python -m`. Only packages that are imported directly are captured, and that
    of the `launcher` that runs the script, unless `wishes` change that. Raises UsageError for a
    file of `wishes` that cannot be read.
    """
    root = root.resolve()
    installed = [_Installed(path) for path in _metadata_folders()]
    installed = [item for item in installed if item.key != _LENT]
    captured = _frozen(installed, root, wishes)
    if captured is None:
        captured = _imported(entry, root, start or entry.parent, installed, launcher[:1])
    return _as_wished(captured, installed, root, wishes)


def _imported(
    entry: Path,
    root: Path,
    start: Path,
    installed: Sequence[_Installed],
    launcher: Sequence[str],
) -> CapturedPackages:
    projects = [item for item in installed if item.project and _is_below(item.project, root)]
    imports = scan_imports(entry, _local_folders(start, root, projects))
    wanted = {name for name in (*imports.names, *launcher) if _is_foreign(name)}
    providers = _providers(wanted, installed)
    needed = {item.path: item for found in providers.values() for item in found}
    needed |= {item.path: item for item in projects if item.holds(imports.files)}
    tops = {name.partition(".")[0] for name in wanted - providers.keys()}
    tops -= {name.partition(".")[0] for name in providers}
    found = [_requirement(item, root) for item in needed.values()]
    return _captured([*found, *(("", _outside(top, root)) for top in tops)])


def _frozen(installed: Sequence[_Installed], root: Path, wishes: Wishes) -> CapturedPackages | None:
    """Returns all that is installed, or the lines of a file, if that is wished; else None."""
    if not wishes.is_frozen:
        return None
    if wishes.file:
        return _captured([(line, "") for line in requirement_lines(wishes.file)])
    kept = (item for item in installed if item.key not in _INSTALLERS)
    return _captured([_requirement(item, root) for item in kept])


def _captured(found: Sequence[tuple[str, str]]) -> CapturedPackages:
    """Sorts pairs of a line and a warning, each maybe empty."""
    return CapturedPackages(
        python=platform.python_version(),
        packages=tuple(sorted({line for line, _ in found} - {""})),
        warnings=tuple(sorted({warning for _, warning in found} - {""})),
    )


def _as_wished(
    captured: CapturedPackages, installed: Sequence[_Installed], root: Path, wishes: Wishes
) -> CapturedPackages:
    """Returns the captured packages without the ignored ones, and with the added ones."""
    ignored = {_normalised(name) for name in wishes.ignored}
    added: dict[str, str] = {}
    for name, version in wishes.added:
        for line in _wished(name, version, installed, root):
            added[_name_in(line)] = line
    gone = ignored | added.keys()
    kept = [line for line in captured.packages if _name_in(line) not in gone]
    return replace(captured, packages=tuple(sorted([*kept, *added.values()])))


def _wished(
    name: str, version: str | None, installed: Sequence[_Installed], root: Path
) -> tuple[str, ...]:
    if version is None and Path(name).is_file():
        return requirement_lines(name)
    if version is None:
        has = next((item for item in installed if item.key == _normalised(name)), None)
        return (_requirement(has, root)[0] if has is not None else name,)
    is_whole = version == "" or version[0] in "=<>!~@ "
    return (f"{name}{version}" if is_whole else f"{name}=={version}",)


def _name_in(line: str) -> str:
    """Returns the package of a requirement line; the line itself for a path or a URL."""
    found = _NAME.match(line)
    return _normalised(found[0]) if found and "://" not in line.partition("@")[0] else line


class _Installed:
    """An installed distribution, by its `.dist-info` or `.egg-info`; its files are read lazily."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.direct = self._direct_url()
        self.project: Path | None = None
        if self.direct.get("dir_info", {}).get("editable"):
            self.project = Path(unquote(urlsplit(self.direct["url"]).path)).resolve()

    @property
    def key(self) -> str:
        return _normalised(self.path.stem.partition("-")[0])

    def modules(self) -> bytes:
        """Returns the paths of its files, each after a newline; made of names if it lists none."""
        if self.project is None and (record := self._read("RECORD")):
            return b"\n" + record
        return "".join(f"\n{top}.py" for top in self._tops()).encode()

    def holds(self, files: frozenset[Path]) -> bool:
        """Returns whether one of the local modules belongs to this editable project."""
        assert self.project is not None
        tops = set(self._tops())
        for folder in (self.project / "src", self.project):
            for file in files:
                if _is_below(file, folder):
                    top = file.relative_to(folder).parts[0].removesuffix(".py")
                    if top in tops:
                        return True
        return False

    def _tops(self) -> list[str]:
        if listed := self._read("top_level.txt").decode(errors="replace").split():
            return listed
        if self.project is None:
            return [self.key.replace("-", "_")]
        return [
            path.parent.name if path.name == "__init__.py" else path.stem
            for folder in (self.project, self.project / "src")
            for path in (*folder.glob("*/__init__.py"), *folder.glob("*.py"))
        ]

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError:
            return b""

    def _direct_url(self) -> dict[str, Any]:
        try:
            plain = json.loads(self._read("direct_url.json") or b"{}")
        except ValueError:
            return {}
        return plain if isinstance(plain, dict) else {}


def _metadata_folders() -> list[Path]:
    """Returns one for each distribution on the path: the first, as for an import."""
    found: dict[str, Path] = {}
    for folder in dict.fromkeys(entry or "." for entry in sys.path):
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - hundreds of names, no paths needed
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                found.setdefault(_normalised(name[:-10].partition("-")[0]), Path(folder, name))
    return list(found.values())


def _local_folders(start: Path, root: Path, projects: Sequence[_Installed]) -> list[Path]:
    """Returns the folders that modules of the repository are imported from, in Python's order."""
    on_path = [Path(entry).resolve() for entry in sys.path]
    local = [path for path in on_path if _is_below(path, root) and not _is_installed(path)]
    roots = [root, *(item.project for item in projects if item.project)]
    sources = [folder / inner for folder in roots for inner in ("", "src")]
    return list(dict.fromkeys([start.resolve(), *local, *sources]))


def _is_foreign(name: str) -> bool:
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in (_LENT, "__main__", "")


def _providers(names: set[str], installed: Sequence[_Installed]) -> dict[str, list[_Installed]]:
    """Maps each dotted name to the distributions with the longest part of it that is a module.

    There are several if several have the very same module. A name like `google` alone, which is a
    folder shared by many, has none.
    """
    by_key = {item.key: item for item in installed}
    found: dict[str, list[_Installed]] = {}
    for name in names:  # most are named as they are imported: no need to read all the others
        named = by_key.get(_normalised(name.partition(".")[0]))
        if named and _depth(named.modules(), name):
            found[name] = [named]
    best = dict.fromkeys(names - found.keys(), 1)
    for item in installed if best else ():
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


def _requirement(item: _Installed, root: Path) -> tuple[str, str]:
    """Returns the line and, if it may not bring the same code, a warning."""
    distribution = Distribution.at(item.path)
    if not (raw_name := distribution.metadata["Name"]) or not distribution.version:
        logger.debug("%s has no name or version and is not captured", item.path)
        return "", ""
    name = _normalised(raw_name)
    pin = f"{name}=={distribution.version}"
    place = urlsplit(item.direct.get("url", ""))
    vcs = item.direct.get("vcs_info")
    if vcs and place.scheme != "file":
        url = strip_credentials(place.geturl())
        inner = item.direct.get("subdirectory", "")
        fragment = f"#subdirectory={inner}" if inner else ""
        return f"{name} @ {vcs['vcs']}+{url}@{vcs['commit_id']}{fragment}", ""
    if item.project and _is_below(item.project, root):
        inner = item.project.relative_to(root).as_posix()
        return f"-e ./{'' if inner == '.' else inner}", ""
    if item.project and (reference := _git_reference(item.project)):
        return f"{name} @ {reference}", ""
    if not item.project and not vcs:
        return pin, ""
    return pin, (
        f"The package {name} is installed from the folder {place.path}, which is not a clean git "
        f"checkout of a commit in a remote, so that it cannot travel. Elsewhere {pin} is taken "
        "from the package index: commit and push that folder, or move it into the repository."
    )


def _git_reference(project: Path) -> str:
    """Returns `git+URL@commit` of a clean checkout whose commit is in a shared remote, or ""."""
    git = Git(project)
    try:
        top = Path(os.fsdecode(git.run("rev-parse", "--show-toplevel").rstrip(b"\n")))
        commit = git.run("rev-parse", "HEAD").decode().strip()
        branch = git.try_run("symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode().strip()
        remote = Remote.of(git, branch, is_local_shared=False)
        if not remote.url or git.run("status", "--porcelain"):
            return ""
        if not git.run("branch", "--remotes", "--contains", commit, "--list", f"{remote.name}/*"):
            return ""
    except (CaptureError, OSError) as error:
        logger.debug("%s is not a git checkout that can travel: %s", project, error)
        return ""
    url = re.sub(r"^([^/:]+):(?!//)/?", r"ssh://\1/", remote.url)  # the short form of ssh
    inner = project.relative_to(top.resolve()).as_posix()
    return f"git+{url}@{commit}" + ("" if inner == "." else f"#subdirectory={inner}")


def _outside(top: str, root: Path) -> str:
    """Returns a warning for a module found neither in a package nor in the repository, or ""."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return ""
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        return ""
    origin = Path(spec.origin).resolve()
    if _is_below(origin, root) or _is_installed(origin):
        return ""
    return (
        f"The module {top} is imported from {origin}, outside the repository and in no installed "
        "package, so that it will be missing elsewhere: move it into the repository."
    )


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _is_installed(path: Path) -> bool:
    return not _INSTALLED.isdisjoint(path.parts)


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

"""The packages of a task: what its code imports, with versions, and the lock of all the rest."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.capture.by_hand import requirement_lines
from elsewhere.capture.installed import installed, is_below, name_in, normalised
from elsewhere.capture.locking import make_lock
from elsewhere.capture.needed import LENT, needed
from elsewhere.capture.origin import origin
from elsewhere.capture.wishes import CHOICES, LOCK_FILES, NO_WISHES
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.frozen import dataclass
from elsewhere.core.records import Environment
from elsewhere.core.requirements import requirements_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elsewhere.capture.installed import Installed
    from elsewhere.capture.wishes import Wishes

#: the packages that every environment has
_INSTALLERS: Final = {"pip", "setuptools", "wheel"}
_IS_WHOLE: Final = {"auto": None, "environment": True, "imports": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPackages:
    """`packages` are requirement lines, sorted, or None for those of a file of the code: its
    `lock_file`, by its path from the root, else its requirements.txt.

    `loaded` are names of further packages that were in memory; `lock` and `wheels` are digests, and
    `blobs` their bytes. `warnings` are sentences on what may be missing elsewhere; with `problems`
    the program must not run there.
    """

    python: str
    packages: tuple[str, ...] | None
    lock_file: str = ""
    loaded: tuple[str, ...] = ()
    lock: str = ""
    wheels: tuple[str, ...] = ()
    blobs: dict[str, bytes] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def into(self, environment: Environment) -> Environment:
        """Returns the environment with these packages in place of its own."""
        return replace(
            environment,
            python=self.python,
            packages=self.packages,
            lock_file=self.lock_file,
            loaded=self.loaded,
            lock=self.lock,
            wheels=self.wheels,
            missing=" ".join(self.problems),
        )


def capture_packages(
    entry: Path,
    root: Path,
    *,
    start: Path | None = None,
    wishes: Wishes = NO_WISHES,
    modules: Iterable[str] = (),
    launcher: Sequence[str] = (),
    limit_bytes: int = 1 << 26,
    content: bytes | None = None,
) -> CapturedPackages:
    """Captures the packages of the script `entry` and of the modules below its repository's `root`.

    `start` is the folder that Python puts first on its path: the script's own by default, the
    working folder for `python -m`. `modules` are the dotted names of the modules that are loaded.
    The module of the `launcher` that runs the script counts as imported by it. `content` is the
    source of an entry that is no file.
    Wheels of packages that no index has take at most `limit_bytes`. Raises UsageError for a file of
    `wishes` that cannot be read.
    """
    root, choice = root.resolve(), wishes.choice or "auto"
    if choice not in CHOICES:
        return _of_file(Path(choice), root, wishes)
    if wishes.file:
        return _of_lines(requirement_lines(wishes.file), wishes, [], root)
    if choice == "requirements":
        return _of_repository(root, entry)
    items = installed()
    wanted = needed(entry, root, start or entry.parent, items, modules, launcher[:1], content)
    keys = wanted.direct
    if wishes.is_frozen:
        keys = frozenset(item.key for item in items if item.key not in _INSTALLERS | {LENT})
    ignored = {normalised(name) for name in wishes.ignored}
    locking = make_lock(
        items,
        root,
        (wanted.direct | wanted.loaded) - ignored,
        ignored=ignored,
        is_whole=True if wishes.is_frozen else _IS_WHOLE[choice],
        limit_bytes=limit_bytes,
    )
    lines = [one.line for one in locking.lock.distributions if one.name in keys]
    captured = _of_lines(lines, wishes, items, root)
    content = locking.content
    digest = hashlib.sha256(content).hexdigest()
    return replace(
        captured,
        loaded=tuple(sorted(wanted.loaded - keys - ignored)),
        lock=digest,
        wheels=tuple(sorted(locking.wheels)),
        blobs={digest: content, **locking.wheels},
        warnings=(*wanted.warnings, *locking.warnings),
        problems=locking.problems,
    )


def _of_file(file: Path, root: Path, wishes: Wishes) -> CapturedPackages:
    """Returns the lines of a requirements file, or the path of a lock file below the root."""
    if file.name not in LOCK_FILES:
        return _of_lines(requirement_lines(file), wishes, [], root)
    path = named_path(file).resolve()
    if not (path.is_file() and is_below(path, root)):
        raise UsageError(
            f"The lock file {str(file)!r:.200} cannot be taken: it is no file inside the code,"
            f" {root}. Give the path of one there, or one of {', '.join(CHOICES)}."
        )
    return CapturedPackages(
        python=platform.python_version(),
        packages=None,
        lock_file=path.relative_to(root).as_posix(),
    )


def _of_repository(root: Path, entry: Path) -> CapturedPackages:
    """Leaves the packages to the requirements.txt that the agent finds; a problem without one."""
    is_there = requirements_file(root, Path.cwd(), entry)
    problem = f"The packages are to be those of a requirements.txt, and there is none in {root}."
    return CapturedPackages(
        python=platform.python_version(),
        packages=None,
        problems=() if is_there else (problem,),
    )


def _of_lines(
    lines: Iterable[str], wishes: Wishes, items: Sequence[Installed], root: Path
) -> CapturedPackages:
    """Returns these packages without the ignored ones, and with the added ones."""
    ignored = {normalised(name) for name in wishes.ignored}
    added: dict[str, str] = {}
    for name, version in wishes.added:
        for line in _wished(name, version, items, root):
            added[name_in(line)] = line
    gone = ignored | added.keys()
    kept = {line for line in lines if name_in(line) not in gone}
    return CapturedPackages(
        python=platform.python_version(), packages=tuple(sorted({*kept, *added.values()}))
    )


def _wished(
    name: str, version: str | None, items: Sequence[Installed], root: Path
) -> tuple[str, ...]:
    if version is None and Path(name).is_file():
        return requirement_lines(name)
    if version is None:
        has = next((item for item in items if item.key == normalised(name)), None)
        found = has and origin(has, root)
        return (found.line if found else name,)
    is_whole = version == "" or version[0] in "=<>!~@ "
    return (f"{name}{version}" if is_whole else f"{name}=={version}",)

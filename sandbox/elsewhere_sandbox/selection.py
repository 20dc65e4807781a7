"""What is installed for a task: chosen from its packages and its lock.

The lock comes from the store, so nothing in it is trusted: a line of it is checked like any other
requirement, and a wheel is a blob that the task's record names.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from elsewhere.core.codec import decode
from elsewhere.core.errors import RecordError
from elsewhere.core.lock import Lock, Locked
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.requirements import read_requirements, without_hashes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from elsewhere.core.records import Environment

#: lent to every run, and so not installed
_LENT: Final = "elsewhere"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9.!+_-]+")
_WHEEL: Final = re.compile(r"[A-Za-z0-9_.!+]+(-[A-Za-z0-9_.!+]+){4,5}\.whl")
#: the packages of which there are builds for kinds of GPUs
TORCH: Final = frozenset({"torch", "torchvision", "torchaudio", "torchtext", "torchdata"})
#: what comes with such a build
_OF_BUILD: Final = re.compile(
    r"nvidia-[\w-]+|triton|pytorch-triton[\w-]*|cuda-(bindings|pathfinder|toolkit)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A distribution as it was installed. `line` is its requirement. `wheel` is the file of one
    that came with the task, and `digest` its sha256. `is_needed`: the program imports it."""

    name: str
    version: str
    line: str
    wheel: Path | None = None
    digest: str = ""
    is_needed: bool = False

    @property
    def identity(self) -> str:
        """Says what is installed, whatever the folder of the run is."""
        return f"{self.line} {self.digest}" if self.digest else self.line

    @property
    def is_of_index(self) -> bool:
        """Whether an index has it, by its version, and no address or wheel gives it."""
        return self.wheel is None and self.line == f"{self.name}=={self.version}"

    @property
    def public(self) -> str:
        """The line without the name of a build: `torch==2.1+cpu` as `torch==2.1`."""
        return f"{self.name}=={self.version.partition('+')[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`asked` lines are installed with what they need, `pins` as they are; `projects` are folders
    of the code that are installed in place. `facts` are the lock's own words for markers, None
    without a lock; `locked` are all the names in it, and `problems` sentences on what did not come
    along, though it was installed."""

    asked: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    projects: tuple[Path, ...] = ()
    facts: Mapping[str, str] | None = None
    locked: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The lines on it for the task's output."""
        if self.facts is None:
            return ()
        needed = len(self.needed)
        beside = len(self.pins) - needed
        summary = f"Packages: {needed} that the program imports, and {beside} beside them."
        return (summary, *self.problems)

    @property
    def needed(self) -> frozenset[str]:
        """The names of the pins that the program imports."""
        return frozenset(pin.name for pin in self.pins if pin.is_needed)


def select(
    environment: Environment, code: Path, inputs: Path, working_dir: str = ".", script: str = ""
) -> Selection:
    """Chooses what is installed. `inputs` has the task's blobs, named by their digests; `script` is
    relative to the working folder. Raises SetupError for a requirement that is refused, and a lock
    that cannot be read.
    """
    asked = read_requirements(environment.packages, code, working_dir, script)
    if not environment.lock:
        return Selection(asked=asked.lines, projects=asked.projects)
    lock = _read_lock(inputs / environment.lock, environment)
    by_name = {one.name: one for one in lock.distributions}
    other, direct = [], set()
    for line in asked.lines:
        name = name_in(line)
        if name in by_name and by_name[name].line == line:
            direct.add(name)
        else:
            other.append(line)
    in_place = {one.name: one.line for one in lock.distributions if one.line.startswith("-e ")}
    needed = direct | set(environment.loaded) & by_name.keys()
    facts = _facts(lock)
    seeds = needed | (in_place.keys() & _editables(environment.packages or (), in_place))
    chosen = _chosen(by_name, seeds, facts) - {_LENT, *map(name_in, other)}
    of_whole = [in_place[name] for name in sorted(chosen & in_place.keys())]
    projects = read_requirements(of_whole, code, working_dir).projects
    pins = [
        _pin(by_name[name], inputs, is_needed=name in needed)
        for name in sorted(chosen - in_place.keys())
        if not by_name[name].problem
    ]
    read_requirements([pin.line for pin in pins], code)  # refuses what is more than a requirement
    problems = [one.problem for one in map(by_name.get, sorted(chosen)) if one and one.problem]
    return Selection(
        asked=tuple(other),
        pins=tuple(pins),
        projects=tuple(sorted({*asked.projects, *projects})),
        facts=facts,
        locked=frozenset(by_name),
        problems=tuple(problems),
    )


def without_builds(selection: Selection) -> Selection:
    """Returns the selection without what comes with a build of torch, if torch is in it: that is
    left to the build that is installed."""
    if not TORCH & {pin.name for pin in selection.pins}:
        return selection
    kept = [pin for pin in selection.pins if pin.is_needed or not comes_with_build(pin.name)]
    return replace(selection, pins=tuple(kept))


def comes_with_build(name: str) -> bool:
    """Whether a package is a part of a build of torch: libraries of CUDA, triton."""
    return _OF_BUILD.fullmatch(name) is not None


def is_of_torch(name: str) -> bool:
    """Whether a package has builds for each kind of GPU, or comes with one."""
    return name in TORCH or comes_with_build(name)


def name_in(line: str) -> str:
    """The normalised name in a requirement line; "" for a URL alone."""
    try:
        return canonicalize_name(Requirement(without_hashes(line)).name)
    except InvalidRequirement:
        return ""


def _editables(lines: Iterable[str], in_place: Mapping[str, str]) -> set[str]:
    return {name for name, line in in_place.items() if line in lines}


def _chosen(
    by_name: Mapping[str, Locked], needed: Collection[str], facts: Mapping[str, str]
) -> set[str]:
    """The names to install: what is needed, what its environment has of its own, and what these
    need; without what only the SDK has brought there."""
    own = {one.name for one in by_name.values() if not one.is_shared}
    extras = frozenset(_extras(by_name[_LENT].requires)) if _LENT in by_name else frozenset()
    brought = _closure({_LENT} & by_name.keys(), by_name, facts, extras)
    asked = {name for name in own & brought if by_name[name].is_requested}
    return _closure({*needed, *(own - brought), *(asked - {_LENT})}, by_name, facts)


def _closure(
    roots: Iterable[str],
    by_name: Mapping[str, Locked],
    facts: Mapping[str, str],
    extras: frozenset[str] = frozenset(),
) -> set[str]:
    """The roots, with these extras, and all that they need."""
    waiting = [(name, extras) for name in roots]
    seen = set()
    while waiting:
        name, extras = visit = waiting.pop()
        if visit in seen or name not in by_name:
            continue
        seen.add(visit)
        waiting += _needs(by_name[name].requires, extras, facts)
    return {name for name, _ in seen}


def _needs(
    requires: Iterable[str], extras: frozenset[str], facts: Mapping[str, str]
) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in _read(requires):
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({**facts, "extra": extra}) for extra in extras or {""}
        ):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def _extras(requires: Iterable[str]) -> set[str]:
    return {
        extra
        for requirement in _read(requires)
        for extra in re.findall(r"""extra == ["']([\w.-]+)["']""", str(requirement.marker or ""))
    }


def _read(requires: Iterable[str]) -> Iterator[Requirement]:
    for line in requires:
        with suppress(InvalidRequirement):  # as old packages have them; no installer reads them
            yield Requirement(line)


def _facts(lock: Lock) -> dict[str, str]:
    """The words of the lock's machine for markers."""
    systems = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
    return {
        "python_version": ".".join(lock.python.split(".")[:2]),
        "python_full_version": lock.python,
        "implementation_name": lock.implementation,
        "sys_platform": lock.system,
        "platform_system": systems.get(lock.system, lock.system),
        "platform_machine": lock.machine,
        "os_name": "nt" if lock.system == "win32" else "posix",
    }


def _pin(one: Locked, inputs: Path, *, is_needed: bool) -> Pin:
    wheel = None
    if one.wheel:
        folder = inputs / f"{one.wheel}.wheel"
        folder.mkdir(exist_ok=True)
        wheel = folder / one.file  # an installer reads the name
        if not wheel.exists():
            wheel.hardlink_to(inputs / one.wheel)
    return Pin(
        name=one.name,
        version=one.version,
        line=one.line,
        wheel=wheel,
        digest=one.wheel,
        is_needed=is_needed,
    )


def _read_lock(file: Path, environment: Environment) -> Lock:
    try:
        lock = decode(Lock, file.read_bytes())
    except (RecordError, OSError) as error:
        raise SetupError(f"The lock of this task cannot be read: {error}") from error
    for one in lock.distributions:
        texts: tuple[Any, ...] = (one.name, one.version, one.line, one.wheel, one.file)
        if not all(isinstance(text, str) for text in (*texts, *one.requires, one.problem)):
            raise SetupError("The lock of this task cannot be read: it holds other than texts.")
        is_wheel = one.wheel in environment.wheels and _WHEEL.fullmatch(one.file)
        if not (
            _NAME.fullmatch(one.name)
            and _VERSION.fullmatch(one.version)
            and (is_wheel or not (one.wheel or one.file))
            and (one.line.startswith("-e ") or name_in(one.line) == one.name)
        ):
            raise SetupError(f"The lock of this task is refused: {one.name!r:.80} is no package.")
    return lock

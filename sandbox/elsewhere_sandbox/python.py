"""The Python that a task asks for: found on this machine, or a clear error, never another one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import make_folder, read_json, write_beside
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.installers.api import installer_variables
from elsewhere_sandbox.installers.uv import find_uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from elsewhere_sandbox.setup import Setup

#: seconds for an interpreter to report its version and paths, on a cold and busy disk
_PROBE_LIMIT_S: Final = 20.0

#: Finds an interpreter's version and paths; in a virtual environment, those of its base.
PROBE: Final = """
import json, os, platform, sys, sysconfig
base = getattr(sys, "_base_executable", None) or sys.executable
if sys.prefix != sys.base_prefix and base == sys.executable:
    named = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
    base = named if os.path.exists(named) else base
scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
packages = sysconfig.get_path("purelib", scheme, {"base": "/"})
found = {
    "executable": os.path.realpath(base),
    "version": platform.python_version(),
    "platform": sysconfig.get_platform(),
    "site_packages": os.path.relpath(packages, "/"),
}
"""
#: Prints what the probe has found.
PRINT: Final = "print(json.dumps(found))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter outside any virtual environment, links resolved.

    `site_packages` is relative to the root of an environment that is made with it.
    """

    executable: Path
    version: str
    platform: str
    site_packages: Path

    @property
    def minor(self) -> str:
        """Its major and minor version (`3.11`), which must match."""
        return _minor(self.version)

    @property
    def facts(self) -> dict[str, str]:
        """The words for markers, of this machine with this Python."""
        system, _, machine = self.platform.partition("-")
        return {
            "python_version": self.minor,
            "python_full_version": self.version,
            "implementation_name": "cpython",
            "sys_platform": sys.platform,
            "platform_system": system.capitalize(),
            "platform_machine": machine.rpartition("-")[2],
            "os_name": "posix",
        }


def find_python(
    wanted: str, remembered: Path, setup: Setup, inherited: Mapping[str, str] = os.environ
) -> Python:
    """The interpreter with the same major and minor version as `wanted` (`3.11`, `3.11.7`).

    An empty `wanted` is the Python of this process. The file `remembered` keeps what
    was found, so that nothing is started the next time. Raises SetupError if there is none.
    """
    if wanted and not re.fullmatch(r"\d+\.\d+(?:\.\S*)?", wanted):
        raise SetupError(
            f"The task asks for Python {wanted!r}, which is no version: give one like 3.11."
        )
    key = wanted or sys.executable
    found = _recall(remembered, key)
    if found is None:
        found = _search(wanted, inherited)
        _remember(remembered, key, found)
    if wanted.count(".") > 1 and wanted != found.version:
        setup.say(f"Python {found.version} runs this task, which was captured with {wanted}.")
    return found


def from_plain(plain: Mapping[str, Any]) -> Python:
    """The interpreter that a probe has printed. Raises KeyError for what is none."""
    return Python(
        executable=Path(plain["executable"]),
        version=plain["version"],
        platform=plain["platform"],
        site_packages=Path(plain["site_packages"]),
    )


def _search(wanted: str, inherited: Mapping[str, str]) -> Python:
    """The interpreter of exactly this version, else the first that matches."""
    minor = _minor(wanted) if wanted else _minor_of_this()
    fits: Python | None = None
    for candidate in _candidates(f"python{minor}", minor == _minor_of_this(), inherited):
        python = _probe(candidate, inherited)
        if python is None or python.minor != minor:
            continue
        if not wanted or python.version == wanted:
            return python
        fits = fits or python
    fits = fits or _by_uv(minor, inherited)
    if fits is None:
        raise SetupError(_missing(wanted, minor, inherited))
    return fits


def _candidates(name: str, this_fits: bool, inherited: Mapping[str, str]) -> Iterator[Path]:
    if this_fits:
        yield Path(sys.executable)
    for folder in _folders(inherited):
        if os.access(folder / name, os.X_OK):
            yield folder / name


def _folders(inherited: Mapping[str, str]) -> list[Path]:
    """The folders of PATH, then the usual folders of interpreters, which PATH may lack."""
    home = Path(inherited.get("HOME", "/nonexistent"))
    on_path = [Path(entry) for entry in inherited.get("PATH", os.defpath).split(os.pathsep)]
    usual = [Path("/usr/local/bin"), Path("/usr/bin"), Path("/opt/homebrew/bin")]
    usual += [home / ".local" / "bin", *sorted(Path("/opt").glob("*/bin"))]
    pyenv = Path(inherited.get("PYENV_ROOT") or home / ".pyenv")
    usual += sorted(pyenv.glob("versions/*/bin"), reverse=True)
    usual += [folder for conda in _condas(home, inherited) for folder in _environments_of(conda)]
    return list(dict.fromkeys(folder for folder in on_path + usual if folder.is_absolute()))


def _condas(home: Path, inherited: Mapping[str, str]) -> Iterator[Path]:
    """The folders of conda and its relatives: what their variables name, then the usual ones."""
    if command := inherited.get("CONDA_EXE"):
        yield Path(command).parents[1]
    if root := inherited.get("MAMBA_ROOT_PREFIX"):
        yield Path(root)
    names = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", "micromamba", ".conda")
    yield from (home / name for name in names)
    yield Path("/opt/conda")


def _environments_of(conda: Path) -> Iterator[Path]:
    """The folders of interpreters of a conda: its own, then those of its environments."""
    yield conda / "bin"
    yield from sorted(conda.glob("envs/*/bin"))


def _probe(candidate: Path, inherited: Mapping[str, str]) -> Python | None:
    """The interpreter at a path; None if it does not run or is not a Python, as a shim may be."""
    answer = _output([str(candidate), "-I", "-c", PROBE + PRINT], inherited)
    try:
        plain = json.loads(answer)
        return from_plain(plain)
    except (ValueError, TypeError, KeyError):
        return None


def _by_uv(minor: str, inherited: Mapping[str, str]) -> Python | None:
    """The interpreter of this version that uv itself installed, if any. Nothing is downloaded."""
    if not (uv := find_uv()):
        return None
    argv = [uv, "python", "find", "--no-python-downloads", "--managed-python", minor]
    path = _output(argv, inherited).strip()
    return _probe(Path(path), inherited) if path else None


def _output(argv: list[str], inherited: Mapping[str, str]) -> str:
    try:
        return subprocess.run(
            argv,
            env=installer_variables(inherited),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_LIMIT_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""


def _missing(wanted: str, minor: str, inherited: Mapping[str, str]) -> str:
    found: dict[str, Path] = {}
    for folder in _folders(inherited):
        for path in sorted(folder.glob("python3.*")):
            if re.fullmatch(r"python3\.\d+", path.name) and (python := _probe(path, inherited)):
                found.setdefault(python.version, python.executable)
    found.setdefault(".".join(map(str, sys.version_info[:3])), Path(sys.executable))
    listed = ", ".join(f"{version} ({path})" for version, path in sorted(found.items()))
    return (
        f"The task asks for Python {wanted or minor}, and there is no Python {minor} on this "
        f"machine. Found: {listed}. Install Python {minor} where the agent looks (PATH, /usr/bin, "
        f"pyenv, conda, or `uv python install {minor}`), or set the task's Python to one of these."
    )


def _recall(remembered: Path, key: str) -> Python | None:
    """The interpreter found before, if its file is still the same one."""
    try:
        entry = read_json(remembered)[key]
        python = from_plain(entry["python"])
        return python if entry["changed_at"] == _changed_at(python) else None
    except (RecordError, TypeError, KeyError, OSError):
        return None


def _remember(remembered: Path, key: str, python: Python) -> None:
    """Records an interpreter. Of two concurrent writers one loses its entry, which is harmless."""
    try:
        known = read_json(remembered) or {}
    except RecordError:
        known = {}
    plain = {name: str(value) for name, value in asdict(python).items()}
    known[key] = {"python": plain, "changed_at": _changed_at(python)}
    make_folder(remembered.parent)
    write_beside(remembered, known)


def _changed_at(python: Python) -> float:
    return python.executable.stat().st_mtime


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _minor_of_this() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"

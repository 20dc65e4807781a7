"""The manifest of a run: all that it was made of, so that two runs can be compared."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import open_plain
from elsewhere.core.secrets import strip_credentials
from elsewhere_sandbox.devices import variables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elsewhere.core.events import Machine
    from elsewhere_sandbox.environment import Interpreter
    from elsewhere_sandbox.prepare import Prepared
    from elsewhere_sandbox.spec import RunSpec

#: the artifact's name
NAME: Final = "run-manifest"
#: bytes of a file that are read: a RECORD of torch has two million
_MOST_BYTES: Final = 1 << 24
#: what of the machine is another in each run
_OF_RUN: Final = ("python_exec", "python_version", "disk_gb")
#: what of a distribution's own notes an installer writes in its own way
_OF_INSTALLER: Final = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")


def manifest(spec: RunSpec, prepared: Prepared, machine: Machine) -> dict[str, Any]:
    """What the run was made of, as JSON has it.

    `variables` are names alone, and `image` is None without one.
    """
    record, image, source = spec.record, prepared.image, spec.record.source
    return {
        "task": record.id,
        "agent": spec.agent,
        "queue": spec.queue,
        "code": {
            "repository": source.repository,
            "commit": source.commit,
            "tree": source.tree,
            "program": source.entry_point or source.binary,
            "working_dir": source.working_dir,
        },
        "python": prepared.interpreter.version,
        "packages": packages_of(prepared.interpreter),
        "image": {"name": image.name, "id": image.id} if image else None,
        "machine": {k: v for k, v in asdict(machine).items() if k not in _OF_RUN},
        "devices": variables_of(spec.slot),
        "seed": record.seed,
        "variables": sorted(prepared.command.environment),
    }


def packages_of(interpreter: Interpreter) -> dict[str, dict[str, str]]:
    """The packages that a program can import, by their names: the `version` of each, the `digest`
    of its files, and the `url` of one that does not come from an index."""
    found = {name: {"version": version} for name, version in interpreter.of_image.items()}
    for folder in reversed(interpreter.packages):  # the first one is what a program imports
        found |= dict(_installed(folder))
    return dict(sorted(found.items()))


def _installed(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for found in folder.glob("*.dist-info"):
        name, _, version = found.name.removesuffix(".dist-info").rpartition("-")
        facts = {"version": version}
        with suppress(OSError, RecordError):
            facts["digest"] = _digest(found)
        with suppress(OSError, RecordError, ValueError, RecursionError):
            origin = json.loads(_read(found / "direct_url.json"))
            url = origin.get("url") if isinstance(origin, dict) else None
            if isinstance(url, str) and not url.startswith("file:"):
                facts["url"] = strip_credentials(url)
        yield canonicalize_name(name), facts


def _digest(found: Path) -> str:
    """The sha256 of what a distribution's RECORD has on its files: their paths and hashes, sorted,
    without what differs between two installations of the same wheel."""
    own = tuple(f"{found.name}/{name}," for name in _OF_INSTALLER)
    lines = _read(found / "RECORD").splitlines()
    files = sorted(
        line for line in lines if not line.startswith(("../", *own)) and ",," not in line
    )
    return hashlib.sha256("\n".join(files).encode()).hexdigest()


def _read(file: Path) -> str:
    """The text of a file, which the program may have put there."""
    with open_plain(file) as opened:
        return opened.read(_MOST_BYTES).decode(errors="replace")

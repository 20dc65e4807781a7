"""The environments of a machine: immutable, one per digest, within a budget of bytes.

<home>/environments/
├── pythons.json          the interpreters found so far
├── seed/                 virtualenv's own cache: pip, unpacked once
├── <digest>.lock         held by the one who builds; shared by those who use it
└── <digest>/             a virtual environment
    └── complete.json     written last: without it the folder is removed and built again;
                          its time of change is the time of last use
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.folders import make_folder, read_json
from elsewhere_sandbox.alone import is_in_use, remove, shared
from elsewhere_sandbox.build import build

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.folders import Home
    from elsewhere_sandbox.order import Order

_DIGEST: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An environment on the disk. `requirements` are what it was built from; `used_at` is a time of
    this machine's clock, in seconds."""

    path: Path
    python: str
    requirements: tuple[str, ...]
    size_bytes: int
    used_at: float
    is_in_use: bool


def ensure(order: Order) -> tuple[Path, int, bool]:
    """Builds the environment if it does not exist. Returns its folder, a descriptor that marks it
    as used while it is open, and True if it existed. Raises SetupError."""
    place = order.home.environments / _digest(order)
    make_folder(place.parent)
    facts, descriptor, was_built = shared(
        place.with_suffix(".lock"),
        lambda: _use(place),
        lambda: _build(place, order),
        order.setup,
        f"environment {place.name[:12]}",
    )
    if gone := order.selection.needed.intersection(facts.get("left_out", ())):
        os.close(descriptor)  # built for a program that does not import them
        return ensure(replace(order, must=tuple(sorted(gone))))
    if not was_built:
        seconds = facts["seconds"]
        order.setup.say(f"Environment {place.name[:12]} is there already: {seconds:.1f} s saved.")
    for note in (*order.selection.notes, *facts.get("notes", ())):
        order.setup.say(note)
    return place, descriptor, not was_built


def environments(home: Home) -> list[Built]:
    """Returns the environments of this machine, the one that was used last first."""
    found = []
    for marker in home.environments.glob("*/complete.json"):
        facts = read_json(marker)
        if facts is None or not _DIGEST.fullmatch(marker.parent.name):
            continue
        found.append(
            Built(
                path=marker.parent,
                python=facts["version"],
                requirements=(
                    *facts["requirements"],
                    *facts.get("pins", ()),
                    *chain(*facts.get("operator", ())),
                ),
                size_bytes=facts["size_bytes"],
                used_at=marker.stat().st_mtime,
                is_in_use=is_in_use(marker.parent.with_suffix(".lock")),
            )
        )
    return sorted(found, key=lambda one: one.used_at, reverse=True)


def planned(order: Order) -> tuple[str, Built | None]:
    """The name of the environment that the order is for, and what of that name is there."""
    name = _digest(order)
    return name, next((one for one in environments(order.home) if one.path.name == name), None)


def collect(home: Home, budget_bytes: int) -> list[Built]:
    """Removes the environments that were not used for longest, until the rest has at most
    `budget_bytes`; never one that is in use. Returns what was removed."""
    left_bytes, removed = budget_bytes, []
    for one in environments(home):
        left_bytes -= one.size_bytes
        if left_bytes < 0 and remove(one.path):
            removed.append(one)
            left_bytes += one.size_bytes
    return removed


def _digest(order: Order) -> str:
    return hashlib.sha256(json.dumps(order.inputs).encode()).hexdigest()[:32]


def _build(place: Path, order: Order) -> None:
    shutil.rmtree(place, ignore_errors=True)
    try:
        build(place, order)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _use(place: Path) -> dict[str, Any] | None:
    marker = place / "complete.json"
    try:
        os.utime(marker)
    except FileNotFoundError:
        return None
    facts: dict[str, Any] = read_json(marker)
    return facts

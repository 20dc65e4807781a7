"""Which requirements.txt of a repository counts for a task that has no packages of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def requirements_file(root: Path, working: Path, script: Path) -> Path | None:
    """Returns the nearest requirements.txt from the folder `working` up to the `root` of the code,
    else from the folder of the `script`; None if there is none."""
    root, working, beside = root.resolve(), working.resolve(), script.resolve().parent
    for folder in (working, *working.parents, beside, *beside.parents):
        file = folder / "requirements.txt"
        if folder.is_relative_to(root) and file.is_file():
            return file
    return None

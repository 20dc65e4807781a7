"""A command, as the steps of a run give it to a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An argument list, a folder and the *whole* environment: nothing is inherited but what a
    container's image sets. `installs`: it may write the environments of all runs, and read the
    files that its variables name. `on_host`: it is the operator's own, and runs in no container."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    installs: bool = False
    on_host: bool = False

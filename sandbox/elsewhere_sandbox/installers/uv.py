"""uv: the installer of choice, since it is fast and keeps one cache that environments link to."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from elsewhere_sandbox.runtimes.api import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Uv"]


class Uv:
    """Takes indexes from UV_* variables and uv.toml. pip.conf and PIP_* mean nothing to it."""

    name = "uv"
    prefix = "UV_"
    brings_pip = True

    def is_available(self) -> bool:
        return bool(find_uv())

    def plan(
        self,
        requirements: Path,
        environment: Path,
        variables: Mapping[str, str],
        *,
        with_dependencies: bool = True,
        is_quiet: bool = False,
    ) -> Sequence[Command]:
        argv = (
            *(find_uv(), "pip", "install", "--no-progress"),
            *("--python", str(environment / "bin" / "python")),
            *(() if with_dependencies else ("--no-deps",)),
            *(("--quiet",) if is_quiet else ()),
            *("--requirement", str(requirements)),
        )
        own = {"UV_PYTHON_DOWNLOADS": "never"}
        return [Command(argv=argv, folder=requirements.parent, environment={**variables, **own})]


def find_uv() -> str:
    """The binary of the package `uv`, else the one on PATH; empty where there is none."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - it may be absent

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv") or ""

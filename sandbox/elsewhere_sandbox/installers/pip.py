"""pip: where there is no uv. It is the environment's own, so that its Python decides on wheels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere_sandbox.runtimes.api import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Pip"]


class Pip:
    """Takes indexes from PIP_* variables and pip.conf."""

    name = "pip"
    prefix = "PIP_"
    brings_pip = False

    def is_available(self) -> bool:
        return True

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
            *(str(environment / "bin" / "python"), "-m", "pip", "install"),
            *("--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
            *(() if with_dependencies else ("--no-deps",)),
            *(("--quiet",) if is_quiet else ()),
            *("--requirement", str(requirements)),
        )
        # an operator's `user = true` would make pip refuse a virtual environment
        own = {"PIP_USER": "0"}
        return [Command(argv=argv, folder=requirements.parent, environment={**variables, **own})]

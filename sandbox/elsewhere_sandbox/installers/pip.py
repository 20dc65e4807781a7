"""pip, for a machine without uv: the environment's own, so that its Python decides on wheels."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


class Pip:
    """Takes indexes from PIP_* variables and pip.conf."""

    name = "pip"
    prefix = "PIP_"
    brings_pip = False
    #: an operator's `user = true` would make pip refuse a virtual environment
    variables: Final = MappingProxyType({"PIP_USER": "0"})

    def is_available(self) -> bool:
        return True

    def install(self, environment: Path) -> tuple[str, ...]:
        python = str(environment / "bin" / "python")
        quietly = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
        return (python, "-m", "pip", "install", *quietly)

"""pip, for a machine without uv: the environment's own, so that its Python decides on wheels."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere_sandbox.spec import PackagePolicy


class Pip:
    """Takes indexes from PIP_* variables and pip.conf."""

    name = "pip"
    prefix = "PIP_"
    brings_pip = False
    checks_each_hash = False
    #: an operator's `user = true` would make pip refuse a virtual environment
    variables: Final = MappingProxyType({"PIP_USER": "0"})

    def is_available(self) -> bool:
        return True

    def indexes(self, policy: PackagePolicy) -> dict[str, str]:
        found = {
            "PIP_INDEX_URL": policy.index_url,
            "PIP_EXTRA_INDEX_URL": " ".join(policy.extra_index_urls),
            "PIP_FIND_LINKS": " ".join(policy.find_links),
        }
        return {name: value for name, value in found.items() if value}

    def torch_backend(self, wanted: str) -> str:
        if wanted != "auto":
            raise SetupError(
                f"This agent is to install the build {wanted!r} of torch, and pip cannot choose"
                " one: set agent.torch to 'auto' or 'as captured', or install uv."
            )
        return ""

    def create(self, environment: Path, python: Path, seed: Path) -> tuple[str, ...]:
        quietly = ("--quiet", "--no-download", "--no-periodic-update", "--no-setuptools")
        places = ("--app-data", str(seed), "--python", str(python), str(environment))
        return (sys.executable, "-m", "virtualenv", *quietly, *places)

    def install(self, environment: Path) -> tuple[str, ...]:
        python = str(environment / "bin" / "python")
        quietly = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
        return (python, "-m", "pip", "install", *quietly)


class PipOfImage(Pip):
    """The pip that the Python of an image brings, where uv does not run."""

    def create(self, environment: Path, python: Path, seed: Path) -> tuple[str, ...]:
        return (str(python), "-m", "venv", str(environment))

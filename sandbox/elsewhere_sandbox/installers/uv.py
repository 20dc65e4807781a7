"""uv: the installer of choice, since it is fast and keeps one cache that environments link to."""

from __future__ import annotations

import shutil
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere_sandbox.spec import PackagePolicy


class Uv:
    """Takes indexes from UV_* variables and uv.toml. It ignores pip.conf and PIP_*."""

    name = "uv"
    prefix = "UV_"
    brings_pip = True
    checks_each_hash = True
    variables: Final = MappingProxyType({"UV_PYTHON_DOWNLOADS": "never"})

    def is_available(self) -> bool:
        return bool(find_uv())

    def indexes(self, policy: PackagePolicy) -> dict[str, str]:
        found = {
            "UV_DEFAULT_INDEX": policy.index_url,
            "UV_INDEX": " ".join(policy.extra_index_urls),
            "UV_FIND_LINKS": ",".join(policy.find_links),
        }
        return {name: value for name, value in found.items() if value}

    def torch_backend(self, wanted: str) -> str:
        return wanted

    def create(self, environment: Path, python: Path, seed: Path) -> tuple[str, ...]:
        options = ("--quiet", "--no-project", "--no-config")
        return (find_uv(), "venv", *options, "--python", str(python), str(environment))

    def install(self, environment: Path) -> tuple[str, ...]:
        python = str(environment / "bin" / "python")
        return (find_uv(), "pip", "install", "--no-progress", "--python", python)


def find_uv() -> str:
    """The binary of the package `uv`, else the one on PATH; empty if there is none."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - it may be absent

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv") or ""

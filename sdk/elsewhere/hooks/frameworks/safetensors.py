"""Safetensors, as PyTorch uses it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, safetensors: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `safetensors.torch`."""
    files = Files(run, "pytorch")
    first, second = argument("filename", 0), argument("filename", 1)
    return replace_parts(
        safetensors,
        {
            "save_file": files.saving(second),
            "save_model": files.saving(second),
            "load_file": files.loading(first),
            "load_model": files.loading(second),
        },
    )

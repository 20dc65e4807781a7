"""Safetensors, as PyTorch uses it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, safetensors: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `safetensors.torch`."""
    files = Files(run, "pytorch")

    def second(_: object, filename: object, *__: object, **___: object) -> object:
        return filename

    return replace_parts(
        safetensors,
        {
            "save_file": files.saving(second),
            "save_model": files.saving(second),
            "load_file": files.loading(lambda filename, *_, **__: filename),
            "load_model": files.loading(second),
        },
    )

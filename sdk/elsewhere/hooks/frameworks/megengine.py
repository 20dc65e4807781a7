"""MegEngine: `megengine.save` and `megengine.load`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, megengine: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `megengine`."""
    files = Files(run, "megengine")
    return replace_parts(
        megengine,
        {
            "save": files.saving(argument("f", 1)),
            "load": files.loading(argument("f", 0)),
        },
    )

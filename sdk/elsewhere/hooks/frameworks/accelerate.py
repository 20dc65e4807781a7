"""Accelerate: the states of a training, each a folder."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, accelerate: ModuleType) -> Callable[[], None]:
    """Records the states that an `Accelerator` of `accelerate` saves and loads."""
    files = Files(run, "pytorch")

    def folder(_: object, where: object = None, *__: object, **___: object) -> object:
        return where

    return replace_parts(
        accelerate,
        {
            "Accelerator.save_state": files.saving(folder),
            "Accelerator.load_state": files.loading(folder),
        },
    )

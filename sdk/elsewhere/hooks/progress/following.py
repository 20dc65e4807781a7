"""The hook that follows the loops of a program, whichever library shows them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from elsewhere.core.when_imported import when_imported
from elsewhere.hooks.launch import LAUNCH
from elsewhere.hooks.progress.loops import Loops

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from elsewhere.report.recorder import OwnRun

#: what a program imports of a library, and our module for it
_LIBRARIES: Final = {
    "tqdm.std": "tqdm",
    "rich.progress": "rich",
    "lightning.pytorch.loops.fit_loop": "lightning",
    "pytorch_lightning.loops.fit_loop": "lightning",
    "keras": "keras",
}


def attach(run: OwnRun) -> Callable[[], None]:
    """Follows the loops of the process that is the task, and of no other one."""
    if LAUNCH.role() != "task":
        return lambda: None
    loops = Loops(run)
    undo: list[Callable[[], None]] = []
    for library, module in _LIBRARIES.items():

        def put(imported: ModuleType, module: str = module) -> None:
            undo.append(import_module(f"{__package__}.{module}").attach(loops, imported))

        undo.append(when_imported(library, put))

    def detach() -> None:
        loops.close()
        while undo:
            undo.pop()()

    return detach

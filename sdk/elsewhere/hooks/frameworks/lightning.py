"""Lightning: what a Trainer, its ModelCheckpoint or Fabric saves, a file or a folder.

It writes files by way of a buffer, so PyTorch's own functions do not see the path, and folders, to
which several ranks write together, in several steps. What is written later, by a thread, is seen
in the `TorchCheckpointIO`. PyTorch's functions see what it loads."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Final

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


#: the end of a module's name -> what saves in it, and how that is given its path
_SAVING: Final[dict[str, tuple[str, Callable[..., object]]]] = {
    "trainer": ("Trainer.save_checkpoint", argument("filepath", 1)),
    "fabric": ("Fabric.save", argument("path", 1)),
    "torch_io": ("TorchCheckpointIO.save_checkpoint", argument("path", 2)),
}


def attach(run: OwnRun, module: ModuleType) -> Callable[[], None]:
    """Records what is saved by way of a `module` of Lightning."""
    part, path = _SAVING[module.__name__.rpartition(".")[2]]
    return replace_parts(module, {part: Files(run, "pytorch").saving(path)})

"""Lightning: what a Trainer, its ModelCheckpoint or Fabric saves as one file.

It writes checkpoints by way of a buffer, so PyTorch's own functions do not see the path. They see
what it loads. Checkpoints that several ranks write together, as folders, are not recorded."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, torch_io: ModuleType) -> Callable[[], None]:
    """Records the checkpoints of the module `torch_io`."""

    def third(_: object, __: object, path: object, *___: object, **____: object) -> object:
        return path

    return replace_parts(
        torch_io, {"TorchCheckpointIO.save_checkpoint": Files(run, "pytorch").saving(third)}
    )

"""torch.distributed.checkpoint: a folder to which each rank writes its part, as FSDP does.

It is whole when `save` returns, in rank 0 as well; what `async_save` writes by a thread is recorded
from there."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, checkpoint: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with the module `checkpoint`."""
    files = Files(run, "pytorch")

    def written(
        _: object, *, checkpoint_id: object = None, storage_writer: Any = None, **__: object
    ) -> object:
        return checkpoint_id or getattr(storage_writer, "path", None)

    def read(
        _: object, *, checkpoint_id: object = None, storage_reader: Any = None, **__: object
    ) -> object:
        return checkpoint_id or getattr(storage_reader, "path", None)

    return replace_parts(checkpoint, {"save": files.saving(written), "load": files.loading(read)})

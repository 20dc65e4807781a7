"""transformers: models that are saved as a folder, and loaded from one of this machine."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, modeling: ModuleType) -> Callable[[], None]:
    """Records what models of the module `modeling` save and load."""
    files = Files(run, "pytorch")

    def folder(
        _: object, where: object, is_main_process: bool = True, *__: object, **___: object
    ) -> object:
        return where if is_main_process else None

    return replace_parts(
        modeling,
        {
            "PreTrainedModel.save_pretrained": files.saving(folder),
            "PreTrainedModel.from_pretrained": files.loading(lambda _, where, *__, **___: where),
        },
    )

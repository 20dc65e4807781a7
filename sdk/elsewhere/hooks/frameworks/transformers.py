"""transformers: models that are saved as a folder, and loaded from one of this machine."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, modeling: ModuleType) -> Callable[[], None]:
    """Records what models of the module `modeling` save and load."""
    files = Files(run, "pytorch")

    is_main = argument("is_main_process", 2)
    where = argument("save_directory", 1)

    def saved(*given: object, **named: object) -> object:
        return None if is_main(*given, **named) is False else where(*given, **named)

    return replace_parts(
        modeling,
        {
            "PreTrainedModel.save_pretrained": files.saving(saved),
            "PreTrainedModel.from_pretrained": files.loading(
                argument("pretrained_model_name_or_path", 1)
            ),
        },
    )

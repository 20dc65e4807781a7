"""Accelerate: the states of a training, and its models, each a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, accelerate: ModuleType) -> Callable[[], None]:
    """Records the states and models that an `Accelerator` of `accelerate` saves and loads."""
    files = Files(run, "pytorch")

    def saved(accelerator: Any, output_dir: object = None, *_: object, **__: object) -> object:
        if accelerator.project_configuration.automatic_checkpoint_naming:
            return _checkpoints(accelerator) / f"checkpoint_{accelerator.save_iteration - 1}"
        return output_dir

    def loaded(accelerator: Any, input_dir: object = None, *_: object, **__: object) -> object:
        return input_dir or max(
            _checkpoints(accelerator).iterdir(),
            key=lambda folder: int(folder.name.rpartition("_")[2]),
        )

    return replace_parts(
        accelerate,
        {
            "Accelerator.save_state": files.saving(saved),
            "Accelerator.load_state": files.loading(loaded),
            "Accelerator.save_model": files.saving(argument("save_directory", 2)),
        },
    )


def _checkpoints(accelerator: Any) -> Path:
    """The folder of the checkpoints that it names itself."""
    return Path(accelerator.project_dir, "checkpoints")

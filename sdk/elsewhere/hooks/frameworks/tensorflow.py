"""TensorFlow: models of `tf.saved_model`, a folder each. Keras has a hook of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, tensorflow: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `tensorflow`."""
    files = Files(run, "tensorflow")
    return replace_parts(
        tensorflow,
        {
            "saved_model.save": files.saving(argument("export_dir", 1)),
            "saved_model.load": files.loading(argument("export_dir", 0)),
        },
    )

"""TensorFlow: models of `tf.saved_model`, a folder each. Keras has a hook of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, tensorflow: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `tensorflow`."""
    files = Files(run, "tensorflow")

    def written(_: object, export_dir: object, *__: object, **___: object) -> object:
        return export_dir

    def read(export_dir: object, *_: object, **__: object) -> object:
        return export_dir

    return replace_parts(
        tensorflow,
        {"saved_model.save": files.saving(written), "saved_model.load": files.loading(read)},
    )

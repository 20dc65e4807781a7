"""fastai: the models and learners that it saves and loads."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, learner: ModuleType) -> Callable[[], None]:
    """Records what the functions of the module `learner` save and load."""
    files = Files(run, "fastai")

    def first(file: object, *_: object, **__: object) -> object:
        return file

    def exported(learner: Any, fname: Any = "export.pkl", *_: object, **__: object) -> object:
        return learner.path / fname

    return replace_parts(
        learner,
        {
            "save_model": files.saving(first),
            "Learner.export": files.saving(exported),
            "load_model": files.loading(first),
            "load_learner": files.loading(first),
        },
    )

"""fastai: the models and learners that it saves and loads."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, learner: ModuleType) -> Callable[[], None]:
    """Records what the functions of the module `learner` save and load."""
    files = Files(run, "fastai")

    file = argument("file", 0)

    def exported(learner: Any, fname: Any = "export.pkl", *_: object, **__: object) -> object:
        return learner.path / fname

    return replace_parts(
        learner,
        {
            "save_model": files.saving(file),
            "Learner.export": files.saving(exported),
            "load_model": files.loading(file),
            "load_learner": files.loading(argument("fname", 0)),
        },
    )

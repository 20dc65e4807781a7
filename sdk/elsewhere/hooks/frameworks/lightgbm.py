"""LightGBM: models of `Booster`, also by its interface of scikit-learn, and the metrics of `train`.

A graph has the name of the metric, and a line that of the data set.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.metrics import Metrics, with_callback
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, lightgbm: ModuleType) -> Callable[[], None]:
    """Records the models and the metrics of `lightgbm`."""
    files, metrics = Files(run, "lightgbm"), Metrics(run)

    def report(env: Any) -> None:
        found = env.evaluation_result_list or ()
        metrics.report((one[1], one[0], one[2], env.iteration) for one in found)

    return replace_parts(
        lightgbm,
        {
            "Booster.save_model": files.saving(argument("filename", 1)),
            "Booster.__init__": files.loading(argument("model_file", 3)),
            "train": with_callback(report),
        },
    )

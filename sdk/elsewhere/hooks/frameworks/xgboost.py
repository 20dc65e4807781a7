"""XGBoost: models of `Booster`, also by its interface of scikit-learn, and the metrics of `train`.

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


def attach(run: OwnRun, xgboost: ModuleType) -> Callable[[], None]:
    """Records the models and the metrics of `xgboost`."""
    files, metrics = Files(run, "xgboost"), Metrics(run)

    second = argument("fname", 1)
    parts = {
        "Booster.save_model": files.saving(second),
        "Booster.load_model": files.loading(second),
    }
    kind = getattr(getattr(xgboost, "callback", None), "TrainingCallback", None)
    if kind is None:  # named as missing
        parts["callback.TrainingCallback"] = second
    else:
        parts["train"] = with_callback(_reporter(kind, metrics))
    return replace_parts(xgboost, parts)


def _reporter(kind: Any, metrics: Metrics) -> object:
    class Reporter(kind):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            metrics.report(
                (metric, data, values[-1], epoch)
                for data, known in evals_log.items()
                for metric, values in known.items()
            )
            return False

    return Reporter()

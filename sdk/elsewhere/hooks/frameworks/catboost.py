"""CatBoost: models, and the metrics of a training once that is over.

A graph has the name of the metric, and a line that of the data set. While it trains, CatBoost hands
over all metrics from the first iteration on at each one, which would cost more and more."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.metrics import Metrics
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, catboost: ModuleType) -> Callable[[], None]:
    """Records the models and the metrics of `catboost`."""
    files, metrics = Files(run, "catboost"), Metrics(run)

    def fit(original: Callable[..., Any], model: Any, *given: Any, **named: Any) -> Any:
        result = original(model, *given, **named)
        metrics.report(_points(model, _period(original, model, *given, **named)))
        return result

    second = argument("fname", 1)
    return replace_parts(
        catboost,
        {
            "CatBoost.save_model": files.saving(second),
            "CatBoost.load_model": files.loading(second),
            "CatBoost._fit": fit,
        },
    )


def _period(fit: Callable[..., Any], model: Any, *given: Any, **named: Any) -> int:
    """Every how many iterations metrics are computed: an argument of the training or the model."""
    arguments = inspect.signature(fit).bind(model, *given, **named).arguments
    return int(arguments.get("metric_period") or model.get_params().get("metric_period") or 1)


def _points(model: Any, period: int) -> Iterator[tuple[str, str, float, int]]:
    """The metrics of a trained model. In its last iteration there is one of each, too; the detector
    of overfitting, which may end a training early, has its own in each iteration."""
    found = model.get_evals_result()
    known = model.get_all_params()
    iterations = known["iterations"]
    if found.get("validation") and (known.get("od_type") == "Iter" or known.get("od_pval")):
        iterations = max(len(values) for values in found["validation"].values())
    for data, metrics in found.items():
        for metric, values in metrics.items():
            step = 1 if len(values) == iterations else period
            for number, value in enumerate(values):
                yield metric, data, value, min(number * step, iterations - 1)

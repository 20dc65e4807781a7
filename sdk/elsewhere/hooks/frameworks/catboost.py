"""CatBoost: models, and the metrics of a training once that is over.

A graph has the name of the metric, and a line that of the data set. While it trains, CatBoost hands
over all metrics from the first iteration on at each one, which would cost more and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files
from elsewhere.hooks.frameworks.metrics import Metrics
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, catboost: ModuleType) -> Callable[[], None]:
    """Records the models and the metrics of `catboost`."""
    files, metrics = Files(run, "catboost"), Metrics(run)

    def fit(original: Callable[..., Any], model: Any, *given: Any, **named: Any) -> Any:
        result = original(model, *given, **named)
        metrics.report(_points(model))
        return result

    def second(_: object, fname: object, *__: object, **___: object) -> object:
        return fname

    return replace_parts(
        catboost,
        {
            "CatBoost.save_model": files.saving(second),
            "CatBoost.load_model": files.loading(second),
            "CatBoost._fit": fit,
        },
    )


def _points(model: Any) -> Iterator[tuple[str, str, float, int]]:
    for data, known in model.get_evals_result().items():
        for metric, values in known.items():
            for iteration, value in enumerate(values):
                yield metric, data, value, iteration

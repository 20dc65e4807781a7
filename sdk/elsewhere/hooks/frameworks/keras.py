"""Keras 3: models and weights, also by its callbacks, and the metrics of each epoch.

A graph has the name of the metric; `val_loss` is its line `validation` in the graph `loss`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.metrics import Metrics
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


def attach(run: OwnRun, keras: ModuleType) -> Callable[[], None]:
    """Records the models and the metrics of `keras`."""
    files, metrics = Files(run, "tensorflow"), Metrics(run)

    def end_epoch(
        original: Callable[..., Any], callbacks: Any, epoch: int, logs: Any = None
    ) -> Any:
        # Before the callbacks: what one of them saves has the iteration of this epoch.
        metrics.report(
            (name.removeprefix("val_"), _series(name), value, epoch)
            for name, value in (logs or {}).items()
        )
        return original(callbacks, epoch, logs)

    first, second = argument("filepath", 0), argument("filepath", 1)
    return replace_parts(
        keras,
        {
            "saving.save_model": files.saving(second),
            "saving.load_model": files.loading(first),
            "Model.save_weights": files.saving(second),
            "Model.load_weights": files.loading(second),
            "Model.export": files.saving(second),
            "callbacks.CallbackList.on_epoch_end": end_epoch,
        },
    )


def _series(name: str) -> str:
    return "validation" if name.startswith("val_") else "train"

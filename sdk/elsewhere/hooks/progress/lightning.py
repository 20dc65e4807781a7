"""Lightning: a fit, by its batches of all epochs, or by its steps where these end it sooner."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.hooks.progress.loops import Loop

if TYPE_CHECKING:
    from elsewhere.hooks.progress.loops import Loops


def attach(loops: Loops, fit_loop: ModuleType) -> Callable[[], None]:
    """Follows the fits of the module `fit_loop`."""
    known: WeakKeyDictionary[Any, Loop | None] = WeakKeyDictionary()

    def begin(trainer: Any) -> None:
        done, total = _done(trainer, 0)
        if total and trainer not in known:
            known[trainer] = loops.begin(done, total)

    def look(trainer: Any) -> None:
        done, total = _done(trainer, trainer.fit_loop.epoch_loop.batch_progress.current.ready)
        if total:
            loops.move(known.get(trainer), done, total)

    def end(trainer: Any) -> None:
        loops.end(known.pop(trainer, None))

    def run(original: Callable[..., Any], fit: Any, *given: Any, **named: Any) -> Any:
        try:
            return original(fit, *given, **named)
        finally:
            loops.safely(end, fit.trainer)

    def begin_epoch(original: Callable[..., Any], fit: Any, *given: Any, **named: Any) -> Any:
        loops.safely(begin, fit.trainer)
        return original(fit, *given, **named)

    def end_batch(original: Callable[..., Any], epoch: Any, *given: Any, **named: Any) -> Any:
        result = original(epoch, *given, **named)
        loops.safely(look, epoch.trainer)
        return result

    return replace_parts(
        fit_loop,
        {
            "_FitLoop.run": run,
            "_FitLoop.advance": begin_epoch,
            "_TrainingEpochLoop.advance": end_batch,
        },
    )


def _done(trainer: Any, batch: int) -> tuple[float, float]:
    """How much is done of how much, with so many batches of this epoch; of 0 without an end."""
    epochs, steps = trainer.max_epochs or 0, trainer.max_steps
    batches, ways = trainer.num_training_batches, []
    if epochs > 0 and math.isfinite(batches):
        ways.append((trainer.current_epoch * batches + batch, epochs * batches))
    elif epochs > 0:
        ways.append((trainer.current_epoch, epochs))
    if steps > 0:
        ways.append((trainer.global_step, steps))
    return max(ways, key=lambda way: way[0] / (way[1] or 1), default=(0, 0))

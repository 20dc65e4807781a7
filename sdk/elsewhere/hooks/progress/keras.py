"""Keras: a fit, by its batches of all epochs where their number is known."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.hooks.progress.loops import Loop, Loops


def attach(loops: Loops, keras: ModuleType) -> Callable[[], None]:
    """Follows the fits of `keras`."""
    #: of the fits that go on, the inner one last
    fits: list[Loop | None] = []
    epochs_done = 0

    def fit(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        fits.append(None)
        try:
            return original(*given, **named)
        finally:
            loops.safely(loops.end, fits.pop())

    def look(callbacks: Any, epochs: int, batches: int) -> None:
        total, steps = callbacks.params.get("epochs"), callbacks.params.get("steps") or 1
        if not fits or not total:
            return
        done = epochs * steps + (batches if callbacks.params.get("steps") else 0)
        if fits[-1] is None:
            fits[-1] = loops.begin(done, total * steps)
        loops.move(fits[-1], done, total * steps)

    def begin_epoch(
        original: Callable[..., Any], callbacks: Any, epoch: int, *given: Any, **named: Any
    ) -> Any:
        nonlocal epochs_done
        epochs_done = epoch
        loops.safely(look, callbacks, epoch, 0)
        return original(callbacks, epoch, *given, **named)

    def end_batch(
        original: Callable[..., Any], callbacks: Any, batch: int, *given: Any, **named: Any
    ) -> Any:
        result = original(callbacks, batch, *given, **named)
        loops.safely(look, callbacks, epochs_done, batch + 1)
        return result

    def end_epoch(
        original: Callable[..., Any], callbacks: Any, epoch: int, *given: Any, **named: Any
    ) -> Any:
        result = original(callbacks, epoch, *given, **named)
        loops.safely(look, callbacks, epoch + 1, 0)
        return result

    return replace_parts(
        keras,
        {
            "Model.fit": fit,
            "callbacks.CallbackList.on_epoch_begin": begin_epoch,
            "callbacks.CallbackList.on_train_batch_end": end_batch,
            "callbacks.CallbackList.on_epoch_end": end_epoch,
        },
    )

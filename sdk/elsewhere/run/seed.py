"""The seed: one number that fixes what `random`, numpy, torch and tensorflow draw."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final, SupportsIndex

from elsewhere.core.choices import DEFAULT_SEED
from elsewhere.core.errors import UsageError
from elsewhere.core.when_imported import when_imported


def normalise(seed: SupportsIndex | bool | None) -> int | None:
    """The `seed` in 32 bits, as numpy takes it; True is the default, None and False are none.

    Raises UsageError for anything but a whole number.
    """
    if seed is None or seed is False:
        return None
    if seed is True:
        return DEFAULT_SEED
    try:
        return operator.index(seed) & 0xFFFF_FFFF
    except TypeError as error:
        raise UsageError(
            f"The seed cannot be {seed!r:.80}: use a whole number, or None for no fixed seed."
        ) from error


def fix(seed: int) -> Callable[[], None]:
    """Seeds libraries that are imported now, others at their import. Returns how to stop that.

    Whether cudnn may choose algorithms that are not deterministic stays as it is.
    """
    random.seed(seed)
    waiting = [when_imported(name, partial(sow, seed)) for name, sow in _SOWERS.items()]

    def stop_waiting() -> None:
        for stop in waiting:
            stop()

    return stop_waiting


def announcement(seed: int) -> str:
    """The line for people about the fixed `seed`, and how to change it."""
    return (
        f"Random seed {seed} (random, numpy, torch, tensorflow). Before Task.init, "
        "Task.set_random_seed(NUMBER) sets another one and Task.set_random_seed(None) none."
    )


def _sow_numpy(seed: int, numpy: Any) -> None:
    numpy.random.seed(seed)


def _sow_torch(seed: int, torch: Any) -> None:
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)


def _sow_tensorflow(seed: int, tensorflow: Any) -> None:
    tensorflow.random.set_seed(seed)


_SOWERS: Final[dict[str, Callable[[int, Any], None]]] = {
    "numpy": _sow_numpy,
    "torch": _sow_torch,
    "tensorflow": _sow_tensorflow,
}

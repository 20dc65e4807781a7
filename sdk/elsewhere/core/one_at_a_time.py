"""A function that one thread at a time runs."""

from __future__ import annotations

import os
import threading
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import ParamSpec

    P = ParamSpec("P")
T = TypeVar("T")


def one_at_a_time(function: Callable[P, T]) -> Callable[P, T]:
    """Makes other threads wait until a call has returned. A call may call the function itself, and
    so may a signal handler that interrupts it."""
    lock = threading.RLock()

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return function(*args, **kwargs)

    def start_anew() -> None:  # the thread that holds it is not there in the child of a fork
        nonlocal lock
        lock = threading.RLock()

    os.register_at_fork(after_in_child=start_anew)
    return call

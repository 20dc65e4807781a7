"""Waiting for what other processes and threads do: until a predicate holds, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

Value = TypeVar("Value")

#: Seconds between two looks: short beside what is waited for, long beside one look.
_PAUSE_S: Final = 0.01


def wait_until(predicate: Callable[[], Value], *, within_s: float = 10.0, what: str = "") -> Value:
    """The first true value of `predicate`; AssertionError when there is none within the limit.

    An AssertionError inside the predicate counts as "not yet" and is the cause of the final one.
    """
    deadline = time.monotonic() + within_s
    while True:
        last: AssertionError | None = None
        try:
            if value := predicate():
                return value
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            name = what or getattr(predicate, "__name__", repr(predicate))
            raise AssertionError(f"Within {within_s} s this did not hold: {name}") from last
        time.sleep(_PAUSE_S)

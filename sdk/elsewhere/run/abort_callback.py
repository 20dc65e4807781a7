"""The abort callback: a program's function, called before a requested stop.

The run's carrier calls it before SIGTERM, while the task may still write: what it saves is kept.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_seconds
from elsewhere.core.errors import UsageError
from elsewhere.core.notes import ABORT_CALLBACK_S
from elsewhere.core.say import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.run.run import Run


class AbortCallback:
    """A function that is registered with a run, until `remove` or until the run is over."""

    def __init__(self, run: Run, function: Callable[[], Any], timeout_s: object) -> None:
        """`timeout_s`: seconds that the function may take. Raises UsageError."""
        if not callable(function):
            raise UsageError(
                f"An abort callback must be a function without arguments, or None for none, not"
                f" {function!r:.80}."
            )
        limit_s = checked_seconds("callback_execution_timeout", timeout_s, may_be_zero=False)
        self._function = function
        self._timeout_s = min(limit_s, ABORT_CALLBACK_S)
        #: undoes the registration; may be called twice
        self.remove = run.carrier.before_stop(self.call, self._timeout_s)
        run.when_over(self.remove)

    def call(self) -> None:
        """Calls the function; returns at its end or after its time. What it raises is printed."""
        thread = threading.Thread(target=self._function, name="abort callback", daemon=True)
        thread.start()
        thread.join(self._timeout_s)
        if thread.is_alive():
            say(
                f"the abort callback has not ended within {self._timeout_s:g} s; it is not waited"
                " for any more"
            )

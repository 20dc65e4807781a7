"""What a program wants to do before it is stopped, when somebody has asked for a stop.

local    the session calls it, and then sends this process its SIGTERM
remote   a thread looks for the runner's `stop`; the runner waits for `aborted` before its SIGTERM

Until then the task may still write: what the callback saves is kept.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from elsewhere.core.errors import UsageError
from elsewhere.core.folders import ABORT_CALLBACK_S, write_beside
from elsewhere.core.say import say
from elsewhere.delivery.sessions import stop_waits_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.run.run import Run

__all__ = ["AbortCallback"]

#: seconds between two looks for the stop file
_LOOK_S: Final = 0.1


class AbortCallback:
    """Registered with the run from its making until `remove`, or until the run is over."""

    def __init__(self, run: Run, function: Callable[[], Any], timeout_s: object) -> None:
        """Raises UsageError for what cannot be called and for a time that is none."""
        if not callable(function):
            raise UsageError(
                f"An abort callback must be a function without arguments, or None for none, not"
                f" {function!r:.80}."
            )
        if not _is_time(timeout_s):
            raise UsageError(
                f"callback_execution_timeout cannot be {timeout_s!r:.80}: it is a number of"
                " seconds, more than 0."
            )
        self._run = run
        self._function = function
        self._timeout_s = min(timeout_s, ABORT_CALLBACK_S)
        self._is_removed = threading.Event()
        if run.session is not None:
            run.session.before_stop = self.call
        else:
            write_beside(run.folder.abort, {"timeout_s": self._timeout_s})
            threading.Thread(target=self._watch, name="elsewhere-abort", daemon=True).start()
        run.when_over(self.remove)

    def call(self) -> None:
        """Returns when it has ended or when its time is over. What it raises is shown."""
        thread = threading.Thread(target=self._function, name="abort callback", daemon=True)
        thread.start()
        thread.join(self._timeout_s)
        if thread.is_alive():
            say(
                f"the abort callback has not ended within {self._timeout_s:g} s; it is not waited"
                " for any more"
            )

    def remove(self) -> None:
        """May be called twice."""
        self._is_removed.set()
        session, folder = self._run.session, self._run.folder
        if session is None and folder.stop.exists():
            folder.aborted.touch()  # the agent still counts on the time that it has taken
        elif session is None:
            folder.abort.unlink(missing_ok=True)
        elif session.before_stop == self.call:
            session.before_stop = None

    def _watch(self) -> None:
        folder = self._run.folder
        while not self._is_removed.wait(_LOOK_S):
            if folder.stop.exists() and folder.abort_callback_s():
                stop_waits_for(self._call_for_runner)
                return

    def _call_for_runner(self) -> None:
        self.call()
        self._run.folder.aborted.touch()


def _is_time(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value < math.inf

"""The carriers, which bring reports into the store, and what else depends on where a run runs.

LocalCarrier   a script that somebody starts: a thread of it carries, and it ends the task
AgentCarrier   a program that an agent runs: the agent carries it, the runner sees how it ends
ChildCarrier   a process that a local script has started: the script's thread carries it
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere.core.choices import Reason
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.journal import journal_files
from elsewhere.core.notes import AbortNote, abort_callback_s, write_outcome
from elsewhere.core.say import say
from elsewhere.store import lent_store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Environment, Outcome, Source
    from elsewhere.core.settings import Settings
    from elsewhere.delivery.sessions import Session
    from elsewhere.offline import OfflineSession
    from elsewhere.run.capturing import Capturing
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: seconds after which the end prints what it is doing
_SLOW_S: Final = 1.0
#: seconds that the end of a script may take to deliver the rest
_END_S: Final = 10.0
#: seconds between two looks at what others have carried
_LOOK_S: Final = 0.05
#: seconds between two looks for the stop file
_STOP_LOOK_S: Final = 0.1
#: seconds that a flush into the store may take
_FLUSH_S: Final = 10.0


class Carrier(Protocol):
    """The part of a `Run` that depends on where it runs."""

    #: whether this process ends the task, at once or at its own end
    ends_task: bool

    @property
    def store(self) -> TaskStore:
        """The store, opened at its first use. Raises UsageError where an agent lends none."""

    @property
    def can_read(self) -> bool:
        """Whether this process can read the store."""

    def flush(self) -> bool:
        """Waits until what lies in the folder is in the store; False when not in time."""

    def before_stop(self, call: Callable[[], None], timeout_s: float) -> Callable[[], None]:
        """Calls `call` once when a stop is requested; SIGTERM waits `timeout_s` for it. Returns
        the undo."""

    def capture_whole(self) -> tuple[str, ...]:
        """Waits until the code is in the store; returns warnings, or raises its error."""

    def await_capture(self) -> None:
        """Waits until the capture has ended, however."""

    def describe(self, source: Source, environment: Environment) -> None:
        """Replaces what the capture found, or its error, by a description by hand."""

    def begin_end(self, outcome: Outcome) -> None:
        """Writes down how the run ended, before all else, and waits for the capture."""

    def finish(self, outcome: Outcome) -> None:
        """Brings the rest and the outcome into the store, where that is for this process to do."""

    def interrupted(self, outcome: Outcome) -> None:
        """Prints where the rest is kept, when Ctrl-C has ended `finish`."""


class AgentCarrier:
    """The agent carries, for its program and for the children of that."""

    ends_task = False

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._store: TaskStore | None = None

    @property
    def store(self) -> TaskStore:
        if self._store is None:
            self._store = lent_store(self._folder)
        return self._store

    @property
    def can_read(self) -> bool:
        return self._store is not None or self._folder.store.exists()

    def flush(self) -> bool:
        """See `Carrier.flush`; True where the agent lends no store, since nobody can look."""
        if not self.can_read:
            return True
        sizes = {path.name: path.stat().st_size for path in journal_files(self._folder.journal)}
        until = monotonic_s() + _FLUSH_S
        try:
            while sizes:
                name, size = next(iter(sizes.items()))
                if self._carried(name) >= size:
                    del sizes[name]
                elif monotonic_s() > until:
                    return False
                else:
                    time.sleep(_LOOK_S)
        except StoreUnavailableError as error:
            logger.debug("%s", error)
            return False
        return True

    def _carried(self, journal: str) -> int:
        return self.store.journal_offset(self._folder.task_id, self._folder.attempt, journal)

    def before_stop(self, call: Callable[[], None], timeout_s: float) -> Callable[[], None]:
        """The runner waits for `aborted` before its SIGTERM, `timeout_s` at most."""
        from elsewhere.delivery.sessions import stop_waits_for  # noqa: PLC0415 - weight

        folder, is_removed = self._folder, threading.Event()
        AbortNote(timeout_s=timeout_s).write(folder)

        def call_for_runner() -> None:
            call()
            folder.aborted.touch()

        def watch() -> None:
            while not is_removed.wait(_STOP_LOOK_S):
                if abort_callback_s(folder):
                    stop_waits_for(call_for_runner)
                    return

        def remove() -> None:
            is_removed.set()
            if folder.stop.exists():
                folder.aborted.touch()  # the agent still counts on the time that it has taken
            else:
                folder.abort.unlink(missing_ok=True)

        threading.Thread(target=watch, name="elsewhere-abort", daemon=True).start()
        return remove

    # The agent's run was captured before it began, and the runner sees how it ends.

    def capture_whole(self) -> tuple[str, ...]:
        return ()

    def await_capture(self) -> None: ...

    def describe(self, source: Source, environment: Environment) -> None: ...

    def begin_end(self, outcome: Outcome) -> None: ...

    def finish(self, outcome: Outcome) -> None: ...

    def interrupted(self, outcome: Outcome) -> None: ...


class ChildCarrier(AgentCarrier):
    """The script's process carries, and has captured; only the store is reached another way."""

    def __init__(
        self, folder: RunFolder, settings: Settings, offline: OfflineSession | None
    ) -> None:
        super().__init__(folder)
        self._settings = settings
        self._offline = offline

    @property
    def store(self) -> TaskStore:
        if self._store is None:
            offline = self._offline
            self._store = offline.store() if offline else open_store(self._settings)
        return self._store

    @property
    def can_read(self) -> bool:
        return True


class LocalCarrier:
    """The session's thread carries. `capturing` is None for a task whose code is known already."""

    ends_task = True
    can_read = True

    def __init__(
        self,
        session: Session,
        folder: RunFolder,
        store: TaskStore,
        *,
        capturing: Capturing | None,
        offline: OfflineSession | None,
    ) -> None:
        self.store = store
        self._session = session
        self._folder = folder
        self._capturing = capturing
        self._offline = offline

    def flush(self) -> bool:
        return self._session.drain(_FLUSH_S)

    def before_stop(self, call: Callable[[], None], timeout_s: float) -> Callable[[], None]:
        session = self._session
        session.before_stop = call

        def remove() -> None:
            if session.before_stop == call:
                session.before_stop = None

        return remove

    def capture_whole(self) -> tuple[str, ...]:
        if self._capturing is None:
            return ()
        self._capturing.renew()
        self._capturing.result()
        self._capturing.take_lost()
        self._capturing.send_data()
        return self._capturing.warnings

    def await_capture(self) -> None:
        if self._capturing is not None:
            self._capturing.wait()

    def describe(self, source: Source, environment: Environment) -> None:
        if self._capturing is not None and not (source.missing or environment.missing):
            self._capturing.describe(source, environment)

    def begin_end(self, outcome: Outcome) -> None:
        self._write_exit(outcome)
        if self._capturing is not None:
            self._capturing.wait(_END_S)
            is_sent = outcome.reason is Reason.HANDED_OVER  # and was captured for that
            if not is_sent and not self._capturing.is_alive():
                self._capturing.renew()

    def finish(self, outcome: Outcome) -> None:
        what = f"delivering the rest, {_END_S:.0f} s at most"
        slow = threading.Timer(_SLOW_S, say, ("zipping the session" if self._offline else what,))
        slow.daemon = True
        with contextlib.suppress(RuntimeError):  # an interpreter that starts no threads any more
            slow.start()
        is_delivered = self._session.finish(outcome, _END_S)
        slow.cancel()
        if not is_delivered:
            what = f"task {self._folder.task_id} ({outcome.sentence})"
            self._say_where(f"{what} could not be delivered whole within {_END_S:.0f} s")
        elif self._session.has_kept_files:
            where = self._folder.files
            say(f"artifacts that could not be uploaded are kept in {where}, and tried again later")

    def interrupted(self, outcome: Outcome) -> None:
        if self._folder.path.exists():
            self._write_exit(outcome)
            self._say_where(f"the delivery of task {self._folder.task_id} was interrupted")

    def _say_where(self, why: str) -> None:
        if self._offline is not None:
            say(f"this session could not be ended whole. Import its folder: {self._offline.path}")
        else:
            say(
                f"{why}. It is kept in {self._folder.path}; the next script or agent on this"
                " machine delivers it."
            )

    def _write_exit(self, outcome: Outcome) -> None:
        """Writes exit.json first: whatever happens to the rest, how the script ended is known."""
        try:
            write_outcome(self._folder, outcome)
        except OSError as error:
            say(f"the end of this script cannot be written to {self._folder.path}: {error}")

"""A run: the task that this process is. What it says goes into its journal, wherever it runs.

local    a session folder; a thread delivers it; this process ends the task
remote   a run folder; the agent delivers it; the runner sees how this process ends
child    a process that such a process has started: it reports to the same task, and ends nothing
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts import delete_original, stage
from elsewhere.core.clock import monotonic_s, now_at
from elsewhere.core.errors import StoreUnavailableError, UsageError
from elsewhere.core.events import ArtifactAdded, Progress, Verdict, applied
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.journal import journal_files
from elsewhere.core.records import Outcome, Reason
from elsewhere.core.say import say
from elsewhere.offline import OfflineSession
from elsewhere.report.offset import Offset
from elsewhere.store import connect_store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Configuration, Parameter, Status, TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere.delivery.sessions import Session
    from elsewhere.report.reporter import Reporter
    from elsewhere.run.capturing import Capturing
    from elsewhere.store.api import Store

__all__ = ["Run"]

logger = logging.getLogger(__name__)

#: seconds after which the end says what it is doing
_SLOW_S: Final = 1.0
#: seconds that the end of a script may take to deliver the rest
_END_S: Final = 10.0
#: seconds between two looks at what the agent has carried
_LOOK_S: Final = 0.05
#: seconds that `flush(wait=True)` may take
_FLUSH_S: Final = 10.0


class Run:
    """Also the `Recorder` that hooks get. Only a local run has `session` and `capturing`.

    `store` is None where it is opened at its first use; `is_remote`: an agent runs the task.
    """

    def __init__(
        self,
        settings: Settings,
        record: TaskRecord,
        folder: RunFolder,
        reporter: Reporter,
        *,
        is_remote: bool = False,
        session: Session | None = None,
        capturing: Capturing | None = None,
        store: Store | None = None,
    ) -> None:
        self.settings = settings
        #: as this process knows it: what it was given, and what it has said since
        self.task_record = record
        self._given = record
        self.folder = folder
        self.is_remote = is_remote
        self.session = session
        self.capturing = capturing
        self.progress: float | None = 0.0
        self.function_names: set[str] = set()
        #: where weights lie that this process has kept or loaded, and whose they are
        self.model_paths: dict[str, str] = {}
        self.offset = Offset(record.continues_at or 0)
        #: where this run keeps what it says; None where that goes into the store
        self.offline = OfflineSession.around(folder)
        self._reporter = reporter
        self._store = store
        self._closers: list[Callable[[], None]] = []
        self.is_over = False
        self._is_closed = False
        self._is_late = False
        #: called at the very end: until then a signal does not interrupt it
        self.unwatch: Callable[[], None] = lambda: None
        self._pid = os.getpid()

    @property
    def is_child(self) -> bool:
        return not self.is_remote and self.session is None

    @property
    def is_forked(self) -> bool:
        """Here is a child that the run's process has forked."""
        return os.getpid() != self._pid

    @property
    def store(self) -> Store:
        """Raises UsageError on a remote run whose agent does not lend its store."""
        if self._store is None and self.is_child:
            self._store = self.offline.store() if self.offline else open_store(self.settings)
        if self._store is None:
            lent = read_json(self.folder.store)
            if lent is None:
                raise UsageError(
                    "This run cannot reach the store: the agent's setting lend_store is off, so a"
                    " task can only report on itself. Switch it on to use other tasks from inside."
                )
            self._store = connect_store(lent["url"])
        return self._store

    def record(self, event: Event) -> None:
        """Into the journal, and into what this process sees of its own task; not after its end."""
        if self._is_closed:
            return
        if isinstance(event, Progress):
            self.progress = event.percent
        else:
            self.task_record = applied(self.task_record, event)
        self._reporter.record(event)

    def report(self, event: Event) -> None:
        """The same for what a script reports by hand: what comes too late is lost, with a word."""
        if self._is_closed and not self._is_late:
            self._is_late = True
            logger.warning(
                "Task %s is over: what is reported from now on is lost. Report before close().",
                self.task_record.id,
            )
        self.record(event)

    def set_progress(self, progress: object) -> None:
        """0 to 100; anything else is a warning and changes nothing."""
        if isinstance(progress, bool) or not isinstance(progress, (int, float)):
            logger.warning("Progress %r is no number: it is not changed.", progress)
        elif not 0 <= progress <= 100:  # a percentage
            logger.warning("Progress %r is not within 0 to 100: it is not changed.", progress)
        else:
            self.record(Progress(percent=float(progress), at=now_at()))

    def upload_artifact(
        self, name: str, artifact_object: object, *, is_deleted: bool = False, **how: Any
    ) -> None:
        """Takes the bytes now; whoever delivers uploads them. See `artifacts.stage`."""
        artifact, file = stage(name, artifact_object, self.folder.files, **how)
        inside = "" if file is None else file.relative_to(self.folder.path).as_posix()
        self.record(ArtifactAdded(artifact=artifact, file=inside))
        if is_deleted:
            self._reporter.flush()  # a copy that no journal names would be lost
            delete_original(artifact_object)

    def mark(self, status: Status, reason: Reason, message: str) -> None:
        """The program's own verdict: at once on a local run, at its end on a remote one."""
        if self.session is None or os.getpid() != self._pid:
            self.record(Verdict(status=status, message=message, at=now_at()))
        else:
            self.end(Outcome(reason=reason, message=message))

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._given.parameters if self.is_remote else None

    def configurations(self) -> Mapping[str, Configuration] | None:
        return self._given.configurations if self.is_remote else None

    def when_over(self, close: Callable[[], None]) -> None:
        """Called at the end, the last one first."""
        self._closers.append(close)

    def flush(self, wait: bool = False) -> bool:
        """On disk; with `wait` in the store as well. False when not in time.

        A remote run waits for its agent, where that lends its store; else there is no knowing.
        """
        self._reporter.flush()
        if not wait:
            return True
        if self.session is not None:
            return self.session.drain(_FLUSH_S)
        return not self.can_read or self._is_carried()

    @property
    def can_read(self) -> bool:
        """What has arrived in the store can be seen from here."""
        return self._store is not None or self.is_child or self.folder.store.exists()

    def _is_carried(self) -> bool:
        """What is in the journals now, the agent has brought into the store."""
        sizes = {path.name: path.stat().st_size for path in journal_files(self.folder.journal)}
        task_id, attempt, until = self.task_record.id, self.folder.attempt, monotonic_s() + _FLUSH_S
        try:
            while sizes:
                name, size = next(iter(sizes.items()))
                if self.store.journal_offset(task_id, attempt, name) >= size:
                    del sizes[name]
                elif monotonic_s() > until:
                    return False
                else:
                    time.sleep(_LOOK_S)
        except StoreUnavailableError as error:
            logger.debug("%s", error)
            return False
        return True

    def is_uploaded(self, artifact: str) -> bool:
        """Where that can be known; else True."""
        if not self.can_read:
            return True
        found = self.store.artifacts(self.task_record.id).get(artifact)
        return found is not None and bool(found.url)

    def capture_whole(self) -> None:
        """Waits until the code is in the store. Raises what cannot be captured; not on an agent."""
        if self.capturing is not None:
            self.capturing.result()

    def complete(self) -> None:
        self.end(Outcome(reason=Reason.COMPLETED, exit_code=0))

    def end(self, outcome: Outcome) -> None:
        """Unhooks everything, delivers the rest, ends the task. Bounded; may be called twice."""
        if os.getpid() != self._pid:  # a forked child: the task is its parent's
            self._reporter.flush()
            return
        if self.is_over:
            return
        self.is_over = True
        if self.session is not None:
            self._write_exit(outcome)
        if self.capturing is not None:
            self.capturing.wait(_END_S)
        while self._closers:
            self._closers.pop()()
        self._reporter.close()
        self._is_closed = True
        if self.session is not None:
            self._finish(self.session, outcome)
        self.unwatch()

    def end_with_process(self, outcome: Outcome) -> None:
        """The same at the very end, where Ctrl-C is for the waiting."""
        try:
            self.end(outcome)
        except KeyboardInterrupt:
            self._reporter.close()
            if self.session is not None and self.folder.path.exists():
                self._write_exit(outcome)
                self._say_where(f"the delivery of task {self.task_record.id} was interrupted")

    def _finish(self, session: Session, outcome: Outcome) -> None:
        what = f"delivering the rest, {_END_S:.0f} s at most"
        slow = threading.Timer(_SLOW_S, say, ("zipping the session" if self.offline else what,))
        slow.daemon = True
        with contextlib.suppress(RuntimeError):  # an interpreter that starts no threads any more
            slow.start()
        is_delivered = session.finish(outcome, _END_S)
        slow.cancel()
        if not is_delivered:
            what = f"task {self.task_record.id} ({outcome.sentence})"
            self._say_where(f"{what} could not be delivered whole within {_END_S:.0f} s")
        elif session.has_kept_files:
            say(f"artifacts that could not be uploaded are kept in {self.folder.files}")

    def _say_where(self, why: str) -> None:
        if self.offline is not None:
            say(f"this session could not be ended whole. Import its folder: {self.offline.path}")
        else:
            say(
                f"{why}. It is kept in {self.folder.path}; the next script or agent on this machine"
                " delivers it."
            )

    def _write_exit(self, outcome: Outcome) -> None:
        """First of all: whatever happens to the rest of the end, how it ended is known."""
        try:
            write_beside(self.folder.exit, outcome)
        except OSError as error:
            say(f"the end of this script cannot be noted in {self.folder.path}: {error}")

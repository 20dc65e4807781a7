"""A run: the task that this process is. What it reports goes into its journal, wherever it runs.

Who carries the journal into the store, and who ends the task, is in `carriers.py`.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Protocol

from elsewhere.core.checks import is_number, plain
from elsewhere.core.choices import Reason
from elsewhere.core.clock import now_at
from elsewhere.core.events import (
    WORDS_OF_RECORD,
    ArtifactAdded,
    Parameters,
    Progress,
    Verdict,
    applied,
)
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.records import Outcome
from elsewhere.offline import OfflineSession
from elsewhere.report.offset import Offset
from elsewhere.run.other_journals import OtherJournals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from elsewhere.core.choices import Status
    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Configuration, Parameter, TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere.models.framework_models import FrameworkModels
    from elsewhere.report.logger import Logger
    from elsewhere.report.reporter import Reporter
    from elsewhere.run.carriers import Carrier
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


class AwaitRanks(Protocol):
    """Waits for the other ranks of the launch, for all of them where `is_process_over`."""

    def __call__(self, *, is_process_over: bool) -> None: ...


def _await_none(*, is_process_over: bool) -> None: ...


class Run:
    """The journal and the record of this process's task; `report.recorder.OwnRun` for others.

    `is_remote`: the task's values count, not the script's: an agent runs it, or that is simulated.
    """

    def __init__(
        self,
        settings: Settings,
        record: TaskRecord,
        folder: RunFolder,
        reporter: Reporter,
        carrier: Carrier,
        *,
        is_remote: bool,
    ) -> None:
        self.settings = settings
        self.task_record = record
        self._given = record
        self._overrides = record.overrides
        self.folder = folder
        self.carrier = carrier
        self.is_remote = is_remote
        self.progress: float | None = 0.0
        self._has_own_progress = False
        #: what must not be read in the reports of the program
        self.known_secrets = KnownSecrets.of_this_process()
        self.function_names: set[str] = set()
        self.model_paths: dict[str, str] = {}
        self.output_names: dict[str, str] = {}
        #: wildcards of the models that frameworks may record
        self.model_patterns: Mapping[str, Sequence[str]] = {}
        self._models: FrameworkModels | None = None
        self.offset = Offset(record.continues_at or 0)
        self._offline = OfflineSession.around(folder)
        self._reporter = reporter
        self._logger: Logger | None = None
        self._others = OtherJournals(folder.journal) if is_remote else None
        self._closers: list[Callable[[], None]] = []
        self.is_over = False
        self._is_closed = False
        self._is_late = False
        #: called at the very end: until then a signal does not interrupt it
        self.unwatch: Callable[[], None] = lambda: None
        #: hides words of the recorded command line that are known as secrets by now
        self.hide_words: Callable[[], None] = lambda: None
        #: waits until what was printed is on disk
        self.flush_output: Callable[[], None] = lambda: None
        #: waits at the end for other ranks of the launch, which report to the task, too
        self.await_ranks: AwaitRanks = _await_none
        self._pid = os.getpid()

    @property
    def is_forked(self) -> bool:
        """Whether this process is a child that the run's process has forked."""
        return os.getpid() != self._pid

    @property
    def is_offline(self) -> bool:
        return self._offline is not None

    @property
    def offline_folder(self) -> Path | None:
        """The folder of the offline session that the run reports into; None for a store."""
        return self._offline.path if self._offline is not None else None

    @property
    def store(self) -> TaskStore:
        """See `Carrier.store`."""
        return self.carrier.store

    @property
    def logger(self) -> Logger:
        if self._logger is None:
            from elsewhere.report.logger import Logger  # noqa: PLC0415 - weight

            self._logger = Logger(
                self.report,
                flush=self.flush,
                columns=self._reporter.columns,
                offset=self.offset,
                files=self.folder.files,
                known=self.known_secrets,
                image_quality=self.settings.image_quality,
            )
        return self._logger

    @property
    def weights(self) -> FrameworkModels:
        """See `report.recorder.OwnRun`."""
        if self._models is None:
            from elsewhere.models.framework_models import FrameworkModels  # noqa: PLC0415 - weight

            self._models = FrameworkModels(self, self.model_patterns)
            self.when_over(self._models.close)
        return self._models

    def settle_models(self, *, are_copied: bool = False) -> None:
        """See `report.recorder.OwnRun`."""
        if self._models is not None:
            self._models.settle(are_copied=are_copied)

    @property
    def whole_record(self) -> TaskRecord:
        """See `report.recorder.OwnRun`."""
        for event in self._others.news() if self._others is not None else ():
            self.task_record = applied(self.task_record, event)
        return self.task_record

    def record(self, event: Event) -> None:
        """Writes `event` into the journal and applies it to `task_record`; not after the end."""
        if self._is_closed:
            return
        event = event.hidden(self.known_secrets)
        if isinstance(event, Progress):
            self.progress = event.percent
        elif event.word in WORDS_OF_RECORD:
            self.task_record = applied(self.whole_record, event)
        self._reporter.record(event)
        if isinstance(event, Parameters):
            self.hide_words()

    def report(self, event: Event) -> None:
        """Records an `event` of the script's own; one after the end is lost, with a warning."""
        if self._is_closed:
            self._lose()
        self.record(event)

    def _lose(self) -> None:
        """Loses what the script reports after the end, with a warning."""
        self._reporter.columns.clear_points()
        if not self._is_late:
            self._is_late = True
            logger.warning(
                "Task %s is over: what is reported from now on is lost. Report before close().",
                self.task_record.id,
            )

    def set_progress(self, progress: object) -> None:
        """Records the `progress`, 0 to 100; anything else is a warning and changes nothing."""
        percent = plain(progress)
        if not is_number(percent):
            logger.warning("Progress %r is not a number: it is not changed.", progress)
        elif not 0 <= percent <= 100:  # a percentage
            logger.warning("Progress %r is not within 0 to 100: it is not changed.", progress)
        else:
            self._has_own_progress = True
            self.record(Progress(percent=float(percent), at=now_at()))

    def follow_progress(self, percent: float) -> None:
        """See `report.recorder.OwnRun`."""
        if not self._has_own_progress:
            self.record(Progress(percent=percent, at=now_at()))

    def upload_artifact(
        self, name: str, artifact_object: object, *, is_deleted: bool = False, **how: Any
    ) -> None:
        """Takes the bytes now; whoever delivers uploads them. See `artifacts/staging.py`."""
        from elsewhere.artifacts.originals import delete_original  # noqa: PLC0415 - weight
        from elsewhere.artifacts.staging import stage  # noqa: PLC0415

        artifact, file = stage(name, artifact_object, self.folder.files, **how)
        inside = "" if file is None else file.relative_to(self.folder.path).as_posix()
        self.record(ArtifactAdded(artifact=artifact, file=inside))
        if is_deleted:
            self._reporter.flush()  # a copy that no journal names would be lost
            delete_original(artifact_object)

    def mark(self, status: Status, reason: Reason, message: str) -> None:
        """Ends the task by the program's own verdict: at once, or with the program on an agent."""
        if self.carrier.ends_task and not self.is_forked:
            self.end(Outcome(reason=reason, message=message))
        else:
            self.record(Verdict(status=status, message=message, at=now_at()))

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._overrides if self.is_remote else None

    def configurations(self) -> Mapping[str, Configuration] | None:
        return self._given.configurations if self.is_remote else None

    def when_over(self, close: Callable[[], None]) -> None:
        """Calls `close` at the end of the run, the last one first."""
        self._closers.append(close)

    def await_capture(self) -> None:
        self.carrier.await_capture()

    def flush(self, wait: bool = False) -> bool:
        """Writes all to disk; with `wait` also waits for the store. False when not in time."""
        if wait:
            self.settle_models()
            self.flush_output()
        self._reporter.flush()
        return self.carrier.flush() if wait else True

    def is_uploaded(self, artifact: str) -> bool:
        """Whether `artifact` has its URL; True where this process cannot read the store."""
        if not self.carrier.can_read:
            return True
        found = self.store.artifacts(self.task_record.id).get(artifact)
        return found is not None and bool(found.url)

    def hand_over(self, message: str) -> None:
        """Ends the run here so that the task can go on elsewhere: a draft from its end on, which
        a watcher does not take for a task that has ended."""
        self.end(Outcome(reason=Reason.HANDED_OVER, message=message))

    def complete(self) -> None:
        self.end(Outcome(reason=Reason.COMPLETED, exit_code=0))

    def end(self, outcome: Outcome, *, is_process_over: bool = False) -> None:
        """Unhooks everything, delivers the rest, ends the task. Bounded; may be called twice."""
        if self.is_forked:  # the task is its parent's
            self._reporter.flush()
            return
        if self.is_over:
            return
        self.is_over = True
        if outcome.reason is Reason.COMPLETED:  # else their launcher stops the others
            self.await_ranks(is_process_over=is_process_over)
        self.carrier.begin_end(outcome)
        while self._closers:
            self._closers.pop()()
        self._reporter.close()
        self._is_closed = True
        self._reporter.columns.wake = self._lose
        self.carrier.finish(outcome)
        self.unwatch()

    def end_with_process(self, outcome: Outcome) -> None:
        """Ends the run with its process; Ctrl-C ends the waiting for the store."""
        try:
            self.end(outcome, is_process_over=True)
        except KeyboardInterrupt:
            self._reporter.close()
            self.carrier.interrupted(outcome)

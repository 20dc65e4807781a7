"""The worker: takes tasks off the queues, and keeps every attempt of this machine going.

waker thread         pub/sub: something was pushed, or look at task X
main thread          free slot -> take -> check -> claim -> Supervision
supervision threads  one for each attempt: launch, deliver, finish
renewing thread      leases, and with them requests to stop
keeping thread       registration, reaper, the fork server
tidying thread       sessions of killed scripts, uploads that wait, old folders
relaying thread      files of this machine for readers on others

Each begins anew after an unforeseen error, which `troubles` remembers.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import RecordError, StoreUnavailableError
from elsewhere.core.folders import RunFolder
from elsewhere.core.records import Outcome
from elsewhere.store.redis import keys
from elsewhere_sandbox.slot import Slot
from elsewhere_worker.avoiding import is_for_others
from elsewhere_worker.blob_budget import BlobBudget
from elsewhere_worker.boundary import check_job
from elsewhere_worker.disk import FullDisk
from elsewhere_worker.duty import AGAIN_S, Duty, Troubles
from elsewhere_worker.gpus import Gpus
from elsewhere_worker.leaving import leave
from elsewhere_worker.old_runs import OldRuns
from elsewhere_worker.owner import Owner
from elsewhere_worker.pulse import Pulse
from elsewhere_worker.reaper import Reaper
from elsewhere_worker.relay import FileServer
from elsewhere_worker.room import Room
from elsewhere_worker.scheduler import Scheduler
from elsewhere_worker.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.store.queues import Entry, Queues
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_worker.intake import Intake
    from elsewhere_worker.launcher import Launcher
    from elsewhere_worker.registration import Registration
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: seconds between two looks at the queues when no event comes: an event may be missed
_LOOK_S: Final = 5.0
#: seconds between two looks whether the store still has the ends of attempts
_LOOK_AT_ENDED_S: Final = 20.0
#: seconds in which events gather before other threads are woken
_GATHER_S: Final = 0.2
#: seconds to wait after the store could not be reached
_RETRY_S: Final = 1.0


class Worker:
    """Runs tasks: `run` returns after another thread has called `end`."""

    def __init__(
        self,
        settings: WorkerSettings,
        store: RedisStore,
        queues: Queues,
        launcher: Launcher,
        intake: Intake,
        registration: Registration,
        upload: Uploader,
        deliver_sessions: Callable[[], None],
        when_up: Callable[[], None],
        gpus: Gpus | None = None,
    ) -> None:
        self.settings = settings
        self._store = store
        self._queues = queues
        self._launcher = launcher
        self.intake = intake
        self._registration = registration
        self._upload = upload
        self._deliver_sessions = deliver_sessions
        self._when_up = when_up
        self._owner = Owner(worker=settings.name, store=store.identity())
        self._gpus = gpus or Gpus("none")
        self._scheduler = Scheduler(settings.capacity(self._gpus.devices), settings.order)
        self.troubles = Troubles()
        self.pulse = Pulse()
        self._reaper = Reaper(store, queues, settings, self.troubles)
        self._lock = threading.Lock()
        self._supervisions: dict[str, Supervision] = {}
        self._wake = threading.Event()
        self._news = threading.Event()
        self._is_ending = threading.Event()
        self._is_stopping_tasks = False
        self._must_recover = True
        self._disk = FullDisk(settings.home.runs, self.troubles)
        self._look_at_s = 0.0
        self._room = Room(settings)
        self._budget = BlobBudget(store, settings, self._is_ending)
        self._old_runs = OldRuns(store, settings, self._owner, upload)

    def end(self, *, stop_tasks: bool = False) -> None:
        """Ends the worker; its tasks go on without it, unless they are to be stopped."""
        self._is_stopping_tasks |= stop_tasks
        self._is_ending.set()
        self._wake.set()
        self._news.set()

    def look(self) -> None:
        """Makes the worker look at once whether it is to take tasks, and which."""
        self._wake.set()

    def reload(self, settings: WorkerSettings) -> None:
        """Goes on with other `settings`, of which only what concerns new tasks may differ."""
        self.settings = settings
        self._scheduler = Scheduler(settings.capacity(self._gpus.devices), settings.order)
        self._room = Room(settings)
        self._registration.change(queues=settings.queues, slots=settings.slots)
        self._must_recover = True
        self._wake.set()
        self._news.set()

    def run(self) -> None:
        list(map(self._queues.create, self.settings.queues))
        self._registration.begin()
        try:
            self._serve()
        finally:
            self._leave()

    def _serve(self) -> None:
        self._reattach()
        self._when_up()
        files = FileServer(self.settings, self._store, self._is_ending)
        for work in (self._listen, self._renew, self._keep, self._tidy, files.relay):
            Duty(work, self._is_ending, self.troubles).start()
        is_away = False
        while not self._is_ending.is_set():
            try:
                self.pulse.beat("take")
                self._look_at_intake()
                if self._must_recover:
                    self._must_recover = False
                    self._recover()
                    is_away = False
                self._take_all()
                self._wake.wait(_LOOK_S)
            except StoreUnavailableError as error:
                # A step may have been done although its answer was lost.
                self._must_recover = True
                if not is_away:
                    logger.warning("no tasks are taken until the store is back. %s", error)
                is_away = True
                self._is_ending.wait(_RETRY_S)
            except Exception as error:  # noqa: BLE001 - the outermost seam: the next entry comes
                self.troubles.note("take", error)
                self._is_ending.wait(AGAIN_S)
            self._wake.clear()

    def running(self) -> list[str]:
        """The names of the run folders under supervision."""
        with self._lock:
            return sorted(self._supervisions)

    # main thread

    def _look_at_intake(self) -> None:
        if self.intake.look(self.settings, is_busy=bool(self._supervised())):
            self._news.set()
        if self.intake.is_over:
            self.end()

    def _is_taking(self) -> bool:
        return not self._is_ending.is_set() and not self.intake.reason(self.settings)

    def _take_all(self) -> None:
        left: set[bytes] = set()  # to agents of other machines

        def waiting(queue: str) -> Iterator[Entry]:
            return (one for one in self._queues.waiting(queue) if one.item not in left)

        while self._is_taking() and self._room.is_enough():
            self.pulse.beat("take")
            held = [supervision.slot for supervision in self._supervised()]
            chosen = self._scheduler.choose(waiting, held, self._gpus.busy)
            if chosen is None:
                return
            entry, slot = chosen  # another agent may be quicker: then the next one is chosen anew
            if is_for_others(self._store, self._queues, entry, self.settings.name):
                left.add(entry.item)
            elif taken := self._queues.take([entry.queue], self.settings.name, entry.item):
                self._claim(*taken, slot)

    def _supervised(self) -> list[Supervision]:
        with self._lock:
            return list(self._supervisions.values())

    def _claim(self, queue: str, task_id: str, slot: Slot) -> None:
        settings = self.settings
        try:
            check_job(self._store.redis, task_id)
        except RecordError as error:
            logger.warning("queue %r: an entry is refused. %s", queue, error)
            self._queues.settle(task_id, settings.name)
            return
        if self._deliver_again(RunFolder.all_of(task_id, settings.home.runs)):
            self._queues.settle(task_id, settings.name)
            return
        try:
            claim = self._store.claim(
                task_id,
                worker=settings.name,
                token=secrets.token_hex(16),
                lease_s=settings.lease_s,
                allowed=(Status.QUEUED,),
                above=settings.home.highest_attempt(task_id),
            )
        except RecordError as error:
            logger.warning("task %s: it is refused and set aside. %s", task_id, error)
            self._queues.set_aside(task_id, settings.name, str(error))
            return
        if claim.attempt:
            logger.info("task %s: attempt %d begins", task_id, claim.attempt)
            self.intake.taken += 1
            self._begin(task_id, claim.attempt, slot)
        else:
            logger.info("task %s: not claimed, it is %s", task_id, claim.status or "unknown")
        self._queues.settle(task_id, settings.name)

    def _begin(self, task_id: str, attempt: int, slot: Slot) -> None:
        folder = self.settings.home.run(task_id, attempt)
        try:
            replace(self._owner, slot=slot).take(folder)
        except OSError as error:
            message = f"The run cannot be prepared on this machine: {error}."
            logger.warning("task %s: %s", task_id, message)
            outcome = Outcome(reason=Reason.SETUP_FAILED, phase="claim", message=message)
            self._store.finish(task_id, attempt, outcome)
        else:
            self._supervise(folder, slot)

    def _supervise(self, folder: RunFolder, slot: Slot) -> None:
        supervision = Supervision(
            folder,
            slot=slot,
            settings=self.settings,
            store=self._store,
            queues=self._queues,
            launcher=self._launcher,
            upload=self._upload,
            when_over=self._over,
            troubles=self.troubles,
        )
        with self._lock:
            if folder.path.name in self._supervisions:
                return
            self._supervisions[folder.path.name] = supervision
        supervision.start()
        self._news.set()

    def _over(self, folder: RunFolder) -> None:
        with self._lock:
            supervision = self._supervisions.pop(folder.path.name)
        if supervision.ended_as:
            self.pulse.note_end(supervision.ended_as)
        self._wake.set()
        self._news.set()

    def _reattach(self) -> None:
        """Resumes every folder of this agent that is not acknowledged."""
        for folder in RunFolder.all_in(self.settings.home.runs):
            owner = Owner.of(folder)
            if owner is None or folder.acked.exists():
                continue
            if owner == self._owner:
                logger.info("%s: attached again", folder.path.name)
                self._supervise(folder, owner.slot)
            elif owner.worker == self._owner.worker:
                logger.warning("%s: left alone, it belongs to another store", folder.path.name)
        self._renew_all()

    def _recover(self) -> None:
        """Completes the steps that a dead agent of this name, or a lost answer, left half done."""
        settings = self.settings
        list(map(self._queues.create, settings.queues))
        self._queues.recover(settings.name)
        self._look_at_s = 0.0
        for task_id, attempt in self._store.leased_to(settings.name):
            folder = settings.home.run_of(task_id, attempt)
            is_running = any(name.startswith(task_id) for name in self.running())
            if not folder.owner.exists() and not is_running:
                with self.troubles.noted("recover"):
                    self._lose(task_id, attempt)

    def _deliver_again(self, folders: Sequence[RunFolder]) -> bool:
        """Resumes those of the `folders` whose attempts the store has lost, or their ends, since it
        was restored with older data; whether there are any."""
        lost = self._owner.lost_by(self._store, folders)
        for folder in lost:
            if folder.acked.exists():
                logger.warning("%s: the store has lost its end", folder.path.name)
                folder.acked.unlink(missing_ok=True)
                self._supervise(folder, Slot())
            self._renew_all(folder.task_id)
        return any(folder.path.name in self.running() for folder in lost)

    def _lose(self, task_id: str, attempt: int) -> None:
        """Gives up an attempt of this agent without a folder: put back if it was never begun."""
        has_begun = any(one.attempt == attempt for one in self._store.phases(task_id))
        message = "Its run folder is gone." if has_begun else "It was claimed and never begun."
        if has_begun:  # the program may have removed it, and still run
            self._launcher.end(self.settings.home.run_of(task_id, attempt))
        outcome = Outcome(reason=Reason.LOST, message=message)
        status = self._queues.lose(task_id, attempt, outcome, is_harmless=not has_begun)
        logger.info("task %s: attempt %d is lost, it is %s. %s", task_id, attempt, status, message)

    def _leave(self) -> None:
        grace_s = self.settings.policy.stop_grace_s if self._is_stopping_tasks else None
        leave(self._supervised(), stop_grace_s=grace_s)
        self._launcher.close()
        try:
            self._registration.end()
        except StoreUnavailableError as error:
            logger.warning("%s", error)

    # waker thread

    def _listen(self) -> None:
        with closing(self._store.listen(keys.WAKE, keys.agent(self.settings.name))) as listener:
            while not self._is_ending.is_set():
                for item in listener.wait(_LOOK_S):
                    channel, _, payload = item.partition(" ")
                    if channel == keys.WAKE:
                        self._wake.set()
                    else:
                        self._renew_all(payload)

    # renewing thread

    def _renew(self) -> None:
        while not self._is_ending.wait(self.settings.renew_s):
            self.pulse.beat("renew")
            self._renew_all()

    def _renew_all(self, task_id: str = "") -> None:
        """Renews all leases, or that of one task with a request to stop."""
        with self._lock:
            found = [s for name, s in self._supervisions.items() if name.startswith(task_id)]
        for supervision in found:
            self.pulse.beat("renew")
            try:
                with self.troubles.noted("renew"):  # the others are renewed all the same
                    supervision.renew()
            except StoreUnavailableError as error:
                logger.debug("%s", error)

    # keeping thread

    def _keep(self) -> None:
        while not self._is_ending.is_set():
            self._news.clear()
            self._disk.look(self._supervised())
            problems = filter(
                None, [*self.troubles.listed(), self._disk.problem, self._room.problem]
            )
            self._registration.renew(
                *(self.running(), self._old_runs.waiting, problems),
                passed_over=self._scheduler.passed_over,
                closed=self.intake.closed,
            )
            self._launcher.prepare()
            self._reaper.sweep()
            self._news.wait(min(self.settings.sweep_s, _LOOK_S))
            self._is_ending.wait(_GATHER_S)

    # tidying thread

    def _tidy(self) -> None:
        """Does the slow work: uploads for killed scripts, the removal of large folders."""
        while not self._is_ending.wait(_LOOK_S):
            if time.monotonic() > self._look_at_s:  # nobody notices a short outage
                self._look_at_s = time.monotonic() + _LOOK_AT_ENDED_S
                self._deliver_again(RunFolder.all_in(self.settings.home.runs))
            self._deliver_sessions()
            self._budget.keep()
            self._old_runs.try_uploads_again()
            self._old_runs.forget()
            self._room.keep()

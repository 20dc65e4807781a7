"""The worker: takes tasks off the queues, and keeps every attempt of this machine going.

waker thread         pub/sub: something was pushed, or look at task X
main thread          free slot -> take -> check -> claim -> Supervision
supervision threads  one for each attempt: launch, deliver, finish
renewing thread      leases, and with them requests to stop
keeping thread       registration, reaper, the spare
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
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import RecordError, StoreUnavailableError
from elsewhere.core.folders import RunFolder
from elsewhere.core.notes import Stop
from elsewhere.core.records import Outcome
from elsewhere.store.redis import keys
from elsewhere_worker.blob_budget import BlobBudget
from elsewhere_worker.boundary import check_job
from elsewhere_worker.disk import full_disk
from elsewhere_worker.duty import AGAIN_S, Duty, Troubles
from elsewhere_worker.old_runs import OldRuns
from elsewhere_worker.owner import Owner
from elsewhere_worker.reaper import Reaper
from elsewhere_worker.relay import FileServer
from elsewhere_worker.room import Room
from elsewhere_worker.slots import Needs, Slot, Slots
from elsewhere_worker.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.store.queues import Queues
    from elsewhere.store.redis.store import RedisStore
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
#: seconds that supervisions have to end when the worker leaves
_LEAVE_S: Final = 2.0
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
        registration: Registration,
        upload: Uploader,
        deliver_sessions: Callable[[], None],
        when_up: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._queues = queues
        self._launcher = launcher
        self._registration = registration
        self._upload = upload
        self._deliver_sessions = deliver_sessions
        self._when_up = when_up
        self._owner = Owner(worker=settings.name, store=store.identity())
        self._slots = Slots(settings.slots, self._slots_in_use)
        self.troubles = Troubles()
        self._reaper = Reaper(store, queues, settings, self.troubles)
        self._lock = threading.Lock()
        self._supervisions: dict[str, Supervision] = {}
        self._wake = threading.Event()
        self._news = threading.Event()
        self._is_ending = threading.Event()
        self._is_stopping_tasks = False
        self._full_disk = ""
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

    def run(self) -> None:
        for name in self._settings.queues:
            self._queues.create(name)
        self._registration.begin()
        try:
            self._serve()
        finally:
            self._leave()

    def _serve(self) -> None:
        self._reattach()
        self._when_up()
        files = FileServer(self._settings, self._store, self._is_ending)
        for work in (self._listen, self._renew, self._keep, self._tidy, files.relay):
            Duty(work, self._is_ending, self.troubles).start()
        must_recover, is_away = True, False
        while not self._is_ending.is_set():
            try:
                if must_recover:
                    self._recover()
                    must_recover, is_away = False, False
                self._take_all()
                self._wake.wait(_LOOK_S)
            except StoreUnavailableError as error:
                # A step may have been done although its answer was lost.
                must_recover = True
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

    def _take_all(self) -> None:
        names = list(self._settings.queues) if self._room.is_enough() else []
        while names and not self._is_ending.is_set() and not self._slots.is_full:
            entry = self._queues.peek(names)
            if entry is None:
                return
            queue, item, environment = entry
            slot = self._slots.take(Needs.of(environment))
            if slot is None:  # it keeps its place, and those behind it wait, too
                names.remove(queue)
            elif taken := self._queues.take([queue], self._settings.name, item):
                self._claim(*taken, slot)

    def _slots_in_use(self) -> list[Slot]:
        return [supervision.slot for supervision in self._supervised()]

    def _supervised(self) -> list[Supervision]:
        with self._lock:
            return list(self._supervisions.values())

    def _claim(self, queue: str, task_id: str, slot: Slot) -> None:
        settings = self._settings
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
            self._begin(task_id, claim.attempt, slot)
        else:
            logger.info("task %s: not claimed, it is %s", task_id, claim.status or "unknown")
        self._queues.settle(task_id, settings.name)

    def _begin(self, task_id: str, attempt: int, slot: Slot) -> None:
        folder = self._settings.home.run(task_id, attempt)
        try:
            self._owner.take(folder)
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
            settings=self._settings,
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
            del self._supervisions[folder.path.name]
        self._wake.set()
        self._news.set()

    def _reattach(self) -> None:
        """Resumes every folder of this agent that is not acknowledged."""
        for folder in RunFolder.all_in(self._settings.home.runs):
            owner = Owner.of(folder)
            if owner is None or folder.acked.exists():
                continue
            if owner == self._owner:
                logger.info("%s: attached again", folder.path.name)
                self._supervise(folder, Slot())
            elif owner.worker == self._owner.worker:
                logger.warning("%s: left alone, it belongs to another store", folder.path.name)
        self._renew_all()

    def _recover(self) -> None:
        """Completes the steps that a dead agent of this name, or a lost answer, left half done."""
        settings = self._settings
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
            self._launcher.end(self._settings.home.run_of(task_id, attempt))
        outcome = Outcome(reason=Reason.LOST, message=message)
        status = self._queues.lose(task_id, attempt, outcome, is_harmless=not has_begun)
        logger.info("task %s: attempt %d is lost, it is %s. %s", task_id, attempt, status, message)

    def _leave(self) -> None:
        supervisions = self._supervised()
        if self._is_stopping_tasks:
            self._stop_tasks(supervisions)
        for supervision in supervisions:
            supervision.leave()
        until = time.monotonic() + _LEAVE_S
        for supervision in supervisions:
            supervision.join(timeout=max(0.0, until - time.monotonic()))
        self._launcher.close()
        try:
            self._registration.end()
        except StoreUnavailableError as error:
            logger.warning("%s", error)

    def _stop_tasks(self, supervisions: list[Supervision]) -> None:
        logger.info("stopping %d tasks", len(supervisions))
        for supervision in supervisions:
            supervision.stop_task(Stop())
        until = time.monotonic() + self._settings.policy.stop_grace_s + 10
        while time.monotonic() < until and not all(one.is_stopped() for one in supervisions):
            time.sleep(0.05)

    # waker thread

    def _listen(self) -> None:
        with closing(self._store.listen(keys.WAKE, keys.agent(self._settings.name))) as listener:
            while not self._is_ending.is_set():
                for item in listener.wait(_LOOK_S):
                    channel, _, payload = item.partition(" ")
                    if channel == keys.WAKE:
                        self._wake.set()
                    else:
                        self._renew_all(payload)

    # renewing thread

    def _renew(self) -> None:
        while not self._is_ending.wait(self._settings.renew_s):
            self._renew_all()

    def _renew_all(self, task_id: str = "") -> None:
        """Renews all leases, or that of one task with a request to stop."""
        with self._lock:
            found = [s for name, s in self._supervisions.items() if name.startswith(task_id)]
        for supervision in found:
            try:
                with self.troubles.noted("renew"):  # the others are renewed all the same
                    supervision.renew()
            except StoreUnavailableError as error:
                logger.debug("%s", error)

    # keeping thread

    def _keep(self) -> None:
        while not self._is_ending.is_set():
            self._news.clear()
            self._look_at_disk()
            problems = (
                *self.troubles.listed(),
                *filter(None, [self._full_disk, self._room.problem]),
            )
            self._registration.renew(self.running(), self._old_runs.waiting, problems)
            self._launcher.prepare_spare()
            self._reaper.sweep()
            self._news.wait(min(self._settings.sweep_s, _LOOK_S))
            self._is_ending.wait(_GATHER_S)

    def _look_at_disk(self) -> None:
        """Names a full disk in the log, and in the status messages of the tasks that run."""
        found = full_disk(self._settings.home.runs)
        if found and not self._full_disk:
            logger.warning("%s", found)
        elif self._full_disk and not found:
            logger.info("there is room on the disk again")
        self._full_disk = found
        for supervision in self._supervised():
            with self.troubles.noted("note the full disk"):
                supervision.note_disk(found)

    # tidying thread

    def _tidy(self) -> None:
        """Does the slow work: uploads for killed scripts, the removal of large folders."""
        while not self._is_ending.wait(_LOOK_S):
            if time.monotonic() > self._look_at_s:  # nobody notices a short outage
                self._look_at_s = time.monotonic() + _LOOK_AT_ENDED_S
                self._deliver_again(RunFolder.all_in(self._settings.home.runs))
            self._deliver_sessions()
            self._budget.keep()
            self._old_runs.try_uploads_again()
            self._old_runs.forget()
            self._room.keep()

"""Sessions: the folders of scripts that people start here, carried into the store.

While the script runs, a thread of it does. When it was killed hard, whoever comes next on this
machine does: the next script, or the agent.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import FencedError, NotFoundError, RecordError, StoreUnavailableError
from elsewhere.core.folders import RunFolder
from elsewhere.core.notes import SessionSpec, read_outcome, read_runner
from elsewhere.core.process import at_fork
from elsewhere.core.records import Outcome
from elsewhere.delivery.delivery import Delivery
from elsewhere.delivery.restored import take_back
from elsewhere.delivery.waiting import try_again, waiting_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.core.folders import Home
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: seconds between two looks at the folder
_LOOK_S: Final = 0.1
#: seconds between two renewals of the lease at most: they also bring a stop
_RENEW_S: Final = 2.0
#: seconds to wait after the store could not be reached
_RETRY_S: Final = 1.0
#: seconds in which what a dead script has left is delivered to a store that had lost its attempt
_LEASE_S: Final = 60.0


class Session(threading.Thread):
    """Delivers the folder of the script that it is a thread of, and keeps its lease.

    `when_stopped` is called once, in a thread, with the reason as a sentence: a stop was requested,
    or the task is not this script's any more.
    """

    def __init__(
        self,
        store: TaskStore,
        folder: RunFolder,
        *,
        worker: str,
        lease_s: float,
        upload: Uploader,
        when_stopped: Callable[[str], None],
        leave: Callable[[], None] | None = None,
    ) -> None:
        """`leave` is called at the end, in place of removing the folder."""
        super().__init__(name="elsewhere-session", daemon=True)
        self._store = store
        self._folder = folder
        self._worker = worker
        self._lease_s = lease_s
        self._delivery = Delivery(store, folder, upload, keeps_files=leave is not None)
        self._leave = leave
        self._when_stopped = when_stopped
        #: called before `when_stopped` at a requested stop, while the task may still write
        self.before_stop: Callable[[], None] | None = None
        self._is_stopping = False
        self._is_ending = threading.Event()
        self._lock = threading.Lock()
        at_fork(after_in_child=self._start_anew)

    @property
    def has_kept_files(self) -> bool:
        """An artifact could not be uploaded; its bytes stay in the folder."""
        return self._delivery.has_kept_files

    def _start_anew(self) -> None:
        """Replaces the lock in the child of a fork, which may deliver, too."""
        self._lock = threading.Lock()

    def run(self) -> None:
        threading.Thread(target=self._keep_lease, name="elsewhere-lease", daemon=True).start()
        wait_s, has_failed = _LOOK_S, False
        while not self._is_ending.wait(wait_s):
            attempt = self._folder.attempt
            try:
                with self._lock:
                    moved = self._delivery.pump()
                wait_s = 0.0 if moved else _LOOK_S
            except StoreUnavailableError as error:
                logger.debug("%s: %s", self._folder.path.name, error)
                wait_s = _RETRY_S
                with self._lock:
                    self._delivery.look_again()
            except FencedError:
                if not self._goes_on(attempt):
                    return  # the lease's thread reports why
            except Exception:  # the outermost seam of this thread: it tries again
                if not has_failed:
                    logger.exception("The session's delivery failed; its reports stay on disk.")
                has_failed, wait_s = True, _RETRY_S

    def _keep_lease(self) -> None:
        """On a thread of its own: an upload may take longer than a lease."""
        while not self._is_ending.wait(min(self._lease_s / 4.5, _RENEW_S)):
            try:
                if not self._renew():
                    return
            except StoreUnavailableError as error:
                logger.debug("%s: %s", self._folder.path.name, error)

    def drain(self, within_s: float) -> bool:
        """Delivers all that is in the folder now. False when that was not possible in time."""
        try:
            return self._drain(within_s, is_over=False)
        except FencedError:
            return False

    def finish(self, outcome: Outcome, within_s: float) -> bool:
        """Ends the thread, delivers the rest and the outcome. False when not possible in time."""
        self._is_ending.set()
        self.join(timeout=within_s)
        try:
            if not self._deliver_end(outcome, within_s):
                return False
        except FencedError as error:
            logger.debug("%s", error)
            spec = SessionSpec.read(self._folder)
            if spec is None or spec.store != self._store.identity():
                return False  # the store has lost its data: this is the only copy
        except (StoreUnavailableError, OSError) as error:
            logger.debug("%s", error)
            return False
        if self._leave is not None:
            self._leave()
        else:
            _leave(self._folder, self._delivery)
        return True

    def _deliver_end(self, outcome: Outcome, within_s: float) -> bool:
        while True:
            attempt = self._folder.attempt
            try:
                if not self._drain(within_s, is_over=True):
                    return False
                self._store.finish(self._folder.task_id, attempt, outcome)
            except FencedError:
                if not self._takes_back(attempt):
                    raise
            else:
                return True

    def _drain(self, within_s: float, *, is_over: bool) -> bool:
        until = monotonic_s() + within_s
        while True:
            if not self._lock.acquire(timeout=max(0.0, until - monotonic_s())):
                return False  # an upload takes its time
            try:
                if not self._delivery.pump(is_over=is_over):
                    return True
            except StoreUnavailableError as error:
                logger.debug("%s", error)
                if monotonic_s() + _RETRY_S > until:
                    return False
                time.sleep(_RETRY_S)
            finally:
                self._lock.release()
            if monotonic_s() > until:
                return False

    def _goes_on(self, attempt: int) -> bool:
        """Whether delivery goes on behind a FencedError for the `attempt`."""
        try:
            return self._takes_back(attempt)
        except StoreUnavailableError as error:
            logger.debug("%s: %s", self._folder.path.name, error)
            return True

    def _takes_back(self, attempt: int) -> bool:
        """Whether the store, which refuses the `attempt`, had lost it and has taken it back. Raises
        StoreUnavailableError."""
        try:
            spec = SessionSpec.read(self._folder)
        except RecordError as error:
            logger.debug("%s", error)
            return False
        if spec is None or spec.store != self._store.identity():
            return False
        with self._lock:
            if self._folder.attempt != attempt:  # the other thread was faster
                return True
            is_back = take_back(
                self._store, self._folder, worker=self._worker, lease_s=self._lease_s
            )
            self._delivery.look_again()
        return is_back

    def _renew(self) -> bool:
        """Renews the lease. False when there is nothing left to renew."""
        task_id, attempt = self._folder.task_id, self._folder.attempt
        renewal = self._store.renew(task_id, attempt, worker=self._worker, lease_s=self._lease_s)
        if renewal.is_ours:
            if renewal.is_stop_requested and not self._is_stopping:
                self._is_stopping = True
                stop_waits_for(self._begin_stop)
            return True
        if self._takes_back(attempt):
            return True
        if renewal.status:
            self._when_stopped(f"the task is {renewal.status} now")
        else:  # a store that has lost its data does not end the script
            logger.warning(
                "The store does not know task %s any more: its reports stay in %s.",
                task_id,
                self._folder.path,
            )
        return False

    def _begin_stop(self) -> None:
        if self.before_stop is not None:
            self.before_stop()
        if not self._is_ending.is_set():
            self._when_stopped("a stop was requested")


def stop_waits_for(call: Callable[[], None]) -> None:
    """Runs `call` on a thread, since the lease is kept meanwhile; not a daemon thread, so that a
    script which ends meanwhile waits for it."""
    with contextlib.suppress(RuntimeError):  # an interpreter that starts no threads any more
        threading.Thread(target=call, name="elsewhere-stop", daemon=False).start()


def deliver_dead(store: TaskStore, home: Home, upload: Uploader) -> list[str]:
    """Delivers and ends the sessions of scripts that were killed or could not reach the store.

    Returns the ids of the tasks. Raises StoreUnavailableError.
    """
    done, identity = [], store.identity()
    RunFolder.sweep(home.sessions)
    for folder in RunFolder.all_in(home.sessions):
        try:
            if _is_dead(folder, identity) and _deliver_one(store, folder, upload):
                done.append(folder.task_id)
        except (RecordError, OSError) as error:  # the others are delivered
            logger.warning("A session is left as it is. %s", error)
    return done


def _is_dead(folder: RunFolder, store: str) -> bool:
    """Whether its script has ended, on this machine, and it waits for this `store`."""
    owner, spec = read_runner(folder), SessionSpec.read(folder)
    if owner is None or spec is None or spec.store != store:
        return False
    return owner.is_here and not owner.is_alive()


def _deliver_one(store: TaskStore, folder: RunFolder, upload: Uploader) -> bool:
    with only_one(folder) as is_ours:
        if is_ours and folder.acked.exists():
            if waiting_in(folder) and not try_again(store, folder, upload):
                folder.remove()
            return False
        if is_ours:
            _carry(store, folder, upload)
        return is_ours


def _carry(store: TaskStore, folder: RunFolder, upload: Uploader) -> None:
    outcome, spec = outcome_of(folder), SessionSpec.read(folder)
    delivery = Delivery(store, folder, upload)
    is_over = False
    while not is_over:
        try:
            while delivery.pump(is_over=True):
                pass
            store.finish(folder.task_id, folder.attempt, outcome)
            is_over = True
        except FencedError as error:
            logger.debug("%s", error)
            worker = spec.worker if spec is not None else ""
            is_over = not take_back(store, folder, worker=worker, lease_s=_LEASE_S)
        except NotFoundError as error:
            logger.debug("%s", error)
            is_over = True
    _leave(folder, delivery)


def outcome_of(folder: RunFolder) -> Outcome:
    """The outcome of the script of `folder`, which has ended. Raises RecordError."""
    killed = Outcome(reason=Reason.LOST, message="Its process was killed before it could end.")
    return read_outcome(folder) or killed


def _leave(folder: RunFolder, delivery: Delivery) -> None:
    """Removes the folder, unless it has the only copy of something."""
    if delivery.has_kept_files:
        folder.acked.touch()
    else:
        folder.remove()


@contextlib.contextmanager
def only_one(folder: RunFolder) -> Iterator[bool]:
    """Locks the folder: True for one process at a time, False for the others."""
    try:
        descriptor = os.open(folder.path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield folder.path.exists()  # the process before may have removed it
    finally:
        os.close(descriptor)

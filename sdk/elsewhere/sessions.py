"""Sessions: the folders of scripts that people start here, and who carries them into the store.

While the script runs, a thread of it does. When it was killed hard, whoever comes next on this
machine does: the next script, or the agent.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Final

from elsewhere.clock import monotonic_s
from elsewhere.codec import from_plain
from elsewhere.delivery import Delivery
from elsewhere.errors import FencedError, NotFoundError, RecordError, StoreUnavailableError
from elsewhere.folders import RunFolder, read_json
from elsewhere.records import Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from elsewhere.folders import Home
    from elsewhere.records import Artifact
    from elsewhere.store.redis import RedisStore

__all__ = ["Session", "deliver_dead"]

logger = logging.getLogger(__name__)

#: seconds between two looks at the folder
_LOOK_S: Final = 0.1
#: seconds between two renewals of the lease at most: they also tell of a stop
_RENEW_S: Final = 2.0
#: seconds to wait after the store could not be reached
_RETRY_S: Final = 1.0


class Session(threading.Thread):
    """Delivers the folder of the script that it is a thread of, and keeps its lease.

    `when_stopped` is called once, in this thread, when somebody asks for a stop or when the task is
    not this script's any more; with a sentence that says which.
    """

    def __init__(
        self,
        store: RedisStore,
        folder: RunFolder,
        *,
        worker: str,
        lease_s: float,
        upload: Callable[[RunFolder, Artifact, Path], Artifact],
        when_stopped: Callable[[str], None],
    ) -> None:
        super().__init__(name="elsewhere-session", daemon=True)
        self._store = store
        self._folder = folder
        self._worker = worker
        self._lease_s = lease_s
        self._delivery = Delivery(store, folder, upload)
        self._when_stopped = when_stopped
        self._is_told = False
        self._is_ending = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        renew_s = min(self._lease_s / 4.5, _RENEW_S)
        renew_at = monotonic_s() + renew_s
        wait_s = _LOOK_S
        while not self._is_ending.wait(wait_s):
            try:
                with self._lock:
                    moved = self._delivery.pump()
                if monotonic_s() >= renew_at:
                    self._renew()
                    renew_at = monotonic_s() + renew_s
                wait_s = 0.0 if moved else _LOOK_S
            except StoreUnavailableError as error:
                logger.debug("%s: %s", self._folder.path.name, error)
                wait_s = _RETRY_S
            except FencedError as error:
                self._tell(str(error))
                return
            except Exception:  # the outermost seam of this thread: the script goes on
                logger.exception("The session's delivery failed; what is reported stays on disk.")
                return

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
            if not self._drain(within_s, is_over=True):
                return False
            self._store.finish(self._folder.task_id, self._folder.attempt, outcome)
        except FencedError as error:
            logger.debug("%s", error)
        except StoreUnavailableError as error:
            logger.debug("%s", error)
            return False
        shutil.rmtree(self._folder.path, ignore_errors=True)
        return True

    def _drain(self, within_s: float, *, is_over: bool) -> bool:
        until = monotonic_s() + within_s
        while True:
            try:
                with self._lock:
                    if not self._delivery.pump(is_over=is_over):
                        return True
            except StoreUnavailableError as error:
                logger.debug("%s", error)
                if monotonic_s() + _RETRY_S > until:
                    return False
                time.sleep(_RETRY_S)
            if monotonic_s() > until:
                return False

    def _renew(self) -> None:
        renewal = self._store.renew(
            self._folder.task_id, self._folder.attempt, worker=self._worker, lease_s=self._lease_s
        )
        if not renewal.is_ours:
            self._tell(f"the task is {renewal.status or 'deleted'} now")
        elif renewal.is_stop_requested:
            self._tell("a stop was asked for")

    def _tell(self, why: str) -> None:
        if not self._is_told:
            self._is_told = True
            self._when_stopped(why)


def deliver_dead(
    store: RedisStore, home: Home, upload: Callable[[RunFolder, Artifact, Path], Artifact]
) -> list[str]:
    """Delivers and ends what scripts left that were killed, or that could not reach the store.

    Returns the ids of the tasks. Raises StoreUnavailableError.
    """
    done, identity = [], store.identity()
    for folder in RunFolder.all_in(home.sessions):
        try:
            if _is_dead(folder, identity) and _deliver_one(store, folder, upload):
                done.append(folder.task_id)
        except RecordError as error:
            logger.warning("A session is left as it is. %s", error)
    return done


def _is_dead(folder: RunFolder, store: str) -> bool:
    """Its script has ended, here, and it waits for this store."""
    owner, spec = folder.identity(folder.runner), read_json(folder.spec)
    if owner is None or not isinstance(spec, dict) or spec.get("store") != store:
        return False
    return owner.is_here and not owner.is_alive()


def _deliver_one(
    store: RedisStore, folder: RunFolder, upload: Callable[[RunFolder, Artifact, Path], Artifact]
) -> bool:
    with _only_one(folder) as is_ours:
        if is_ours:
            _carry(store, folder, upload)
        return is_ours


def _carry(
    store: RedisStore,
    folder: RunFolder,
    upload: Callable[[RunFolder, Artifact, Path], Artifact],
) -> None:
    written = read_json(folder.exit)
    outcome = (
        from_plain(Outcome, written)
        if written is not None
        else Outcome(reason=Reason.LOST, message="Its process was killed before it could end.")
    )
    delivery = Delivery(store, folder, upload)
    try:
        while delivery.pump(is_over=True):
            pass
        store.finish(folder.task_id, folder.attempt, outcome)
    except (FencedError, NotFoundError) as error:
        logger.debug("%s", error)
    shutil.rmtree(folder.path, ignore_errors=True)


@contextlib.contextmanager
def _only_one(folder: RunFolder) -> Iterator[bool]:
    """True for one process at a time."""
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
        yield folder.path.exists()
    finally:
        os.close(descriptor)

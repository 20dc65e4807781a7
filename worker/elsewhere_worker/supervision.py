"""Supervision: one thread for each attempt that this machine runs, from its claim to its end.

The runner owns the program and the disk owns the log; this thread only carries and watches. It may
end at any moment and begin again in another process: its state is in the folder and the store.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts import DEFAULT_PLACE
from elsewhere.core.choices import Reason, Status
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import (
    ConfigurationError,
    ElsewhereError,
    FencedError,
    NotFoundError,
    RecordError,
    StorageError,
    StoreUnavailableError,
    TransitionError,
)
from elsewhere.core.notes import Stop, abort_callback_s, grace_s, release_notes
from elsewhere.core.records import Outcome
from elsewhere.core.secrets import passwords_in
from elsewhere.delivery.delivery import Delivery
from elsewhere.delivery.restored import take_back
from elsewhere.storage import check_driver
from elsewhere.store.redis.tls import files_of
from elsewhere_sandbox.spec import RunSpec
from elsewhere_sandbox.written import remove_others
from elsewhere_worker.boundary import checked
from elsewhere_worker.duty import Troubles
from elsewhere_worker.inputs import fetch
from elsewhere_worker.launcher import Liveness
from elsewhere_worker.lending import Lending
from elsewhere_worker.owner import Owner
from elsewhere_worker.secret_sources import read_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.core.folders import RunFolder
    from elsewhere.store.queues import Queues
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_sandbox.slot import Slot
    from elsewhere_worker.launcher import Launcher
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: seconds between two looks at the folder
_LOOK_S: Final = 0.05
#: seconds that a runner has, beyond the grace, to end an attempt that is not wanted any more
_UNWANTED_S: Final = 10.0
#: seconds that a runner has, beyond the grace, to end what was to be stopped
_OVERDUE_S: Final = 30.0
#: seconds to wait after an unforeseen error
_UNFORESEEN_S: Final = 10.0
#: such errors, after which a program that has ended is ended in the store as well
_MOST_FAILURES: Final = 5
#: seconds to wait after the store could not be reached
_RETRY_S: Final = 1.0
#: the outcome of an attempt whose folder was removed: nothing can be known of its program any more
_GONE: Final = Outcome(reason=Reason.LOST, message="Its run folder is gone.")


class Supervision(threading.Thread):
    """One attempt's thread. Others call `renew`, `stop_task`; after `leave` the runner goes on."""

    def __init__(
        self,
        folder: RunFolder,
        *,
        slot: Slot,
        settings: WorkerSettings,
        store: RedisStore,
        queues: Queues,
        launcher: Launcher,
        upload: Uploader,
        when_over: Callable[[RunFolder], None],
        troubles: Troubles | None = None,
    ) -> None:
        super().__init__(name=f"supervision {folder.path.name}", daemon=True)
        self.slot = slot
        self._folder = folder
        self._settings = settings
        self._store = store
        self._queues = queues
        self._launcher = launcher
        self._delivery = Delivery(store, folder, upload)
        self._lending = Lending(folder, settings, store)
        self._when_over = when_over
        self._troubles = troubles or Troubles()
        self._poked = threading.Event()
        self._is_leaving = False
        self._is_store_away = False
        self._fenced = ""
        self._outcome: Outcome | None = None
        #: the reason for which the attempt has ended in the store
        self.ended_as = ""
        self._failures = 0
        self._full_disk = ""
        self._asked: Stop | None = None
        self._asked_seen_s = 0.0

    def renew(self) -> None:
        """Extends the lease and learns of a stop. Raises StoreUnavailableError."""
        renewal = self._store.renew(
            self._folder.task_id,
            self._folder.attempt,
            worker=self._settings.name,
            lease_s=self._settings.lease_s,
        )
        if not renewal.is_ours:
            what = f"it is {renewal.status} now" if renewal.status else "it was deleted"
            if renewal.status or not self._is_store_another():
                self._fenced = f"This attempt may not go on: {what}."
                self._poked.set()
            return
        self._lending.renew()
        if renewal.is_stop_requested:
            self.stop_task(Stop(grace_s=renewal.stop_grace_s))

    def stop_task(self, stop: Stop) -> None:
        """Begins the ladder as `stop` asks, whatever the state in the store."""
        name = self._folder.path.name
        try:
            if stop.write(self._folder):
                logger.info("%s: it is being stopped", name)
        except OSError as error:  # an error of this folder must not affect the others
            logger.warning("%s: the note that stops it cannot be written: %s", name, error)

    def note_disk(self, full: str) -> None:
        """Makes `full`, a sentence about a full disk, the task's status message; empty when there
        is room again. Raises StoreUnavailableError."""
        if full == self._full_disk:
            return
        running = Status.IN_PROGRESS
        with contextlib.suppress(TransitionError):  # it has just ended
            self._store.move(self._folder.task_id, running, allowed=(running,), message=full)
        self._full_disk = full

    def is_stopped(self) -> bool:
        """True if its program has ended; the next start delivers what the store cannot take now."""
        return not self.is_alive() or (self._is_store_away and self._folder.exit.exists())

    def leave(self) -> None:
        self._is_leaving = True
        self._poked.set()

    def run(self) -> None:
        try:
            while not self._is_leaving:
                try:
                    self._supervise()
                    break
                except StoreUnavailableError as error:
                    self._note_store(error)
                    self._delivery.look_again()
                    self._pause(_RETRY_S)
                except FencedError as error:
                    if not self._goes_on(error):
                        break
                except RecordError as error:  # it will not become better
                    logger.warning("%s: %s", self._folder.path.name, error)
                    if self._outcome is not None or not self._folder.launched.exists():
                        self._end_undelivered(self._outcome or _unusable(error))
                        break
                    self._pause(_RETRY_S)
                except Exception as error:  # noqa: BLE001 - the outermost seam: it begins anew
                    self._troubles.note(self.name, error)
                    self._failures += 1
                    if self._outcome is not None and self._failures >= _MOST_FAILURES:
                        self._end_undelivered(self._outcome)
                        break
                    self._poked.clear()
                    self._poked.wait(_UNFORESEEN_S)
        finally:
            self._when_over(self._folder)

    def _supervise(self) -> None:
        if self._is_there() and not self._folder.launched.exists():
            self.renew()  # the thread may have waited here for days
            if not self._fenced:
                self._launch()
        while not self._is_leaving:
            self._look()
            if self._fenced:
                raise FencedError(self._fenced)
            moved = self._delivery.pump(is_over=self._outcome is not None)
            self._note_store(None)
            if self._outcome is not None and not moved:
                self._finish(self._outcome)
                return
            if not moved:
                self._pause(_LOOK_S)

    def _pause(self, seconds: float) -> None:
        self._poked.wait(seconds)
        self._poked.clear()

    def _goes_on(self, fenced: FencedError) -> bool:
        """Whether the attempt goes on though the store has `fenced` it off, as one that has lost
        its data does: no reason to end a program. Its folder stays."""
        try:
            is_another = self._is_store_another()
            if not is_another and not self._is_taken_back():
                self._give_up(str(fenced))
                return False
        except StoreUnavailableError as error:
            self._note_store(error)
            self._pause(_RETRY_S)
            return True
        if is_another:
            self._note_store(StoreUnavailableError(str(fenced)))
            if self._outcome is not None:
                return False
            self._pause(_RETRY_S)
        return True

    def _is_taken_back(self) -> bool:
        """Whether the store had lost this attempt, and has taken it back."""
        settings = self._settings
        is_back = take_back(
            self._store, self._folder, worker=settings.name, lease_s=settings.lease_s
        )
        if is_back:
            self._fenced = ""
            self._delivery.look_again()
        return is_back

    def _is_store_another(self) -> bool:
        """True if the store that answers is not the one that this attempt began in."""
        owner = Owner.of(self._folder)
        try:
            return owner is not None and owner.store != self._store.identity()
        except StoreUnavailableError:
            return True

    def _note_store(self, error: StoreUnavailableError | None) -> None:
        """Logs one line when the store goes away, and one when it is back."""
        if error is not None and not self._is_store_away:
            logger.warning("%s: kept on disk until the store is back. %s", self.name, error)
        elif error is None and self._is_store_away:
            logger.info("%s: the store is back", self.name)
        self._is_store_away = error is not None

    # the beginning

    def _launch(self) -> None:
        """Writes the folder and starts its runner; an error becomes the outcome."""
        folder, settings = self._folder, self._settings
        try:
            record = checked(self._store.read(folder.task_id))
            own = record.output_uri not in ("", DEFAULT_PLACE)
            check_driver(record.output_uri if own else settings.policy.output_uri)
            for digest in record.digests:
                fetch(self._store, folder, digest)
            queue = self._store.state(folder.task_id).queue
            variables, files = read_secrets(settings.secrets, record, queue)
            lent = self._lending.begin()
            spec = RunSpec(
                record=record,
                home=str(settings.home.path),
                policy=settings.policy,
                slot=self.slot,
                secrets=(*passwords_in(settings.url), *passwords_in(lent)),
                secret_variables=variables,
                secret_files=files,
                agent=settings.name,
                queue=queue,
                store_files=tuple(files_of(lent).values()),
            )
            spec.write(folder)
            self._launcher.launch(folder)
        except StorageError as error:
            self._refuse(f"The artifacts of this task could not be uploaded. {error}")
        except (RecordError, NotFoundError, ConfigurationError) as error:
            self._refuse(str(error))
        except OSError as error:
            self._refuse(f"The run cannot be prepared on this machine: {error}.")

    def _refuse(self, message: str) -> None:
        self._outcome = Outcome(reason=Reason.SETUP_FAILED, phase="claim", message=message)
        self._finish(self._outcome)
        self._is_leaving = True

    # while it runs

    def _look(self) -> None:
        """Notes the outcome if the runner is gone; the attempt is lost if it did not write one."""
        if self._outcome is not None:
            return
        found = self._launcher.look(self._folder) if self._is_there() else _GONE
        if isinstance(found, Liveness):
            self._end_overdue()
            return
        if found.reason is Reason.LOST:
            self.stop_task(Stop(grace_s=0.0, keeps_reports=False))  # its runner may still start
            self._launcher.end(self._folder)
        self._outcome = found

    def _is_there(self) -> bool:
        return self._folder.path.is_dir()

    def _has_begun(self) -> bool:
        """True if something of the program may have run. The store knows it, too: a program can
        remove what lies in its folder."""
        folder = self._folder
        return (
            not self._is_there()
            or folder.child.exists()
            or any(
                one.attempt == folder.attempt and one.phase.name == "run"
                for one in self._store.phases(folder.task_id)
            )
        )

    def _end_overdue(self) -> None:
        """Ends an overdue runner, if it does not climb the last rung of the ladder itself."""
        folder, stop = self._folder, Stop.read(self._folder)
        if stop != self._asked:  # it may be asked for again, with another grace
            self._asked, self._asked_seen_s = stop, monotonic_s()
        if stop is None:
            return
        limit_s = abort_callback_s(folder) + grace_s(folder, self._settings.policy.stop_grace_s)
        if monotonic_s() - self._asked_seen_s > limit_s + _OVERDUE_S:
            self._launcher.end(folder)

    # the end

    def _finish(self, outcome: Outcome) -> None:
        folder = self._folder
        if outcome.reason in (Reason.LOST, Reason.HOST_REBOOTED):
            status = self._queues.lose(
                folder.task_id, folder.attempt, outcome, is_harmless=not self._has_begun()
            )
        else:
            status = self._store.finish(folder.task_id, folder.attempt, outcome)
        message = outcome.message.partition("\n")[0]
        logger.info("%s: %s (%s). %s", folder.path.name, status, outcome.sentence, message)
        self.ended_as = str(outcome.reason)
        self._acknowledge()

    def _end_undelivered(self, outcome: Outcome) -> None:
        """Ends an attempt with reports that cannot be delivered, for an unknown reason: its slot is
        free for others, and its folder stays to be examined."""
        message = f"{outcome.message} Not all of its reports could be delivered.".strip()
        message = (
            f"{message} It is kept in {self._folder.path}, and the agent's log has the reason."
        )
        with contextlib.suppress(ElsewhereError):
            self._store.finish(
                self._folder.task_id, self._folder.attempt, replace(outcome, message=message)
            )

    def _give_up(self, why: str) -> None:
        """Gives up an attempt that is not wanted any more: its program must not go on."""
        logger.warning("%s: %s", self._folder.path.name, why)
        folder = self._folder
        if not folder.exit.exists():
            self.stop_task(Stop(keeps_reports=False))
            until = monotonic_s() + self._settings.policy.stop_grace_s + _UNWANTED_S
            while self._launcher.look(folder) is Liveness.ALIVE and monotonic_s() < until:
                self._pause(_LOOK_S)
                if self._is_leaving:
                    return
            self._launcher.end(folder)
        self._acknowledge()

    def _acknowledge(self) -> None:
        with contextlib.suppress(OSError):
            self._folder.acked.touch()
            release_notes(self._folder)
        remove_others(self._folder)
        for path in (self._folder.venv, self._folder.inputs, self._folder.secret_files):
            shutil.rmtree(path, ignore_errors=True)
        self._lending.end()
        with contextlib.suppress(OSError):  # most tasks keep nothing for a next attempt
            (self._settings.home.checkpoints / self._folder.task_id).rmdir()


def _unusable(error: RecordError) -> Outcome:
    return Outcome(reason=Reason.SETUP_FAILED, phase="claim", message=str(error))

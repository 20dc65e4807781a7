"""A task's status, and moving it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from elsewhere.core.checks import checked_flag, checked_seconds, checked_text
from elsewhere.core.choices import Reason, Status
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import TransitionError, UsageError, known_choices
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.report.task_access import TaskAccess
    from elsewhere.run.run import Run

logger = late_logger(__name__)

#: seconds between two looks at most, should an event be missed
_LOOK_S: Final = 2.0


class StatusAspect(Handle):
    """The moves of the status that `store/states.py` draws.

    A move to the status that the task already has is always allowed, and `force` allows every move.
    Some calls have a second name, and a parameter that changes nothing, for scripts that use them.
    """

    _simulated: ClassVar[str | None] = None

    def get_status(self) -> str:
        """The status: created, queued, in_progress, stopped, completed, failed, published or
        closed."""
        return str(self.access.state.status)

    status = property(get_status)

    def get_status_message(self) -> tuple[str, str]:
        """The status, and the message of its last change."""
        state = self.access.state
        return str(state.status), state.message

    def get_last_iteration(self) -> int:
        """The highest iteration that was reported; 0 before the first one."""
        return self.access.state.last_iteration

    @property
    def last_worker(self) -> str | None:
        """The worker of the last run, or None: an agent's name, or a host and a process there."""
        return self.access.state.worker or None

    def wait_for_status(
        self,
        status: Iterable[Status | str] | str = ("completed", "stopped", "closed", "published"),
        raise_on_status: Iterable[Status | str] | str | None = ("failed",),
        check_interval_sec: float = 60.0,
        within_s: float | None = None,
    ) -> str:
        """Waits until the status is one of `status`, woken by the change itself, and returns it. It
        also looks every `check_interval_sec` seconds, or every 2 s where that is more. Raises
        TransitionError for a status in `raise_on_status` and for any other final one, TimeoutError
        after `within_s` seconds, and UsageError for a wrong argument."""
        wanted, bad = _statuses("status", status), _statuses("raise_on_status", raise_on_status)
        checked_seconds("check_interval_sec", check_interval_sec, may_be_zero=False)
        if within_s is not None:
            checked_seconds("within_s", within_s, note=", or None for no limit")
        until = None if within_s is None else monotonic_s() + within_s
        look_s = min(_LOOK_S, check_interval_sec)
        listener = self.access.store.listen_to(self.id)
        try:
            while True:
                now = self.access.state
                if now.status in wanted:
                    return str(now.status)
                if now.status in bad or now.status.is_final:
                    why = f" ({now.outcome.sentence})" if now.outcome else ""
                    raise TransitionError(
                        f"Task {self.id} is {now.status}{why}. {now.message}".strip()
                    )
                left = look_s if until is None else min(look_s, until - monotonic_s())
                if left <= 0:
                    raise TimeoutError(f"Task {self.id} is still {now.status} after {within_s} s.")
                listener.wait(left)
        finally:
            listener.close()

    # beginning and ending it by hand

    def mark_started(self, force: bool = False) -> None:
        """Moves the task to in_progress by hand, for a program that no agent runs; with `force`
        from any status. Raises TransitionError for a status that does not allow it."""
        if self.access.run is None:  # else it runs
            self._move(Status.IN_PROGRESS, force=force)

    def started(self, ignore_errors: bool = True, force: bool = False) -> None:
        """Another name of `mark_started`, called with `force`. `ignore_errors`, which existing
        scripts pass, changes nothing: errors are always raised. Raises TransitionError."""
        self.mark_started(force=force)

    def mark_stopped(self, force: bool = False, status_message: str | None = None) -> None:
        """Ends the task as stopped, with the message `status_message`; with `force` from any
        status. A program that an agent runs goes on: its exit then changes nothing. It is not asked
        of a process that runs the task elsewhere: `mark_stop_request` does that. Raises UsageError
        for a message that is not a text, and TransitionError for another task whose status does not
        allow it."""
        self._end(Status.STOPPED, Reason.STOPPED, status_message, force=force)

    def stopped(
        self,
        ignore_errors: bool = True,
        force: bool = False,
        status_reason: str | None = None,
        status_message: str | None = None,
    ) -> None:
        """Another name of `mark_stopped`, called with `force` and with `status_message`, or else
        `status_reason`, as the message. `ignore_errors`, which existing scripts pass, changes
        nothing: errors are always raised. Raises UsageError and TransitionError."""
        self.mark_stopped(force=force, status_message=status_message or status_reason)

    def mark_completed(
        self, ignore_errors: bool = True, status_message: str | None = None, force: bool = False
    ) -> None:
        """Ends the task as completed, or as published after `publish_on_completion`, with the
        message `status_message`; with `force` from any status. `ignore_errors`, which existing
        scripts pass, changes nothing: errors are always raised. A program that an agent runs goes
        on: its exit then changes nothing. Raises UsageError and TransitionError."""
        self._end(Status.COMPLETED, Reason.COMPLETED, status_message, force=force)

    def completed(self, ignore_errors: bool = True) -> None:
        """Another name of `mark_completed`. `ignore_errors`, which existing scripts pass, changes
        nothing: errors are always raised. Raises TransitionError."""
        self.mark_completed()

    def mark_failed(
        self,
        ignore_errors: bool = True,
        status_reason: str | None = None,
        status_message: str | None = None,
        force: bool = False,
    ) -> None:
        """Ends the task as failed, with `status_message`, or else `status_reason`, as the message;
        with `force` from any status. `ignore_errors`, which existing scripts pass, changes nothing:
        errors are always raised. A program that an agent runs goes on: its exit then changes
        nothing. Raises UsageError and TransitionError."""
        message = status_message or status_reason
        self._end(Status.FAILED, Reason.PROGRAM_FAILED, message, force=force)

    def mark_stop_request(self, force: bool = False, status_message: str | None = None) -> None:
        """Asks who runs the task to stop it: by its abort callback, then SIGTERM, then SIGKILL.

        Returns at once; `status_message` becomes the task's message. A task that is queued, or that
        nobody runs, is stopped directly; one that runs on this machine stops also while its agent
        is away. Raises UsageError for a message that is not a text, and TransitionError for a task
        that is over, unless it is stopped already or by `force`, which makes it stopped.
        """
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.store.stopping import request_stop  # noqa: PLC0415

        store, message = self.access.settled_store, _text(status_message)
        request = request_stop(store, load().home, self.id, message=message, force=force)
        if request.was_over:
            self._move(Status.STOPPED, force=True, message=message)

    def stop_request(
        self,
        ignore_errors: bool = True,
        force: bool = False,
        status_message: str | None = None,
    ) -> None:
        """Another name of `mark_stop_request`, called with `force` and `status_message`.
        `ignore_errors`, which existing scripts pass, changes nothing: errors are always raised.
        Raises UsageError and TransitionError."""
        self.mark_stop_request(force=force, status_message=status_message)

    # what becomes of its results

    def publish(self, ignore_errors: bool = True) -> bool:
        """Publishes the task, after which only its labels can be changed; returns True.
        `ignore_errors`, which existing scripts pass, changes nothing: errors are always raised. A
        running task cannot be published; `publish_on_completion` does it at the end. Raises
        UsageError on this script's own task, and TransitionError for a status that does not allow
        it."""
        if self.access.run is not None:
            raise UsageError(
                f"Task {self.id} is this script, which runs, so it cannot be published yet: call"
                " publish_on_completion, and it is published as soon as it is completed."
            )
        self._move(Status.PUBLISHED, force=False)
        return True

    def publish_on_completion(self, enable: bool = True) -> None:
        """Publishes the task as soon as it is completed, wherever it runs, but not when it fails;
        `enable` False undoes that. Raises UsageError for anything but True and False."""
        from elsewhere.core.events import PublishAtEnd  # noqa: PLC0415

        self.access.record_event(PublishAtEnd(is_wanted=checked_flag("enable", enable)))

    @classmethod
    def debug_simulate_remote_task(cls, task_id: str, reset_task: bool = False) -> None:
        """Makes the next `Task.init` of this script run the task `task_id` here, as an agent would:
        its values override those of the script. This script's code and packages are used, not the
        task's. `reset_task` resets the task first. Raises UsageError for what is not an id and
        while a task is open, NotFoundError for an unknown id, and TransitionError, here or at
        `Task.init`, for a task that is queued, running or published."""
        if cls._current is not None:
            raise UsageError(
                "debug_simulate_remote_task comes before Task.init: call it first, or close task"
                f" {cls._current.id}."
            )
        given = cls._given(task_id)
        if reset_task:
            given.reset()
        cls._simulated = given.id

    def reset(self, set_started_on_success: bool = False, force: bool = False) -> None:
        """Makes the task a draft again, without its reports, output, artifacts, models and
        progress.

        What it was given stays: code, environment, parameters, configurations, input models, tags.
        The bytes of artifacts stay where they are. Whoever runs it is stopped and writes nothing
        more. On an agent, where a task's program calls this for itself, nothing happens.
        `set_started_on_success` then moves it to in_progress. Raises UsageError on this script's
        own task anywhere else, and TransitionError for a published task, unless by `force`.
        """
        run = self.access.run
        if run is not None and run.is_remote and not force:
            logger.info("Task %s runs on an agent: it is not reset.", self.id)
            return
        reset(self.access, force=force)
        if set_started_on_success:
            self.mark_started()

    def _end(self, status: Status, reason: Reason, message: str | None, *, force: bool) -> None:
        if self.access.run is not None:
            self.access.run.mark(status, reason, _text(message))
        else:
            self._move(status, force=force, message=_text(message))

    def _move(self, status: Status, *, force: bool, message: str = "") -> None:
        from elsewhere.store import states  # noqa: PLC0415

        allowed = states.allowed(status, force=force)
        self.access.settled_store.move(self.id, status, allowed=allowed, message=message)


def reset(access: TaskAccess[Run], *, force: bool) -> None:
    """Makes a draft of the task again. Raises UsageError where this process is it."""
    from elsewhere.store import states  # noqa: PLC0415

    if access.run is not None:
        raise UsageError(
            f"Task {access.id} is this script, which runs, so it cannot be reset: call close()"
            " before, or let Task.init begin it anew with reuse_last_task_id."
        )
    access.store.reset(access.id, allowed=states.allowed(Status.CREATED, force=force))


def _statuses(what: str, given: object) -> set[Status]:
    """The statuses that a user gave for `what`. Raises UsageError, with the closest known one."""
    names = [given] if isinstance(given, str) else given if given is not None else ()
    if not isinstance(names, (list, tuple, set, frozenset)):
        raise UsageError(f"{what} must be a list of statuses, not {given!r:.80}.")
    for name in names:
        if name not in set(map(str, Status)):
            raise UsageError(
                f"There is no status {name!r:.80}. {known_choices(str(name), map(str, Status))}"
            )
    return {Status(str(name)) for name in names}


def _text(message: object) -> str:
    return "" if message is None else checked_text("status_message", message)

"""Where a task stands, and moving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.choices import Reason, Status
from elsewhere.clock import monotonic_s
from elsewhere.errors import TransitionError
from elsewhere.handle.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Standing"]


class Standing(Handle):
    """The status, as `store/states.py` draws it."""

    def get_status(self) -> str:
        return str(self._state.status)

    status = property(get_status)

    def wait_for_status(
        self,
        status: Iterable[str] = ("completed", "stopped", "closed"),
        raise_on_status: Iterable[str] = ("failed",),
        within_s: float | None = None,
    ) -> str:
        """Waits, woken by the change itself. Raises TransitionError for a status of the second kind
        and when the task gets to another final one, TimeoutError after `within_s`."""
        wanted, bad = set(map(str, status)), set(map(str, raise_on_status))
        until = None if within_s is None else monotonic_s() + within_s
        listener = self._store.listen_to(self.id)
        try:
            while True:
                now = self._state
                if str(now.status) in wanted:
                    return str(now.status)
                if str(now.status) in bad or now.status.is_final:
                    why = f" ({now.outcome.sentence})" if now.outcome else ""
                    raise TransitionError(
                        f"Task {self.id} is {now.status}{why}. {now.message}".strip()
                    )
                left = 2.0 if until is None else min(2.0, until - monotonic_s())
                if left <= 0:
                    raise TimeoutError(f"Task {self.id} is still {now.status} after {within_s} s.")
                listener.wait(left)
        finally:
            listener.close()

    def mark_started(self, force: bool = False) -> None:
        """To in_progress, by hand: for a task that something else than an agent runs."""
        self._move(Status.IN_PROGRESS, force=force)

    def mark_stopped(self, force: bool = False, status_message: str | None = None) -> None:
        self._end(Status.STOPPED, Reason.STOPPED, status_message, force=force)

    def mark_completed(self, force: bool = False, status_message: str | None = None) -> None:
        self._end(Status.COMPLETED, Reason.COMPLETED, status_message, force=force)

    def mark_failed(
        self,
        force: bool = False,
        status_reason: str | None = None,
        status_message: str | None = None,
    ) -> None:
        message = status_message or status_reason
        self._end(Status.FAILED, Reason.PROGRAM_FAILED, message, force=force)

    # helpers

    def _end(self, status: Status, reason: Reason, message: str | None, *, force: bool) -> None:
        if self._run is not None and self._is_own:
            self._run.mark(status, reason, message or "")
        else:
            self._move(status, force=force, message=message or "")

    def _move(self, status: Status, *, force: bool, message: str = "") -> None:
        from elsewhere.store.states import sources  # noqa: PLC0415

        allowed = set(Status) if force else sources(status) | {status}
        self._store.move(self.id, status, allowed=allowed, message=message)

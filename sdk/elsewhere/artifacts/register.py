"""The register: data frames that become artifacts, anew whenever they have changed."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.serializers import TABLE_TYPE
from elsewhere.artifacts.serializers.tables import TABLES, described, fingerprint
from elsewhere.artifacts.staging import stage
from elsewhere.core.errors import NotFoundError, UsageError, known_choices
from elsewhere.core.events import ArtifactAdded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder

logger = logging.getLogger(__name__)

#: seconds between two checks for changes
_LOOK_S: Final = 300.0
#: seconds that a check waits for another one
_WAIT_S: Final = 10.0


@dataclass(slots=True)
class _Entry:
    metadata: Mapping[str, object] | None = None
    #: the columns whose different values are counted; None: all
    unlike: Sequence[Any] | None = None
    #: of the newest snapshot
    fingerprint: str = ""


class Register:
    """The registered frames of one process; a forked child takes no snapshots.

    The user may change, replace, add and delete frames in `frames`: the next check, every `look_s`
    seconds, notices it. A snapshot is an artifact in `folder`, and an event for `record`.
    """

    def __init__(
        self, folder: RunFolder, record: Callable[[Event], None], *, look_s: float = _LOOK_S
    ) -> None:
        self.frames: dict[str, Any] = {}
        self._folder = folder
        self._record = record
        self._look_s = look_s
        self._entries: dict[str, _Entry] = {}
        # Re-entrant: a signal handler may end the task, on the thread that takes a snapshot.
        self._lock = threading.RLock()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def add(
        self,
        name: str,
        frame: object,
        metadata: Mapping[str, object] | None,
        unlike: Sequence[Any] | bool | None,
    ) -> None:
        """Registers `frame` and takes a first snapshot. Raises UsageError and StorageError.

        `unlike` are the columns whose different values are counted; True: all.
        """
        _check_frame(name, frame)
        entry = _Entry(metadata, _checked_columns(name, frame, unlike))
        with self._lock:
            self._keep(name, frame, entry)
            self.frames[name], self._entries[name] = frame, entry
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._watch, name="elsewhere-register", daemon=True
            )
            with suppress(RuntimeError):  # the interpreter ends: `close` takes the last snapshot
                self._thread.start()

    def remove(self, name: str) -> None:
        """Ends a frame's registration after a last snapshot. Raises NotFoundError."""
        if name not in list(self.frames):  # a list: the name may be unhashable
            raise NotFoundError(
                f"There is no registered artifact {name!r}. {known_choices(str(name), self.frames)}"
            )
        self._look_at(name)
        self.forget(name)

    def forget(self, name: str) -> None:
        """Ends a frame's registration without a snapshot."""
        with self._lock:
            self.frames.pop(name, None)
            self._entries.pop(name, None)

    def look(self) -> None:
        """Takes a snapshot of each frame that has changed. A failure is a warning."""
        for name in list(self.frames):
            self._look_at(name)

    def close(self) -> None:
        """Ends the thread and takes the last snapshots."""
        if os.getpid() != self._pid:
            return
        self._is_over.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(_WAIT_S)
        self.look()

    def _look_at(self, name: str) -> None:
        if os.getpid() != self._pid:
            return
        if not self._lock.acquire(timeout=_WAIT_S):
            logger.warning(
                "The registered artifact %r is not checked for changes: another snapshot is not "
                "done within %.0f s.",
                name,
                _WAIT_S,
            )
            return
        try:
            if name in self.frames:
                self._keep(name, self.frames[name], self._entries.setdefault(name, _Entry()))
        except Exception as error:  # pandas raises anything while another thread changes the frame
            logger.warning("The registered artifact %r is not kept: %s", name, error)
            logger.debug("Its snapshot failed.", exc_info=True)
        finally:
            self._lock.release()

    def _keep(self, name: str, frame: object, entry: _Entry) -> None:
        _check_frame(name, frame)
        found = fingerprint(frame)
        if found == entry.fingerprint:
            return
        artifact, file = stage(
            name,
            frame,
            self._folder.files,
            metadata=entry.metadata,
            preview=described(frame, entry.unlike),
            kind=TABLE_TYPE,
        )
        assert file is not None
        inside = file.relative_to(self._folder.path).as_posix()
        self._record(ArtifactAdded(artifact=artifact, file=inside))
        entry.fingerprint = found

    def _watch(self) -> None:
        while not self._is_over.wait(self._look_s):
            self.look()


def _check_frame(name: str, frame: object) -> None:
    if not TABLES.accepts(frame):
        raise UsageError(
            f"The artifact {name!r} cannot be registered: only a pandas.DataFrame can, and this is "
            f"a {type(frame).__name__}. Use upload_artifact."
        )


def _checked_columns(name: str, frame: Any, unlike: object) -> Sequence[Any] | None:
    """The columns `unlike`, or None for all. Raises UsageError."""
    if unlike is True:
        return None
    if unlike is None or unlike is False:
        return ()
    if not isinstance(unlike, (list, tuple, set)):
        raise UsageError(
            f"uniqueness_columns of the artifact {name!r} must be True, False, or a list of"
            f" columns, not {unlike!r:.80}."
        )
    for column in unlike:
        if column not in list(frame.columns):
            raise UsageError(
                f"The artifact {name!r} has no column {column!r}. "
                f"{known_choices(str(column), map(str, frame.columns))}"
            )
    return tuple(unlike)

"""The limits of one attempt: what its processes and its run folder may take, watched by a thread.

Memory is that of all its processes together, in which a shared page counts once. Where the attempt
has a scope, the kernel keeps the limit, and all else of the attempt ends when it has killed one.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason
from elsewhere.core.clock import monotonic_s
from elsewhere.core.records import Outcome
from elsewhere.core.wording import size
from elsewhere.report.usage.process_tree import ProcessTree

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere_sandbox.scope import Scope
    from elsewhere_sandbox.slot import Slot

logger = logging.getLogger(__name__)

#: seconds between two looks at the memory, with a limit and without one
_LOOK_S: Final = 0.2
_SELDOM_S: Final = 1.0
#: seconds between two looks at the disk, and how many times as long as the look took
_DISK_S: Final = 5.0
_DISK_TIMES: Final = 50


class Limits:
    """Watches all below this process, the runner. `breach` is how a limit was broken, the first
    one; what a container runs is not below it, and has the limits of its container. In a `scope`
    the kernel limits the memory, and the watch only finds out."""

    def __init__(
        self, slot: Slot, folder: Path, time_limit_s: float, scope: Scope | None = None
    ) -> None:
        self.breach: Outcome | None = None
        self.peak_bytes = 0
        self._slot = slot
        self._scope = scope
        self._folder = folder
        self._time_limit_s = time_limit_s
        self._began_s = monotonic_s()
        self._disk_at = self._began_s
        self._tree = ProcessTree(os.getpid(), with_root=False)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limits", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch, after a last look at what the kernel has killed."""
        self._is_over.set()
        self._thread.join()
        self.breach = self.breach or self._killed()

    def _run(self) -> None:
        has_limit = self._slot.memory_bytes or self._time_limit_s
        while not self._is_over.wait(_LOOK_S if has_limit else _SELDOM_S):
            try:
                self.breach = self._killed() or self._memory() or self._time() or self._disk()
            except Exception:  # the outermost seam of this thread: the program goes on
                logger.exception("The limits are not watched any more.")
                return
            if self.breach is not None:
                return

    def _killed(self) -> Outcome | None:
        if self._scope is None or not self._scope.kills:
            return None
        message = (
            f"Its processes used up to {size(self._scope.peak_bytes or self.peak_bytes)} of memory"
            f" together, and its limit was {size(self._slot.memory_bytes)}: the kernel ended one."
        )
        return Outcome(reason=Reason.OUT_OF_MEMORY, message=message)

    def _memory(self) -> Outcome | None:
        use = self._tree.look()
        used_bytes, limit_bytes = int(use.memory_bytes) if use else 0, self._slot.memory_bytes
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        if not limit_bytes or used_bytes <= limit_bytes:
            return None
        message = (
            f"Its processes used {size(used_bytes)} of memory together, and its limit was"
            f" {size(limit_bytes)}."
        )
        return Outcome(reason=Reason.OUT_OF_MEMORY, message=message)

    def _time(self) -> Outcome | None:
        if not self._time_limit_s or monotonic_s() - self._began_s <= self._time_limit_s:
            return None
        message = f"It ran longer than its time limit of {self._time_limit_s:g} s."
        return Outcome(reason=Reason.TIMED_OUT, message=message)

    def _disk(self) -> Outcome | None:
        limit_bytes, began_s = self._slot.disk_bytes, monotonic_s()
        if not limit_bytes or began_s < self._disk_at:
            return None
        used_bytes = _bytes_below(self._folder)
        self._disk_at = began_s + max(_DISK_S, _DISK_TIMES * (monotonic_s() - began_s))
        if used_bytes <= limit_bytes:
            return None
        message = (
            f"Its run folder took {size(used_bytes)} of the disk, and its limit was"
            f" {size(limit_bytes)}."
        )
        return Outcome(reason=Reason.OUT_OF_DISK, message=message)


def _bytes_below(folder: Path) -> int:
    """The bytes that the disk has of a folder; what goes meanwhile is left out."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            logger.debug("%s", error)
    return total

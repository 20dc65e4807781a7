"""What the task's other processes record: an agent's run sees it in its folder, with no store."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from elsewhere.core.events import WORDS_OF_RECORD
from elsewhere.core.journal import READ_BYTES, is_written_by, journal_files, read_events
from elsewhere.core.process import at_fork

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.events import Event

logger = logging.getLogger(__name__)


class OtherJournals:
    """The journals in `folder` that other processes write, read on at each look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = os.getpid()
        self._offsets: dict[Path, int] = {}
        at_fork(after_in_child=self._start_anew)

    def news(self) -> list[Event]:
        """The events about the task's record since the last look, a process after the other."""
        events: list[Event] = []
        for path in journal_files(self._folder):
            if is_written_by(path, self._pid):
                continue
            try:
                while path.stat().st_size > (offset := self._offsets.get(path, 0)):
                    found, end = read_events(path, offset, READ_BYTES, words=WORDS_OF_RECORD)
                    if end == offset:
                        break
                    self._offsets[path] = end
                    events += found
            except OSError as error:  # the program may have changed its own folder
                logger.debug("%s: %s", path, error)
        return events

    def _start_anew(self) -> None:
        """In the child of a fork, which knows what its parent has recorded until then."""
        parent, self._pid = self._pid, os.getpid()
        for path in journal_files(self._folder):
            if is_written_by(path, parent):
                self._offsets[path] = path.stat().st_size

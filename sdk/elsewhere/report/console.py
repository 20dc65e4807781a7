"""The console of a script: what it prints goes where it went before, and to the task's output.

a stream of Python over its descriptor    DescriptorTee: all that is written to the descriptor
any other stream (a notebook's, a test's) Tee: what Python writes to the stream
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from elsewhere.report.descriptors import DescriptorTee
from elsewhere.report.streams import Tee

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elsewhere.core.known_secrets import KnownSecrets

logger = logging.getLogger(__name__)

_DESCRIPTORS: Final = {"stdout": 1, "stderr": 2}


class Console:
    """Copies `streams` (stdout, stderr, logging) to `output` until `detach`, without the secrets
    that are `known`. Raises OSError when `output` cannot be opened."""

    def __init__(self, output: Path, streams: Sequence[str], known: KnownSecrets) -> None:
        by_stream = [name for name in streams if name != "logging" or "stderr" not in streams]
        by_descriptor = [name for name in by_stream if _has_its_descriptor(name)]
        self._descriptors: DescriptorTee | None = None
        if by_descriptor:
            numbers = [_DESCRIPTORS[name] for name in by_descriptor]
            try:
                self._descriptors = DescriptorTee(output, numbers, known)
                by_stream = [name for name in by_stream if name not in by_descriptor]
            except OSError as error:
                logger.warning(
                    "Only what Python prints is recorded, nothing of sub-processes and of compiled"
                    " code: %s.",
                    error,
                )
        self._tee = Tee(output, by_stream, known.redact) if by_stream else None

    def flush(self) -> None:
        """Waits until what was printed is in the output."""
        if self._descriptors is not None:
            self._descriptors.flush()

    def detach(self) -> None:
        """Puts everything back. May be called twice."""
        if self._tee is not None:
            self._tee.detach()
        if self._descriptors is not None:
            self._descriptors.detach()


def _has_its_descriptor(name: str) -> bool:
    with suppress(Exception):  # of any class, that the program has put there
        return bool(getattr(sys, name).fileno() == _DESCRIPTORS[name])
    return False

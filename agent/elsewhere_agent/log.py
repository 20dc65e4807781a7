"""The log of a daemon: its place and its size."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s

if TYPE_CHECKING:
    from pathlib import Path

#: bytes of a log file; one older file is kept
_LOG_BYTES: Final = 10 << 20
#: seconds until a logged warning is logged again, if it still holds
_AGAIN_S: Final = 600.0
#: warnings that are remembered
_REMEMBERED: Final = 1000
_OURS: Final = ("elsewhere", "elsewhere_agent", "elsewhere_sandbox", "elsewhere_worker")


def log_to(path: Path | None, level: str) -> None:
    """Logs to the file, or to stderr. `level` is for Elsewhere; others log warnings only."""
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.addFilter(_Unrepeated())
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING, handlers=[handler]
    )
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


class _Unrepeated(logging.Filter):
    """Drops repeated warnings: every thread notices a missing store every second."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        text, now = record.getMessage(), monotonic_s()
        if now - self._logged_at.get(text, -_AGAIN_S) < _AGAIN_S:
            return False
        if len(self._logged_at) >= _REMEMBERED:
            self._logged_at.clear()
        self._logged_at[text] = now
        return True

"""The log of a daemon: its place and its size."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
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


def log_to(path: Path | None, level: str, *, as_json: bool = False) -> None:
    """Logs to the file at `path`, or to stderr. `level` is for Elsewhere; others log warnings only.
    `as_json`: each line is a JSON object."""
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.addFilter(_Unrepeated())
    handler.setFormatter(
        _JsonLines() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    set_level(level)


def set_level(level: str) -> None:
    """Sets the level of Elsewhere's own loggers."""
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


class _JsonLines(logging.Formatter):
    """One JSON object a record: `at` (UTC), `level`, `logger`, `thread`, `message`, `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


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

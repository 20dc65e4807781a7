"""Loggers of modules that the first import of the SDK loads, without `logging` itself: that would
be a fifth of the import's time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from logging import Logger


def late_logger(name: str) -> Logger:
    """The logger `name`, which is made at its first use."""
    return cast("Logger", _LateLogger(name))


class _LateLogger:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        import logging  # noqa: PLC0415 - weight

        return getattr(logging.getLogger(self._name), attribute)

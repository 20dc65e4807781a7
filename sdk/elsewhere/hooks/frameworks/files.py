"""Calls of a framework that save or load a file, reported to the run.

Only the outermost call counts: fastai saves by way of PyTorch, and is one save. What is no file or
folder of this machine is left out: buffers, sockets, devices, and URLs of other file systems.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.storage import is_file_url, local_path

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

#: whether this thread is within a call already
_WITHIN: Final = threading.local()


class Files:
    """Reports the calls of one `framework`, a name of `auto_connect_frameworks`."""

    def __init__(self, run: OwnRun, framework: str) -> None:
        self._run = run
        self._weights = run.weights
        self._framework = framework
        self._has_warned = False

    def saving(
        self, target: Callable[..., object], is_model: Callable[..., bool] = lambda *_, **__: True
    ) -> Callable[..., Any]:
        """A replacement of a function that saves.

        `target` gives the file of its arguments, a path or a file object, or None; `is_model` tells
        of them whether a model is saved.
        """

        def report(path: Path, begun_at: float, _result: object, *given: Any, **named: Any) -> None:
            known = is_model(*given, **named)
            self._weights.saved(path, self._framework, begun_at, is_model=known)

        return self._around(target, report)

    def loading(
        self, target: Callable[..., object], is_model: Callable[[Any], bool] = lambda _: True
    ) -> Callable[..., Any]:
        """A replacement of a function that loads; `is_model` tells it of what that returns."""

        def report(path: Path, _begun_at: float, result: object, *_: Any, **__: Any) -> None:
            self._weights.loaded(path, self._framework, is_model=is_model(result))

        return self._around(target, report)

    def _around(
        self, target: Callable[..., object], report: Callable[..., None]
    ) -> Callable[..., Any]:
        def call(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
            if self._run.is_over or getattr(_WITHIN, "is_true", False):
                return original(*given, **named)
            begun_at, _WITHIN.is_true = time.time(), True
            try:
                result = original(*given, **named)
                self._report(target, report, begun_at, result, given, named)
            finally:
                _WITHIN.is_true = False
            return result

        return call

    def _report(
        self,
        target: Callable[..., object],
        report: Callable[..., None],
        begun_at: float,
        result: object,
        given: tuple[Any, ...],
        named: dict[str, Any],
    ) -> None:
        try:
            path = _path(target(*given, **named))
            if path is not None:
                report(path, begun_at, result, *given, **named)
        except Exception:  # an outermost seam: the program goes on
            if not self._has_warned:
                logger.warning("A model of %s is not recorded.", self._framework, exc_info=True)
            self._has_warned = True


def argument(name: str, position: int) -> Callable[..., object]:
    """A target: the argument that is given by this `name`, or at this `position`."""

    def target(*given: object, **named: object) -> object:
        return named.get(name, given[position] if position < len(given) else None)

    return target


def _path(target: object) -> Path | None:
    """The absolute path of a file or folder of this machine; None for anything else."""
    if not isinstance(target, (str, bytes, os.PathLike)):
        target = getattr(target, "name", None)
    if not isinstance(target, (str, bytes, os.PathLike)):
        return None
    text = os.fsdecode(target)
    if "://" in text and not is_file_url(text):
        return None
    path = local_path(text) if is_file_url(text) else Path(os.path.abspath(text))  # noqa: PTH100 - links stay
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return path if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else None

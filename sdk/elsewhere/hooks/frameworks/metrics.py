"""The metrics of a framework, as scalars of the task."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

#: title, series, value, iteration
_Point: TypeAlias = "tuple[str, str, Any, int]"


class Metrics:
    """Reports the points of one framework; what cannot be reported is one warning."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self._has_warned = False

    def report(self, points: Iterable[_Point]) -> None:
        """Reports the `points`; nothing is raised."""
        if self._run.is_over:
            return
        try:
            for title, series, value, iteration in points:
                self._run.logger.report_scalar(title, series, value, iteration)
        except Exception:  # an outermost seam: the training goes on
            if not self._has_warned:
                logger.warning("Metrics of a training are not recorded.", exc_info=True)
            self._has_warned = True


def with_callback(callback: object) -> Callable[..., Any]:
    """A replacement of a function that trains: its `callbacks` get one more, the first: one that
    saves a model comes after it, and so does one that ends the training and thereby the round."""

    def train(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            bound = inspect.signature(original).bind(*given, **named)
        except TypeError:  # a wrong call, which the function itself refuses
            return original(*given, **named)
        bound.arguments["callbacks"] = [callback, *(bound.arguments.get("callbacks") or ())]
        return original(*bound.args, **bound.kwargs)

    return train

"""What each aspect with plots has: the way of a figure into the task's journal."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from elsewhere.core.wording import size
from elsewhere.report.figures.json_data import TooLarge
from elsewhere.report.logger_aspect import LoggerAspect
from elsewhere.report.reported import checked_name

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class FigureAspect(LoggerAspect):
    """Records figures by title, series and iteration, 0 without one: a later report of the same
    three replaces an earlier one, and all others stay.

    Data are lists, or arrays, tensors, series and frames of any library; what is not finite is a
    gap. A figure whose JSON is above 50 MB is not recorded, with a warning.
    """

    def _draw(
        self,
        title: str,
        series: str,
        iteration: int | None,
        draw: Callable[..., dict[str, Any]],
        data: object,
        **how: object,
    ) -> None:
        """Records the figure that `draw` makes of title, series and `data`."""
        title, series, at_iteration = self._named(title, series, iteration)
        try:
            self._record_plot(title, series, at_iteration, draw(title, series, data, **how))
        except TooLarge as error:
            logger.warning(
                "The plot %r, %r is not recorded, since it is too large: %s. Draw fewer points.",
                *(title, series, error),
            )
        except OSError as error:
            logger.warning("The plot %r, %r is lost: %s. Is the disk full?", title, series, error)

    def _named(self, title: object, series: object, iteration: object) -> tuple[str, str, int]:
        """Name and step of a plot, as they are recorded. Raises UsageError."""
        at_iteration = 0 if iteration is None else self._counted(iteration)
        return checked_name("title", title), checked_name("series", series), at_iteration

    def _record_plot(self, title: str, series: str, iteration: int, figure: dict[str, Any]) -> None:
        from elsewhere.core.plot_events import (  # noqa: PLC0415 - weight
            MOST_BYTES,
            MOST_KEPT_BYTES,
            Plot,
            pack,
            to_figure,
        )
        from elsewhere.report.staged import stage  # noqa: PLC0415 - weight

        # Hidden here: in what is packed, nobody finds a secret any more.
        safe = self._known.hide_within(figure)
        text = json.dumps(safe, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        if len(text) > MOST_BYTES:
            raise TooLarge(f"its JSON has {size(len(text))}, and {size(MOST_BYTES)} are the limit")
        packed = pack(text)
        kept, file, digest = to_figure(text, packed), "", ""
        if not kept:
            if self._files is None:
                limit = f"{size(MOST_KEPT_BYTES)} are the limit outside of a run"
                raise TooLarge(f"packed it has {size(len(packed))}, and {limit}")
            file, digest, _ = stage(self._files, ".gz", lambda path: path.write_bytes(packed))
        self._record(
            Plot(
                title=title,
                series=series,
                iteration=iteration,
                at=self._reported_at(),
                figure=kept,
                file=file,
                digest=digest,
            )
        )

"""Figures of matplotlib: as plots where plotly draws the same, else as pictures."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakSet

from elsewhere.core.checks import checked_flag
from elsewhere.core.errors import UsageError
from elsewhere.core.imported import is_instance
from elsewhere.report.figure_aspect import FigureAspect
from elsewhere.report.figures.json_data import TooLarge
from elsewhere.report.samples import SamplesAspect

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

#: the figures that the program has reported itself
BY_HAND: Final[WeakSet[Any]] = WeakSet()


class MatplotlibAspect(FigureAspect, SamplesAspect):
    """Reports figures of matplotlib."""

    _are_pictures: ClassVar[bool] = False

    @classmethod
    def matplotlib_force_report_non_interactive(cls, force: bool) -> None:
        """Reports all figures of matplotlib as pictures from now on in this process, unless `force`
        is False. Raises UsageError."""
        MatplotlibAspect._are_pictures = checked_flag("force", force)

    def report_matplotlib_figure(
        self,
        title: str,
        series: str,
        figure: Figure | ModuleType,
        iteration: int | None = None,
        report_image: bool = False,
        report_interactive: bool = True,
    ) -> None:
        """Reports a figure of matplotlib, which stays as it is.

        It becomes a plot where plotly draws each artist of it as matplotlib does: lines, markers,
        bars, points, areas, texts, legends, and axes that do not overlap. Else it becomes a PNG
        with the figure's dpi, a sample as of `report_image`.

        title, series, iteration
            The name and the step.
        figure
            The figure, or the module pyplot for its current one.
        report_image, report_interactive
            It becomes a picture in any case if the first is True, or the second is False.

        Raises UsageError.
        """
        found, named = _checked(figure), self._named(title, series, iteration)
        is_picture = checked_flag("report_image", report_image)
        is_picture |= not checked_flag("report_interactive", report_interactive)
        BY_HAND.add(found)
        if is_picture or not self._is_plot(*named, found):
            png = picture(found)
            self.report_media(title, series, iteration, stream=png, file_extension=".png")

    def _is_plot(self, title: str, series: str, iteration: int, figure: Figure) -> bool:
        """Reports the figure as a plot. False where that would not be the same."""
        if (plot := plot_of(figure)) is None:
            return False
        try:
            self._record_plot(title, series, iteration, plot)
        except TooLarge as why:
            logger.info("The figure %r, %r is reported as a picture: %s.", title, series, why)
            return False
        return True


def plot_of(figure: Any) -> dict[str, Any] | None:
    """The figure as plotly draws it; None where that would not be the same, or not be wanted."""
    from elsewhere.report.figures.matplotlib.figure import converted  # noqa: PLC0415 - weight
    from elsewhere.report.figures.matplotlib.style import Unfaithful  # noqa: PLC0415

    if MatplotlibAspect._are_pictures:
        return None
    try:
        return converted(figure)
    except (Unfaithful, TooLarge) as why:
        logger.info("A figure of matplotlib is reported as a picture: %s.", why)
    except Exception:
        logger.info("A figure of matplotlib becomes a picture.", exc_info=True)
    return None


def _checked(figure: Any) -> Any:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if figure is pyplot and pyplot is not None and pyplot.get_fignums():
        figure = pyplot.gcf()
    if is_instance(figure, "matplotlib.figure", "Figure"):
        return figure
    raise UsageError(
        f"A figure of matplotlib is needed, or pyplot with a figure, not {figure!r:.80}."
    )


def picture(figure: Any, **how: Any) -> bytes:
    """The PNG of the figure, `how` as for matplotlib's `print_figure`. Raises UsageError where
    matplotlib cannot draw it."""
    stream = io.BytesIO()
    try:
        # Not by its `savefig`, which a hook watches.
        figure.canvas.print_figure(stream, format="png", dpi="figure", **how)
    except Exception as error:
        raise UsageError(f"matplotlib cannot draw the figure: {error}.") from error
    return stream.getvalue()

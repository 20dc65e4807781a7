"""matplotlib: the figures that a program shows or saves, also by way of pandas and seaborn.

Each is a plot where plotly draws the same, else a picture, and is recorded again once it looks
otherwise. Its title is the first of these: its own one, the one that its axes have, its label, the
title of its window, the name of its file, `untitled NN`. A further figure of that title is the next
iteration. Frames of an animation are not recorded, nor is a figure that the program itself reports.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from itertools import count
from pathlib import PurePath
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from elsewhere.core.when_imported import when_imported
from elsewhere.hooks.callers import calling_module
from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.report.matplotlib_figures import BY_HAND, picture, plot_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

#: points that plotly is given at most: beyond them a picture is there sooner, and drawn sooner
_MOST_POINTS: Final = 50_000
#: untitled figures before their names begin anew
_MOST_UNTITLED: Final = 100


def attach(run: OwnRun, _library: ModuleType) -> Callable[[], None]:
    """Records the figures that are shown and saved."""
    figures = _Figures(run)
    undo: list[Callable[[], None]] = []
    for module, parts in (
        ("figure", {"Figure.savefig": figures.save, "Figure.show": figures.show}),
        ("pyplot", {"show": figures.show_all}),
    ):

        def put(imported: ModuleType, parts: dict[str, Callable[..., Any]] = parts) -> None:
            undo.append(replace_parts(imported, parts))

        undo.append(when_imported(f"matplotlib.{module}", put))

    def detach() -> None:
        while undo:
            undo.pop()()

    return detach


class _Figures:
    def __init__(self, run: OwnRun) -> None:
        self._run = run
        #: figures to digests of what was recorded of them last
        self._recorded: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()
        # Steps of the interpreter, not a lock: a process may be forked while another thread draws.
        self._iterations: dict[str, count[int]] = {}
        self._untitled = count()
        self._has_warned = False

    def save(self, original: Callable[..., Any], figure: Any, *given: Any, **named: Any) -> Any:
        result = original(figure, *given, **named)
        if calling_module() != "matplotlib.animation":
            self._record(lambda: [figure], named.get("fname", given[0] if given else None))
        return result

    def show(self, original: Callable[..., Any], figure: Any, *given: Any, **named: Any) -> Any:
        self._record(lambda: [figure])
        return original(figure, *given, **named)

    def show_all(self, original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if calling_module() != "matplotlib.pyplot":  # `pause`, which shows a figure that is live
            self._record(_all_open)
        return original(*given, **named)

    def _record(self, figures: Callable[[], list[Any]], file: object = None) -> None:
        try:
            for figure in figures():
                if not self._run.is_over and figure not in BY_HAND:
                    self._report(figure, file)
        except Exception:  # an outermost seam: the program goes on
            if not self._has_warned:
                logger.warning("A figure of matplotlib is not recorded.", exc_info=True)
            self._has_warned = True

    def _report(self, figure: Any, file: object) -> None:
        plot = plot_of(figure) if _points(figure) <= _MOST_POINTS else None
        # with all that reaches beyond the figure, such as a legend beside it
        png = picture(figure, bbox_inches="tight") if plot is None else b""
        digest = hashlib.sha256(png or json.dumps(plot).encode()).digest()
        if self._recorded.get(figure) == digest:
            return
        self._recorded[figure] = digest
        title = _title(figure, file) or f"untitled {next(self._untitled) % _MOST_UNTITLED:02d}"
        iteration, report = next(self._iterations.setdefault(title, count())), self._run.logger
        if plot is not None:
            report.report_plotly(title, "plot", plot, iteration)
        else:
            report.report_media(title, "plot image", iteration, stream=png, file_extension=".png")


def _all_open() -> list[Any]:
    from matplotlib._pylab_helpers import Gcf  # noqa: PLC0415 - loaded already

    return [manager.canvas.figure for manager in Gcf.get_all_fig_managers()]


def _points(figure: Any) -> int:
    """About as many as the figure draws."""
    return sum(
        sum(len(line.get_xdata(orig=False)) for line in axes.lines)
        + sum(len(one.get_offsets()) for one in axes.collections)
        + len(axes.patches)
        for axes in figure.get_axes()
    )


def _title(figure: Any, file: object) -> str:
    """The first that there is, else an empty text."""
    return next(filter(None, (" ".join(title.split()) for title in _titles(figure, file))), "")


def _titles(figure: Any, file: object) -> Iterator[str]:
    above = getattr(figure, "_suptitle", None)
    yield above.get_text() if above is not None else ""
    places = ("center", "left", "right")
    found = (axes.get_title(place) for axes in figure.get_axes() for place in places)
    titles = list(dict.fromkeys(filter(None, found)))
    if len(titles) == 1:
        yield titles[0]
    yield str(figure.get_label())
    manager = figure.canvas.manager
    window = (manager.get_window_title() or "") if manager is not None else ""
    # not what matplotlib names it by itself
    yield "" if window in (f"Figure {getattr(manager, 'num', '')}", "image") else window
    if isinstance(file, (str, os.PathLike)):
        yield PurePath(os.fspath(file)).stem
    yield titles[0] if titles else ""

"""`elsewhere plot`: the curves of a graph, in the terminal or as a page."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.command.arguments import add_id
from elsewhere.command.canvas import Canvas
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import clean, say
from elsewhere.command.tables import grid, open_console
from elsewhere.core.errors import NotFoundError, UsageError, known_choices
from elsewhere.core.wording import counted, duration, number

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from elsewhere.core.scalars import Curve
    from elsewhere.store.api import SeriesSummary
    from elsewhere.store.redis.store import RedisStore

#: points of a curve on a page, where one can look closer
_OF_PAGE: Final = 10_000
#: characters: of a canvas without a terminal, at least, at most, and around it
_COLUMNS, _LEAST, _MOST, _AROUND = 100, 20, 200, 14
_ROWS: Final = 16
#: characters of what stands left of the y axis, at least
_LABEL: Final = 10
_PENS: Final = ("cyan", "yellow", "magenta", "green", "red", "blue", "white")


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    parser.add_argument("title", metavar="TITLE", help="title of the graph, as 'show' has it")
    parser.add_argument("series", nargs="*", metavar="SERIES", help="only these (default: all)")
    parser.add_argument(
        "--x",
        choices=("iteration", "time"),
        default="iteration",
        help="what goes to the right: %(choices)s (default: %(default)s)",
    )
    parser.add_argument("--html", metavar="FILE", help="write a page, by plotly, instead")


def run(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    found = _series(store, task_id, given.title, given.series)
    wanted = [(task_id, one.title, one.series) for one in found]
    if given.html:
        heading = f"{given.title} of {title(store, task_id)}"
        _write_page(given.html, heading, found, store.curves(wanted, _OF_PAGE), given.x)
        return 0
    columns = shutil.get_terminal_size((_COLUMNS, _ROWS)).columns - _AROUND
    columns = min(max(columns, _LEAST), _MOST)
    curves = store.curves(wanted, 4 * columns)
    points = [list(zip(_along(curve, given.x), curve.values, strict=True)) for curve in curves]
    _print(columns, found, points, given.x)
    return 0


def _series(
    store: RedisStore, task_id: str, graph: str, names: Sequence[str]
) -> list[SeriesSummary]:
    """The series of the `graph` with these names, all without any. Raises NotFoundError."""
    known: dict[str, list[SeriesSummary]] = {}
    for one in store.series(task_id):
        known.setdefault(one.title, []).append(one)
    if graph not in known:
        raise NotFoundError(
            f"Task {title(store, task_id)} has no graph {graph!r}. {known_choices(graph, known)}"
        )
    by_name = {one.series: one for one in known[graph]}
    for name in names:
        if name not in by_name:
            raise NotFoundError(
                f"The graph {graph!r} has no series {name!r}. {known_choices(name, by_name)}"
            )
    return [by_name[name] for name in names] or known[graph]


def _along(curve: Curve, axis: str) -> Sequence[float]:
    """What stands on the x axis: iterations, or seconds since the first point."""
    if axis == "iteration":
        return curve.iterations
    return [at - curve.times[0] for at in curve.times]


def _print(
    columns: int,
    found: Sequence[SeriesSummary],
    curves: Sequence[Sequence[tuple[float, float]]],
    axis: str,
) -> None:
    from rich.text import Text  # noqa: PLC0415 - weight

    left, right = _range([x for curve in curves for x, _ in curve])
    bottom, top = _range([y for curve in curves for _, y in curve])
    low, high = _ends(bottom, top)
    width = max(_LABEL, len(low), len(high))
    canvas = Canvas(max(columns - (width - _LABEL), _LEAST), _ROWS)
    for pen, curve in enumerate(curves):
        canvas.draw([_within(x, y, left, right, bottom, top) for x, y in curve], pen)
    console = open_console()
    labels = {0: high, canvas.rows - 1: low}
    for row, line in enumerate(canvas.lines()):
        text = Text(f"{labels.get(row, ''):>{width}} {'┤' if row in labels else '│'}")
        for character, pen in line:
            text.append(character, style=_PENS[pen % len(_PENS)])
        console.print(text)
    ends = [duration(x) if axis == "time" else number(x) for x in (left, right)]
    between = max(canvas.columns - len(ends[0]) - len(ends[1]), len(axis) + 2)
    console.print(f"{'':>{width}} └{'─' * canvas.columns}")
    console.print(f"{'':>{width + 2}}{ends[0]}{axis:^{between}}{ends[1]}")
    table = grid()
    for pen, one in enumerate(found):
        values = {"last": one.last, "min": one.minimum, "max": one.maximum}
        numbers = (f"{name} {number(value)}" for name, value in values.items())
        name = Text(f"━ {clean(one.series)}", style=_PENS[pen % len(_PENS)])
        table.add_row("", name, *numbers, counted(one.count, "point"))
    console.print(table)


def _ends(low: float, high: float) -> tuple[str, str]:
    """Both in as few digits as tell them apart, but at least the usual six."""
    if number(low) != number(high):
        return number(low), number(high)
    of_either = ((f"{low:.{digits}g}", f"{high:.{digits}g}") for digits in range(7, 18))
    return next(ends for ends in of_either if ends[0] != ends[1])


def _range(numbers: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest of the numbers, never the same."""
    there = [one for one in numbers if math.isfinite(one)] or [0.0]
    low, high = min(there), max(there)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _within(
    x: float, y: float, left: float, right: float, bottom: float, top: float
) -> tuple[float, float] | None:
    """The point in parts of the canvas; None for a gap, and infinities at its edges."""
    if math.isnan(y):
        return None
    height = (y / 2 - bottom / 2) / (top / 2 - bottom / 2)  # the range itself may be infinite
    return (x - left) / (right - left), min(max(height, 0.0), 1.0)


def _write_page(
    path: str, heading: str, found: Sequence[SeriesSummary], curves: Sequence[Curve], axis: str
) -> None:
    try:
        from plotly import io  # noqa: PLC0415 - weight, and not everybody has it
    except ImportError as error:
        raise UsageError(
            "A page of curves needs plotly, which is not installed here: pip install plotly."
        ) from error
    lines: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "name": one.series,
            "x": list(_along(curve, axis)),
            "y": list(curve.values),
        }
        for one, curve in zip(found, curves, strict=True)
    ]
    layout = {"title": {"text": heading}, "xaxis": {"title": {"text": axis}}}
    page = io.to_html({"data": lines, "layout": layout}, include_plotlyjs=True)
    Path(path).write_text(page, encoding="utf-8")
    say(f"The curves are in {path}.")

"""Bars of values that are counted already."""

from __future__ import annotations

from typing import Any, Final

from elsewhere.report.figures.layout import axis, extra, figure
from elsewhere.report.figures.shapes import checked_choice, labels_of, rows_of

MODES: Final = ("group", "stack", "relative")


def histogram(
    title: str,
    series: str,
    values: object,
    *,
    labels: object = None,
    xlabels: object = None,
    xaxis: str | None = None,
    yaxis: str | None = None,
    mode: str | None = None,
    data_args: object = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """A bar for each of the `values`, rows of one colour each. Raises UsageError.

    `labels`: a name for each row, or one for all; `xlabels`: one for each column.
    """
    rows = rows_of("The values of a histogram", values)
    names = labels_of("labels", labels) or [series]
    names = labels_of("labels", names * len(rows) if len(names) == 1 else names, len(rows)) or []
    columns = labels_of("xlabels", xlabels, max(map(len, rows)))
    given = extra("data_args", data_args)
    at, high = ("y", "x") if given.get("orientation") == "h" else ("x", "y")
    traces = [
        {"type": "bar", "name": str(name), at: columns or list(range(len(row))), high: row, **given}
        for name, row in zip(names, rows, strict=True)
    ]
    bars = {"barmode": checked_choice("mode", mode or MODES[0], MODES), "bargap": 0.08}
    layout = {"xaxis": axis(xaxis), "yaxis": axis(yaxis), **bars}
    return figure(title, traces, layout, extra_layout=extra_layout)

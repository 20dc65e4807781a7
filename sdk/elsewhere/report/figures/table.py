"""Tables: rows of a list, of a data frame or of CSV."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from elsewhere.core.checks import checked_text, plain
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.imported import is_instance
from elsewhere.core.plot_events import MOST_BYTES
from elsewhere.report.figures.json_data import TooLarge, json_data
from elsewhere.report.figures.layout import extra, figure, merged

_LOOK: Final[dict[str, Any]] = {"align": "left"}


def table(
    title: str,
    series: str,
    table_plot: object = None,
    *,
    csv: str | None = None,
    url: str | None = None,
    extra_layout: object = None,
    extra_data: object = None,
) -> dict[str, Any]:
    """A table of a data frame of pandas, or of rows whose first has the names of the columns; short
    rows end in empty cells. Or of comma-separated values, in the file `csv` or at `url`. Raises
    UsageError, StorageError."""
    if [table_plot is None, csv is None, url is None].count(False) != 1:
        raise UsageError("A table is made of exactly one of table_plot, csv and url.")
    if url is not None:
        table_plot = rows_at(checked_text("url", url))
    elif csv is not None:
        table_plot = rows_of_csv(named_path(csv))
    is_frame = is_instance(table_plot, "pandas", "DataFrame")
    names, columns = _of_frame(table_plot) if is_frame else _of_rows(table_plot)
    trace = {
        "type": "table",
        "name": series,
        "header": {"values": names, **_LOOK},
        "cells": {"values": columns, **_LOOK},
    }
    given = extra("extra_data", extra_data)
    return figure(title, [merged(trace, given)], extra_layout=extra_layout)


def rows_at(url: str) -> list[list[str]]:
    """The rows of the file of comma-separated values at `url`. Raises UsageError, StorageError."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - weight

    from elsewhere.storage import download  # noqa: PLC0415 - weight

    with TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        download(url, path)
        return rows_of_csv(path)


def rows_of_csv(path: Path) -> list[list[str]]:
    """The rows of a file of comma-separated values in UTF-8, its cells as they are written. Raises
    UsageError."""
    import csv  # noqa: PLC0415 - weight

    try:
        if path.stat().st_size > MOST_BYTES:
            raise TooLarge(f"{path} has more than {MOST_BYTES} bytes")
        with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            return [row for row in csv.reader(file) if row]
    except (OSError, csv.Error, ValueError) as error:
        raise UsageError(f"The table cannot be read from {str(path)!r}: {error}.") from error


def _of_frame(frame: Any) -> tuple[list[Any], list[list[Any]]]:
    """Names and columns of a frame; also those of its index, unless it only numbers the rows."""
    names = [_name(name) for name in frame.columns]
    columns = [frame.iloc[:, at].tolist() for at in range(len(names))]
    if not is_instance(frame.index, "pandas", "RangeIndex"):
        levels = range(frame.index.nlevels)
        columns = [frame.index.get_level_values(at).tolist() for at in levels] + columns
        names = ["" if name is None else _name(name) for name in frame.index.names] + names
    if frame.columns.nlevels > 1:  # a row of the header for each level
        names = [name if isinstance(name, list) else [name] for name in names]
        deepest = max(map(len, names), default=0)
        names = [["", *name][-deepest:] if len(name) < deepest else name for name in names]
    return names, [list(map(_cell, column)) for column in columns]


def _of_rows(rows: object) -> tuple[list[Any], list[list[Any]]]:
    is_array = hasattr(rows, "tolist") or isinstance(rows, (list, tuple))
    found = getattr(rows, "tolist", lambda: rows)() if is_array else None
    if not isinstance(found, (list, tuple)):
        raise UsageError(
            "table_plot must be a data frame of pandas, or a list of rows, the first with the names"
            f" of the columns: [['x', 'y'], [1, 2]], not {rows!r:.80}."
        )
    if not all(isinstance(row, (list, tuple)) or hasattr(row, "tolist") for row in found):
        raise UsageError("Each row of table_plot must be a list, as in [['x', 'y'], [1, 2]].")
    cells = [[_cell(cell) for cell in row] for row in found]
    width = max(map(len, cells), default=0)
    cells = [[*row, *[""] * (width - len(row))] for row in cells]
    return cells[0] if cells else [], [[row[at] for row in cells[1:]] for at in range(width)]


def _name(name: object) -> Any:
    return [str(part) for part in name] if isinstance(name, tuple) else str(name)


def _cell(cell: Any) -> Any:
    """One cell: NaN and infinities by their names, a list or a dict as its text."""
    number = plain(cell)
    if isinstance(number, float) and not math.isfinite(number):
        return str(number)
    found = json_data("A cell", cell)
    return str(cell) if isinstance(found, (list, dict)) else found

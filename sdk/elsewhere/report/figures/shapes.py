"""Shapes of the data that a figure is made of, checked: rows, points, labels, one of several."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.report.figures.json_data import json_data


def rows_of(what: str, values: object) -> list[list[Any]]:
    """Rows of numbers; one number or one row are rows, too. Raises UsageError."""
    data = json_data(what, values)
    rows = data if isinstance(data, list) else [data]
    if not any(isinstance(row, list) for row in rows):
        rows = [rows]
    is_text = isinstance(values, (str, bytes, type(None)))  # in a row a text is a category
    if is_text or not all(isinstance(row, list) and _is_flat(row) for row in rows):
        raise UsageError(f"{what} must be one row of numbers, or several: a list or a 2D array.")
    return rows


def matrix_of(what: str, values: object) -> list[list[Any]]:
    """Rows of one length. Raises UsageError."""
    rows = rows_of(what, values)
    if len({len(row) for row in rows}) > 1:
        raise UsageError(f"{what} must be a matrix, with as many numbers in each row.")
    return rows


def series_of(what: str, values: object, width: int) -> list[list[list[Any]]]:
    """Series of points with `width` coordinates each; one series of points is a list of one.
    Raises UsageError."""
    series = json_data(what, values)
    if not isinstance(series, list) or _depth(series) < 3:
        series = [series]
    for points in series:
        if not isinstance(points, list) or not all(_is_point(point, width) for point in points):
            raise UsageError(
                f"{what} must be points of {width} numbers each, such as "
                f"[{tuple(range(width))}, ...], a list of such lists, or an array with {width} "
                "columns."
            )
    return series


def labels_of(argument: str, labels: object, count: int | None = None) -> list[Any] | None:
    """The texts of `labels`, None for None; as many as `count`, where given. Raises UsageError."""
    if labels is None:
        return None
    found = json_data(argument, labels)
    if not isinstance(found, list) or not _is_flat(found):
        raise UsageError(f"{argument} must be a list of texts, not {labels!r:.80}.")
    if count is not None and len(found) != count:
        raise UsageError(f"{argument} must have {count} texts, one each, not {len(found)}.")
    return found


def checked_choice(argument: str, given: object, known: Collection[str]) -> str:
    """The text `given`, one of the `known`. Raises UsageError."""
    if isinstance(given, str) and given in known:
        return given
    raise UsageError(f"There is no {argument} {given!r:.80}. {known_choices(str(given), known)}")


def columns_of(points: list[list[Any]], width: int) -> list[list[Any]]:
    """The coordinates of points, an axis each."""
    return [[point[at] for point in points] for at in range(width)]


def are_numbers(row: list[Any]) -> bool:
    """Whether the items are numbers, or None, which stands for NaN."""
    return all(item is None or isinstance(item, (int, float)) for item in row)


def _is_flat(row: list[Any]) -> bool:
    return not any(isinstance(item, (list, dict)) for item in row)


def _is_point(point: object, width: int) -> bool:
    return isinstance(point, list) and len(point) == width and _is_flat(point)


def _depth(data: object) -> int:
    """How deep lists stand in lists, by the first of each that is not empty."""
    if not isinstance(data, list):
        return 0
    return 1 + _depth(next((item for item in data if item != []), None))

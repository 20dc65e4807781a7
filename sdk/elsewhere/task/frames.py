"""The scalars of several tasks as one DataFrame of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.store.api import TaskStore

#: the columns of a table of scalars, which has a row a point
COLUMNS: Final = ("task", "title", "series", "iteration", "time", "value")


def scalars_frame(
    store: TaskStore,
    task_ids: Sequence[str],
    title: str | None = None,
    series: str | None = None,
    most: int = 0,
) -> Any:
    """The points of the tasks, of one `title` and one `series` where they are given, at most so
    many of each series, 0 for all. Raises ImportError without pandas."""
    import pandas as pd  # noqa: PLC0415 - weight, and not everybody has it

    wanted = [
        (task_id, one.title, one.series)
        for task_id in task_ids
        for one in store.series(task_id)
        if title in (None, one.title) and series in (None, one.series)
    ]
    curves = store.curves(wanted, most)
    lengths = [len(curve) for curve in curves]

    def repeated(column: int) -> Any:
        names = pd.Series([one[column] for one in wanted], dtype=str)
        return names.repeat(lengths).astype("category").reset_index(drop=True)

    def joined(numbers: str, kind: str) -> Any:
        parts = [pd.Series(getattr(curve, numbers), dtype=kind) for curve in curves]
        return pd.concat(parts, ignore_index=True) if parts else pd.Series(dtype=kind)

    times = pd.to_datetime(joined("times", "float64"), unit="s", utc=True)
    numbers = joined("iterations", "int64"), times, joined("values", "float64")
    columns = (*map(repeated, range(3)), *numbers)
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))

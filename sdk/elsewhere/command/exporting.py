"""`elsewhere export`: the scalars of tasks as a table, a row a point."""

from __future__ import annotations

import csv
import sys
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from elsewhere.command.arguments import add_ids
from elsewhere.command.naming import find_task
from elsewhere.command.printing import say
from elsewhere.core.errors import UsageError
from elsewhere.task.frames import COLUMNS, scalars_frame

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_ids(parser)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--csv", metavar="FILE", help="as CSV (default: - for stdout)")
    kind.add_argument("--parquet", metavar="FILE", help="as Parquet, by pandas")


def run(store: RedisStore, given: Namespace) -> int:
    task_ids = [find_task(store, one) for one in given.id]
    if given.parquet == "-":
        raise UsageError("A Parquet file is not written to stdout: name a file, or use --csv.")
    if given.parquet:
        _write_parquet(store, task_ids, given.parquet)
        return 0
    path = given.csv or "-"
    to_stdout = nullcontext(sys.stdout)
    with to_stdout if path == "-" else Path(path).open("w", encoding="utf-8", newline="") as file:
        count = _write_csv(store, task_ids, file)
    if path != "-":
        say(f"{count} points are in {path}.")
    return 0


def _write_csv(store: RedisStore, task_ids: Sequence[str], file: TextIO) -> int:
    rows, count = csv.writer(file), 0
    rows.writerow(COLUMNS)
    for task_id in task_ids:
        for one in store.series(task_id):  # a curve at a time: they may be long
            for iteration, at, value in store.points(task_id, one.title, one.series):
                time = datetime.fromtimestamp(at, timezone.utc).isoformat()
                rows.writerow((task_id, one.title, one.series, iteration, time, repr(value)))
                count += 1
    return count


def _write_parquet(store: RedisStore, task_ids: Sequence[str], path: str) -> None:
    try:
        frame = scalars_frame(store, task_ids)
        frame.to_parquet(path, index=False)
    except ImportError as error:
        raise UsageError(
            "A Parquet file needs pandas and pyarrow, which are not installed here: "
            "pip install pandas pyarrow, or use --csv."
        ) from error
    say(f"{len(frame)} points are in {path}.")

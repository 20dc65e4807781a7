"""Queries on Redis: narrowed on the server by its sets, then read in pieces."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.codec import to_plain
from elsewhere.core.errors import RecordError, UsageError, known_choices
from elsewhere.core.frozen import dataclass
from elsewhere.core.records import TaskRecord
from elsewhere.store.curves import name_of
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from elsewhere.store.filters import Filter, Order
    from elsewhere.store.redis.scripts import Scripts, Word
    from elsewhere.store.tags import Clause

#: tasks that are looked at in one round trip
_PIECE: Final = 1000
_SETS: Final[dict[str, Callable[[str], str]]] = {
    "project": keys.project,
    "status": keys.status,
    "system_tags": partial(keys.tagged, "system_tag"),
    "tags": partial(keys.tagged, "tag"),
    "type": keys.task_type,
}
_PARAMETER: Final = "parameters."
#: behind a series: which word of its summary
_OF_SERIES: Final = {"value": 2, "min_value": 3, "max_value": 4}
_RECORD: Final = frozenset(item.name for item in fields(TaskRecord)) - {"id", "tags", "parameters"}
#: what is not written of a record, since it is the default
_DEFAULTS: Final[dict[str, Any]] = to_plain(TaskRecord(id="", name="", project=""))


class RedisSearch:
    """The part of the Redis store that answers queries."""

    redis: Any
    _scripts: Scripts

    def search(self, wanted: Filter) -> Iterator[str]:
        """Ids in the wanted order, looked at piece by piece where the order allows it."""
        return chosen(self._rows(self._narrowed(wanted), looked_at(wanted)), wanted)

    def look_up(self, task_ids: Iterable[str], names: Collection[str]) -> list[dict[str, Any]]:
        """The id and these fields of each task, without the tasks that are gone.

        Beside the fields of filters: `parameters.<section>/<name>`, and fields of the record with
        dots for what is inside (`source.commit`). Times are Unix seconds; None is what a task has
        not. Raises UsageError for an unknown name.
        """
        tasks = [(task_id, None) for task_id in task_ids]
        wanted = ["id", *names]
        return [
            {name: row[name] for name in wanted}
            for row in self._rows(tasks, {*names, "status"})
            if row["status"] is not None
        ]

    def _narrowed(self, wanted: Filter) -> list[tuple[str, float | None]]:
        """Ids that the server alone selects, with the time of the last change, newest first."""
        clauses: list[Clause] = []
        excluded: list[str] = []
        projects: list[str] = []
        for field, expression in wanted.sets:
            key = _SETS[field]
            for clause in expression.clauses:
                clauses.append(tuple(tuple(map(key, group)) for group in clause))
                projects += [name for group in clause for name in group if field == "project"]
            excluded += map(key, expression.excluded)
        if not (clauses or excluded or wanted.name):
            return self._newest(wanted)
        with redis_errors():
            if wanted.name:
                known = projects or [
                    one.decode() for one in self.redis.zrange(keys.PROJECTS, 0, -1)
                ]
                clauses.append(tuple((keys.named(one, wanted.name),) for one in known))
            found = self._scripts.search(*map(repr, _changed(wanted)), *_words(excluded, clauses))
        pairs = zip(map(float, found[1::2]), found[::2], strict=True)
        return [(task_id.decode(), at) for at, task_id in sorted(pairs, reverse=True)]

    def _newest(self, wanted: Filter) -> list[tuple[str, float | None]]:
        """Ids by last change where no set narrows; only the page when nothing else filters."""
        is_whole = wanted.end is None or bool(wanted.conditions or wanted.order)
        first, last = _changed(wanted)
        with redis_errors():
            found = self.redis.zrevrangebyscore(
                keys.UPDATED, last, first, 0, -1 if is_whole else wanted.end, withscores=True
            )
        return [(task_id.decode(), at) for task_id, at in found]

    def _rows(
        self, tasks: Sequence[tuple[str, float | None]], names: Collection[str]
    ) -> Iterator[dict[str, Any]]:
        """The fields of each task; id and last_update cost nothing where they are known."""
        is_at_hand = all(at is not None for _, at in tasks)
        known = {"id", "last_update"} if is_at_hand else {"id"}
        columns = {name: column_of(name) for name in sorted(set(names) - known)}
        hashes = sorted({column.part for column in columns.values() if column.fields})
        sets = sorted({column.part for column in columns.values() if not column.fields})
        asked = {
            part: [
                field
                for column in columns.values()
                if column.part == part
                for field in column.fields
            ]
            for part in hashes
        }
        for first in range(0, len(tasks), _PIECE):
            piece = tasks[first : first + _PIECE]
            answers: Iterator[Any] = iter(())
            if columns:
                with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
                    for task_id, _ in piece:
                        task = keys.TaskKeys(task_id)
                        for part in hashes:
                            pipe.hmget(task.part(part), asked[part])
                        for part in sets:
                            pipe.smembers(task.part(part))
                    answers = iter(pipe.execute())
            for task_id, at in piece:
                row: dict[str, Any] = {"id": task_id, "last_update": at}
                values = {part: iter(next(answers)) for part in hashes}
                members = {part: next(answers) for part in sets}
                for name, column in columns.items():
                    if column.fields:
                        row[name] = column.read(
                            list(islice(values[column.part], len(column.fields)))
                        )
                    else:
                        row[name] = sorted(item.decode() for item in members[column.part])
                yield row


def looked_at(wanted: Filter) -> set[str]:
    """The fields that rows must have for `chosen`."""
    of_conditions = {name for one in wanted.conditions for name in one.fields}
    return of_conditions | {one.field for one in wanted.order}


def chosen(rows: Iterable[dict[str, Any]], wanted: Filter) -> Iterator[str]:
    """The ids of those rows for which the conditions hold, in the wanted order, its page alone."""
    held: Iterable[dict[str, Any]] = (
        row for row in rows if all(condition.holds(row) for condition in wanted.conditions)
    )
    if wanted.order:
        held = _ordered(list(held), wanted.order)
    for row in islice(held, wanted.skipped, wanted.end):
        yield row["id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The `fields` of the key `part` that hold a value; a whole set where there are none."""

    part: str
    fields: tuple[str, ...] = ()
    read: Callable[[list[bytes | None]], Any] = list


def column_of(name: str) -> Column:
    """Returns the column of a field. Raises UsageError for an unknown one."""
    from elsewhere.store import filters  # noqa: PLC0415 - weight

    if name in filters.LISTS:
        return Column(part=name)
    if name in _STATE:
        field, read = _STATE[name]
        return Column(part="state", fields=(field,), read=read)
    if name.startswith(_PARAMETER):
        full_name = name.removeprefix(_PARAMETER)
        return Column(part="parameters", fields=(full_name,), read=_inside(name, ["value"]))
    if name.startswith(filters.METRIC):
        return _metric(name.removeprefix(filters.METRIC))
    top, *path = ("created_at" if name == "created" else name).split(".")
    if top in _RECORD:
        return Column(part="record", fields=(top,), read=_inside(name, path, _DEFAULTS[top]))
    known = (
        *(*filters.TEXTS, *filters.LISTS, *filters.TIMES, *filters.NUMBERS, *_RECORD),
        *(_PARAMETER + "<section>/<name>", filters.METRIC + "<title>.<series>"),
    )
    raise UsageError(f"A task has no field {name!r:.80}. {known_choices(name, known)}")


def _metric(name: str) -> Column:
    """The column of a series. Titles and series may have dots: the first existing split counts."""
    words = name.split(".")
    which = _OF_SERIES.get(words[-1], 0) if len(words) > 2 else 0
    series = words[:-1] if which else words
    splits = tuple(
        name_of(".".join(series[:end]), ".".join(series[end:])) for end in range(1, len(series))
    )

    def read(values: list[bytes | None]) -> float | None:
        found = next((value for value in values if value), None)
        return float(found.split()[which or _OF_SERIES["value"]]) if found else None

    return Column(part="scalars", fields=splits, read=read)


def _inside(name: str, path: list[str], default: Any = None) -> Callable[[list[bytes | None]], Any]:
    """Returns a reader of the value at `path`; `default` stands for a missing one."""

    def read(values: list[bytes | None]) -> Any:
        try:
            plain = default if values[0] is None else json.loads(values[0])
        except ValueError as error:
            raise RecordError(f"The field {name} of a task cannot be read: {error}.") from error
        otherwise = default
        for step in path:
            otherwise = otherwise.get(step) if isinstance(otherwise, dict) else None
            plain = plain.get(step, otherwise) if isinstance(plain, dict) else None
        return plain

    return read


def _text(values: list[bytes | None]) -> str | None:
    return None if values[0] is None else values[0].decode(errors="replace")


def _number(values: list[bytes | None]) -> float | None:
    return float(values[0]) if values[0] else None


def _whole(values: list[bytes | None]) -> int | None:
    return int(values[0]) if values[0] else None


#: field -> where the hash of the state has it, and how it is read
_STATE: Final[dict[str, tuple[str, Callable[[list[bytes | None]], Any]]]] = {
    "completed": ("ended_at", _number),
    "last_iteration": ("last_iteration", _whole),
    "last_update": ("updated_at", _number),
    "progress": ("progress", _number),
    "started": ("started_at", _number),
    "status": ("status", _text),
    "status_message": ("message", _text),
}


def _ordered(rows: list[dict[str, Any]], order: Sequence[Order]) -> list[dict[str, Any]]:
    """Sorts by the least important field first; a row without a value comes last."""
    for one in reversed(order):
        has = [row[one.field] is not None and row[one.field] == row[one.field] for row in rows]
        there = [row for row, is_there in zip(rows, has, strict=True) if is_there]
        there.sort(key=lambda row, field=one.field: row[field], reverse=one.is_descending)  # type: ignore[misc]
        rows = there + [row for row, is_there in zip(rows, has, strict=True) if not is_there]
    return rows


def _changed(wanted: Filter) -> tuple[float, float]:
    """Returns bounds of the last change's time, by which the server narrows its ids."""
    from elsewhere.store.filters import Range  # noqa: PLC0415 - weight

    bounds = [
        bound
        for condition in wanted.conditions
        if condition.fields == ("last_update",) and isinstance(condition.test, Range)
        for bound in condition.test.bounds
    ]
    first = max((end for sign, end in bounds if sign[0] == ">"), default=float("-inf"))
    return first, min((end for sign, end in bounds if sign[0] == "<"), default=float("inf"))


def _words(excluded: Sequence[str], clauses: Sequence[Clause]) -> list[Word]:
    """The words of a query, as `search.lua` reads them."""
    words: list[Word] = [len(excluded), *excluded]
    for clause in clauses:
        words.append(len(clause))
        for group in clause:
            words += [len(group), *group]
    return words

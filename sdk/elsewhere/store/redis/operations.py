"""The changes of an event or an edit in Redis, as plain commands for the scripts to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core import kept
from elsewhere.core.codec import compact, encode
from elsewhere.core.events import kept_parts
from elsewhere.core.kept import OF_RECORD
from elsewhere.core.records import NAMING
from elsewhere.store.redis import keys, model_operations
from elsewhere.store.redis.histories import of_item
from elsewhere.store.states import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from elsewhere.core.records import TaskRecord
    from elsewhere.store.redis.scripts import Word


def of_fields(fields: Mapping[str, object]) -> list[list[Word]]:
    """Sets fields of the record; the script keeps the index true."""
    return [["FIELD", name, encode(compact(value))] for name, value in fields.items()]


def of_blobs(fields: Mapping[str, Any]) -> list[list[Word]]:
    """Notes which blobs those `fields` of the record name that may name some."""
    return [["BLOBS", part, *fields[part].digests] for part in NAMING if part in fields]


def of_record(record: TaskRecord) -> list[list[Word]]:
    """Commands for the parts of a new record in keys of their own."""
    task = keys.TaskKeys(record.id)
    operations: list[list[Word]] = []
    for part, way in kept_parts().items():
        if isinstance(way, kept.Tagged) and part in OF_RECORD:
            operations += _in_index(record.id, way, part, "SADD", getattr(record, part))
        elif part in OF_RECORD:
            operations += _in_hash(task.part(part), getattr(record, part))
    return operations


def of_event(task_id: str, event: Any, attempt: int) -> list[list[Word]]:
    """Commands for an event, without those for its points."""
    task, way = keys.TaskKeys(task_id), event.way
    match way:
        case kept.Recent():
            key, item = task.part(way.part), encode(event)
            item = f"{attempt} {item}" if way.by_attempt else item
            return [["RPUSH", key, item], ["LTRIM", key, -way.last, -1]]
        case kept.ByName():
            key, (values, gone) = task.part(way.part), way.change(event)
            before: list[list[Word]] = [["HDEL", key, name] for name in gone or ()]
            if gone is None:
                before = [["DEL", key]]
            return before + _in_hash(key, values)
        case kept.Tagged():
            added = _in_index(task_id, way, event.part, "SADD", event.added)
            return added + _in_index(task_id, way, event.part, "SREM", event.removed)
        case kept.RecordFields():
            return of_fields(way.values(event))
        case kept.StateFields():
            fields = way.values(event).items()
            return [["HSET", task.state, name, text_of(value)] for name, value in fields]
        case kept.History():
            return of_item(event)
        case kept.OfModels():
            return model_operations.of_event(task_id, event, is_own=attempt > 0)
        case _:
            raise TypeError(f"Redis keeps nothing in the way {way!r}.")


def _in_hash(key: str, values: Mapping[str, object]) -> list[list[Word]]:
    return [["HSET", key, name, encode(compact(value))] for name, value in values.items()]


def _in_index(
    task_id: str, way: kept.Tagged, part: str, command: str, words: Iterable[str]
) -> list[list[Word]]:
    """Returns `command`, SADD or SREM, for the task's set of `words` and each word's set."""
    key, index = keys.TaskKeys(task_id).part(part), way.indexes[part]
    pairs = (((key, word), (keys.tagged(index, word), task_id)) for word in words)
    return [[command, *one] for pair in pairs for one in pair]

"""Records and states of tasks, read from Redis: of one, or of many in one round trip."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.codec import from_plain
from elsewhere.core.errors import NotFoundError, RecordError
from elsewhere.core.events import kept_parts
from elsewhere.core.kept import OF_RECORD, Tagged
from elsewhere.core.records import TaskRecord
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.refusals import unknown
from elsewhere.store.states import read_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis.client import Pipeline

    from elsewhere.core.records import TaskState

#: tasks that are read in one round trip
_PIECE: Final = 1000
#: what of a record has a key of its own, and how it is kept
PARTS: Final = {part: way for part, way in kept_parts().items() if part in OF_RECORD}


class RedisRecords:
    """The part of the Redis store that reads records and states."""

    redis: Any

    def read(self, task_id: str) -> TaskRecord:
        with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
            _ask_record(pipe, task_id)
            return _record(task_id, pipe.execute())

    def state(self, task_id: str) -> TaskState:
        with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(keys.TaskKeys(task_id).state)
            pipe.time()
            state, now = pipe.execute()
        return _state(task_id, state, seconds(now))

    def read_many(
        self, task_ids: Sequence[str]
    ) -> Iterator[tuple[TaskRecord, TaskState] | RecordError]:
        """The record and the state of each task, or why they cannot be read; nothing for a task
        that is gone. Takes one round trip for many tasks."""
        for first in range(0, len(task_ids), _PIECE):
            piece = task_ids[first : first + _PIECE]
            with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
                for task_id in piece:
                    _ask_record(pipe, task_id)
                    pipe.hgetall(keys.TaskKeys(task_id).state)
                pipe.time()
                *answers, now = pipe.execute(raise_on_error=False)
            size = len(PARTS) + 2
            for number, task_id in enumerate(piece):
                *record, state = answers[number * size : (number + 1) * size]
                try:
                    yield _record(task_id, record), _state(task_id, state, seconds(now))
                except NotFoundError:
                    continue
                except RecordError as error:
                    yield error


def _ask_record(pipe: Pipeline, task_id: str) -> None:
    task = keys.TaskKeys(task_id)
    pipe.hgetall(task.record)
    for part, way in PARTS.items():
        key = task.part(part)
        _ = pipe.smembers(key) if isinstance(way, Tagged) else pipe.hgetall(key)


def _state(task_id: str, state: Any, now: float) -> TaskState:
    if isinstance(state, Exception):
        raise RecordError(f"The state of task {task_id} cannot be read: {state}.") from state
    if not state:
        raise unknown(task_id)
    fields = {as_text(name): as_text(value) for name, value in state.items()}
    return read_state(task_id, fields, now)


def _record(task_id: str, answers: Sequence[Any]) -> TaskRecord:
    """The record from the answers to `_ask_record`. Raises NotFoundError and RecordError."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise RecordError(f"The record of task {task_id} cannot be read: {answer}.") from answer
    record, *parts = answers
    if not record:
        raise unknown(task_id)
    try:
        plain = _plain_of(record)
        for name, part in zip(PARTS, parts, strict=True):
            is_set = isinstance(part, set)
            plain[name] = sorted(map(as_text, part)) if is_set else _plain_of(part)
        plain["id"] = task_id
        return from_plain(TaskRecord, plain)
    except (ValueError, RecursionError, RecordError) as error:
        raise RecordError(f"The record of task {task_id} cannot be read: {error}.") from error


def _plain_of(part: dict[bytes, bytes]) -> dict[str, Any]:
    return {as_text(name): json.loads(value) for name, value in sorted(part.items())}


def seconds(time: tuple[int, int]) -> float:
    return time[0] + time[1] / 1e6


def as_text(value: bytes | str | float) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

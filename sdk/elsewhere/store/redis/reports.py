"""Reports of tasks in Redis: journals and output taken in once, and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import decode
from elsewhere.core.events import ArtifactAdded
from elsewhere.core.kept import ByName, Points
from elsewhere.core.records import Artifact
from elsewhere.store import curves
from elsewhere.store.blocks import BLOCK_BYTES, HEAD_BLOCKS, TAIL_BLOCKS
from elsewhere.store.redis import keys, operations, points
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.histories import RedisHistories
from elsewhere.store.redis.scripts import Scripts, flat
from elsewhere.store.refusals import may_not_write
from elsewhere.store.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis import Redis

    from elsewhere.core.events import Event
    from elsewhere.core.kept import Recent
    from elsewhere.core.scalars import Column
    from elsewhere.store.api import SeriesSummary
    from elsewhere.store.redis.scripts import Word


class RedisReports(RedisHistories, Reports):
    """The half of the Redis store that delivery writes and readers read.

    `redis` is open to queues alone, which need it for RQ.
    """

    def __init__(self, redis: Redis) -> None:
        # Any: redis-py types its replies for every option that a client can have.
        self.redis: Any = redis
        self._scripts = Scripts(redis)

    def apply(
        self, task_id: str, attempt: int, file: str, start: int, end: int, events: Iterable[Event]
    ) -> int:
        words = flat(self._operations(task_id, attempt, events))
        done, answer = self._scripts.on_task("apply", task_id, attempt, file, start, end, *words)
        return self._offset(task_id, attempt, done, answer)

    def append_output(
        self, task_id: str, attempt: int, start: int, end: int, data: bytes, pending: str
    ) -> int:
        sizes = (BLOCK_BYTES, HEAD_BLOCKS, TAIL_BLOCKS)
        done, answer = self._scripts.on_task(
            "output", task_id, attempt, start, end, *sizes, pending, data
        )
        return self._offset(task_id, attempt, done, answer)

    def journal_offset(self, task_id: str, attempt: int, file: str) -> int:
        with redis_errors():
            key = keys.TaskKeys(task_id).journal
            return int(self.redis.hget(key, f"{attempt}/{file}") or 0)

    def output_offset(self, task_id: str, attempt: int) -> int:
        return int(self._output_of(task_id, attempt)["from"] or 0)

    def artifact(self, task_id: str, name: str) -> Artifact | None:
        """The artifact `name` of the task alone; None without one."""
        way = ArtifactAdded.way
        assert isinstance(way, ByName)
        with redis_errors():
            found = self.redis.hget(keys.TaskKeys(task_id).part(way.part), name)
        return None if found is None else decode(Artifact, found)

    def series(self, task_id: str) -> list[SeriesSummary]:
        with redis_errors():
            found = sorted(self.redis.hgetall(keys.TaskKeys(task_id).scalars).items())
        return [curves.summary(name.decode(), *numbers.split()) for name, numbers in found]

    @staticmethod
    def _operations(task_id: str, attempt: int, events: Iterable[Event]) -> list[list[Word]]:
        """The commands for a piece of a journal. Points of one series become one command."""
        found: list[list[Word]] = []
        columns: list[Column] = []
        for event in events:
            if isinstance(event.way, Points):
                columns += event.points()
            else:
                found += operations.of_event(task_id, event, attempt)
        return found + [["POINTS", *piece] for piece in curves.pieces(columns)]

    def _points(self, wanted: Sequence[tuple[str, str, str]], most: int) -> list[bytes]:
        return points.read(self.redis, wanted, most)

    def _recent(self, task_id: str, way: Recent) -> list[tuple[int, object]]:
        with redis_errors():
            found = self.redis.lrange(keys.TaskKeys(task_id).part(way.part), 0, -1)
        pairs = (one.partition(b" ")[::2] if way.by_attempt else (0, one) for one in found)
        return [(int(attempt), decode(object, text)) for attempt, text in pairs]

    def _by_name(self, task_id: str, part: str) -> dict[str, object]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).part(part))
        return {name.decode(): decode(object, text) for name, text in found.items()}

    def _tagged(self, task_id: str, part: str) -> list[str]:
        with redis_errors():
            found = self.redis.smembers(keys.TaskKeys(task_id).part(part))
        return sorted(word.decode() for word in found)

    def _state_texts(self, task_id: str) -> dict[str, str]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).state)
        return {name.decode(): text.decode(errors="replace") for name, text in found.items()}

    def _output_of(self, task_id: str, attempt: int | None) -> dict[str, Any]:
        task, names = keys.TaskKeys(task_id), ("from", "length", "pending")
        with redis_errors():
            number = self.redis.hget(task.state, "attempt") if attempt is None else attempt
            number = int(number or 0)
            found = self.redis.hmget(task.output, [f"{number}:{name}" for name in names])
        start, length, pending = (value or b"" for value in found)
        texts = {"from": start, "length": length, "pending": pending.decode(errors="replace")}
        return {"attempt": number, **texts}

    def _block(self, task_id: str, attempt: int, block: int, start: int, length: int) -> bytes:
        with redis_errors():
            key = keys.TaskKeys(task_id).block(attempt, block)
            return bytes(self.redis.getrange(key, start, start + length - 1))

    def _blocks(self, task_id: str, attempts: int) -> list[str]:
        task = keys.TaskKeys(task_id)
        return [
            task.block(number, block)
            for number in range(1, attempts + 1)
            for block in range(self.output_length(task_id, number) // BLOCK_BYTES + 1)
        ]

    @staticmethod
    def _offset(task_id: str, attempt: int, done: int, answer: Any) -> int:
        if not done:
            status = answer.decode() if isinstance(answer, bytes) else str(answer)
            raise may_not_write(task_id, attempt, status)
        return int(answer)

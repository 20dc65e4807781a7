"""What tasks say, in Redis: journals and output taken in once, and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import decode
from elsewhere.core.events import Phase, Text
from elsewhere.core.records import Artifact, Attempt
from elsewhere.store.api import Output, SeriesSummary, TaskPhase
from elsewhere.store.blocks import BLOCK_BYTES, HEAD_BLOCKS, TAIL_BLOCKS, first_kept
from elsewhere.store.redis import keys, operations
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.scripts import Scripts
from elsewhere.store.refusals import may_not_write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis import Redis

    from elsewhere.core.events import Event

__all__ = ["Said"]


class Said:
    """The half of the Redis store that delivery writes and readers read.

    `redis` is open to queues alone, which need it for RQ.
    """

    def __init__(self, redis: Redis) -> None:
        # Any: redis-py types its answers for every option that a client can have.
        self.redis: Any = redis
        self._scripts = Scripts(redis)

    def apply(
        self, task_id: str, attempt: int, file: str, start: int, end: int, events: Iterable[Event]
    ) -> int:
        words = operations.flat(operations.of_events(task_id, attempt, events))
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
        return self._output_number(task_id, attempt, "from")

    def output_length(self, task_id: str, attempt: int | None = None) -> int:
        number = self._attempt(task_id) if attempt is None else attempt
        return self._output_number(task_id, number, "length")

    def output(
        self,
        task_id: str,
        *,
        attempt: int | None = None,
        start: int = 0,
        limit_bytes: int = 1 << 20,
    ) -> Output:
        number = self._attempt(task_id) if attempt is None else attempt
        task = keys.TaskKeys(task_id)
        with redis_errors():
            length, pending = self.redis.hmget(task.output, f"{number}:length", f"{number}:pending")
        total = int(length or 0)
        kept = first_kept(start, total)
        pieces, at = [], kept
        with redis_errors():
            while at < total and at - kept < limit_bytes:
                block, inside = divmod(at, BLOCK_BYTES)
                last = min(BLOCK_BYTES, inside + limit_bytes - (at - kept), inside + total - at)
                piece = self.redis.getrange(task.block(number, block), inside, last - 1)
                if not piece:
                    break
                pieces.append(piece)
                at += len(piece)
        text = (pending or b"").decode(errors="replace") if at >= total else ""
        return Output(data=b"".join(pieces), start=kept, next=at, pending=text)

    def artifacts(self, task_id: str) -> dict[str, Artifact]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).artifacts)
        return {name.decode(): decode(Artifact, value) for name, value in sorted(found.items())}

    def series(self, task_id: str) -> list[SeriesSummary]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).scalars)
        summaries = []
        for name, value in sorted(found.items()):
            title, _, series = name.decode().partition(keys.UNIT_SEPARATOR)
            count, iteration, last, minimum, maximum = value.split()
            summaries.append(
                SeriesSummary(
                    title=title,
                    series=series,
                    count=int(count),
                    iteration=int(iteration),
                    last=float(last),
                    minimum=float(minimum),
                    maximum=float(maximum),
                )
            )
        return summaries

    def points(self, task_id: str, title: str, series: str) -> list[tuple[int, float, float]]:
        with redis_errors():
            key = keys.TaskKeys(task_id).points(f"{title}{keys.UNIT_SEPARATOR}{series}")
            packed = self.redis.get(key)
        return list(operations.POINT.iter_unpack(packed or b""))

    def texts(self, task_id: str) -> list[Text]:
        with redis_errors():
            found = self.redis.lrange(keys.TaskKeys(task_id).texts, 0, -1)
        return [decode(Text, item) for item in found]

    def phases(self, task_id: str) -> list[TaskPhase]:
        with redis_errors():
            found = self.redis.lrange(keys.TaskKeys(task_id).phases, 0, -1)
        newest: dict[tuple[int, str, float], TaskPhase] = {}
        for number, _, text in (item.partition(b" ") for item in found):
            phase = decode(Phase, text)
            newest[int(number), phase.name, phase.at] = TaskPhase(attempt=int(number), phase=phase)
        return list(newest.values())

    def attempts(self, task_id: str) -> list[Attempt]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).attempts)
        return sorted((decode(Attempt, item) for item in found.values()), key=lambda a: a.number)

    def _attempt(self, task_id: str) -> int:
        with redis_errors():
            return int(self.redis.hget(keys.TaskKeys(task_id).state, "attempt") or 0)

    def _output_number(self, task_id: str, attempt: int, name: str) -> int:
        with redis_errors():
            return int(self.redis.hget(keys.TaskKeys(task_id).output, f"{attempt}:{name}") or 0)

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

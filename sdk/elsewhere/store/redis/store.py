"""The store on Redis (6.2 or newer) or Valkey: records, states and reports of tasks.

State changes are the scripts in `lua/`; what an operation does to which key is in `keys.py`.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Status
from elsewhere.core.codec import compact, encode
from elsewhere.core.errors import RecordError, TransitionError
from elsewhere.core.events import cleared, kept_parts
from elsewhere.core.kept import RESTART, Tagged
from elsewhere.core.records import NAMING, TaskRecord
from elsewhere.store.api import Claim, Renewal, Sweep
from elsewhere.store.blocks import BLOCK_BYTES
from elsewhere.store.redis import keys, operations
from elsewhere.store.redis.blobs import Blobs
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.models import RedisModels
from elsewhere.store.redis.points import count_of
from elsewhere.store.redis.records import PARTS, RedisRecords, as_text, seconds
from elsewhere.store.redis.reports import RedisReports
from elsewhere.store.redis.scripts import flat
from elsewhere.store.redis.search import RedisSearch
from elsewhere.store.refusals import BUSY, fenced, refused, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from redis.client import Pipeline

    from elsewhere.core.events import Event
    from elsewhere.core.records import Outcome
    from elsewhere.store.api import Listener

logger = logging.getLogger(__name__)

#: how many attempts a task may lose with their machines before it is ended for good
_MAX_LOSSES: Final = 3
#: fields of a record that its own hash does not have
_APART: Final = ("id", *PARTS)


class RedisStore(RedisRecords, RedisReports, RedisSearch, RedisModels, Blobs):
    """An `api.SharedStore` on Redis. Threads may share it."""

    def identity(self) -> str:
        with redis_errors():
            known = self.redis.get(keys.STORE)
            if known is None:  # two may come here at once, of whom one's is kept
                self.redis.set(keys.STORE, os.urandom(16).hex(), nx=True)
                known = self.redis.get(keys.STORE)
            return as_text(known)

    # records

    def create(self, record: TaskRecord, *events: Event) -> None:
        fields = {name: item for name, item in compact(record).items() if name not in _APART}
        script = operations.of_fields(fields) + operations.of_record(record)
        script += operations.of_blobs({part: getattr(record, part) for part in NAMING})
        script += self._operations(record.id, 0, events)
        names = (record.project, record.name, str(record.type))
        self._scripts.on_task("create", record.id, *names, *flat(script))

    def edit(
        self, task_id: str, *events: Event, allowed: Collection[Status] = (), **changes: object
    ) -> None:
        script = self._operations(task_id, 0, events) + operations.of_fields(changes)
        script += operations.of_blobs(changes)
        done, status = self._scripts.on_task(
            "edit", task_id, ",".join(map(str, allowed)), *flat(script)
        )
        if not done:
            raise refused(task_id, as_text(status), "changed", allowed)

    def delete(self, task_id: str) -> None:
        task, is_sent = keys.TaskKeys(task_id), False

        def delete(pipe: Pipeline) -> None:
            nonlocal is_sent
            if is_sent and not pipe.exists(task.state):  # only the reply was lost
                return
            record, state = self.read(task_id), self.state(task_id)
            if state.status in BUSY:
                raise refused(task_id, state.status, "deleted", set(Status) - BUSY)
            series = ((as_text(name), one) for name, one in pipe.hgetall(task.scalars).items())
            points = (key for name, one in series for key in task.of_series(name, count_of(one)))
            gone = [*task.fixed, *points, *self._blocks(task_id, state.attempt)]
            uses, indexed = self.task_models(task_id), self._indexed(task_id)
            is_sent = True
            pipe.multi()
            self._scripts.on_task("forget", task_id, within=pipe)
            pipe.delete(*gone)
            pipe.zrem(keys.UPDATED, task_id)
            pipe.srem(keys.project(record.project), task_id)
            pipe.srem(keys.named(record.project, record.name), task_id)
            pipe.srem(keys.task_type(record.type), task_id)
            pipe.srem(keys.status(state.status), task_id)
            for key in indexed:
                pipe.srem(key, task_id)
            for use in uses:
                pipe.srem(keys.model_tasks(use.model), task_id)

        with redis_errors():
            self.redis.transaction(delete, task.state)

    def projects(self) -> list[str]:
        with redis_errors():
            return [as_text(name) for name in self.redis.zrevrange(keys.PROJECTS, 0, -1)]

    # status

    def move(
        self, task_id: str, target: Status, *, allowed: Collection[Status], message: str = ""
    ) -> Status:
        done, status = self._scripts.on_task(
            "move", task_id, ",".join(map(str, allowed)), str(target), message
        )
        if not done:
            raise refused(task_id, as_text(status), f"set to {target}", allowed)
        return Status(as_text(status))

    def reset(self, task_id: str, *, allowed: Collection[Status]) -> Status:
        done, status = self._scripts.on_task(
            "reset", task_id, ",".join(map(str, allowed)), BLOCK_BYTES
        )
        if not done:
            raise refused(task_id, as_text(status), "reset", allowed)
        return Status(as_text(status))

    def claim(
        self,
        task_id: str,
        *,
        worker: str,
        token: str,
        lease_s: float,
        allowed: Collection[Status],
        above: int = 0,
    ) -> Claim:
        words = (",".join(map(str, allowed)), worker, token, lease_s, above)
        return _claim(self._scripts.on_task("claim", task_id, *words))

    def take_back(
        self, task_id: str, attempt: int, *, worker: str, token: str, lease_s: float
    ) -> Claim:
        words = (attempt, worker, token, lease_s)
        return _claim(self._scripts.on_task("take_back", task_id, *words))

    def renew(self, task_id: str, attempt: int, *, worker: str, lease_s: float) -> Renewal:
        done, answer, *grace = self._scripts.on_task("renew", task_id, attempt, worker, lease_s)
        if not done:
            return Renewal(is_ours=False, status=as_text(answer))
        return Renewal(
            is_ours=True,
            is_stop_requested=bool(answer),
            stop_grace_s=float(grace[0]) if grace[0] else None,
        )

    def finish(self, task_id: str, attempt: int, outcome: Outcome) -> Status:
        done, status = self._scripts.on_task(
            "finish", task_id, attempt, str(outcome.status), _plain(outcome), outcome.message
        )
        if not done:
            raise fenced(task_id, attempt, as_text(status))
        return Status(as_text(status))

    def request_stop(
        self, task_id: str, *, grace_s: float | None = None, message: str = ""
    ) -> Status:
        grace = "" if grace_s is None else repr(grace_s)
        _, status = self._scripts.on_task("stop", task_id, grace, message)
        if not status:
            raise unknown(task_id)
        return Status(as_text(status))

    def sweep(self, *, sweep_s: float, hold_s: float) -> Sweep:
        is_mine, now = self._scripts.sweep(sweep_s, hold_s)
        if not now:
            return Sweep(is_mine=bool(is_mine))
        with redis_errors():
            over = self.redis.zrangebyscore(keys.LEASES, "-inf", as_text(now))
        return Sweep(is_mine=True, over=tuple(as_text(task_id) for task_id in over))

    def reap(self, task_id: str, *, lost_after_s: float, outcome: Outcome) -> Status | None:
        return self._reap(task_id, "", lost_after_s, outcome, is_harmless=False)

    def lose(
        self, task_id: str, attempt: int, outcome: Outcome, *, is_harmless: bool
    ) -> Status | None:
        return self._reap(task_id, attempt, "", outcome, is_harmless=is_harmless)

    def behind(self, ended: Sequence[tuple[str, int]], *, worker: str) -> list[bool]:
        if not ended:
            return []
        with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
            for task_id, _ in ended:
                pipe.hmget(keys.TaskKeys(task_id).state, _OF_AN_OWNER)
                pipe.zscore(keys.DELETED, task_id)
            answers = pipe.execute(raise_on_error=False)
        return [
            deleted is None and isinstance(found, list) and _is_behind(found, attempt, worker)
            for (_, attempt), found, deleted in zip(ended, answers[::2], answers[1::2], strict=True)
        ]

    def leased_to(self, worker: str) -> list[tuple[str, int]]:
        with redis_errors():
            running = [as_text(item) for item in self.redis.zrange(keys.LEASES, 0, -1)]
            with self.redis.pipeline(transaction=False) as pipe:
                for task_id in running:
                    pipe.hmget(keys.TaskKeys(task_id).state, "worker", "attempt")
                found = pipe.execute(raise_on_error=False)
        return [
            (task_id, int(answer[1]))
            for task_id, answer in zip(running, found, strict=True)
            if isinstance(answer, list) and answer[0] == worker.encode() and _is_number(answer[1])
        ]

    def enqueue(
        self,
        task_id: str,
        queue: str,
        push: Callable[[Pipeline], None],
        *,
        allowed: Collection[Status],
    ) -> Status:
        """Sets status and index and runs `push`, in one transaction. Returns the status before. A
        token in the state makes a lost reply harmless."""
        task, (parts, fields) = keys.TaskKeys(task_id), cleared(RESTART)
        state, token, before = task.state, os.urandom(16).hex(), ""

        def enqueue(pipe: Pipeline) -> None:
            nonlocal before
            old, last = (as_text(found or b"") for found in pipe.hmget(state, "status", "enqueued"))
            if last == token:
                return
            if old not in allowed:
                raise refused(task_id, old, "enqueued", allowed)
            before, at = old, seconds(pipe.time())
            pipe.multi()
            pipe.srem(keys.status(old), task_id)
            pipe.sadd(keys.status(Status.QUEUED), task_id)
            pipe.zadd(keys.QUEUED, {task_id: at})
            pipe.zadd(keys.UPDATED, {task_id: at})
            for part in parts:
                pipe.delete(task.part(part))
            pipe.hdel(state, *_OF_AN_ATTEMPT, *fields)
            news = ("status", "queued", "previous_status", old, "queue", queue, "enqueued", token)
            pipe.hset(state, items=[*news, "queued_at", repr(at), "updated_at", repr(at)])
            push(pipe)
            pipe.publish(keys.WAKE, queue)
            pipe.publish(task.changed, "status")

        with redis_errors():
            self.redis.transaction(enqueue, state)
        return Status(before)

    def queued(self, *, older_than_s: float) -> dict[str, str]:
        """Maps task ids to queue names, of all that have waited longer than `older_than_s`."""
        with redis_errors():
            until = self.now() - older_than_s
            found = [as_text(item) for item in self.redis.zrangebyscore(keys.QUEUED, 0, until)]
            with self.redis.pipeline(transaction=False) as pipe:
                for task_id in found:
                    pipe.hget(keys.TaskKeys(task_id).state, "queue")
                queues = pipe.execute(raise_on_error=False)
        names = (as_text(queue) if isinstance(queue, bytes) else "" for queue in queues)
        return dict(zip(found, names, strict=True))

    def due(self) -> list[str]:
        """The ids of the retries that have come due lately and have no entry yet; those of longer
        ago are among `queued`."""
        with redis_errors():
            now = self.now()
            found = [as_text(one) for one in self.redis.zrangebyscore(keys.QUEUED, now - 60, now)]
            with self.redis.pipeline(transaction=False) as pipe:
                for task_id in found:
                    pipe.hexists(keys.TaskKeys(task_id).state, "due_at")
                answers = pipe.execute(raise_on_error=False)
        return [task_id for task_id, is_due in zip(found, answers, strict=True) if is_due == 1]

    def set_aside(self, task_id: str, message: str) -> None:
        """Ends a task with a damaged state as failed, as far as that is possible, with `message`;
        nobody pushes it again."""
        try:
            self.move(task_id, Status.FAILED, allowed=BUSY, message=message)
        except (RecordError, TransitionError) as error:
            logger.debug("%s", error)
            with redis_errors():
                self.redis.zrem(keys.QUEUED, task_id)

    # waking up

    def listen(self, *channels: str) -> Listener:
        from elsewhere.store.redis.listener import RedisListener  # noqa: PLC0415 - weight

        return RedisListener(self.redis, channels)

    def listen_to(self, task_id: str) -> Listener:
        return self.listen(keys.TaskKeys(task_id).changed)

    def now(self) -> float:
        with redis_errors():
            return seconds(self.redis.time())

    def close(self) -> None:
        self.redis.close()

    # helpers

    def _reap(
        self,
        task_id: str,
        attempt: int | str,
        lost_after_s: float | str,
        outcome: Outcome,
        *,
        is_harmless: bool,
    ) -> Status | None:
        words = (attempt, lost_after_s, _plain(outcome), outcome.message, _MAX_LOSSES)
        done, status = self._scripts.on_task("reap", task_id, *words, int(is_harmless))
        return Status(as_text(status)) if done else None

    def _indexed(self, task_id: str) -> list[str]:
        """The keys of the indexes that the task's words are in."""
        task, ways = keys.TaskKeys(task_id), kept_parts()
        return [
            keys.tagged(way.indexes[part], as_text(word))
            for part, way in ways.items()
            if isinstance(way, Tagged)
            for word in self.redis.smembers(task.part(part))
        ]


def _plain(outcome: Outcome) -> str:
    """The outcome for the scripts' JSON decoder, which takes no half characters."""
    return encode(outcome).encode(errors="replace").decode()


#: fields of the state about an attempt, and not about a task that waits
_OF_AN_ATTEMPT: Final = (
    *("stop_requested_at", "ended_by", "message", "losses", "outcome", "ended_at"),
    *("failures", "due_at", "avoids"),
)


#: fields of the state about who runs a task, or ran it last
_OF_AN_OWNER: Final = ("status", "attempt", "worker", "ended_by")


def _is_behind(found: Sequence[bytes | None], attempt: int, worker: str) -> bool:
    """Whether a state, its fields _OF_AN_OWNER, is older than the end of the worker's attempt."""
    status, number, owner, ended_by = (as_text(field or b"") for field in found)
    if not number.isdigit() or int(number) != attempt:
        return number.isdigit() and int(number) < attempt
    is_open = status == Status.IN_PROGRESS or ended_by == "reaper"
    return is_open and owner == worker


def _claim(answer: tuple[int, int | bytes]) -> Claim:
    done, found = answer
    return Claim(attempt=int(found)) if done else Claim(attempt=0, status=as_text(found))


def _is_number(text: bytes | None) -> bool:
    return text is not None and text.isdigit()

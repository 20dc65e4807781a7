"""Queues: named lines of task ids, with RQ behind them, so that RQ's own tools can show them.

An entry is a hint: what counts is the task's status, and a claim of a task that is not queued is
refused. An entry that got lost is pushed again by the reconciler. The step of the store that ends
the waiting takes the entry out.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
import shlex
from typing import TYPE_CHECKING, Any, Final, cast

from elsewhere.core.choices import Status
from elsewhere.core.codec import decode
from elsewhere.core.errors import (
    NotFoundError,
    RecordError,
    TransitionError,
    UsageError,
    known_choices,
)
from elsewhere.core.frozen import dataclass
from elsewhere.core.imported import for_itself
from elsewhere.core.records import Needs
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.states import sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis import Redis
    from redis.client import Pipeline
    from rq import Queue

    from elsewhere.core.records import Outcome
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: the queue that is always there
DEFAULT_QUEUE: Final = "default"
#: the only function that a job of ours may name
LAUNCH: Final = "elsewhere_worker.launch.launch"

_NAME: Final = re.compile(r"[\w][\w.@ -]{0,99}")
#: ids of a queue from ARGV[2] to ARGV[3], each with what decides who goes first
_LOOK: Final = """
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], ARGV[2], ARGV[3])) do
  local parts = redis.pcall('HMGET', ARGV[1] .. id, 'needs', 'priority', 'user')
  found[#found + 1] = {id, parts.err and {} or parts}
end
return found
"""
#: takes an id into the agent's own list: that in ARGV[1], wherever it stands, or else the first
_TAKE: Final = """
for i = 2, #KEYS do
  local id = ARGV[1] or redis.call('LINDEX', KEYS[i], 0)
  if id and redis.call('LREM', KEYS[i], 1, id) == 1 then
    redis.call('RPUSH', KEYS[1], id)
    return {KEYS[i], id}
  end
end
return false
"""
#: puts the id in ARGV[2] behind all of its priority or a higher one; the others stand in order
_PLACE: Final = """
local function priority(id)
  local text = redis.pcall('HGET', ARGV[1] .. id, 'priority')
  return type(text) == 'string' and tonumber(text) or 0
end
if redis.call('LREM', KEYS[1], -1, ARGV[2]) == 0 then return end
local own, first, last = priority(ARGV[2]), 0, redis.call('LLEN', KEYS[1])
while first < last do
  local middle = math.floor((first + last) / 2)
  if priority(redis.call('LINDEX', KEYS[1], middle)) >= own then
    first = middle + 1
  else
    last = middle
  end
end
local behind = redis.call('LINDEX', KEYS[1], first)
if behind then
  redis.call('LINSERT', KEYS[1], 'BEFORE', behind, ARGV[2])
else
  redis.call('RPUSH', KEYS[1], ARGV[2])
end
"""
#: entries that are read at once: an agent seldom looks behind them
_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a queue, by the queue's name: `item` is a task id, or whatever somebody else has
    pushed. What its task needs, its priority and whose it is are those of its record."""

    queue: str
    item: bytes
    needs: Needs = Needs()
    priority: int = 0
    user: str = ""


class Queues:
    """All queues of a store."""

    def __init__(self, store: TaskStore) -> None:
        """Opens the queues of `store`. Raises UsageError for that of an offline task."""
        if not isinstance(store, RedisStore):
            raise UsageError(
                "There are no queues offline: import the session first, where the store can be"
                " reached, then enqueue its task."
            )
        self._store = store
        self._redis = store.redis

    def names(self) -> list[str]:
        with redis_errors():
            found = cast("set[bytes]", self._redis.smembers(keys.QUEUES))
        return sorted({DEFAULT_QUEUE, *(name.decode(errors="replace") for name in found)})

    def create(self, name: str) -> None:
        """Makes a queue; nothing happens when it is there. Raises UsageError for a bad name."""
        _check_name(name)
        with redis_errors():
            self._redis.sadd(keys.QUEUES, name)

    def check(self, name: str) -> None:
        """Checks a name. Raises NotFoundError for an unknown queue, UsageError for a bad name."""
        _check_name(name)
        known = self.names()
        if name not in known:
            raise NotFoundError(
                f"There is no queue {name!r}. {known_choices(name, known)}"
                f" An agent makes it by listening: agent daemon --queue {shlex.quote(name)}"
            )

    def enqueue(self, task_id: str, name: str, priority: int | None = None) -> Status:
        """Puts a task at the end of a queue, by name, before those of a lower priority: its own, or
        `priority` from now on. Returns the status that it had before.

        Raises NotFoundError for an unknown task or queue, when its code is not kept any more or its
        data was never sent, TransitionError when its status does not allow it.
        """
        self.check(name)
        record = self._store.read(task_id)
        if unsent := [one.path for one in record.environment.data if not one.digest]:
            raise NotFoundError(
                f"Task {task_id} cannot be enqueued: its data {', '.join(unsent)} never left the"
                " machine of its script. Start that once more, with execute_remotely."
            )
        for digest in record.digests:
            if not self._store.has_blob(digest):
                raise NotFoundError(
                    f"Task {task_id} cannot be enqueued: a part of its code or packages is not in"
                    " the store any more. Run its script once more to capture it."
                )

        def push(pipe: Pipeline) -> None:
            if priority is not None:
                pipe.hset(keys.TaskKeys(task_id).record, "priority", str(priority))
            self._push(pipe, task_id, name)

        return self._store.enqueue(task_id, name, push, allowed=sources(Status.QUEUED))

    def prioritize(self, task_id: str, priority: int) -> None:
        """Gives a task another priority, and its place in the queue that it waits in. Raises
        NotFoundError."""
        self._store.edit(task_id, priority=priority)
        if queue := self._store.state(task_id).queue:
            with redis_errors():
                self._place(self._redis, task_id, queue)

    def push_again(self, task_id: str) -> None:
        """Adds a new entry for a task whose entry was lost, unless it is not queued any more."""
        state = keys.TaskKeys(task_id).state

        def push(pipe: Pipeline) -> None:
            status, name = cast("list[bytes]", pipe.hmget(state, "status", "queue"))
            pipe.multi()
            if status == b"queued" and name:
                pipe.hdel(state, "due_at")
                self._push(pipe, task_id, name.decode(errors="replace"))
                pipe.publish(keys.WAKE, name)

        with redis_errors():
            self._redis.transaction(push, state)

    def dequeue(self, task_id: str) -> Status:
        """Takes a queued task back. Returns its status now: the one from before, or stopped."""
        state = self._store.state(task_id)
        if state.status is not Status.QUEUED:
            raise TransitionError(
                f"Task {task_id} cannot be taken out of a queue: it is in none, it is"
                f" {state.status}."
            )
        # A task that was put back after a loss had begun: it is stopped, not running.
        before = state.previous_status
        target = Status.STOPPED if before is Status.IN_PROGRESS else before
        self._store.move(task_id, target, allowed=(Status.QUEUED,))
        return target

    def length(self, name: str) -> int:
        with redis_errors():
            return int(cast("int", self._redis.llen(keys.rq_queue(name))))

    def entries(self, name: str) -> set[str]:
        with redis_errors():
            found = cast("list[bytes]", self._redis.lrange(keys.rq_queue(name), 0, -1))
        return {item.decode(errors="replace") for item in found}

    def waiting(self, name: str) -> Iterator[Entry]:
        """Yields the entries of a queue, the next one first, read by and by; they stay there."""
        for start in itertools.count(0, _PAGE):
            with redis_errors():
                words = (keys.TaskKeys("").record, start, start + _PAGE - 1)
                found = self._redis.eval(_LOOK, 1, keys.rq_queue(name), *words)
            for item, parts in cast("list[Any]", found):
                yield _entry(name, item, parts)
            if len(cast("list[Any]", found)) < _PAGE:
                return

    def take(
        self, names: Sequence[str], agent: str, item: bytes | None = None
    ) -> tuple[str, str] | None:
        """Moves the `item` of one of the queues to the agent's own list, or else their next entry;
        returns (queue, task id), or None if it is not there any more."""
        with redis_errors():
            lists = [keys.taken(agent), *map(keys.rq_queue, names)]
            words = () if item is None else (item,)
            found = self._redis.eval(_TAKE, len(lists), *lists, *words)
        if not found:
            return None
        queue, task_id = cast("list[bytes]", found)
        return queue.decode().removeprefix(keys.rq_queue("")), task_id.decode(errors="replace")

    def avoided(self, item: bytes) -> tuple[str, float]:
        """The agent that is to leave the task to others, empty for none, and the time since when
        the task waits."""
        with contextlib.suppress(RecordError), redis_errors():
            state = keys.TaskKeys(item.decode(errors="replace")).state
            name, since = cast(
                "list[bytes | None]", self._redis.hmget(state, ["avoids", "queued_at"])
            )
            return (name or b"").decode(errors="replace"), float(since or 0)
        return "", 0.0

    def settle(self, task_id: str, agent: str) -> None:
        """Removes the taken entry, whose task has been claimed or refused."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.delete(keys.taken(agent))  # one at a time, and it may be no text at all
            pipe.delete(keys.rq_job(task_id))
            pipe.execute()

    def set_aside(self, task_id: str, agent: str, message: str) -> None:
        """Removes the taken entry of a task with a damaged state, which ends with `message`."""
        self._store.set_aside(task_id, message)
        self.settle(task_id, agent)

    def recover(self, agent: str) -> None:
        """Puts entries back into their queues that an agent of this name took before it died."""
        with redis_errors():
            taken = cast("list[bytes]", self._redis.lrange(keys.taken(agent), 0, -1))
        for item in taken:
            try:
                self.push_again(item.decode(errors="replace"))
            except RecordError as error:
                logger.warning("an entry is not put back. %s", error)
        with redis_errors():
            self._redis.delete(keys.taken(agent))

    def lose(
        self, task_id: str, attempt: int, outcome: Outcome, *, is_harmless: bool
    ) -> Status | None:
        """Calls `TaskStore.lose`, and adds a new entry for a task that is put back."""
        status = self._store.lose(task_id, attempt, outcome, is_harmless=is_harmless)
        if status is Status.QUEUED:
            self.push_again(task_id)
        return status

    def _push(self, pipe: Pipeline, task_id: str, name: str) -> None:
        self._rq(name).enqueue_call(
            LAUNCH, args=(task_id,), job_id=task_id, timeout=-1, result_ttl=0, pipeline=pipe
        )
        self._place(pipe, task_id, name)

    def _place(self, redis: Redis, task_id: str, name: str) -> None:
        words = (keys.TaskKeys("").record, task_id)
        redis.eval(_PLACE, 1, keys.rq_queue(name), *words)

    def _rq(self, name: str) -> Queue:
        with for_itself():
            from rq import Queue  # noqa: PLC0415 - weight: only who enqueues pays for it
            from rq.serializers import JSONSerializer  # noqa: PLC0415

        return Queue(name, connection=self._redis, serializer=JSONSerializer)


def _entry(queue: str, item: bytes, parts: Sequence[bytes | None]) -> Entry:
    """An entry with those `parts` of its record that can be read: who claims the task refuses it,
    with the reason."""
    found: dict[str, Any] = {}
    for (name, kind), text in zip(_PARTS.items(), parts, strict=False):
        if text is not None:
            with contextlib.suppress(RecordError):
                found[name] = decode(kind, text)
    needs = found.get("needs", Needs())
    numbers = (needs.gpus or 0, needs.cpus, needs.memory_bytes, needs.disk_bytes)
    if not all(one >= 0 for one in numbers):  # NaN is not, either
        del found["needs"]
    return Entry(queue, item, **found)


_PARTS: Final[dict[str, type]] = {"needs": Needs, "priority": int, "user": str}


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"The queue name {name!r:.80} cannot be used: up to 100 letters, digits, spaces and"
            " any of . _ @ - are allowed, beginning with a letter or digit."
        )

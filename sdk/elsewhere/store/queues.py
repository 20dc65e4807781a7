"""Queues: named lines of task ids, with RQ behind them, so that RQ's own tools can show them.

An entry is a hint: what counts is the task's status, and a claim of a task that is not queued is
refused. An entry that got lost is pushed again by the reconciler. The step of the store that ends
the waiting takes the entry out.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
from typing import TYPE_CHECKING, Final, cast

from elsewhere.core.choices import Status
from elsewhere.core.codec import decode
from elsewhere.core.errors import (
    NotFoundError,
    RecordError,
    TransitionError,
    UsageError,
    known_choices,
)
from elsewhere.core.imported import for_itself
from elsewhere.core.records import Environment
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.states import sources

if TYPE_CHECKING:
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
#: the first id of the first queue that has one, and the environment in its task's record
_PEEK: Final = """
for i = 1, #KEYS do
  local id = redis.call('LINDEX', KEYS[i], 0)
  if id then
    local environment = redis.pcall('HGET', ARGV[1] .. id, 'environment')
    return {KEYS[i], id, type(environment) == 'string' and environment or '{}'}
  end
end
return false
"""
#: takes that id into the agent's own list; where one is named, only if it is that one
_TAKE: Final = """
for i = 2, #KEYS do
  local id = redis.call('LINDEX', KEYS[i], 0)
  if id and (ARGV[1] == '' or ARGV[1] == id) then
    redis.call('LMOVE', KEYS[i], KEYS[1], 'LEFT', 'RIGHT')
    return {KEYS[i], id}
  end
end
return false
"""


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

    def enqueue(self, task_id: str, name: str) -> Status:
        """Puts a task at the end of a queue, by name. Returns the status that it had before.

        Raises NotFoundError for an unknown task or queue and when its code is not kept any more,
        TransitionError when its status does not allow it.
        """
        self.check(name)
        for digest in self._store.read(task_id).digests:
            if not self._store.has_blob(digest):
                raise NotFoundError(
                    f"Task {task_id} cannot be enqueued: a part of its code or packages is not in"
                    " the store any more. Run its script once more to capture it."
                )
        return self._store.enqueue(
            task_id,
            name,
            lambda pipe: self._push(pipe, task_id, name),
            allowed=sources(Status.QUEUED),
        )

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

    def peek(self, names: list[str]) -> tuple[str, bytes, Environment] | None:
        """Returns (queue, item, its task's environment) of the next entry by priority; it stays.

        The item is a task id, or whatever somebody else has pushed.
        """
        with redis_errors():
            lists = list(map(keys.rq_queue, names))
            found = self._redis.eval(_PEEK, len(lists), *lists, keys.TaskKeys("").record)
        if not found:
            return None
        queue, item, text = cast("list[bytes]", found)
        environment = Environment()
        with contextlib.suppress(RecordError):  # who claims the task refuses it, with the reason
            environment = decode(Environment, text)
        return queue.decode().removeprefix(keys.rq_queue("")), item, environment

    def take(self, names: list[str], agent: str, item: bytes = b"") -> tuple[str, str] | None:
        """Moves the next entry by priority to the agent's own list; returns (queue, task id).

        With an `item`, an entry that is not it stays where it is.
        """
        with redis_errors():
            lists = [keys.taken(agent), *map(keys.rq_queue, names)]
            found = self._redis.eval(_TAKE, len(lists), *lists, item)
        if not found:
            return None
        queue, task_id = cast("list[bytes]", found)
        return queue.decode().removeprefix(keys.rq_queue("")), task_id.decode(errors="replace")

    def avoided(self, item: bytes) -> tuple[str, float]:
        """The agent that is to leave the task to others, empty for none, and the time since when
        the task waits."""
        with redis_errors(), contextlib.suppress(RecordError):
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

    def _rq(self, name: str) -> Queue:
        with for_itself():
            from rq import Queue  # noqa: PLC0415 - weight: only who enqueues pays for it
            from rq.serializers import JSONSerializer  # noqa: PLC0415

        return Queue(name, connection=self._redis, serializer=JSONSerializer)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"The queue name {name!r:.80} cannot be used: up to 100 letters, digits, spaces and"
            " any of . _ @ - are allowed, beginning with a letter or digit."
        )

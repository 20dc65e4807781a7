"""Shows an agent to others: by our own record with its details, and as a worker to RQ's tools.

RQ's worker class is used for its registration alone. Its loop is not: it ends on a lost connection,
raises out of signal handlers, and with several queues it forgets what it has just popped.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import UsageError
from elsewhere.store.agents import AgentRecord, note_seen
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis import Redis

logger = logging.getLogger(__name__)

#: seconds after which an agent that does not report is no longer shown
_LIFETIME_S: Final = 60


class Registration:
    """Keeps both records alive. `redis` must be its own: RQ changes its timeouts."""

    def __init__(self, redis: Redis, record: AgentRecord) -> None:
        self._redis = redis
        self._key = keys.agent(record.name)
        self._rq = self._rq_worker(record)
        self._record = record
        self._lock = threading.Lock()
        self._is_over = False
        self._is_changed = False

    def begin(self) -> None:
        """Registers the agent. Raises UsageError if one of this name lives on another machine."""
        with redis_errors():
            found = self._redis.get(self._key)
            if found:
                other = decode(AgentRecord, found)
                if other.machine != self._record.machine:
                    raise UsageError(
                        f"An agent named {other.name!r} already runs on the machine {other.host!r},"
                        f" with the home {other.home}: give this one another name with --name."
                    )
            self._redis.delete(self._rq.key)
            self._rq.register_birth()
        self.renew(())

    def change(self, *, queues: tuple[str, ...], slots: int) -> None:
        """Reports other `queues` and `slots`, from the next report on."""
        with self._lock:
            self._record = replace(self._record, queues=queues, slots=slots)
            self._rq = self._rq_worker(self._record)
            self._is_changed = True

    def renew(
        self,
        running: Iterable[str],
        waiting: Iterable[str] = (),
        problems: Iterable[str] = (),
        passed_over: Iterable[str] = (),
        closed: str = "",
    ) -> None:
        """Reports the agent again, with the runs that are `running`, the uploads `waiting`, its
        `problems`, the tasks that it has `passed_over`, and why it is `closed`, if it takes no
        tasks."""
        news = {
            "running": tuple(running),
            "waiting": tuple(waiting),
            "problems": tuple(problems),
            "passed_over": tuple(passed_over),
            "closed": closed,
        }
        with self._lock, redis_errors():
            if self._is_over:  # a last renewal, by another thread
                return
            plain: dict[str, Any] = {**asdict(self._record), **news}
            self._redis.set(self._key, encode(plain), ex=_LIFETIME_S)
            note_seen(self._redis, self._record.name, self._record.host)
            if self._is_changed:
                self._redis.delete(self._rq.key)
                self._is_changed = False
            if not self._redis.exists(self._rq.key):  # the store lost it, or it expired
                self._rq.register_birth()
            self._rq.set_state("busy" if plain["running"] else "idle")
            self._rq.heartbeat()

    def _rq_worker(self, record: AgentRecord) -> Any:  # RQ's methods are not annotated
        queues = [
            Queue(name, connection=self._redis, serializer=JSONSerializer) for name in record.queues
        ]
        return SimpleWorker(
            queues,
            name=record.name,
            connection=self._redis,
            serializer=JSONSerializer,
            worker_ttl=_LIFETIME_S,
        )

    def end(self) -> None:
        with self._lock, redis_errors():
            self._is_over = True
            self._redis.delete(self._key)
            self._rq.register_death()

"""Transfers: the parts of one file on another machine, from an agent there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import (
    AccessError,
    NotFoundError,
    RecordError,
    StorageError,
    StoreUnavailableError,
)
from elsewhere.core.wording import duration
from elsewhere.store.agents import agents_named, seen_agents
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.relay import PART_BYTES, WINDOW, Answer, Relay, Request, Wanted

if TYPE_CHECKING:
    from elsewhere.store.agents import AgentRecord
    from elsewhere.store.api import TaskStore

#: seconds without a part, after which a transfer is given up: an agent may be restarted meanwhile
PATIENCE_S: Final = 60.0
#: seconds without a part, after which the parts are asked for again
_SILENCE_S: Final = 10.0
#: seconds between two tries while Redis cannot be used
_RETRY_S: Final = 0.5

#: what a reader has of a part already, by its offset: the SHA-256 of the bytes, or empty
Known: TypeAlias = Callable[[int], str]


class AbsentError(StorageError):
    """The file is not there, or no agent is that could send it."""


class AwayError(AbsentError):
    """The agent that could send the file has reported before, and does not now."""


class CutError(StorageError):
    """The transfer was given up, and may go on where it stopped."""


class ChangedError(Exception):
    """The file has changed while it was read."""


class Transfer:
    """The parts of the file `wanted`, from one agent; `called` is how sentences name the file.

    After a silence they are asked for again, under another name, since nobody knows what the agent
    has taken: it, or Redis, may have been restarted.
    """

    def __init__(
        self, store: RedisStore, agent: AgentRecord, wanted: Wanted, called: str, known: Known
    ) -> None:
        self._store = store
        self._wire = Relay(store.redis)
        self._agent = agent
        self._wanted = wanted
        self._called = called
        self._known = known
        self._id = os.urandom(16).hex()
        self._asked: dict[int, Request] = {}
        self._moved_at = self._asked_at = monotonic_s()

    def one(self, offset: int) -> tuple[Answer, bytes]:
        """The part at `offset`. Raises AbsentError and CutError."""
        try:
            return self._next(offset, [offset])
        finally:
            self._take_back()

    def parts(self) -> Iterator[tuple[int, Answer, bytes]]:
        """Yields offset, answer and bytes of each part; no bytes of a part that is known. Raises
        AbsentError, CutError, and ChangedError once a part is of another version."""
        at, length, version = 0, 1, ""
        try:
            while at < length:
                # The first part alone: only then is it known how many there are.
                end = min(length, at + WINDOW * PART_BYTES) if version else at + 1
                answer, data = self._next(at, range(at, end, PART_BYTES))
                length = answer.size_bytes
                is_whole = answer.is_known or len(data) == min(PART_BYTES, length - at)
                if not is_whole or answer.version != (version or answer.version):
                    raise ChangedError
                version = answer.version
                yield at, answer, data
                at += PART_BYTES
        finally:
            self._take_back()

    def _next(self, at: int, offsets: Iterable[int]) -> tuple[Answer, bytes]:
        """The part at `at`, with requests for those of `offsets` that were not asked for yet."""
        while True:
            new = [self._request(offset) for offset in offsets if offset not in self._asked]
            self._asked |= {request.offset: request for request in new}
            try:
                found = self._wire.ask(self._agent.name, new, self._id, at)
            except AccessError:
                raise
            except (StoreUnavailableError, RecordError) as error:
                self._check_patience(str(error))
                time.sleep(_RETRY_S)
                self._begin_anew()
                continue
            if found is not None:
                break
            self._check_patience("")
            if monotonic_s() - self._asked_at > _SILENCE_S:
                self._begin_anew()
        del self._asked[at]
        self._moved_at = self._asked_at = monotonic_s()
        if found[0].problem:
            raise AbsentError(found[0].problem)
        return found

    def _request(self, offset: int) -> Request:
        known = self._known(offset)
        return Request(transfer=self._id, wanted=self._wanted, offset=offset, known=known)

    def _begin_anew(self) -> None:
        self._take_back()
        self._id, self._asked_at = os.urandom(16).hex(), monotonic_s()

    def _take_back(self) -> None:
        with suppress(StoreUnavailableError, RecordError):  # all of it expires
            self._wire.take_back(self._agent.name, self._asked.values())
        self._asked = {}

    def _check_patience(self, why: str) -> None:
        """Raises CutError once nothing has come for too long; `why` is the store's reason."""
        if monotonic_s() - self._moved_at < PATIENCE_S:
            return
        if not why:
            name, host = self._agent.name, self._agent.host
            why = (
                f"The agent {name!r} on the machine {host!r} has not answered for"
                f" {duration(PATIENCE_S)}. See there: agent status"
            )
            with suppress(StoreUnavailableError):
                if not agents_named(self._store.redis, [name]):
                    why = str(_absent(self._store, host, name))
        raise CutError(
            f"{self._called} has not arrived to its end. What has is kept, and the same call goes"
            f" on with it. {why}"
        )


def reachable(
    store: TaskStore, machine: str, task_id: str, worker: str = ""
) -> tuple[RedisStore, list[AgentRecord]]:
    """The store, and the agents to ask for a file on `machine`, one at least: the first is
    `worker`, by default the agent that ran the task last. Raises AbsentError, which says when the
    machine was last seen, and CutError for a store that cannot be reached."""
    if not isinstance(store, RedisStore):
        raise AbsentError("No other machine can be reached offline: import the session first.")
    try:
        first = worker or _worker(store, task_id)
        last = seen_agents(store.redis) if machine else []
        names = [first, *(one.agent for one in last if one.host == machine)]
        live = agents_named(store.redis, dict.fromkeys(filter(None, names)))
        there = [one for one in live if one.host == machine] or live[:1]
        if found := [one for one in there if one.serves_files]:
            return store, found
        if there:
            raise AbsentError(
                f"The agent {there[0].name!r} on the machine {there[0].host!r} has the version"
                f" {there[0].version}, which sends no files: install a newer one there."
            )
        raise _absent(store, machine, first)
    except StoreUnavailableError as error:
        raise CutError(str(error)) from error


def _worker(store: TaskStore, task_id: str) -> str:
    """The agent that ran the task last; empty for a task that is gone."""
    try:
        return store.state(task_id).worker if task_id else ""
    except (NotFoundError, RecordError):
        return ""


def _absent(store: RedisStore, machine: str, worker: str) -> AbsentError:
    """The error for a machine without an agent that reports."""
    last = seen_agents(store.redis)
    known = [one for one in last if machine and one.host == machine]
    known = known or [one for one in last if worker and one.agent == worker]
    if not known:
        where = f"the machine {machine!r}" if machine else f"the agent {worker!r}"
        return AbsentError(
            f"It cannot be read from here: {where} does not report to this store. Set output_uri to"
            " a place that both machines reach, or start an agent there: agent daemon"
        )
    ago = duration(max(0.0, store.now() - known[0].at))
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(known[0].at))
    return AwayError(
        f"The machine {known[0].host!r} is away: its agent {known[0].agent!r} was last seen {ago}"
        f" ago, at {at}. Start it there: agent daemon --name {known[0].agent}"
    )

"""Files of an agent's machine, part by part through Redis.

    reader: a Request  ->  ew:asked:<agent>             the agent takes it
    reader: takes it   <-  ew:part:<transfer>:<offset>  an Answer, a line, and the part's bytes

The agent remembers nothing between two parts, so that a transfer outlives its end, and a reader
that vanishes leaves nothing but keys that expire. A request names no path of a machine: the agent
looks in its own records where the file lies. Neither side trusts what the other has written.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, Final, cast

from elsewhere.core.codec import compact, decode, encode
from elsewhere.core.errors import RecordError
from elsewhere.core.events import history_kinds
from elsewhere.core.frozen import dataclass
from elsewhere.store.model_records import model_of
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis import Redis

#: bytes of a part
PART_BYTES: Final = 1 << 20
#: parts of a transfer that are under way at most: with those of a transfer that was given up, whose
#: keys have not expired yet, it takes 16 MiB of Redis
WINDOW: Final = 8
#: kinds of what is wanted
ARTIFACT: Final = "artifact"
MODEL: Final = "model"
FILE: Final = "file"
LISTING: Final = "listing"

#: kinds of items with a history, such as a sample
ITEMS: Final = tuple(history_kinds())

_KINDS: Final = (ARTIFACT, MODEL, FILE, LISTING, *ITEMS)
_ID: Final = re.compile("[0-9a-f]{32}")
_DIGEST: Final = re.compile("([0-9a-f]{64})?")
#: bytes of a request at most: that of the longest path has a third of it
_REQUEST_BYTES: Final = 1 << 15
#: beyond the end of any file
_FAR: Final = 1 << 62
#: seconds that a read waits in Redis at most: less than the time-out of a reply
WAIT_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file of a task, never by its path on a machine.

    artifact  the artifact `name` of `task`
    model     the weights of the model with the id `name`
    file      the file `name` below the code folder of the `attempt` of `task`
    sample    the sample of `task` with the JSON `name`: title, series, iteration; a plot as well,
              also one of the reports of a model
    listing   the files of that attempt, as JSON: path, bytes and version of each; the offset of a
              part is a number of files
    """

    kind: str
    name: str = ""
    task: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One part of a file, from `offset`. `known`: the SHA-256 of what the reader has there already;
    an equal part is not sent."""

    transfer: str
    wanted: Wanted
    offset: int = 0
    known: str = ""

    def encoded(self) -> bytes:
        return encode(compact(self)).encode(errors="backslashreplace")

    @classmethod
    def read(cls, data: bytes) -> Request:
        """The request that anybody may have written as `data`. Raises RecordError."""
        if len(data) > _REQUEST_BYTES:
            raise RecordError(f"A request has at most {_REQUEST_BYTES} bytes, not {len(data)}.")
        found = decode(cls, data)
        wanted = found.wanted
        is_one = (
            _ID.fullmatch(found.transfer)
            and _DIGEST.fullmatch(found.known)
            and 0 <= found.offset < _FAR
            and not isinstance(found.offset, bool)
            and wanted.kind in _KINDS
            and _ID.fullmatch(_owner_of(wanted))
            and 0 <= wanted.attempt < _FAR
        )
        if not is_one:
            raise RecordError(f"{data[:200]!r} is not a request for a part of a file.")
        return found


def _owner_of(wanted: Wanted) -> str:
    """The id of the task or of the model that has the file."""
    if wanted.kind == MODEL:
        return wanted.name
    return (wanted.kind in ITEMS and model_of(wanted.task)) or wanted.task


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the agent knows of a part: `version` is another one when the file has changed.

    `size_bytes` is that of the file, or the number of files of a listing, and `digest` the SHA-256
    of the part. `folder` has the files of a listing. With a `problem`, a sentence, all else is
    empty.
    """

    size_bytes: int = 0
    version: str = ""
    digest: str = ""
    is_known: bool = False
    folder: str = ""
    problem: str = ""


class Relay:
    """Requests and parts in Redis. Threads may share it. All raise StoreUnavailableError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    # a reader

    def ask(
        self, agent: str, requests: Iterable[Request], transfer: str, offset: int
    ) -> tuple[Answer, bytes] | None:
        """Sends `requests`, and waits for the part of `transfer` at `offset`: None if it has not
        come within WAIT_S. Raises RecordError for what no agent has written."""
        part = keys.part(transfer, offset)
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for request in requests:
                pipe.rpush(keys.asked(agent), request.encoded())
            pipe.expire(keys.asked(agent), keys.RELAY_LIFETIME_S)
            pipe.blpop([part], WAIT_S)
            found = cast("list[bytes] | None", pipe.execute()[-1])
        if found is None:
            return None
        line, _, data = found[1].partition(b"\n")
        answer = decode(Answer, line)
        is_whole = answer.is_known or answer.problem or _digest(data) == answer.digest
        if not is_whole or len(data) > 2 * PART_BYTES:
            raise RecordError("A part of the file is not what its agent has sent. Try again.")
        return answer, data

    def take_back(self, agent: str, requests: Iterable[Request]) -> None:
        """Removes `requests` that nobody waits for any more, and their parts."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for request in requests:
                pipe.lrem(keys.asked(agent), 1, cast("str", request.encoded()))
                pipe.delete(keys.part(request.transfer, request.offset))
            pipe.execute()

    # an agent

    def take(self, agent: str, most: int) -> list[bytes]:
        """Takes up to `most` requests, as anybody may have written them; waits for the first.
        Raises RecordError for what is not a list of them, and removes it."""
        key = keys.asked(agent)
        try:
            with redis_errors():
                first = cast("list[bytes] | None", self._redis.blpop([key], WAIT_S))
                more = self._redis.lpop(key, most - 1) if first is not None and most > 1 else None
        except RecordError:
            with redis_errors():
                self._redis.delete(key)
            raise
        return [] if first is None else [first[1], *cast("list[bytes]", more or [])]

    def give(self, parts: Sequence[tuple[Request, Answer, bytes]]) -> None:
        """Sends the answers to requests, each with the bytes of its part."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for request, answer, data in parts:
                part = keys.part(request.transfer, request.offset)
                line = encode(compact(answer)).encode(errors="backslashreplace")
                # One element: of two, a reader whose wait ends between them would get one.
                pipe.rpush(part, b"%s\n%s" % (line, data))
                pipe.expire(part, keys.RELAY_LIFETIME_S)
            pipe.execute()


def version_of(found: os.stat_result) -> str:
    """A text that is another one after any change of a file, also on a machine that has the same
    file: nobody can set the time of a status."""
    return f"{found.st_dev}-{found.st_ino}-{found.st_ctime_ns}-{found.st_size}"


def part_of(data: bytes, request: Request, **fields: Any) -> tuple[Request, Answer, bytes]:
    """The answer to `request` with the bytes `data` and these `fields`; without bytes, if the
    reader knows them."""
    digest = _digest(data)
    is_known = digest == request.known
    return request, Answer(digest=digest, is_known=is_known, **fields), b"" if is_known else data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Blobs: patches and bundles, compressed, under the sha256 of their raw bytes.

A blob lives while a task names it. Every script that writes or deletes a record notes the names in
the same step (`lua/prelude.lua`). Versions that did not note them gave each blob 30 days from its
last use, and may still write into this store: `name_blobs` of an agent notes theirs afterwards.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.choices import Status
from elsewhere.core.codec import from_plain
from elsewhere.core.errors import NotFoundError, RecordError
from elsewhere.core.records import NAMING, TaskRecord
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.records import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from elsewhere.store.redis.scripts import Scripts

logger = logging.getLogger(__name__)

#: bytes of a blob, unpacked: nobody's code is larger, and memory has an end
_BLOB_BYTES: Final = 1 << 30
#: bytes in one command when a blob is written or read
_BLOB_PIECE: Final = 1 << 20
#: seconds that one which is being written may rest
_WRITING_S: Final = 600
#: seconds between two looks at what other versions have written: far fewer than a day, for which a
#: blob stays that no task is known to name
_LOOK_S: Final = 3600
#: seconds by which the server's clock may have been set back since the last look
_CLOCK_S: Final = 60
#: of a task that neither waits nor runs
_ENDED: Final = frozenset(str(status) for status in Status if status.is_final)
#: tasks or blobs in one round trip
_AT_ONCE: Final = 1000


class Blobs:
    """The part of the Redis store that carries code."""

    redis: Any
    _scripts: Scripts

    def has_blob(self, digest: str) -> bool:
        return bool(self._scripts.on_blob("has_blob", digest))

    def put_blob(self, digest: str, data: bytes) -> None:
        if self.has_blob(digest):
            return
        packed, key = zlib.compress(data, 6), keys.blob(digest)
        with redis_errors():
            beside = f"{key}:{os.urandom(8).hex()}"
            for at in range(0, max(len(packed), 1), _BLOB_PIECE):
                with self.redis.pipeline() as pipe:
                    pipe.setrange(beside, at, packed[at : at + _BLOB_PIECE])
                    pipe.expire(beside, _WRITING_S)
                    pipe.execute()
            self._scripts.on_blob("keep_blob", digest, beside)

    def get_blob(self, digest: str) -> bytes:
        return unpacked(digest, self.packed_blob(digest))

    def packed_blob(self, digest: str) -> Iterator[bytes]:
        """Yields a blob in pieces, compressed. Raises NotFoundError."""
        key = keys.blob(digest)
        with redis_errors():
            length = int(self.redis.strlen(key))
            if not length:
                raise NotFoundError(
                    f"The code with the digest {digest} is not in the store any more: it is kept"
                    " while a task names it. Run the script once more to capture it."
                )
            for at in range(0, length, _BLOB_PIECE):
                yield self.redis.getrange(key, at, at + _BLOB_PIECE - 1)

    # blobs in storage

    def blob_url(self, digest: str) -> str | None:
        with redis_errors():
            url = self.redis.hget(keys.BLOB_URLS, digest)
        return None if url is None else as_text(url)

    def blob_sizes(self) -> dict[str, int]:
        """Bytes in Redis of each blob that a task names, by digest."""
        with redis_errors():
            found = self.redis.hgetall(keys.BLOBS)
        return {as_text(digest): int(size) for digest, size in found.items()}

    @contextmanager
    def moving_blobs(self) -> Iterator[bool]:
        """True for one agent at a time, for an hour at most."""
        mine = os.urandom(8).hex()
        with redis_errors():
            is_mine = bool(self.redis.set(keys.BLOBS_MOVING, mine, nx=True, ex=3600))
        try:
            yield is_mine
        finally:
            with redis_errors():
                if is_mine and self.redis.get(keys.BLOBS_MOVING) == mine.encode():
                    self.redis.delete(keys.BLOBS_MOVING)

    def oldest_ended_blobs(self) -> Iterator[str]:
        """Yields the blobs in Redis of tasks that neither wait nor run, the task that changed last
        at the end."""
        with redis_errors():
            task_ids = list(map(as_text, self.redis.zrange(keys.UPDATED, 0, -1)))
            for first in range(0, len(task_ids), _AT_ONCE):
                with self.redis.pipeline(transaction=False) as pipe:
                    for task_id in task_ids[first : first + _AT_ONCE]:
                        pipe.hget(keys.TaskKeys(task_id).state, "status")
                        pipe.hvals(keys.TaskKeys(task_id).blobs)
                    answers = pipe.execute(raise_on_error=False)
                for status, named in zip(answers[::2], answers[1::2], strict=True):
                    if isinstance(status, bytes) and as_text(status) in _ENDED:
                        for digest in " ".join(map(as_text, named)).split():
                            if self.redis.hexists(keys.BLOBS, digest):
                                yield digest

    def has_moved(self, digest: str, url: str) -> bool:
        """Takes a blob that lies at `url` now out of Redis. False if no task names it any more."""
        return bool(self._scripts.on_blob("move_blob", digest, url))

    def blobs_to_delete(self) -> Iterator[str]:
        """Yields the URLs of blobs that no task has named for a day, each forgotten before."""
        with redis_errors():
            left = self.redis.zrange(keys.BLOBS_LEFT, 0, -1)
        for digest in left:
            if url := self._scripts.on_blob("unmove_blob", as_text(digest)):
                yield as_text(url)

    def name_blobs(self) -> None:
        """Notes which tasks name which blobs, where a version of the SDK that does not do so itself
        has written since the last look; at the first one, looks at all tasks. Nothing happens
        within an hour of the last look."""
        with redis_errors():
            until, now = self.redis.get(keys.BLOBS_NAMED), self.redis.time()[0]
            if until is not None and now - int(until) < _LOOK_S:
                return
            since = "-inf" if until is None else int(until) - _CLOCK_S
            changed = self.redis.zrangebyscore(keys.UPDATED, since, "+inf")
            for first in range(0, len(changed), _AT_ONCE):
                self._name_blobs_of(list(map(as_text, changed[first : first + _AT_ONCE])))
            # Such a version gives a blob 30 days also where other tasks name it.
            for digest in self.redis.hkeys(keys.BLOBS):
                self._scripts.on_blob("renew_blob", as_text(digest))
            self.redis.set(keys.BLOBS_NAMED, now)

    def _name_blobs_of(self, task_ids: Sequence[str]) -> None:
        with self.redis.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hmget(keys.TaskKeys(task_id).record, NAMING)
                pipe.hmget(keys.TaskKeys(task_id).blobs, NAMING)
            answers = pipe.execute(raise_on_error=False)
        for number, task_id in enumerate(task_ids):
            parts, named = answers[2 * number : 2 * number + 2]
            if isinstance(parts, Exception) or isinstance(named, Exception):
                continue
            for name, part, known in zip(NAMING, parts, named, strict=True):
                try:
                    digests = _digests(name, part)
                except (RecordError, ValueError, RecursionError) as error:
                    logger.debug("the blobs of task %s are not known: %s", task_id, error)
                    continue
                if set(digests) != set(as_text(known or b"").split()):
                    self._scripts.on_task("name_blobs", task_id, name, part or b"", *digests)


def _digests(name: str, part: bytes | None) -> tuple[str, ...]:
    """The digests in the field `name` of a record, of which `part` is the json."""
    if part is None:
        return ()
    plain = {"id": "", "name": "", "project": "", name: json.loads(part)}
    return from_plain(TaskRecord, plain).digests


def unpacked(digest: str, pieces: Iterable[bytes]) -> bytes:
    """Unpacks compressed `pieces`. Raises RecordError when the sha256 is not `digest`."""
    unpacker, data = zlib.decompressobj(), bytearray()
    for piece in pieces:
        data += _unpacked(unpacker, piece, digest, _BLOB_BYTES - len(data))
    if hashlib.sha256(data).hexdigest() != digest:
        raise RecordError(f"The bytes stored as {digest} are not those: they are not used.")
    return bytes(data)


def _unpacked(unpacker: Any, piece: bytes, digest: str, limit_bytes: int) -> bytes:
    try:
        data: bytes = unpacker.decompress(piece, limit_bytes + 1)
    except zlib.error as error:
        raise RecordError(f"The bytes stored as {digest} are not compressed data.") from error
    if len(data) > limit_bytes:
        raise RecordError(f"The bytes stored as {digest} are more than {_BLOB_BYTES} bytes.")
    return data

"""Blobs: patches and bundles, compressed, under the sha256 of their raw bytes, for a while."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import NotFoundError, RecordError
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

#: bytes of a blob, unpacked: nobody's code is larger, and memory has an end
_BLOB_BYTES: Final = 1 << 30
#: bytes in one command when a blob is written or read
_BLOB_PIECE: Final = 1 << 20


class Blobs:
    """The part of the Redis store that carries code."""

    redis: Any

    def has_blob(self, digest: str) -> bool:
        with redis_errors():
            return bool(self.redis.expire(keys.blob(digest), keys.BLOB_LIFETIME_S))

    def put_blob(self, digest: str, data: bytes) -> None:
        if self.has_blob(digest):
            return
        packed, key = zlib.compress(data, 6), keys.blob(digest)
        with redis_errors():
            beside = f"{key}:{os.urandom(8).hex()}"
            for at in range(0, max(len(packed), 1), _BLOB_PIECE):
                with self.redis.pipeline() as pipe:
                    pipe.append(beside, packed[at : at + _BLOB_PIECE])
                    pipe.expire(beside, 600)
                    pipe.execute()
            with self.redis.pipeline() as pipe:
                pipe.rename(beside, key)
                pipe.expire(key, keys.BLOB_LIFETIME_S)
                pipe.execute()

    def get_blob(self, digest: str) -> bytes:
        key = keys.blob(digest)
        with redis_errors():
            length = int(self.redis.strlen(key))
            if not length:
                raise NotFoundError(
                    f"The code with the digest {digest} is not in the store any more: it is kept"
                    f" for {keys.BLOB_LIFETIME_S // 86400} days. Run the script once more to"
                    " capture it."
                )
            pieces = range(0, length, _BLOB_PIECE)
            return unpacked(
                digest, (self.redis.getrange(key, at, at + _BLOB_PIECE - 1) for at in pieces)
            )


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

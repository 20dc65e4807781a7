"""Checks the bytes from Redis that this machine acts on: nothing is trusted before.

An RQ job is accepted only when it is exactly the one that `queues.py` pushes: its function is never
called, its callbacks and meta are never looked at. A record must fit its types and these limits.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError
from rq.job import Job
from rq.serializers import JSONSerializer

from elsewhere.core.codec import encode
from elsewhere.core.errors import RecordError, StoreUnavailableError
from elsewhere.core.records import TaskRecord
from elsewhere.store.queues import LAUNCH
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

_ID: Final = re.compile(r"[0-9a-f]{32}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: bytes of a job's data, packed: ours have about a hundred, and zlib packs 1000 into one
_JOB_BYTES: Final = 1000
#: a job's data, unless it is larger than ours: in one step, since a claim waits for it
_DATA: Final = """
if redis.call('HSTRLEN', KEYS[1], 'data') <= tonumber(ARGV[1]) then
  return redis.call('HGET', KEYS[1], 'data')
end
"""
#: characters of a requirement line: a real one has fewer
_LINE_CHARACTERS: Final = 2000
#: bytes of a record without its code, which travels in blobs
_RECORD_BYTES: Final = 4 << 20


def check_job(redis: Redis, task_id: str) -> None:
    """Checks an entry of a queue. Raises RecordError unless it is one of ours."""
    if not _ID.fullmatch(task_id):
        raise RecordError(f"The entry {task_id[:80]!r} is no task id.")
    try:
        with redis_errors():
            data = redis.eval(_DATA, 1, keys.rq_job(task_id), _JOB_BYTES)
        if data is None:
            raise RecordError(f"There is no RQ job {task_id} that is as small as ours are.")
        job = Job(task_id, connection=redis, serializer=JSONSerializer)
        job.restore({b"data": data})
        is_ours = job.func_name == LAUNCH and tuple(job.args) == (task_id,) and not job.kwargs
    except (StoreUnavailableError, RecordError):
        raise
    except Exception as error:  # the outermost seam: RQ decodes bytes that anyone may have written
        raise RecordError(f"The RQ job {task_id} cannot be read: {error!r:.200}.") from error
    if not is_ours:
        raise RecordError(f"The RQ job {task_id} is not a launch of its task.")


def checked(record: TaskRecord) -> TaskRecord:
    """The same record, validated. Raises RecordError with the field that is wrong."""
    text = encode(record)
    if len(text) > _RECORD_BYTES:
        raise RecordError(f"The record of task {record.id} is larger than {_RECORD_BYTES} bytes.")
    try:
        valid = _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RecordError(f"The record of task {record.id}: {where}: {first['msg']}.") from error
    for problem in _problems(valid):
        raise RecordError(f"The record of task {record.id}: {problem}.")
    return valid


@cache
def _adapter() -> TypeAdapter[TaskRecord]:
    return TypeAdapter(TaskRecord)


def _problems(record: TaskRecord) -> Iterator[str]:
    source = record.source
    if not _ID.fullmatch(record.id):
        yield "the id is not 32 hex digits"
    if not all(map(_DIGEST.fullmatch, record.digests)):
        yield "a digest of a blob is not a sha256"
    if not all(_DIGEST.fullmatch(one.digest) for one in record.environment.data):
        yield "a digest of its data is not a sha256, so the data was never sent"
    for name, value in record.environment.variables.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            yield f"{name[:80]!r} cannot be an environment variable"
    if record.seed is not None and not 0 <= record.seed < 1 << 32:
        yield "its seed is not a number of 32 bits"
    if record.time_limit_s < 0:
        yield "its time limit is negative"
    if any(len(line) > _LINE_CHARACTERS for line in record.environment.packages or ()):
        yield "a line of its packages is too long"
    words = (
        *(source.binary, source.entry_point, source.module, source.working_dir),
        *(*source.argv, *source.python_path, *source.launcher),
    )
    if any("\0" in word for word in words):
        yield "its command holds a NUL character"
    if any(
        one.startswith("-") for one in (source.module, source.entry_point, *source.launcher[:1])
    ):
        yield "its program looks like an option of Python"
    if source.binary.startswith("-"):
        yield "what runs its program looks like an option"

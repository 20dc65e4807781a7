"""What others have written into Redis: nothing of it is executed, and the queue goes on."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from rq import Queue
from rq.job import Callback
from rq.serializers import JSONSerializer, PickleSerializer

from elsewhere.store.queues import DEFAULT_QUEUE
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import Machine, send


class _Bomb:
    """Unpickling it runs a command."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self._command,)


@pytest.mark.row(37)
def test_an_agent_refuses_them_and_runs_what_stands_behind_them(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    canary, redis = tmp_path / "canary", store.redis
    touch = f"touch {canary}"
    pickles = Queue(DEFAULT_QUEUE, connection=redis, serializer=PickleSerializer)
    pickles.enqueue_call(os.system, args=(touch,), job_id="1" * 32)
    calls = Queue(DEFAULT_QUEUE, connection=redis, serializer=JSONSerializer)
    calls.enqueue_call(
        "os.system",
        args=(touch,),
        job_id="2" * 32,
        on_success=Callback("os.system"),
        on_failure=Callback("os.system"),
    )
    written = {
        "3" * 32: pickle.dumps(_Bomb(touch)),
        "4" * 32: zlib.compress(json.dumps(["os.system", None, [touch], {}]).encode()),
        "5" * 32: b"x" * 100_000_000,
        "6" * 32: zlib.compress(b"[" * 200_000),
        "../../escape": b"",
    }
    for entry, data in written.items():
        redis.hset(f"rq:job:{entry}", mapping={"data": data, "created_at": "2024-01-01T00:00:00Z"})
        redis.rpush(f"rq:queue:{DEFAULT_QUEUE}", entry)
    task = send(store, tmp_path, "counting.py", "0")
    task.let_go()
    agent = machine.start()
    task.assert_completed(machine)
    assert not canary.exists()
    assert agent.log.read_text().count("refused") == len(written) + 2
    assert redis.llen(f"rq:queue:{DEFAULT_QUEUE}") == 0

"""The few behaviours of RQ that queues and registration lean on: RQ may change, these may not."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import tomllib
from packaging.requirements import Requirement
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

ID = "0123456789abcdef" * 2
FUNCTION = "elsewhere_worker.launch.launch"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def queue(client: redis.Redis) -> Queue:
    return Queue("default", connection=client, serializer=JSONSerializer)


def push(queue: Queue, pipe: object) -> None:
    queue.enqueue_call(
        FUNCTION,
        args=(ID,),
        job_id=ID,
        timeout=-1,
        result_ttl=0,
        pipeline=pipe,  # type: ignore[arg-type]
    )


def test_the_installed_version_is_one_of_those_that_the_project_takes() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (wanted,) = (
        Requirement(line) for line in project["project"]["dependencies"] if line.startswith("rq")
    )
    assert str(wanted.specifier) == "<3,>=2.12"
    assert importlib.metadata.version("rq") in wanted.specifier


def test_a_push_is_part_of_the_transaction_of_its_caller(client: redis.Redis, queue: Queue) -> None:
    with client.pipeline() as pipe:
        pipe.multi()
        push(queue, pipe)
        assert client.keys() == [], "nothing is written before the transaction"
        pipe.execute()
    assert client.lrange("rq:queue:default", 0, -1) == [ID.encode()]
    assert sorted(client.keys()) == [
        b"rq:job:" + ID.encode(),
        b"rq:queue:default",
        b"rq:queues",
    ]


def test_a_push_behind_a_watch_that_fails_leaves_nothing(client: redis.Redis, queue: Queue) -> None:
    with client.pipeline() as pipe:
        pipe.watch("state")  # type: ignore[no-untyped-call]
        client.set("state", "changed")
        pipe.multi()
        push(queue, pipe)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.keys() == [b"state"]


def test_a_job_holds_the_name_and_the_arguments_as_json_and_nothing_to_run_later(
    client: redis.Redis, queue: Queue
) -> None:
    with client.pipeline() as pipe:
        push(queue, pipe)
        pipe.execute()
    job = Job.fetch(ID, connection=client, serializer=JSONSerializer)
    assert (job.func_name, tuple(job.args), job.kwargs) == (FUNCTION, (ID,), {})
    assert (job.timeout, job.result_ttl, job.retries_left) == (-1, 0, None)
    written: Any = client.hgetall(f"rq:job:{ID}")
    assert json.loads(zlib.decompress(written[b"data"])) == [FUNCTION, None, [ID], {}]
    for name in (b"success_callback_name", b"failure_callback_name", b"stopped_callback_name"):
        assert not written.get(name)


def test_a_registered_worker_is_what_rqs_own_tools_show(
    client: redis.Redis, queue: Queue, redis_url: str
) -> None:
    worker = SimpleWorker(
        [queue], name="box", connection=client, serializer=JSONSerializer, worker_ttl=60
    )
    worker.register_birth()  # type: ignore[no-untyped-call]
    worker.set_state("busy")
    worker.heartbeat()
    assert 0 < client.ttl("rq:worker:box") <= 120
    shown = rq_info(redis_url)
    assert "box" in shown
    assert "busy default" in shown.replace(": ", " ")
    worker.register_death()  # type: ignore[no-untyped-call]
    assert "box" not in rq_info(redis_url)


def rq_info(url: str) -> str:
    argv = [sys.executable, "-m", "rq.cli", "info", "--raw", "--only-workers", "--url", url]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

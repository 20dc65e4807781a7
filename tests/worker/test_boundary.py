"""The boundary: whatever lies in Redis, nothing of it is executed and the queue goes on."""

from __future__ import annotations

import json
import os
import pickle
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rq import Queue
from rq.job import Callback
from rq.serializers import JSONSerializer, PickleSerializer

from elsewhere.core.codec import encode
from elsewhere.core.data import Data
from elsewhere.core.errors import RecordError, StoreUnavailableError
from elsewhere.core.records import Environment, Parameter, Source, Submodule, TaskRecord
from elsewhere.store.queues import LAUNCH, Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_worker.boundary import check_job, checked
from tests.redis_server import RedisServer
from tests.stores import make_record, opened

ID = "0123456789abcdef" * 2
DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """Made by whatever gets executed."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "something was executed"


class Bomb:
    """Unpickling it runs a command."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._canary}",)


def job_of(*call: object) -> bytes:
    return zlib.compress(json.dumps(call).encode())


def test_a_job_of_ours_is_accepted(store: RedisStore) -> None:
    record = make_record()
    store.create(record)
    Queues(store).enqueue(record.id, "default")
    check_job(store.redis, record.id)


def pickled(canary: Path) -> bytes:
    return pickle.dumps((LAUNCH, None, (Bomb(canary),), {}))


#: made when they are needed: one is large
HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda canary: zlib.compress(pickled(canary)),
    "pickle, not compressed": pickled,
    "os.system": lambda canary: job_of("os.system", None, [f"touch {canary}"], {}),
    "subprocess": lambda canary: job_of("subprocess.call", None, [["touch", str(canary)]], {}),
    "another id": lambda _: job_of(LAUNCH, None, ["f" * 32], {}),
    "more arguments": lambda canary: job_of(LAUNCH, None, [ID, f"touch {canary}"], {}),
    "a keyword": lambda canary: job_of(LAUNCH, None, [ID], {"shell": f"touch {canary}"}),
    "no argument": lambda _: job_of(LAUNCH, None, [], {}),
    "a method": lambda _: job_of("launch", "elsewhere_worker.launch", [ID], {}),
    "a longer name": lambda _: job_of(LAUNCH + ".launch", None, [ID], {}),
    "a name that is a list": lambda _: job_of([LAUNCH], None, [ID], {}),
    "an argument that is a list": lambda _: job_of(LAUNCH, None, [[ID]], {}),
    "a text": lambda _: job_of("x"),
    "bad JSON": lambda _: zlib.compress(b'["elsewhere'),
    "no JSON": lambda _: b"\x00\xff",
    "nothing": lambda _: b"",
    "deep": lambda _: zlib.compress(b"[" * 200_000),
    "100 MB": lambda _: job_of(LAUNCH, None, [ID, "x" * 100_000_000], {}),
    "100 MB, not compressed": lambda _: b"x" * 100_000_000,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_job_that_is_not_exactly_ours_is_refused(
    store: RedisStore, canary: Path, make: Callable[[Path], bytes]
) -> None:
    written = {"data": make(canary), "created_at": "2024-01-01T00:00:00Z"}
    store.redis.hset(f"rq:job:{ID}", mapping=written)
    del written
    tracemalloc.start()
    try:
        with pytest.raises(RecordError, match=ID):
            check_job(store.redis, ID)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "entry",
    ["", "x", "F" * 32, "../" * 11, ID + "\n", "0" * 31, "é" * 32, "x" * 1_000_000],
    ids=len,
)
def test_an_entry_that_is_no_id_is_refused_without_a_look(store: RedisStore, entry: str) -> None:
    with pytest.raises(RecordError, match="no task id") as raised:
        check_job(store.redis, entry)
    assert len(str(raised.value)) < 300


def test_an_entry_without_a_job_is_refused(store: RedisStore) -> None:
    with pytest.raises(RecordError, match=ID):
        check_job(store.redis, ID)


def test_rqs_own_ways_to_execute_something_are_not_looked_at(
    store: RedisStore, canary: Path
) -> None:
    """Callbacks, dependencies and pickles by RQ's own hand, then our own job behind them."""
    touch = f"touch {canary}"
    plain = Queue("default", connection=store.redis, serializer=PickleSerializer)
    plain.enqueue_call(os.system, args=(touch,), job_id="1" * 32)
    queue = Queue("default", connection=store.redis, serializer=JSONSerializer)
    queue.enqueue_call(
        "os.system",
        args=(touch,),
        job_id="2" * 32,
        on_success=Callback("os.system"),
        on_failure=Callback("os.system"),
    )
    for number in "12":
        with pytest.raises(RecordError):
            check_job(store.redis, number * 32)
    record = make_record()
    store.create(record)
    queues = Queues(store)
    queues.enqueue(record.id, "default")
    for number in "12":
        assert queues.take(["default"], "box") == ("default", number * 32)
        queues.settle(number * 32, "box")
    assert queues.take(["default"], "box") == ("default", record.id)
    check_job(store.redis, record.id)


def test_a_store_that_is_away_is_no_reason_to_refuse(short_path: Path) -> None:
    with RedisServer(short_path) as server, opened(server.url) as store:
        server.kill()
        with pytest.raises(StoreUnavailableError):
            check_job(store.redis, ID)


# records


GOOD: dict[str, TaskRecord] = {
    "plain": make_record(id=ID),
    "full": make_record(
        id=ID,
        source=Source(
            patch=DIGEST,
            bundle=DIGEST,
            entry_point="train.py",
            argv=("--a", "-x", "é"),
            submodules=(Submodule(path="a", repository="r", commit="c", patch=DIGEST),),
        ),
        environment=Environment(variables={"A_1": "x\ny"}),
        parameters={"General/a": Parameter(value=[1, 2.5, None, {"b": True}], type="list")},
        seed=None,
    ),
    "odd numbers": make_record(
        id=ID, parameters={"a": Parameter(value=float("inf")), "b": Parameter(value=10**30)}
    ),
}


@pytest.mark.parametrize("record", GOOD.values(), ids=GOOD)
def test_a_good_record_comes_through_as_it_was(record: TaskRecord) -> None:
    assert checked(record) == record
    assert encode(checked(record)) == encode(record)


BAD: dict[str, dict[str, Any]] = {
    "id": {"id": "../../etc"},
    "long id": {"id": ID + "0"},
    "digest": {"source": Source(patch="../../etc/passwd")},
    "digest of a submodule": {
        "source": Source(submodules=(Submodule(path="", repository="", commit="", bundle="x"),))
    },
    "NUL in an argument": {"source": Source(argv=("a\0b",))},
    "NUL in the folder": {"source": Source(working_dir="a\0b")},
    "an option as a script": {"source": Source(entry_point="-c")},
    "an option as a module": {"source": Source(module="-c")},
    "variable": {"environment": Environment(variables={"A B": "x"})},
    "variable with =": {"environment": Environment(variables={"A=B": "x"})},
    "NUL in a variable": {"environment": Environment(variables={"A": "a\0b"})},
    "data by a path": {"environment": Environment(data=(Data(path="a", digest="../../etc"),))},
    "data at a URL by a path": {
        "environment": Environment(data=(Data(path="a", digest="../x", url="s3://bucket/x"),))
    },
    "data that was not sent": {"environment": Environment(data=(Data(path="a"),))},
    "a number as a name": {"name": 5},
    "a text as a seed": {"seed": "1337x"},
    "a text as packages": {"environment": Environment(packages="abc")},  # type: ignore[arg-type]
    "a negative time limit": {"time_limit_s": -1.0},
    "too large": {"comment": "x" * (5 << 20)},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_a_record_that_could_do_harm_is_refused_with_a_reason(changes: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="record of task") as raised:
        checked(replace(GOOD["plain"], **changes))
    assert len(str(raised.value)) < 400

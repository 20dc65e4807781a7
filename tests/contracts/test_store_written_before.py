"""What a store wrote before events declared how they are kept is read, and goes, as it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from elsewhere.core.choices import ScalarKind
from elsewhere.core.events import Tags
from elsewhere.core.records import (
    Artifact,
    Configuration,
    ModelUse,
    Outcome,
    Parameter,
    Reason,
    Status,
)
from elsewhere.store.api import TaskStore
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.redis.store import RedisStore
from tests.contracts.insides import servers
from tests.stores import find, opened

#: one running task in each store, as it was written then: file -> bytes, key -> type and value
WRITTEN: Final[dict[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("written_before.json").read_text()
)
TASK: Final = "1" * 32


def restore(store: RedisStore) -> None:
    for key, (kind, value) in WRITTEN["redis"].items():
        if kind == "hash":
            store.redis.hset(key, mapping=value)
        elif kind == "zset":
            store.redis.zadd(key, value)
        elif kind == "string":
            store.redis.set(key, value.encode("latin-1"))
        else:
            add = store.redis.sadd if kind == "set" else store.redis.rpush
            add(key, *value)


@pytest.fixture(params=["folder", "redis"])
def store(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[TaskStore]:
    if request.param == "redis":
        with opened(redis_url) as server:
            restore(server)
            yield server
        return
    for name, data in WRITTEN["folder"].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode("latin-1"))
    yield FolderStore(tmp_path)


def test_all_of_it_is_read(store: TaskStore) -> None:
    record, state = store.read(TASK), store.state(TASK)
    assert record.parameters == {"General/lr": Parameter(value=0.1, type="float")}
    assert record.configurations == {"net": Configuration(text="a: 1\n", type="yaml")}
    assert record.properties == {"room": Parameter(value="b7", type="str")}
    assert (record.tags, record.labels, record.comment) == (("first", "kept"), {"cat": 1}, "new")
    assert (state.status, state.progress, state.last_iteration) == (Status.IN_PROGRESS, 40.0, 4)
    assert [text.message for text in store.texts(TASK)] == ["hello"]
    assert [(one.attempt, one.phase.seconds) for one in store.phases(TASK)] == [(1, 2.0)]
    data = Artifact(name="data", type="dict", url="file:///data", size_bytes=3)
    assert store.artifacts(TASK) == {"data": data}
    assert store.task_models(TASK) == [
        ModelUse(name="net", model="a" * 32, is_output=True, at=1.0),
        ModelUse(name="start", model="b" * 32, is_output=False, at=2.0),
    ]
    assert [one.number for one in store.attempts(TASK)] == [1]
    output = store.output(TASK)
    assert (output.data, output.pending, store.output_offset(TASK, 1)) == (b"printed\n", "half", 8)
    assert store.journal_offset(TASK, 1, "f") == 9
    assert store.kept(TASK, Tags)["system_tags"] == ["archived"]
    for server in servers(store):
        (row,) = server.look_up([TASK], ["system_tags", "last_metrics.Summary.score"])
        assert (row["system_tags"], row["last_metrics.Summary.score"]) == (["archived"], 0.9)


def test_each_series_is_of_its_kind(store: TaskStore) -> None:
    assert {(one.title, one.series): one.kind for one in store.series(TASK)} == {
        ("loss", "train"): ScalarKind.SCALAR,
        ("Summary", "score"): ScalarKind.SINGLE,
        (":monitor:machine", "cpu"): ScalarKind.RESOURCE,
    }
    assert store.points(TASK, "loss", "train") == [(3, 2.0, 0.5), (4, 3.0, 0.25)]
    assert store.points(TASK, "Summary", "score") == [(-(2**31), 4.0, 0.9)]
    assert store.points(TASK, ":monitor:machine", "cpu") == [(7, 5.0, 12.5)]


def test_what_the_program_wished_for_its_end_holds(store: TaskStore) -> None:
    assert store.finish(TASK, 1, Outcome(reason=Reason.COMPLETED)) is Status.FAILED
    assert store.state(TASK).message == "bad"
    store.move(TASK, Status.COMPLETED, allowed=tuple(Status))
    assert store.state(TASK).status is Status.PUBLISHED


def test_a_reset_and_a_deletion_leave_nothing_of_it(store: TaskStore) -> None:
    store.reset(TASK, allowed=tuple(Status))
    assert (store.series(TASK), store.texts(TASK), store.phases(TASK)) == ([], [], [])
    assert (store.artifacts(TASK), store.attempts(TASK)) == ({}, [])
    assert [use.name for use in store.task_models(TASK)] == ["start"]
    assert store.read(TASK).tags == ("first", "kept")
    store.delete(TASK)
    for server in servers(store):
        assert find(server) == []
    if isinstance(store, RedisStore):
        left = {key.decode() for key in store.redis.keys("*")}
        assert not [key for key in left if key.startswith("ew:task:")]
        assert not [key for key in left if "tag:" in key]

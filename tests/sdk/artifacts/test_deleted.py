"""Deleting artifacts: the bytes, then the entry; and nothing that was deleted comes back."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import DeleteError, NotFoundError, TransitionError, UsageError
from elsewhere.core.events import ArtifactAdded
from elsewhere.core.records import Artifact, Outcome
from elsewhere.storage import file_url, local_path
from elsewhere.store.redis.store import RedisStore
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts
from tests.stores import begin, brought_to


@pytest.fixture
def agents(scripts: Scripts, store: RedisStore, redis_url: str, tmp_path: Path) -> Agents:
    return Agents(scripts, store, redis_url, tmp_path / "storage")


class Finished:
    """A finished task with the artifacts `data` and `more`, and where their bytes are."""

    def __init__(self, store: RedisStore, folder: Path, **fields: Any) -> None:
        self.store = store
        self.files = {name: folder / f"{name}.json" for name in ("data", "more")}
        task_id = begin(store)
        artifacts = []
        for name, file in self.files.items():
            file.write_text("{}")
            artifact = Artifact(name=name, type="dict", url=file_url(file), digest="0" * 64)
            artifacts.append(replace(artifact, **(fields if name == "data" else {})))
        store.apply(task_id, 1, "j", 0, 1, [ArtifactAdded(artifact=one) for one in artifacts])
        store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
        self.task = Task(task_id, store)

    @property
    def left(self) -> set[str]:
        """Artifacts that there still are."""
        return set(self.store.artifacts(self.task.id))

    @property
    def bytes_left(self) -> set[str]:
        return {name for name, file in self.files.items() if file.exists()}


@pytest.fixture
def finished(store: RedisStore, tmp_path: Path) -> Finished:
    return Finished(store, tmp_path)


# of another task


@pytest.mark.parametrize("names", ["data", ["data"], ("data", "data"), {"data"}])
def test_the_bytes_and_the_entry_are_gone(names: Any, finished: Finished) -> None:
    assert finished.task.delete_artifacts(names)
    assert finished.left == finished.bytes_left == {"more"}
    with pytest.raises(KeyError, match=r"no artifact 'data'. Known: more\.$"):
        finished.task.artifacts["data"]


def test_the_bytes_stay_where_that_is_wanted(finished: Finished) -> None:
    assert finished.task.delete_artifacts(["data"], delete_from_storage=False)
    assert (finished.left, finished.bytes_left) == ({"more"}, {"data", "more"})


@pytest.mark.parametrize("fields", [{"digest": ""}, {"url": ""}], ids=["a link", "not uploaded"])
def test_bytes_that_are_not_the_tasks_stay(
    store: RedisStore, tmp_path: Path, fields: dict[str, str]
) -> None:
    finished = Finished(store, tmp_path, **fields)
    assert finished.task.delete_artifacts(["data"])
    assert (finished.left, finished.bytes_left) == ({"more"}, {"data", "more"})


def test_an_unknown_name_is_answered_with_the_closest_and_nothing_is_deleted(
    finished: Finished,
) -> None:
    with pytest.raises(NotFoundError, match=r"artifact 'dat'. Did you mean 'data'\? Known: data"):
        finished.task.delete_artifacts(["more", "dat"])
    assert finished.left == finished.bytes_left == {"data", "more"}


@pytest.mark.parametrize("is_silent", [False, True])
def test_an_unknown_name_may_be_a_warning_or_nothing(
    finished: Finished, is_silent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert not finished.task.delete_artifacts(
            ["more", "dat"], raise_on_errors=False, silent_on_errors=is_silent
        )
    assert finished.left == finished.bytes_left == {"data"}
    assert ("Did you mean 'data'?" in caplog.text) is not is_silent


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"machine": "another"}, "is a file on the machine 'another', and this is"),
        ({"url": "nowhere://x/y"}, "no storage for the scheme 'nowhere'"),
    ],
)
def test_bytes_that_cannot_be_deleted_keep_their_entry(
    store: RedisStore, tmp_path: Path, fields: dict[str, str], sentence: str
) -> None:
    finished = Finished(store, tmp_path, **fields)
    with pytest.raises(DeleteError, match=rf"^The artifact 'data' is not deleted\. .*{sentence}"):
        finished.task.delete_artifacts(["data", "more"])
    assert (finished.left, finished.bytes_left) == ({"data"}, {"data"})
    assert not finished.task.delete_artifacts(["data"], raise_on_errors=False)


@pytest.mark.parametrize("names", [None, 3, [3], "", [""]])
def test_what_is_not_a_name_is_an_error(names: Any, finished: Finished) -> None:
    with pytest.raises((UsageError, NotFoundError), match="artifact"):
        finished.task.delete_artifacts(names)
    assert finished.left == {"data", "more"}


def test_a_published_task_keeps_what_it_has(
    finished: Finished, caplog: pytest.LogCaptureFixture
) -> None:
    finished.store.move(finished.task.id, Status.PUBLISHED, allowed=(Status.COMPLETED,))
    with pytest.raises(TransitionError, match="it is published"):
        finished.task.delete_artifacts(["data"])
    assert not finished.task.delete_artifacts(["data"], raise_on_errors=False)
    assert "cannot be changed: it is published" in caplog.text
    assert finished.left == finished.bytes_left == {"data", "more"}


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PUBLISHED}))
def test_any_other_task_may_lose_some(store: RedisStore, status: Status) -> None:
    task_id = brought_to(store, status)
    store.edit(task_id, ArtifactAdded(artifact=Artifact(name="a", type="file")))
    assert Task(task_id, store).delete_artifacts(["a"])
    assert store.artifacts(task_id) == {}


# of the task that this process is


def test_a_run_deletes_its_own_and_may_use_the_name_again(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import pandas as pd
        from elsewhere.storage import local_path
        task = Task.init("examples", "deleting")
        for name in ("a", "b", "c"):
            task.upload_artifact(name, {"first": name})
        task.register_artifact("table", pd.DataFrame({"a": [1]}))
        files = {name: local_path(one.url) for name, one in task.artifacts.items()}
        print(task.delete_artifacts(["a", "b", "table"]))
        print([name for name, file in files.items() if file.exists()], list(task.artifacts))
        print(task.get_registered_artifacts())
        task.upload_artifact("b", {"second": "b"})
        task.register_artifact("a", pd.DataFrame({"a": [2]}))
        try:
            task.delete_artifacts("d")
        except LookupError as error:
            print(error)
        print(task.id)
        """
    )
    assert ran.status == 0, ran.errors
    assert ran.lines[:3] == ["True", "['c'] ['c']", "{}"]
    assert "no artifact 'd'. Known: a, b, c." in ran.lines[3]
    found = store.artifacts(ran.lines[4])
    assert {name: one.type for name, one in found.items()} == {
        "a": "data-audit-table",
        "b": "dict",
        "c": "dict",
    }
    assert all(local_path(one.url).is_file() for one in found.values())
    assert local_path(found["b"].url).read_text() == '{\n    "second": "b"\n}'


@pytest.mark.parametrize("lends", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
def test_what_is_still_staged_does_not_come_back(
    agents: Agents, store: RedisStore, lends: bool, keeps: bool
) -> None:
    """Nobody carries anything while the script runs."""
    task_id = agents.run(
        f"""
task = Task.init()
from elsewhere.run import run
run._FLUSH_S = 0.0
for name in ("a", "b"):
    task.upload_artifact(name, {{"is": name}})
print(task.delete_artifacts(["a"], delete_from_storage={not keeps}))
""",
        lends=lends,
    )
    assert agents.ran.lines == ["True"]
    assert set(store.artifacts(task_id)) == {"b"}
    left = {path.name for path in agents.place.rglob("*") if path.is_file()}
    assert left == ({"a.json", "b.json"} if keeps else {"b.json"})


def test_the_agent_deletes_what_its_run_cannot_reach(
    agents: Agents, store: RedisStore, tmp_path: Path
) -> None:
    task_id = agents.run("Task.init().upload_artifact('a', {'is': 1})")
    artifact = store.artifacts(task_id)["a"]
    file = local_path(artifact.url)
    assert file.is_file()
    # In a container the machine has another name.
    delete = """
from elsewhere.storage import transfers
transfers.socket = type("Socket", (), {"gethostname": lambda: "container"})
print(Task.init().delete_artifacts(["a"]))
"""
    agents.run_as(task_id, delete)
    assert agents.ran.lines == ["True"]
    assert store.artifacts(task_id) == {}
    assert not file.exists()

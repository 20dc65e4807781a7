"""Registered frames: kept at once, and again whenever they have changed."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.register import Register
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.core.events import ArtifactAdded, Event
from elsewhere.core.folders import Home, RunFolder
from elsewhere.store.redis.store import RedisStore
from tests.sdk.artifacts.places import uploaded
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts
from tests.waiting import wait_until


@pytest.fixture
def agents(scripts: Scripts, store: RedisStore, redis_url: str, tmp_path: Path) -> Agents:
    return Agents(scripts, store, redis_url, tmp_path / "storage")


@pytest.fixture
def folder(elsewhere_home: Path) -> RunFolder:
    return Home(elsewhere_home).run("0" * 32, 1).create()


class Kept:
    """A register, and the events that it recorded."""

    def __init__(self, folder: RunFolder, **options: Any) -> None:
        self.events: list[Event] = []
        self.folder = folder
        self.register = Register(folder, self.events.append, **options)

    @property
    def newest(self) -> ArtifactAdded:
        assert isinstance(self.events[-1], ArtifactAdded)
        return self.events[-1]

    def read(self, tmp_path: Path) -> Any:
        event = self.newest
        file = self.folder.path / event.file
        artifact = uploaded(event.artifact, file, str(tmp_path / "place"))
        return ArtifactHandle(artifact, tmp_path / "cache").get()


@pytest.fixture
def kept(folder: RunFolder) -> Iterator[Kept]:
    kept = Kept(folder)
    yield kept
    kept.register.close()


def table(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"a": list(values)})


# a register


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"n": [1, 2], "s": ['b,"c', None], "x": [0.5, float("nan")]}),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame(),
        pd.DataFrame({"ü": ["a\nb"]}, index=["what does not come back"]),
    ],
    ids=["all kinds", "no rows", "nothing", "an index"],
)
def test_a_frame_comes_back_without_its_index(
    frame: pd.DataFrame, kept: Kept, tmp_path: Path
) -> None:
    kept.register.add("data", frame, {"by": "Ada"}, True)
    artifact = kept.newest.artifact
    assert (artifact.type, artifact.content_type) == ("data-audit-table", "text/csv")
    assert artifact.metadata == {"by": "Ada"}
    assert kept.newest.file.endswith("/data.csv.gz")
    found = kept.read(tmp_path)
    pd.testing.assert_frame_equal(found, frame.reset_index(drop=True), check_dtype=len(frame) > 0)


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        (True, ["a 2, a 3", "different rows in these columns: 3"]),
        (None, []),
        (False, []),
        (["a"], ["a 2, a 3"]),
    ],
)
def test_the_preview_has_the_shape_and_what_differs(
    columns: Any, parts: list[str], kept: Kept
) -> None:
    frame = pd.DataFrame([[1, "x"], [1, "y"], [2, "z"], [2, "z"]], columns=["a", "a"])
    kept.register.add("data", frame, None, columns)
    preview = kept.newest.artifact.preview
    assert preview.startswith("4 rows, 2 columns\n")
    assert ("different" in preview) is bool(parts)
    assert all(part in preview for part in parts)


def test_cells_without_a_hash_are_counted_and_seen_too(kept: Kept) -> None:
    frame = table([1], [1], {"x": np.array([2])})
    kept.register.add("data", frame, None, True)
    assert "different values: a 2" in kept.newest.artifact.preview
    kept.register.look()
    assert len(kept.events) == 1
    frame.at[0, "a"].append(3)
    kept.register.look()
    assert len(kept.events) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.loc.__setitem__((0, "a"), 7),
        lambda frame: frame.__setitem__("b", 1),
        lambda frame: setattr(frame, "columns", ["c"]),
        lambda frame: frame.loc.__setitem__(2, 3),
        lambda frame: frame.__setitem__("a", frame["a"].astype(str)),
    ],
    ids=["a value", "a column", "a name", "a row", "a type"],
)
def test_only_what_has_changed_is_kept_again(change: Any, kept: Kept, folder: RunFolder) -> None:
    frame = table(1, 2)
    kept.register.add("data", frame, None, True)
    kept.register.add("other", table(0), None, True)
    kept.register.look()
    assert len(kept.events) == len(list(folder.files.iterdir())) == 2
    change(frame)
    kept.register.look()
    assert len(kept.events) == 3
    assert kept.newest.artifact.name == "data"


def test_the_frames_are_live(kept: Kept, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = kept.register.frames
    kept.register.add("data", table(1), {"by": "Ada"}, True)
    frames["data"] = table(5)
    kept.register.look()
    assert kept.read(tmp_path)["a"].tolist() == [5]
    assert kept.newest.artifact.metadata == {"by": "Ada"}
    frames["new"] = table(6)
    kept.register.look()
    assert kept.newest.artifact.name == "new"
    frames["wrong"] = 3
    kept.register.look()
    assert "'wrong' cannot be registered: only a pandas.DataFrame can" in caplog.text
    frames.clear()
    kept.register.look()
    assert len(kept.events) == 3


def test_a_thread_looks_now_and_then_and_goes_with_the_register(folder: RunFolder) -> None:
    kept = Kept(folder, look_s=0.01)
    frame = table(1)
    kept.register.add("data", frame, None, True)
    frame.loc[0, "a"] = 2
    wait_until(lambda: len(kept.events) == 2)
    kept.register.close()
    assert not any(thread.name == "elsewhere-register" for thread in threading.enumerate())


def test_the_last_of_a_frame_is_kept_at_the_end_and_when_it_is_removed(
    kept: Kept, tmp_path: Path
) -> None:
    first, second = table(1), table(2)
    kept.register.add("first", first, None, True)
    kept.register.add("second", second, None, True)
    first.loc[0, "a"], second.loc[0, "a"] = 10, 20
    kept.register.remove("first")
    assert kept.read(tmp_path)["a"].tolist() == [10]
    first.loc[0, "a"] = 11
    kept.register.close()
    assert kept.read(tmp_path)["a"].tolist() == [20]
    assert len(kept.events) == 4
    with pytest.raises(NotFoundError, match=r"artifact 'secnd'. Did you mean 'second'\?"):
        kept.register.remove("secnd")


@pytest.mark.parametrize(
    ("name", "frame", "columns", "sentence"),
    [
        ("data", {"a": 1}, True, "only a pandas.DataFrame can, and this is a dict"),
        ("data", table(1), ["b"], "no column 'b'. Known: a"),
        ("data", table(1), "a", "must be True, False, or a list of columns, not 'a'"),
        ("", table(1), True, "cannot have the name ''"),
        (["data"], table(1), True, r"cannot have the name \['data'\]"),
        (
            "data",
            pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            True,
            "columns of several levels would not come back",
        ),
    ],
)
def test_what_cannot_be_registered_is_an_error_at_once(
    name: Any, frame: Any, columns: Any, sentence: str, kept: Kept
) -> None:
    with pytest.raises(UsageError, match=sentence):
        kept.register.add(name, frame, None, columns)
    assert (kept.register.frames, kept.events) == ({}, [])


def test_a_disk_that_fails_is_a_warning_and_a_later_look_makes_it_good(
    kept: Kept, folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    frame = table(1)
    kept.register.add("data", frame, None, True)
    frame.loc[0, "a"] = 2
    folder.files.rename(folder.path / "away")
    folder.files.touch()
    with caplog.at_level(logging.WARNING):
        kept.register.look()
    assert "'data' is not kept: The artifact 'data' cannot be kept in" in caplog.text
    folder.files.unlink()
    kept.register.look()
    assert len(kept.events) == 2


def test_a_forked_child_keeps_nothing(kept: Kept, folder: RunFolder) -> None:
    frame = table(1)
    kept.register.add("data", frame, None, True)
    if (child := os.fork()) == 0:
        frame.loc[0, "a"] = 2
        kept.register.look()
        kept.register.close()
        os._exit(len(list(folder.files.iterdir())))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


# a task

SCRIPT = """
import pandas as pd
from elsewhere.core.errors import NotFoundError, UsageError
task = Task.init("examples", "tables")
frame = pd.DataFrame({"a": [1, 2]})
task.register_artifact("data", frame, metadata={"by": "Ada"})
task.register_artifact(name="gone", artifact=frame, uniqueness_columns=["a"])
task.upload_artifact("up", {"a": 1})
for wrong in (
    lambda: task.upload_artifact("data", {}),
    lambda: task.register_artifact("up", frame),
    lambda: task.unregister_artifact("dada"),
):
    try:
        wrong()
    except (UsageError, NotFoundError) as error:
        print(error)
assert set(task.get_registered_artifacts()) == {"data", "gone"}
frame.loc[0, "a"] = 5
task.unregister_artifact("gone")
frame.loc[0, "a"] = 6
"""

READ = """
print(task.artifacts["data"].get()["a"].tolist())
frame.loc[0, "a"] = 7
print(task.flush(wait_for_uploads=True))
print(Task(task.id, task.access.store).artifacts["data"].get()["a"].tolist())
frame.loc[0, "a"] = 8
"""


def test_a_task_keeps_its_frames_to_the_last(
    scripts: Scripts, store: RedisStore, tmp_path: Path
) -> None:
    ran = scripts.run(
        SCRIPT
        + READ
        + """
print(task.artifacts["data"].get()["a"].tolist())
frame.loc[0, "a"] = 9
task.close()
frame.loc[0, "a"] = 10
other = Task.init("examples", "another", reuse_last_task_id=False)
assert other.get_registered_artifacts() == {} == other.artifacts
other.register_artifact("up", frame)
print(task.id)
"""
    )
    assert ran.status == 0, ran.errors
    refused, taken, unknown, *read, task_id = ran.lines
    assert "'data' is registered, so nothing can be uploaded" in refused
    assert "'up' is uploaded, so nothing can be registered" in taken
    assert "no registered artifact 'dada'. Did you mean 'data'?" in unknown
    assert read == ["[6, 2]", "True", "[7, 2]", "[8, 2]"]
    found = {
        name: ArtifactHandle(artifact, tmp_path / "cache")
        for name, artifact in store.artifacts(task_id).items()
    }
    assert {name: one.type for name, one in found.items()} == {
        "data": "data-audit-table",
        "gone": "data-audit-table",
        "up": "dict",
    }
    assert found["data"].get()["a"].tolist() == [9, 2]
    assert found["data"].metadata == {"by": "Ada"}
    assert found["gone"].get()["a"].tolist() == [5, 2]


@pytest.mark.parametrize("lends", [True, False])
def test_an_agents_run_keeps_its_frames_too(
    agents: Agents, store: RedisStore, tmp_path: Path, lends: bool
) -> None:
    task_id = agents.run(SCRIPT, lends=lends)
    artifact = store.artifacts(task_id)["data"]
    assert artifact.url.startswith("file://")
    read = ArtifactHandle(artifact, tmp_path / "cache").get()
    assert read["a"].tolist() == [6, 2]


def test_only_the_tasks_own_process_registers(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        import pandas as pd
        from elsewhere.core.errors import UsageError
        task = Task.init("examples", "forking")
        frame = pd.DataFrame({"a": [1]})

        def in_child(call):
            if (child := os.fork()) == 0:
                try:
                    call()
                except UsageError as error:
                    print(error, flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0

        in_child(lambda: task.register_artifact("data", frame))
        task.register_artifact("data", frame)
        in_child(lambda: task.unregister_artifact("data"))
        in_child(lambda: task.delete_artifacts("data"))
        in_child(lambda: task.upload_artifact("data", {}))
        print(task.id)
        """
    )
    assert ran.status == 0, ran.errors
    *refused, task_id = ran.lines
    assert ["one that it has forked" in line for line in refused] == [True, True, True, False]
    assert "is registered" in refused[3]
    assert list(store.artifacts(task_id)) == ["data"]

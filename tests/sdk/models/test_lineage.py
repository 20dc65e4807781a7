"""Lineage: weights that are loaded point at the model, and so at the task, that they come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Model, OutputModel, Task
from elsewhere.core.events import Event
from elsewhere.core.settings import Settings, load
from elsewhere.models import loaded
from elsewhere.storage import file_url
from elsewhere.store.api import TaskStore
from tests.sdk.artifacts.places import serving
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts
from tests.stores import begin, opened

INIT = "from elsewhere.models import loaded\ntask = Task.init('examples', 'use net')\n"


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        yield store


class Recorded:
    """A task that loads weights: its events are delivered at once."""

    def __init__(self, store: TaskStore) -> None:
        self.store, self.id, self.offset = store, begin(store), 0
        self.settings: Settings = load()
        self.model_paths: dict[str, str] = {}
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)
        start, self.offset = self.offset, self.offset + 1
        self.store.apply(self.id, 1, "f", start, self.offset, [event])

    def inputs(self) -> dict[str, str]:
        uses = self.store.task_models(self.id)
        return {use.name: use.model for use in uses if not use.is_output}


def recorded(store: TaskStore) -> Any:
    """As an `OwnRun`, of which no more is asked."""
    return Recorded(store)


def made(store: TaskStore, tmp_path: Path, uri: str = "") -> Model:
    task = Task.get_task(task_id=begin(store, output_uri=uri))
    (tmp_path / "net.bin").write_bytes(b"weights")
    model = OutputModel(task, name="the net")
    model.update_weights(tmp_path / "net.bin", auto_delete_file=False)
    return Model(model.id)


@pytest.mark.parametrize("given", ["path", "text", "url", "relative"])
def test_a_loaded_path_is_the_model_that_lies_there(
    store: TaskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    model, run = made(store, tmp_path), recorded(store)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.bin"
    ways: dict[str, str | Path] = {
        "path": path,
        "text": str(path),
        "url": file_url(path),
        "relative": "net.bin",
    }
    loaded(ways[given], run)
    loaded(ways[given], run)
    assert run.inputs() == {"net": model.id}
    assert len(run.events) == 1, "each path once: data may be loaded a thousand times"
    assert store.tasks_using(model.id) == [run.id]


def test_a_local_copy_is_its_model_whoever_loads_it(store: TaskStore, tmp_path: Path) -> None:
    model = made(store, tmp_path, str(tmp_path / "place"))
    with serving(tmp_path / "place") as served:
        url = model.url.replace(file_url(tmp_path / "place"), served.url)
        store.save_model(model.id, {"url": url, "digest": model.digest})
        copy = model.get_local_copy()
    assert copy is not None
    assert copy.is_relative_to(load().home.cache)
    run = recorded(store)
    loaded(copy, run)
    assert run.inputs() == {"the net": model.id}
    stray = load().home.cache / "other" / "x.bin"
    loaded(stray, run)
    assert set(run.inputs()) == {"the net", "x"}


def test_weights_with_the_name_of_our_note_are_read_as_they_are(
    store: TaskStore, tmp_path: Path
) -> None:
    (tmp_path / "net.bin").write_bytes(b"weights")
    handle = Task.get_task(task_id=begin(store, output_uri=str(tmp_path / "place")))
    model = OutputModel(handle, name="net")
    model.update_weights(tmp_path / "net.bin", target_filename=".model")
    with serving(tmp_path / "place") as served:
        url = model.url.replace(file_url(tmp_path / "place"), served.url)
        store.save_model(model.id, {"url": url, "digest": model.digest})
        copy = model.get_local_copy()
    assert copy is not None
    assert copy.read_bytes() == b"weights"


def test_a_file_of_a_local_package_is_its_model(store: TaskStore, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.bin").write_bytes(b"a")
    task = Task.get_task(task_id=begin(store))
    model = OutputModel(task, name="pack")
    model.update_weights_package(weights_path=tmp_path / "parts")
    folder = Model(model.id).get_local_copy()
    assert folder is not None
    run = recorded(store)
    loaded(folder / "a.bin", run)
    assert run.inputs() == {"pack": model.id}


def test_unknown_weights_are_imported_once_for_all(store: TaskStore, tmp_path: Path) -> None:
    first, second = recorded(store), recorded(store)
    loaded("s3://bucket/net.pt", first, framework="PyTorch")
    loaded("s3://bucket/net.pt", second)
    assert first.inputs() == second.inputs()
    model = Model(first.inputs()["net"])
    assert (model.url, model.framework, model.task) == ("s3://bucket/net.pt", "PyTorch", "")
    assert store.model_at("s3://bucket/net.pt") == model.id


def test_what_no_record_may_hold_is_left_out(store: TaskStore) -> None:
    run = recorded(store)
    loaded("s3://me:pw@bucket/net.pt", run)
    loaded("unknown://x", run)
    assert run.events == []


SAVED = """
Path("net.bin").write_bytes(b"weights")
from elsewhere import OutputModel
OutputModel(name="mine").update_weights("net.bin", auto_delete_file=False)
loaded("net.bin", task.access.run)
Path("other.bin").write_bytes(b"other")
loaded("other.bin", task.access.run)
"""


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_script_does_not_begin_from_what_it_has_made(
    scripts: Scripts, store: TaskStore, redis_url: str, tmp_path: Path, where: str
) -> None:
    if where == "here":
        ran = scripts.run(INIT + SAVED + "print(task.id)")
        assert ran.status == 0, ran.errors
        task_id = ran.lines[0]
    else:
        agents = Agents(scripts, store, redis_url, tmp_path / "place")
        task_id = agents.run(INIT + SAVED, lends=False)
    uses = store.task_models(task_id)
    assert [(use.name, use.is_output) for use in uses] == [("mine", True), ("other", False)]


def test_the_second_script_points_at_the_task_of_the_first(
    scripts: Scripts, store: TaskStore
) -> None:
    first = scripts.run(
        INIT
        + """
Path("net.bin").write_bytes(b"weights")
from elsewhere import OutputModel
OutputModel().update_weights("net.bin")
print(task.id)
"""
    )
    second = scripts.run(
        INIT
        + """
loaded("net.bin", task.access.run)
print(task.models["input"][0].task)
""",
        name="second.py",
    )
    assert second.lines == first.lines, second.errors

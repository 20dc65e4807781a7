"""The plots of a task, read on any handle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.artifacts import bring
from elsewhere.artifacts.far import of_item
from elsewhere.core.choices import Reason
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.core.events import Plot
from elsewhere.core.plot_events import pack, unpack
from elsewhere.core.records import Outcome
from elsewhere.storage import local_path, sha256_of
from elsewhere.store.redis.store import RedisStore
from tests.relaying import Far, far_machine
from tests.stores import begin

FIGURE = '{"data":[],"layout":{}}'


def plot(iteration: int = 0, **fields: Any) -> Plot:
    given = {"title": "t", "series": "s", "iteration": iteration, "at": iteration + 0.5}
    return Plot(**{**given, "figure": FIGURE, **fields})


@pytest.fixture
def task(store: RedisStore) -> Task:
    task = Task.get_task(task_id=begin(store))
    assert task is not None
    return task


def report(store: RedisStore, task: Task, *plots: Plot) -> None:
    store.apply(task.id, 1, "1.events", 0, 1, plots)


def in_storage(record: Any, place: Path, text: str = FIGURE) -> Plot:
    """A plot whose figure was uploaded."""
    file = place / "figure.gz"
    file.write_bytes(pack(text.encode()))
    staged = plot(figure="", file=str(file), digest=sha256_of(file))
    upload = staged.upload()
    assert upload is not None
    return staged.placed(bring(replace(upload, place=str(place)), record))


def test_plots_are_dicts_by_title_series_and_iteration(store: RedisStore, task: Task) -> None:
    report(store, task, plot(2, series="z"), plot(1), plot(3), plot(2))
    found = task.get_reported_plots(max_iterations=5)
    assert [(one["variant"], one["iter"]) for one in found] == [
        ("s", 1),
        ("s", 2),
        ("s", 3),
        ("z", 2),
    ]
    assert found[0] == {
        "task": task.id,
        "type": "plot",
        "metric": "t",
        "variant": "s",
        "iter": 1,
        "timestamp": 1500,
        "plot_str": FIGURE,
        "plot_len": len(FIGURE),
    }


def test_the_last_reports_of_each_series_are_given(store: RedisStore, task: Task) -> None:
    report(store, task, *(plot(n, series=series) for series in "ab" for n in range(4)))
    assert [one["iter"] for one in task.get_reported_plots()] == [3, 3]
    assert [one["iter"] for one in task.get_reported_plots(2)] == [2, 3, 2, 3]


def test_a_later_report_of_an_iteration_replaces_an_earlier_one(
    store: RedisStore, task: Task
) -> None:
    report(store, task, plot(), plot(figure='{"data":[1]}', at=2.0))
    [found] = task.get_reported_plots(9)
    assert json.loads(found["plot_str"]) == {"data": [1]}


def test_a_figure_in_storage_is_read_and_checked(
    store: RedisStore, task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uploaded = in_storage(store.read(task.id), tmp_path, '{"data":["large"]}')
    report(store, task, uploaded, plot(series="z"))
    first, _ = task.get_reported_plots()
    assert first["plot_str"] == '{"data":["large"]}'
    local_path(uploaded.url).write_bytes(pack(b"{}"))
    assert [one["variant"] for one in task.get_reported_plots()] == ["z"]
    assert "is left out. The plot 't/s at 0' is not what was uploaded" in caplog.text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"figure": "no figure"}, "A plot cannot be read"),
        ({"figure": ""}, "A plot cannot be read"),
        ({"problem": "It is still on the box."}, "is not there. It is still on the box."),
        ({"digest": "d" * 64}, "is not uploaded yet"),
    ],
)
def test_a_plot_that_cannot_be_read_does_not_keep_others(
    store: RedisStore,
    task: Task,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
    why: str,
) -> None:
    report(store, task, plot(**fields), plot(series="z"))
    assert [one["variant"] for one in task.get_reported_plots()] == ["z"]
    assert f"A plot of task {task.id} is left out. " in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
def test_a_wrong_number_is_refused(task: Task, wrong: Any) -> None:
    with pytest.raises(UsageError, match="max_iterations must be a whole number of 1 or more"):
        task.get_reported_plots(wrong)


def test_a_figure_in_storage_goes_with_its_task(
    store: RedisStore, task: Task, tmp_path: Path
) -> None:
    uploaded = in_storage(store.read(task.id), tmp_path)
    report(store, task, uploaded)
    store.finish(task.id, 1, Outcome(reason=Reason.COMPLETED))
    assert local_path(uploaded.url).is_file()
    assert task.delete()
    assert not local_path(uploaded.url).exists()
    with pytest.raises(NotFoundError):
        task.get_reported_plots()


@pytest.fixture
def far(short_path: Path, redis_url: str) -> Iterator[Far]:
    with far_machine(short_path / "far", redis_url) as far:
        yield far


def test_a_figure_on_the_disk_of_another_machine_is_sent_by_its_agent(
    store: RedisStore, far: Far, tmp_path: Path
) -> None:
    task_id = begin(store, worker=far.name)
    there = replace(in_storage(store.read(task_id), far.home.storage), machine=far.host)
    store.edit(task_id, there)
    of_item(store, task_id, there).bring(tmp_path / "figure.gz")
    assert unpack((tmp_path / "figure.gz").read_bytes()) == FIGURE
    assert far.sent != []

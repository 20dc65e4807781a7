"""The reports of a task, read on any handle."""

from __future__ import annotations

import pytest

from elsewhere import Task
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Scalar, single_value
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import begin, make_machine


@pytest.fixture
def task(store: RedisStore) -> Task:
    task_id = begin(store)
    reports: list[Event] = [
        Scalar(title="loss", series="train", value=v, iteration=n, at=float(n))
        for n, v in enumerate([4.0, 2.0, 3.0, 1.0, 2.0])
    ]
    reports += [
        Scalar(title="Summary", series="score", value=v, iteration=-(2**31), at=9.0)
        for v in (0.5, 0.75)
    ]
    store.apply(task_id, 1, "1.events", 0, 1, reports)
    task = Task.get_task(task_id=task_id)
    assert task is not None
    return task


def test_scalars_are_read_with_every_point(task: Task) -> None:
    series = task.get_reported_scalars()["loss"]["train"]
    assert series == {"name": "train", "x": [0, 1, 2, 3, 4], "y": [4.0, 2.0, 3.0, 1.0, 2.0]}
    assert task.get_all_reported_scalars()["loss"]["train"] == series


@pytest.mark.parametrize(
    ("axis", "x"),
    [
        ("timestamp", [0, 1000, 2000, 3000, 4000]),
        ("iso_time", [f"1970-01-01T00:00:0{n}+00:00" for n in range(5)]),
    ],
)
def test_the_axis_can_be_time(task: Task, axis: str, x: list[object]) -> None:
    assert task.get_reported_scalars(x_axis=axis)["loss"]["train"]["x"] == x


def test_of_many_points_the_ends_and_the_extremes_are_read(task: Task) -> None:
    series = task.get_reported_scalars(max_samples=2)["loss"]["train"]
    assert (series["x"], series["y"]) == ([0, 4], [4.0, 2.0])
    series = task.get_reported_scalars(max_samples=4)["loss"]["train"]
    assert (series["x"], series["y"]) == ([0, 3, 4], [4.0, 1.0, 2.0])
    assert len(task.get_reported_scalars(max_samples=5)["loss"]["train"]["x"]) == 5


def test_summaries_and_single_values_are_read_without_points(task: Task) -> None:
    metrics = task.get_last_scalar_metrics()
    assert metrics["loss"]["train"] == {"last": 2.0, "min": 1.0, "max": 4.0}
    assert task.get_reported_single_values() == {"score": 0.75}
    assert task.get_reported_single_value("score") == 0.75
    assert task.get_reported_single_value("other") is None


def test_a_single_value_is_kept_beside_a_curve_of_its_name(task: Task, store: RedisStore) -> None:
    curve = Scalar(title="Summary", series="score", value=0.5, iteration=3, at=2.0)
    store.apply(task.id, 1, "1.events", 1, 2, [curve, single_value("score", 0.875, 3.0)])
    assert task.get_reported_single_values() == {"score": 0.875}


@pytest.mark.parametrize("wrong", [{"x_axis": "itre"}, {"max_samples": -1}, {"max_samples": "5"}])
def test_what_cannot_be_asked_is_refused(task: Task, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        task.get_reported_scalars(**wrong)  # type: ignore[arg-type]


def test_the_machine_is_that_of_the_newest_report(task: Task, store: RedisStore) -> None:
    assert task.get_machine() == {}
    first, second = make_machine(), make_machine(gpu_count=1, gpu_type="H200")
    store.apply(task.id, 1, "1.events", 1, 2, [first, second])
    found = task.get_machine()
    assert (found["hostname"], found["cpu_cores"], found["gpu_type"]) == ("box", 4, "H200")


def test_a_script_knows_its_machine(scripts: Scripts) -> None:
    ran = scripts.run(
        """
        import time
        task = Task.init("examples", "described")
        until = time.monotonic() + 20
        while not task.get_machine() and time.monotonic() < until:
            time.sleep(0.01)
        print(json.dumps([task.get_machine(), os.uname().nodename, sys.executable]))
        """
    )
    machine, hostname, python_exec = ran.said
    assert (machine["hostname"], machine["python_exec"]) == (hostname, python_exec)

"""What a model reports of itself: by the calls of the logger, read from the model."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere import Logger, Model, OutputModel, Task
from elsewhere.command.main import main
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import TransitionError, UsageError
from elsewhere.core.events import Plot
from elsewhere.core.records import Outcome
from elsewhere.store.api import SharedStore
from elsewhere.store.model_records import reports_of
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts
from tests.stores import begin, find, opened

SCRIPT = """
model = OutputModel(task, name="net")
for step in range(5):
    model.report_scalar("loss", "train", step / 2, iteration=step)
task.get_logger().report_scalar("loss", "train", 9.0, iteration=1)
model.report_scalar("loss", "counted", 1)
model.report_scalar("loss", "counted", 2)
model.report_single_value("accuracy", 0.5)
model.report_single_value("accuracy", 0.75)
model.report_histogram("hist", "h", [1, 2, 3], iteration=1)
model.report_confusion_matrix("matrix", "m", [[1, 2], [3, 4]], iteration=1)
model.report_scatter2d("points", "s", [(0, 1), (1, 2)], iteration=1)
model.report_table("table", "t", iteration=1, table_plot=[["a"], ["b"]])
heights = [[(7 * a * b) % 1013 for a in range(900)] for b in range(900)]
model.report_surface("surface", "big", heights)
"""
PLOTS = [("hist", "h"), ("matrix", "m"), ("points", "s"), ("surface", "big"), ("table", "t")]


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def scripts(tmp_path: Path, redis_url: str) -> Scripts:
    return Scripts(tmp_path, redis_url)


@pytest.fixture
def agents(scripts: Scripts, store: SharedStore, redis_url: str, tmp_path: Path) -> Agents:
    return Agents(scripts, store, redis_url, tmp_path / "of the agent")


def assert_reported(store: SharedStore, task_id: str) -> Model:
    """That the model of the task has all of SCRIPT, and the task its own point alone."""
    [use] = store.task_models(task_id)
    model = Model(use.model)
    found = model.get_reported_scalars()
    assert found["loss"]["train"] == {
        "name": "train",
        "x": [0, 1, 2, 3, 4],
        "y": [0.0, 0.5, 1.0, 1.5, 2.0],
    }
    assert found["loss"]["counted"]["x"] == [0, 1]
    assert model.get_reported_single_values() == {"accuracy": 0.75}
    assert model.get_last_scalar_metrics()["loss"]["train"] == {"last": 2, "min": 0, "max": 2}
    assert len(model.get_reported_scalars(max_samples=3)["loss"]["train"]["x"]) <= 3
    plots = model.get_reported_plots()
    assert [(plot["metric"], plot["variant"]) for plot in plots] == PLOTS
    assert {plot["model"] for plot in plots} == {model.id}
    assert list(json.loads(plots[0]["plot_str"])["data"][0]["y"]) == [1, 2, 3]
    assert len(json.loads(plots[3]["plot_str"])["data"][0]["z"]) == 900
    # What the task reports is its own.
    assert store.points(task_id, "loss", "train")[0][::2] == (1, 9.0)
    assert store.histories(task_id, Plot) == []
    return model


def test_a_model_reports_by_the_calls_of_the_logger(scripts: Scripts, store: SharedStore) -> None:
    ran = scripts.run(
        "from elsewhere import OutputModel\ntask = Task.init('examples', 'train net')\n" + SCRIPT
    )
    assert ran.status == 0, ran.errors
    [task_id] = find(store)
    model = assert_reported(store, task_id)
    [(url, _)] = store.held(reports_of(model.id)).items()
    file = Path(url.removeprefix("file://"))
    assert file.is_file()
    assert store.state(task_id).last_iteration == 1
    assert Model.remove(model, force=True)
    assert not file.exists()
    assert not [key for key in store.redis.keys("*") if model.id.encode() in key]  # type: ignore[attr-defined]


def test_a_model_of_an_agents_run_reports_and_outlives_a_reset_of_its_task(
    agents: Agents, store: SharedStore
) -> None:
    task_id = agents.run("task = Task.init()\n" + SCRIPT)
    model = assert_reported(store, task_id)
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    store.reset(task_id, allowed=tuple(Status))
    assert model.get_reported_single_values() == {"accuracy": 0.75}


def test_the_model_of_an_offline_session_has_its_reports_there_and_after_the_import(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    ran = scripts.run(
        "from elsewhere import OutputModel\nTask.set_offline(True)\n"
        "task = Task.init('examples', 'train net')\n"
        + SCRIPT
        + textwrap.dedent("""
        task.flush(wait_for_uploads=True)
        found = model.get_reported_scalars()["loss"]["train"]["y"]
        plots = [plot["metric"] for plot in model.get_reported_plots()]
        print(json.dumps([found, plots, str(task.get_offline_mode_folder())]))
        """)
    )
    assert ran.status == 0, ran.errors
    values, plots, folder = json.loads(ran.lines[-1])
    assert values == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert plots == [title for title, _ in PLOTS]
    assert_reported(store, Task.import_offline_session(f"{folder}.zip"))


def test_the_model_of_another_task_reports_directly(store: SharedStore) -> None:
    task_id = begin(store)
    model = OutputModel(Task.get_task(task_id), name="net")
    model.report_scalar("loss", "train", 0.5, 3)
    model.report_line_plot("lines", [{"name": "a", "data": [(0, 1)]}], "x", "y", iteration=2)
    assert Model(model.id).get_reported_scalars()["loss"]["train"]["x"] == [3]
    assert [plot["iter"] for plot in model.get_reported_plots()] == [2]
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    store.move(task_id, Status.PUBLISHED, allowed=tuple(Status))
    with pytest.raises(TransitionError):
        model.report_scalar("loss", "train", 0.5, 4)


def test_wrong_reports_of_a_model_are_refused_as_those_of_a_logger(store: SharedStore) -> None:
    model = OutputModel(Task.get_task(begin(store)), name="net")
    for call in (
        lambda: model.report_scalar("", "train", 0.5, 3),
        lambda: model.report_single_value("accuracy", "high"),  # type: ignore[arg-type]
        lambda: model.report_histogram("hist", "h", "text"),
        lambda: model.get_reported_scalars(x_axis="wall"),
        lambda: model.get_reported_plots(0),
    ):
        with pytest.raises(UsageError):
            call()
    assert model.get_reported_scalars() == {}


def test_a_model_has_the_reports_of_a_logger_that_have_no_bytes_of_samples() -> None:
    calls = {name for name in dir(Logger) if name.startswith("report_")}
    its_own = {"report_text", "report_image", "report_image_and_upload", "report_media"}
    its_own |= {"report_matplotlib_figure"}
    assert {name for name in dir(OutputModel) if name.startswith("report_")} == calls - its_own


def test_the_task_shows_what_was_reported_of_its_models(
    store: SharedStore, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = begin(store)
    model = OutputModel(Task.get_task(task_id), name="net")
    model.report_scalar("loss", "train", 0.5, 3)
    model.report_histogram("hist", "h", [1, 2])
    assert main(["show", task_id]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    at = lines.index("scalars of the model net")
    assert lines[at + 1].startswith("loss / train")
    assert lines[lines.index("plots of the model net") + 1].startswith("hist / h 1")
    assert main(["show", task_id, "--json"]) == 0
    [shown] = json.loads(capsys.readouterr().out)["models"]
    assert [one["last"] for one in shown["scalars"]] == [0.5]
    assert [one["title"] for one in shown["plots"]] == ["hist"]

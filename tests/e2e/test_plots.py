"""Plots of every kind, from every place where a script runs, as their readers get them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from elsewhere import Logger, Task
from elsewhere.core.events import Event, Plot
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.plot_events import from_figure, unpack
from elsewhere.report.columns import Columns
from elsewhere.report.offset import Offset
from elsewhere.store.redis.store import RedisStore
from tests.e2e.world import Box, Laptop
from tests.sdk.scripts import Scripts

#: needs no library; its last plot is a file, the one before it is packed
_REPORTS: Final = """
import random

def report(logger):
    points = [(0, 1.5), (1, float("nan")), (2, 2.5)]
    logger.report_vector("vector", "s", [1, 2])
    logger.report_histogram("histogram", "s", [[1, 2], [3, 4]], 1, ["a", "é"])
    logger.report_table("table", "s", 2, [["a", "b"], ["é \\n<b>", float("inf")]])
    logger.report_line_plot("lines", [{"name": "s", "data": points}], "x", "y", iteration=3)
    logger.report_scatter2d("scatter2d", "a/b", points, 4, mode="markers")
    logger.report_scatter3d("scatter3d", "s", [(1, 2, 3)], 5, fill=True)
    logger.report_confusion_matrix("confusion", "s", [[1, 2], [3, 4]], 6, xlabels=["a", "b"])
    logger.report_matrix("matrix", "s", [[1, 2]], 7)
    logger.report_surface("surface", "s", [[1, 2], [3, 4]], 8, camera=(1, 2, 3))
    logger.report_plotly("plotly", "s", {"data": [{"type": "pie", "values": [1, 2]}]}, 9)
    logger.report_histogram("packed", "s", [7] * 5000)
    numbers = random.Random(0)
    logger.report_scatter2d("large", "s", [(n, numbers.random()) for n in range(60_000)], 10)
"""
_TRAIN: Final = """
from elsewhere import Task
from reports import report

task = Task.init(project_name="examples", task_name="plots")
report(task.get_logger())
print("reported")
"""


def expected(folder: Path) -> dict[str, str]:
    """Title to the JSON of each figure."""
    events: list[Event] = []
    (folder / "files").mkdir()
    known = KnownSecrets((), {})
    logger = Logger(
        events.append,
        flush=lambda _: None,
        columns=Columns(wake=lambda: None),
        offset=Offset(),
        files=folder / "files",
        known=known,
    )
    made: dict[str, Any] = {}
    exec(_REPORTS, made)
    made["report"](logger)
    plots = [event for event in events if isinstance(event, Plot)]
    return {
        plot.title: unpack((folder / plot.file).read_bytes())
        if plot.file
        else from_figure(plot.figure)
        for plot in plots
    }


def found(task: Task) -> dict[str, str]:
    return {plot["metric"]: plot["plot_str"] for plot in task.get_reported_plots()}


def written(scripts: Scripts) -> Scripts:
    (scripts.folder / "reports.py").write_text(_REPORTS)
    return scripts


def test_plots_of_a_local_script_come_back_to_the_byte(
    scripts: Scripts, store: RedisStore, tmp_path: Path
) -> None:
    script = f"{_TRAIN}print(json.dumps([task.id, task.get_reported_plots()]))"
    task_id, within = written(scripts).run(script).said
    plots = expected(tmp_path)
    assert len(plots) == 12
    assert {plot["metric"]: plot["plot_str"] for plot in within} == plots
    assert found(Task(task_id, store)) == plots
    [large] = store.history(task_id, Plot, "large", "s")
    assert (large.figure, large.iteration, large.url != "") == ("", 10, True)


def test_plots_of_a_child_come_back_to_the_byte(
    scripts: Scripts, store: RedisStore, tmp_path: Path
) -> None:
    child = """
        import multiprocessing
        from reports import report

        def work():
            report(Task.current_task().get_logger())

        if __name__ == "__main__":
            task = Task.init(project_name="examples", task_name="plots")
            child = multiprocessing.get_context("spawn").Process(target=work)
            child.start()
            child.join()
            print(json.dumps(task.id))
        """
    task_id = written(scripts).run(child).said
    assert found(Task(task_id, store)) == expected(tmp_path)


def test_plots_of_an_offline_script_come_back_to_the_byte_when_it_is_imported(
    scripts: Scripts, store: RedisStore, tmp_path: Path
) -> None:
    script = (
        f"Task.set_offline(True)\n{_TRAIN}print(json.dumps(str(task.get_offline_mode_folder())))"
    )
    folder = Path(written(scripts).run(script).said)
    importing = f"print(json.dumps(Task.import_offline_session('{folder.with_suffix('.zip')}')))"
    task_id = scripts.run(importing, name="importing.py").said
    assert found(Task(task_id, store)) == expected(tmp_path)


def test_plots_of_a_run_on_an_agent_come_back_to_the_byte(
    laptop: Laptop, box: Box, tmp_path: Path
) -> None:
    train = _TRAIN.replace("report(task", 'task.execute_remotely("default")\nreport(task')
    code = laptop.repository(
        "code", {"train.py": train, "reports.py": _REPORTS}, remote=laptop.remote("origin")
    )
    task = laptop.send(code.folder, "train.py")
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert found(task) == expected(tmp_path)

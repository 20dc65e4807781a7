"""Curves in the terminal: `plot`, `export`, those that `show` draws; and as a frame of pandas."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from elsewhere import Task
from elsewhere.command.canvas import Canvas
from elsewhere.command.main import main
from elsewhere.core.events import Scalar, Scalars, single_value
from elsewhere.core.scalars import POINT, Column
from elsewhere.core.wording import sparkline
from tests.sdk.command.tasks import Tasks, open_tasks


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


def scalar(title: str, series: str, value: float, iteration: int) -> Scalar:
    at = 1700000000.0 + iteration
    return Scalar(title=title, series=series, value=value, iteration=iteration, at=at)


@pytest.fixture
def task_id(tasks: Tasks) -> str:
    """A task with a falling curve, one with a spike, one with a gap, and another graph."""
    task_id = tasks.running()
    falling = [scalar("loss", "train", 1 / (n + 1), n) for n in range(300)]
    odd = [scalar("loss", "\x1b[31mval,\n", 2.0 if n == 7 else 0.1, n) for n in range(20)]
    gap = [scalar("loss", "gap", math.nan if 3 < n < 9 else math.inf, n) for n in range(12)]
    tasks.says(
        task_id, *falling, *odd, *gap, scalar("lr", "lr", 0.5, 3), single_value("score", 1.0, 2.0)
    )
    return task_id


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def test_show_draws_a_curve_and_says_where_its_extremes_are(
    task_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(capsys, "show", task_id).splitlines()
    [line] = [one for one in lines if "loss / train" in one]
    assert re.search(r"█[▁▂▃▄▅▆▇█]{12,15} ", line), line
    assert "min 0.00333333 at 299" in line
    assert "max 1 at 0" in line
    [line] = [one for one in lines if "loss / val" in one]
    assert "▁█▁" in line, "a spike is seen"
    [line] = [one for one in lines if "Summary / score" in one]
    assert line.split() == ["Summary", "/", "score", "1"]


def test_show_gives_programs_the_places_of_the_extremes(
    task_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scalars = json.loads(shown(capsys, "show", task_id, "--json"))["scalars"]
    [train] = [one for one in scalars if one["series"] == "train"]
    assert (train["minimum_at"], train["maximum_at"], train["count"]) == (299, 0, 300)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 100 columns: who runs the tests in parallel sets 80."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("wide")
def test_plot_draws_all_series_of_a_graph_within_its_axes(
    task_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(capsys, "plot", task_id[:8], "loss")
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0].startswith("         2 ┤")
    assert lines[15].startswith("0.00333333 ┤")
    assert lines[17].split() == ["0", "iteration", "299"]
    assert max(map(len, lines[:18])) == 98, "the axis is no longer than the canvas"
    assert {line.split()[1] for line in lines[18:]} == {"gap", "train", "val,"}
    assert sum(character > "\u2800" for character in out) > 20


def test_plot_takes_some_series_and_the_time(
    task_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(capsys, "plot", task_id, "loss", "train", "--x", "time").splitlines()
    assert out[0].startswith("         1 ┤⡇"), "it begins at the top left"
    assert out[17].split() == ["0.00", "s", "time", "5", "min"]
    assert len(out) == 19
    one = shown(capsys, "plot", task_id, "lr").splitlines()
    assert one[0].startswith("         1 ┤"), "one point lies in the middle"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["los"], "has no graph 'los'. Did you mean 'loss'? Known: Summary, loss, lr."),
        (["loss", "trian"], "The graph 'loss' has no series 'trian'."),
        (["loss", "--html", "/none/there.html"], "/none/there.html cannot be used: No such file"),
    ],
)
def test_plot_answers_what_is_not_there(
    task_id: str, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert sentence in shown(capsys, "plot", task_id, *arguments, code=1)


def test_a_page_has_the_curves_for_plotly(
    task_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "loss.html"
    assert main(["plot", task_id, "loss", "train", "--html", str(path)]) == 0
    assert capsys.readouterr().err == f"elsewhere: The curves are in {path}.\n"
    page = path.read_text()
    assert '"name":"train"' in page
    assert "plotly.js" in page


def test_without_plotly_it_is_said_how_to_get_it(
    task_id: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    out = shown(capsys, "plot", task_id, "loss", "--html", str(tmp_path / "a.html"), code=2)
    assert "pip install plotly" in out
    monkeypatch.setitem(sys.modules, "pandas", None)
    out = shown(capsys, "export", task_id, "--parquet", str(tmp_path / "a.parquet"), code=2)
    assert "pip install pandas pyarrow" in out


def test_export_writes_every_point_of_several_tasks_as_csv(
    tasks: Tasks, task_id: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tasks.running()
    tasks.says(other, scalar("loss", "train", 1e-300, -5))
    rows = list(csv.DictReader(io.StringIO(shown(capsys, "export", task_id, other))))
    assert len(rows) == 300 + 20 + 12 + 1 + 1 + 1
    assert rows[-1] == {
        "task": other,
        "title": "loss",
        "series": "train",
        "iteration": "-5",
        "time": "2023-11-14T22:13:15+00:00",
        "value": "1e-300",
    }
    values = [row["value"] for row in rows if row["series"] == "gap"]
    assert (values.count("inf"), values.count("nan")) == (7, 5)
    path = tmp_path / "all.csv"
    assert shown(capsys, "export", task_id, other, "--csv", str(path)) == ""
    assert list(csv.DictReader(io.StringIO(path.read_text()))) == rows


def test_export_writes_parquet_that_is_the_frame(
    task_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scalars.parquet"
    assert shown(capsys, "export", task_id, "--parquet", str(path)) == ""
    frame = Task.get_scalars_frame([task_id])
    assert len(frame) == 334
    pd.testing.assert_frame_equal(pd.read_parquet(path), frame)


def test_a_frame_has_the_points_of_several_tasks_by_name(tasks: Tasks, task_id: str) -> None:
    other = tasks.running()
    packed = b"".join(POINT.pack(n, 1.5, n / 2) for n in range(1000))
    tasks.says(other, Scalars(columns=(Column("loss", "train", packed),)))
    frame = Task.get_scalars_frame([other, task_id], title="loss", series="train")
    assert list(frame.groupby("task", observed=True).size()[[other, task_id]]) == [1000, 300]
    assert list(frame.dtypes.astype(str)) == [
        *("category", "category", "category", "int64"),
        *("datetime64[ns, UTC]", "float64"),
    ]
    thinned = Task.get_scalars_frame([other], max_samples=10)
    assert list(thinned["iteration"])[::7] == [0, 999]
    assert Task.get_scalars_frame([other], title="none").empty
    assert list(Task.get_scalars_frame([]).columns) == list(frame.columns)


def test_a_pipe_that_is_closed_ends_an_export_without_a_word(task_id: str, redis_url: str) -> None:
    script = "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())"
    command = f'"{sys.executable}" -c "{script}" export {task_id} | head -1'
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("task,title,series,iteration,time,value\n", "")


@pytest.mark.usefixtures("wide")
def test_the_ends_of_an_axis_are_told_apart_within_the_same_width(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.running()
    tasks.says(task_id, *(scalar("loss", "flat", 1e9 + n / 1000, n) for n in range(2)))
    lines = shown(capsys, "plot", task_id, "loss").splitlines()
    assert lines[0].startswith("1000000000.001 ┤")
    assert lines[15].startswith("    1000000000 ┤")
    assert max(map(len, lines[:18])) == 98


def test_long_and_many_names_do_not_widen_the_answers(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.running()
    tasks.says(task_id, *(scalar("t" * 5000, f"s{n}", 1.0, 1) for n in range(99)))
    tasks.says(task_id, scalar("loss", "train", 1.0, 1))
    assert max(map(len, shown(capsys, "show", task_id).splitlines())) < 250
    assert len(shown(capsys, "plot", task_id, "los", code=1)) < 250
    answer = shown(capsys, "plot", task_id, "t" * 5000, "none", code=1)
    assert "s0, s1, s10," in answer
    assert answer.endswith("and 49 more.\n")


def test_parquet_to_stdout_is_refused(task_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not written to stdout" in shown(capsys, "export", task_id, "--parquet", "-", code=2)


@pytest.mark.parametrize("command", ["show ID", "list", "plot ID loss", "export ID"])
def test_a_closed_stdout_is_no_fault_of_ours(task_id: str, redis_url: str, command: str) -> None:
    script = "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())"
    line = f'"{sys.executable}" -c "{script}" {command.replace("ID", task_id)} >&-'
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([1.0], "▁"),
        ([0.0, 7.0], "▁█"),
        ([math.nan, 1.0, math.inf, 2.0], " ▁ █"),
        ([-1.7e308, 0.0, 1.7e308], "▁▅█"),
        ([math.nan], " "),
    ],
)
def test_a_sparkline_has_a_bar_for_each_number(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_a_canvas_joins_points_and_leaves_gaps() -> None:
    canvas = Canvas(2, 1)
    canvas.draw([(0.0, 0.0), (1.0, 1.0), None, (0.0, 1.0)], pen=1)
    assert list(canvas.lines()) == [[("⡡", 1), ("⠊", 1)]]

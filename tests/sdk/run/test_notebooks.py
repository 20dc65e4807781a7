"""Tasks in a notebook's kernel: what they record, how they begin and end, and what goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere.command.main import main
from elsewhere.core.choices import Status
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.sdk.kernels import Kernel, kernel, write_notebook
from tests.stores import find
from tests.waiting import wait_until

INIT = """
from elsewhere import Task
task = Task.init("notebook", "{0}")
"""
ASLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(60)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The notebook's, outside git."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def cells(folder: Path, store: RedisStore) -> Iterator[Kernel]:
    """A kernel, shut down at the end."""
    with kernel(folder, {}) as started:
        yield started


def test_what_cells_show_is_the_output_of_the_task(cells: Kernel, store: RedisStore) -> None:
    cells.run("import sys, subprocess, logging, os\nprint('before it')")
    cells.run(INIT.format("output"))
    for code in (
        "print('printed')",
        "print('an error', file=sys.stderr)",
        "logging.warning('logged')",
        "!echo by a command",
        "subprocess.run(['echo', 'by a program'])\nNone",
        "for n in range(3): print(f'\\rbar {n}', end='')\nprint()",
        "{'a': 'value'}",
        "display([1, 'shown'])",
        "from IPython.display import clear_output\nclear_output()",
        "1 / 0",
        "%%capture\nprint('captured')",
        "task.close()\nprint('behind it')",
    ):
        cells.run(code)
    task_id = cells.value("task.id")

    output = store.output(task_id).data.decode()
    lines = [line for line in output.splitlines() if not line.startswith("Elsewhere: ")]
    lines.remove("by a program")  # ipykernel reads it in a thread: the next cell may be first
    assert lines[:6] == [
        "printed",
        "an error",
        "WARNING:root:logged",
        "by a command",
        "bar 2",
        "{'a': 'value'}",
    ]
    assert lines[6] == "[1, 'shown']"
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "----> 1 1 / 0" in lines
    assert "\x1b" not in output


def test_only_chosen_streams_are_recorded(cells: Kernel, store: RedisStore) -> None:
    cells.run("from elsewhere import Task\nimport sys, logging")
    cells.run("task = Task.init('notebook', 'streams', auto_connect_streams={'logging': True})")
    cells.run("print('printed')\nlogging.warning('logged')\n1/0")
    cells.run("task.close()")
    assert store.output(cells.value("task.id")).data.decode().splitlines() == ["logged"]


def test_tasks_follow_each_other_in_one_kernel(cells: Kernel, store: RedisStore) -> None:
    cells.run(INIT.format("first"))
    first = cells.value("task.id")
    cells.run(INIT.format("first"))
    assert cells.value("task.id") == first, "the same cell again is the same task"
    assert cells.run(INIT.format("other")).name_of_error == "UsageError"
    assert cells.run("1/0").name_of_error == "ZeroDivisionError"
    asleep = cells.begin(ASLEEP)
    cells.wait_for_text(asleep, "asleep")
    cells.interrupt()
    assert cells.collect(asleep).name_of_error == "KeyboardInterrupt"
    assert store.state(first).status is Status.IN_PROGRESS, "the user goes on"

    ended = [first]
    cells.run("task.mark_completed()")
    for name in ("second", "second", "third"):
        cells.run(INIT.format(name))
        ended.append(cells.value("task.id"))
        cells.run(f"task.get_logger().report_scalar('a', 'b', {len(ended)}, 0)\ntask.close()")
    assert len(set(ended)) == 4
    assert [str(store.state(one).status) for one in ended] == ["completed"] * 4
    curves = store.curves([(one, "a", "b") for one in ended[1:]])
    assert [list(curve.values) for curve in curves] == [[2.0], [3.0], [4.0]]
    assert cells.value("Task.current_task() is None")
    assert not cells.run("1 + 1").error


def test_a_task_ends_with_its_kernel(cells: Kernel, store: RedisStore) -> None:
    cells.run(INIT.format("ended"))
    cells.run("late = 'the last cell'")
    task_id = cells.value("task.id")
    cells.shut_down()

    assert store.state(task_id).status is Status.COMPLETED
    assert "the last cell" in _program(store, task_id)


def test_a_kernel_that_is_restarted_in_a_cell_stops_its_task_at_once(
    cells: Kernel, store: RedisStore
) -> None:
    cells.run(INIT.format("restarted"))
    task_id = cells.value("task.id")
    cells.wait_for_text(cells.begin(ASLEEP), "asleep")
    cells.client.shutdown(restart=True)
    wait_until(lambda: store.state(task_id).status is Status.STOPPED)

    assert cells.process.poll() is None, "whoever restarts it kills it some seconds later"
    assert "while a cell was running" in store.state(task_id).message
    assert "asleep" in _program(store, task_id)
    cells.process.kill()


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_kernel_ended_by_sigterm_has_stopped(
    cells: Kernel, store: RedisStore, is_busy: bool
) -> None:
    cells.run(INIT.format("terminated"))
    task_id = cells.value("task.id")
    if is_busy:
        cells.wait_for_text(cells.begin(ASLEEP), "asleep")
    os.kill(cells.process.pid, signal.SIGTERM)
    wait_until(lambda: cells.process.poll() is not None)

    assert store.state(task_id).status is Status.STOPPED
    assert "SIGTERM" in store.state(task_id).message


def test_an_abort_interrupts_the_cell_and_leaves_the_kernel(
    cells: Kernel, store: RedisStore
) -> None:
    cells.run("data = 'of hours'")
    cells.run(INIT.format("aborted"))
    task_id = cells.value("task.id")
    asleep = cells.begin(ASLEEP)
    cells.wait_for_text(asleep, "asleep")
    assert main(["abort", task_id]) == 0
    assert cells.collect(asleep).name_of_error == "KeyboardInterrupt"

    assert store.state(task_id).status is Status.STOPPED
    assert cells.value("data") == "of hours"
    assert cells.value("Task.current_task() is None")

    assert not cells.run(INIT.format("idle")).error
    idle = cells.value("task.id")
    assert main(["abort", idle]) == 0
    wait_until(lambda: store.state(idle).status is Status.STOPPED)
    assert cells.value("data") == "of hours"
    assert not cells.run("print('goes on')").error


def test_a_kernel_restarted_and_run_again_is_the_same_task(folder: Path, store: RedisStore) -> None:
    ids = []
    for _ in range(2):
        with kernel(folder, {}) as cells:
            cells.run(INIT.format("again"))
            ids.append(cells.value("task.id"))
    assert ids[0] == ids[1], "but for its notebook nothing came of it"
    assert set(store.artifacts(ids[0])) == {"notebook"}


def test_the_notebook_is_an_artifact(folder: Path, store: RedisStore) -> None:
    file = write_notebook(folder / "study.ipynb", {"a": INIT.format("kept"), "b": "task.close()"})
    tasks = []
    for name, notebook in (("kept", file), ("made", None)):
        with kernel(folder, {}, notebook=notebook) as cells:
            cells.run(INIT.format(name), "a")
            tasks.append(cells.value("task.id"))
            cells.run("task.close()", "b")
    saved, made = (_artifact(store, task_id) for task_id in tasks)

    assert saved == json.loads(file.read_text())
    assert [cell["source"].strip() for cell in made["cells"]] == [
        INIT.format("made").strip(),
        "task.close()",
    ]
    entries = [store.read(task_id).source.entry_point for task_id in tasks]
    assert entries == ["study.ipynb.py", "notebook.ipynb.py"]


def test_the_kernels_own_words_and_packages_are_not_the_tasks(
    cells: Kernel, store: RedisStore
) -> None:
    cells.run(INIT.format("own"))
    cells.run("import numpy")
    cells.run(
        """
        from argparse import ArgumentParser
        parser = ArgumentParser()
        parser.add_argument("-f", "--file", default="")
        parser.add_argument("--rate", type=float, default=0.5)
        args = parser.parse_args()
        """
    )
    cells.run("given = parser.parse_args(['--rate', '2'])\ntask.close()")
    record = store.read(cells.value("task.id"))

    assert cells.value("args.file").endswith("kernel.json")
    assert record.source.argv == ()
    values = {name: (one.value, one.is_explicit) for name, one in record.parameters.items()}
    assert values["Args/rate"] == (0.5, False)
    assert not [name for name, (value, _) in values.items() if "kernel" in str(value)]
    packages = record.environment.packages
    assert packages is not None
    assert [line.partition("==")[0] for line in packages] == ["numpy"]
    own = {"ipykernel", "ipython", "jupyter-client", "pyzmq", "tornado", "traitlets"}
    assert not own & set(record.environment.loaded)


def test_a_file_that_a_cell_runs_is_a_script_as_any_other(
    cells: Kernel, folder: Path, store: RedisStore
) -> None:
    (folder / "train.py").write_text(
        INIT.format("by run")
        + "import sys\nprint(sys.argv[1:])\ntask.execute_remotely(None)\n1/0\n"
    )
    ran = cells.run("%run train.py --rate 3")
    assert "['--rate', '3']" in ran.text
    assert not ran.error

    record = store.read(find(store)[0])
    assert (record.source.entry_point, record.source.argv) == ("train.py", ("--rate", "3"))
    assert not cells.run("1 + 1").error


def test_the_prompt_of_ipython_is_a_notebook_too(folder: Path, store: RedisStore) -> None:
    Queues(store).create("default")
    lines = (
        "from elsewhere import Task",
        "task = Task.init('notebook', 'prompt')",
        "number = 3",
        "!echo {number} printed",
        "1/0",
        "task.execute_remotely('default')",
        "print('goes', 'on', Task.current_task())",
    )
    words = [sys.executable, "-m", "IPython", "--simple-prompt", "--quick", "--no-banner"]
    shown = subprocess.run(
        words,
        input="\n".join(lines),
        cwd=folder,
        env={**os.environ, "IPYTHONDIR": str(folder.parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (task_id,) = find(store)

    assert "goes on None" in shown
    assert "The code up to this cell's end goes on elsewhere." in shown
    assert "Traceback" not in shown.partition("goes on elsewhere")[0].rpartition("In [6]")[2]
    assert store.state(task_id).status is Status.QUEUED
    program = _program(store, task_id)
    assert "subprocess.run(f'echo {number} printed', shell=True)" in program
    assert "1/0" not in program


def _program(store: RedisStore, task_id: str) -> str:
    return (store.get_blob(store.read(task_id).source.patch) or b"").decode()


def _artifact(store: RedisStore, task_id: str) -> Any:
    url = store.artifacts(task_id)["notebook"].url
    return json.loads(Path(url.removeprefix("file://")).read_text())

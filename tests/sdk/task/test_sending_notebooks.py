"""`execute_remotely` in a notebook: which cells travel, and how the cell that calls it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.sdk.kernels import Cell, Kernel, kernel, write_notebook

INIT = "from elsewhere import Task\ntask = Task.init('notebook', 'sent')"
SEND = "task.execute_remotely('default')\nprint('elsewhere only')"


@pytest.fixture
def folder(tmp_path: Path, store: RedisStore) -> Path:
    Queues(store).create("default")
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def cells(folder: Path) -> Iterator[Kernel]:
    with kernel(folder, {}) as started:
        yield started


def test_the_cell_ends_with_one_line_and_the_kernel_goes_on_without_a_task(
    cells: Kernel, store: RedisStore
) -> None:
    cells.run("work = [1, 2]")
    cells.run(INIT)
    task_id = cells.value("task.id")
    sent = cells.run("try:\n    task.execute_remotely('default')\nexcept Exception: pass\nwork = 0")

    assert sent.lines == [f"Elsewhere: task {task_id} waits in queue 'default'"]
    (line,) = sent.error
    assert line.startswith("The code up to this cell's end goes on elsewhere.")
    assert store.state(task_id).status is Status.QUEUED
    assert cells.value("work") == [1, 2]
    assert cells.value("Task.current_task() is None")
    later = cells.run("print('later')\ntask.get_logger().report_text('lost')")
    assert "later" in later.lines
    assert "later" not in store.output(task_id).data.decode()


def test_a_copy_is_sent_and_the_cell_goes_on(cells: Kernel, store: RedisStore) -> None:
    cells.run(INIT)
    ran = cells.run(
        "copy = task.execute_remotely('default', clone=True, exit_process=False)\nprint('goes on')"
    )
    task_id, copy = cells.value("task.id"), cells.value("copy.id")
    cells.run("later = 1")
    again = cells.run("more = task.execute_remotely(None, clone=True, exit_process=False)")

    assert not ran.error
    assert "goes on" in ran.text
    assert store.state(task_id).status is Status.IN_PROGRESS
    assert store.state(copy).status is Status.QUEUED
    assert "later = 1" not in _program(store, copy)
    assert not again.error
    assert "later = 1" in _program(store, cells.value("more.id"))


def test_an_unknown_queue_changes_nothing(cells: Kernel, store: RedisStore) -> None:
    cells.run(INIT)
    assert cells.run("task.execute_remotely('nowhere')").name_of_error == "NotFoundError"
    assert store.state(cells.value("task.id")).status is Status.IN_PROGRESS
    cells.run("task.close()")


def test_cells_travel_once_in_the_order_of_the_file_down_to_the_one_that_sends(
    folder: Path, store: RedisStore
) -> None:
    texts = {"a": "number = 2", "b": INIT, "new": "1/0", "c": "print(number)", "d": SEND}
    texts["e"] = "below = 1"
    notebook = write_notebook(folder / "study.ipynb", texts)
    with kernel(folder, {}, notebook=notebook) as cells:
        for name in "aceb":
            cells.run(texts[name], name)
        cells.run("number = 1", "a")
        cells.run("print('deleted since')", "gone")
        cells.run("print(number + 1)", "c")
        cells.run("number = 2", "a")
        sent = cells.run(SEND, "d")
        program = _program(store, cells.value("task.id"))

    gone = "print('deleted since')"
    assert _codes(program) == ["number = 2", gone, INIT, "print(number + 1)", SEND]
    assert "What stands below this cell does not travel: [3]." in sent.text
    assert "1 of the cells above this one did not run here, and stay here." in sent.text


def test_frontends_that_name_cells_in_their_own_way_travel_by_their_texts(
    folder: Path, store: RedisStore
) -> None:
    texts = {"a": "number = 2", "b": INIT, "c": SEND}
    notebook = write_notebook(folder / "study.ipynb", texts)
    with kernel(folder, {}, notebook=notebook) as cells:
        cells.run(INIT, "vscode:b")
        cells.run("number = 1", "vscode:a")
        cells.run("number = 2", "vscode:a")
        cells.run(INIT, "vscode:b")
        cells.run(SEND, "vscode:c")
        assert _codes(_program(store, cells.value("task.id"))) == ["number = 2", INIT, SEND]


def test_without_a_file_cells_travel_as_they_ran(cells: Kernel, store: RedisStore) -> None:
    cells.run(INIT, "a")
    for text in ("number = 1", "number = 2"):
        cells.run(text, "b")
    cells.run("print(number)", "c")
    cells.run("number = 3", "b")
    sent = cells.run(SEND, "d")

    codes = _codes(_program(store, cells.value("task.id")))
    assert codes == [INIT, "number = 2", "print(number)", "number = 3", SEND]
    assert "its file is not known" in sent.text
    assert "will do so: [5]." in sent.text


def test_a_file_that_was_not_saved_gives_no_order(folder: Path, store: RedisStore) -> None:
    notebook = write_notebook(folder / "study.ipynb", {"a": INIT, "d": "old = 1"})
    with kernel(folder, {}, notebook=notebook) as cells:
        cells.run(INIT, "a")
        cells.run("x = 1", "b")
        cells.run(INIT, "a")
        sent = cells.run(SEND, "d")
        codes = _codes(_program(store, cells.value("task.id")))
    assert codes == [INIT, "x = 1", INIT, SEND]
    assert "save it" in sent.text


def test_a_cell_that_was_sent_travels_later_only_as_far_as_it_ran_here(
    cells: Kernel, store: RedisStore
) -> None:
    cells.run(f"{INIT}\nnumber = 1\n{SEND}")
    cells.run(INIT)
    sent = cells.run(SEND)
    codes = _codes(_program(store, cells.value("task.id")))
    assert codes == [f"{INIT}\nnumber = 1", INIT, SEND]
    assert "raised" not in sent.text


def test_what_was_changed_since_init_travels(folder: Path, store: RedisStore) -> None:
    (folder / "part.py").write_text("SIZE = 1\n")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "Work")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    with kernel(folder, {}) as cells:
        cells.run(INIT)
        cells.run("import part")
        (folder / "part.py").write_text("SIZE = 2\n")
        cells.run(SEND)
        program = _program(store, cells.value("task.id"))
    assert "+SIZE = 2" in program
    assert "+import part" in program
    assert not (folder / "notebook.ipynb.py").exists()


def test_code_that_cannot_travel_is_an_error_of_the_cell(folder: Path, store: RedisStore) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    with kernel(folder, {}) as cells:
        cells.run(INIT)
        subprocess.run(["git", "init", "--quiet", "inner"], cwd=folder, check=True)
        assert cells.run(SEND).name_of_error == "CaptureError"
        task_id = cells.value("task.id")
        assert store.state(task_id).status is Status.IN_PROGRESS
        (folder / "inner" / ".git").rename(folder.parent / "away")
        sent: Cell = cells.run(SEND)
        assert sent.name_of_error == "CodeSent"
    assert store.state(task_id).status is Status.QUEUED


def test_files_that_the_cells_name_are_named_when_they_stay(
    cells: Kernel, folder: Path, store: RedisStore
) -> None:
    (folder / "data.csv").write_text("1")
    (folder / "part.py").write_text("")
    cells.run(INIT)
    cells.run("import part\nopen('data.csv').read(); 'part.py'; 'nothing.csv'")
    sent = cells.run(SEND)
    assert "only its cells and what they import do: data.csv.\n" in sent.text


def _program(store: RedisStore, task_id: str) -> str:
    return (store.get_blob(store.read(task_id).source.patch) or b"").decode()


def _codes(patch: str) -> list[str]:
    """The cells in the patch of a program."""
    lines = [line[1:] for line in patch.splitlines() if line[:1] == "+" and line[:3] != "+++"]
    _, *cells = "\n".join(lines).split("\n# [")
    return [cell.partition("]\n")[2].strip() for cell in cells]

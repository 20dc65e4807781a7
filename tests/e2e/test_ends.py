"""However a task ends elsewhere, its status, its reason and its output say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from elsewhere import Task
from elsewhere.command.main import main
from elsewhere.core.errors import NotFoundError
from elsewhere.core.records import Source
from tests.e2e.world import Box, Ended, Laptop
from tests.waiting import wait_until

_GO = """
from elsewhere import Task
task = Task.init("ends", "an end")
task.execute_remotely("default")
"""


def _ended(laptop: Laptop, box: Box, code: str) -> Ended:
    project = laptop.repository("project", {"train.py": _GO + code})
    return box.end(laptop.send(project.folder, "train.py"))


@pytest.mark.parametrize(
    "code", ["import sys\nsys.exit(3)", "raise SystemExit(3)", "import os\nos._exit(3)"]
)
def test_a_non_zero_exit(laptop: Laptop, box: Box, code: str) -> None:
    ended = _ended(laptop, box, f"print('last words', flush=True)\n{code}\n")
    assert ended.status == "failed", ended
    assert ended.outcome.sentence == "program_failed: exit code 3"
    assert ended.outcome.exit_code == 3
    assert "last words" in ended.output
    assert "program_failed: exit code 3" in ended.output


def test_an_exception(laptop: Laptop, box: Box) -> None:
    ended = _ended(laptop, box, "def divide(n):\n    return n / 0\ndivide(7)\n")
    assert ended.status == "failed", ended
    assert ended.outcome.sentence == "program_failed: exit code 1"
    assert "Traceback (most recent call last)" in ended.output
    assert "in divide" in ended.output
    assert "ZeroDivisionError: division by zero" in ended.output


def test_an_import_error(laptop: Laptop, box: Box) -> None:
    ended = _ended(laptop, box, "import nowhere_to_be_found\n")
    assert ended.status == "failed", ended
    assert ended.outcome.exit_code == 1
    assert "No module named 'nowhere_to_be_found'" in ended.output


def test_a_syntax_error_in_a_file_that_only_the_box_imports(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project", {"train.py": _GO + "import broken\n", "broken.py": "def (:\n"}
    )
    ended = box.end(laptop.send(project.folder, "train.py"))
    assert ended.status == "failed", ended
    assert "SyntaxError" in ended.output


def test_a_death_by_signal(laptop: Laptop, box: Box) -> None:
    code = "import os, signal\nprint('soon')\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    ended = _ended(laptop, box, code)
    assert ended.status == "failed", ended
    assert ended.outcome.sentence == "killed: signal 11"
    assert "soon" in ended.output


def test_a_package_that_nobody_has(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": "import homegrown\n" + _GO})
    ended = box.end(laptop.send(project.folder, "train.py"))
    assert ended.status == "failed", ended
    assert ended.outcome.sentence == "setup_failed: install"
    assert ended.state.message
    for told in (ended.output, ended.outcome.message):
        assert "No solution found" in told  # the installer's own words
        assert "homegrown" in told


@pytest.fixture
def draft(laptop: Laptop, box: Box) -> Task:
    """A task whose patch changes a committed file; it can still be edited."""
    project = laptop.repository("project", {"train.py": _GO, "a.txt": "one\ntwo\nthree\n"})
    project.write({"a.txt": "one\n2\nthree\n"})
    task = laptop.send(project.folder, "train.py")
    box.end(task)
    return Task.clone(task)


def _edit_source(box: Box, task: Task, change: Callable[[Source], Source]) -> None:
    box.store.edit(task.id, source=change(box.store.read(task.id).source))


def test_a_patch_that_does_not_fit(laptop: Laptop, box: Box, draft: Task) -> None:
    other = laptop.repository("other", {"train.py": _GO, "a.txt": "1\n2\n3\n4\n5\n"})
    other.write({"a.txt": "1\n2\n3\n4\nfive\n"})
    strange = laptop.send(other.folder, "train.py")
    box.end(strange)
    patch = box.store.read(strange.id).source.patch
    _edit_source(box, draft, lambda source: replace(source, patch=patch))

    ended = box.run(draft)

    assert ended.status == "failed", ended
    assert ended.outcome.sentence == "setup_failed: patch"
    assert "a.txt" in ended.outcome.message
    assert "a.txt" in ended.output


def test_a_tree_that_is_not_the_captured_one(box: Box, draft: Task) -> None:
    _edit_source(box, draft, lambda source: replace(source, tree="1" * 40))
    ended = box.run(draft)
    assert ended.outcome.sentence == "setup_failed: verify", ended


def test_a_commit_that_is_not_there(box: Box, draft: Task) -> None:
    _edit_source(box, draft, lambda source: replace(source, commit="1" * 40))
    ended = box.run(draft)
    assert ended.outcome.sentence == "setup_failed: checkout", ended
    assert "1" * 12 in ended.outcome.message


def test_changes_that_are_lost_are_noticed_before_the_queue(box: Box, draft: Task) -> None:
    _edit_source(box, draft, lambda source: replace(source, patch="1" * 64))
    with pytest.raises(NotFoundError, match="a part of its code or packages is not in the"):
        Task.enqueue(draft)
    assert draft.get_status() == "created"


def test_a_script_that_is_not_there(box: Box, draft: Task) -> None:
    _edit_source(box, draft, lambda source: replace(source, entry_point="other.py"))
    ended = box.run(draft)
    assert ended.outcome.reason == "setup_failed", ended
    assert "'other.py'" in ended.outcome.message


def test_a_python_that_is_not_there(box: Box, draft: Task) -> None:
    environment = box.store.read(draft.id).environment
    box.store.edit(draft.id, environment=replace(environment, python="3.99"))
    ended = box.run(draft)
    assert ended.outcome.sentence == "setup_failed: python", ended
    assert "3.99" in ended.outcome.message


@pytest.mark.parametrize(
    ("verdict", "code", "status"),
    [
        ("mark_failed(status_message='no good')", 0, "failed"),
        ("mark_completed(status_message='good enough')", 1, "completed"),
        ("mark_stopped(status_message='seen enough')", 0, "stopped"),
    ],
)
def test_the_program_s_own_verdict_wins(
    laptop: Laptop, box: Box, verdict: str, code: int, status: str
) -> None:
    ended = _ended(laptop, box, f"task.{verdict}\nprint('after')\nimport sys\nsys.exit({code})\n")
    assert ended.status == status, ended
    assert ended.state.message == verdict.split("'")[1]
    assert "after" in ended.output


def test_a_task_that_failed_can_be_sent_again(laptop: Laptop, box: Box) -> None:
    code = (
        "import pathlib, sys\n"
        f"flag = pathlib.Path({str(laptop.folder / 'flag')!r})\n"
        "if not flag.exists():\n    flag.touch()\n    sys.exit('not yet')\n"
        "print('now')\n"
    )
    project = laptop.repository("project", {"train.py": _GO + code})
    task = laptop.send(project.folder, "train.py")
    first = box.end(task)
    assert first.status == "failed", first
    assert "not yet" in first.output

    second = box.run(task)

    assert second.status == "completed", second
    assert second.state.attempt == first.state.attempt + 1
    assert "now" in second.output
    assert "not yet" not in second.output  # each attempt has its own


def test_what_a_run_wrote_below_its_code_stays_and_is_shown(
    laptop: Laptop, box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = """
from pathlib import Path
Path("out").mkdir()
Path("out/ckpt.pt").write_bytes(bytes(3000))
"""
    project = laptop.repository("project", {"train.py": _GO + code, ".gitignore": "out/\n"})
    task = laptop.send(project.folder, "train.py")
    ended = box.end(task)
    assert ended.status == "completed", ended
    folder = box.home / "runs" / f"{task.id}.{ended.state.attempt}" / "code"
    assert "out/ckpt.pt  2.9 KiB" in ended.output
    wait_until(lambda: not (folder / "train.py").exists(), what="the rest of the code is gone")
    assert (folder / "out" / "ckpt.pt").read_bytes() == bytes(3000)
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", box.environ["ELSEWHERE_REDIS_URL"])
    assert main(["show", task.id]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "out/ckpt.pt 2.9 KiB" in shown
    assert f"all 1 are in {folder} on" in shown

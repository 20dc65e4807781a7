"""A script that stays here, with no agent anywhere: it behaves as it would alone."""

from __future__ import annotations

import pytest

from tests.e2e.world import Box, Laptop, Printed

_INIT = "from elsewhere import Task\ntask = Task.init('local', 'a local run')\n"


def _run(laptop: Laptop, code: str) -> Printed:
    (laptop.folder / "train.py").write_text(_INIT + code)
    return laptop.run(laptop.folder, "train.py")


def test_output_is_teed_byte_for_byte(laptop: Laptop, box: Box) -> None:
    code = r"""
import os, subprocess, sys
for number in range(300):
    print("line", number)
sys.stdout.write("no end")
sys.stdout.flush()
sys.stdout.buffer.write(b"\xff\x00\xfe raw\n")
sys.stdout.flush()
print("grüße")
"""
    printed = _run(laptop, code)
    assert printed.code == 0, printed
    lines = "".join(f"line {number}\n" for number in range(300)).encode()
    expected = lines + b"no end\xff\x00\xfe raw\n" + "grüße\n".encode()
    assert printed.output == expected
    task_id = printed.task_id
    stored = box.store.output(task_id).data
    # The other stream has an order of its own, and lines of its own.
    lines_of_both = stored.splitlines(keepends=True)
    own = [line for line in lines_of_both if not line.startswith(b"Elsewhere: ")]
    assert b"".join(own) == expected
    assert box.store.output_length(task_id) == len(stored)


@pytest.mark.parametrize(
    ("code", "exit_code", "status", "sentence"),
    [
        ("", 0, "completed", "completed"),
        ("import sys\nsys.exit()", 0, "completed", "completed"),
        ("import sys\nsys.exit(3)", 3, "failed", "program_failed: exit code 3"),
        ("import sys\nsys.exit('went wrong')", 1, "failed", "program_failed: exit code 1"),
        ("1 / 0", 1, "failed", "program_failed: exit code 1"),
        ("import nowhere_to_be_found", 1, "failed", "program_failed: exit code 1"),
        ("raise KeyboardInterrupt", -2, "stopped", "stopped: signal 2"),
        ("task.mark_failed(status_message='own words')", 0, "failed", "program_failed"),
        ("task.close()\nimport sys\nsys.exit(5)", 5, "completed", "completed"),
        ("import sys\ntry:\n    sys.exit(4)\nexcept SystemExit:\n    pass", 0, "completed", ""),
    ],
)
def test_status_and_exit_code_say_how_it_ended(
    laptop: Laptop, box: Box, code: str, exit_code: int, status: str, sentence: str
) -> None:
    printed = _run(laptop, code)
    assert printed.code == exit_code, printed
    state = box.store.state(printed.task_id)
    assert str(state.status) == status, state
    assert state.outcome is not None
    assert state.outcome.sentence == (sentence or "completed")
    own = laptop.task(printed)
    assert own.get_status() == status


def test_a_traceback_is_in_the_output(laptop: Laptop, box: Box) -> None:
    printed = _run(laptop, "def fails():\n    raise ValueError('my reason')\nfails()\n")
    assert "ValueError: my reason" in printed.errors
    assert "elsewhere/" not in printed.errors  # no frame of ours in it
    stored = box.store.output(printed.task_id).data
    assert b"in fails" in stored
    assert b"ValueError: my reason" in stored
    assert "my reason" in box.store.state(printed.task_id).message


def test_all_that_it_reports_is_in_the_store_when_it_has_ended(laptop: Laptop, box: Box) -> None:
    code = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=3)
parser.parse_args()
task.connect({"rate": 0.25})
task.add_tags("tried")
for step in range(1000):
    task.get_logger().report_scalar("loss", "train", 1000 - step, step)
task.set_progress(99.5)
open("result.txt", "w").write("result")
task.upload_artifact("result", "result.txt")
task.upload_artifact("numbers", [1, 2.5, None])
print(task.artifacts["numbers"].get())
"""
    printed = _run(laptop, code)
    assert printed.output == b"[1, 2.5, None]\n"
    task = laptop.task(printed)
    assert task.get_parameters() == {"Args/size": 3, "General/rate": 0.25}
    assert task.get_tags() == ["tried"]
    assert task.get_progress() == 100  # it has completed
    losses = task.get_reported_scalars()["loss"]["train"]
    assert losses["x"] == list(range(1000))
    assert losses["y"] == [1000.0 - step for step in range(1000)]
    result = task.artifacts["result"]
    assert result.get_local_copy().read_text() == "result"
    assert box.store.state(task.id).status == "completed"


def test_two_tasks_one_after_the_other(laptop: Laptop, box: Box) -> None:
    code = """
first = task.id
print("first")
task.close()
task = Task.init("local", "the second")
print("second")
print(first, task.id)
"""
    printed = _run(laptop, code)
    ids = printed.output.split()[-2:]
    first, second = (box.store.output(task_id.decode()).data for task_id in ids)
    assert b"first" in first
    assert b"second" not in first
    assert b"second" in second


def test_init_twice_is_the_same_task(laptop: Laptop) -> None:
    printed = _run(laptop, "print(Task.init('local', 'a local run') is task, Task.init() is task)")
    assert printed.output == b"True True\n", printed
    other = _run(laptop, "Task.init('local', 'another one')")
    assert other.code == 1
    assert "close() first" in other.errors.replace("call close()\n", "call close() ")


def test_nothing_configured_uses_the_embedded_server(laptop: Laptop) -> None:
    """It outlives the script, and the next one finds what the first has left."""
    (laptop.folder / "first.py").write_text(_INIT + "task.add_tags('kept')\nprint(task.id)\n")
    (laptop.folder / "second.py").write_text(
        "import sys\nfrom elsewhere import Task\ntask = Task.get_task(task_id=sys.argv[1])\n"
        "print(task.get_status(), task.get_tags())\n"
    )
    stop = (
        "from elsewhere.core.settings import load\nfrom elsewhere.store.redis import embedded\n"
        "embedded.stop(load().home)\n"
    )
    try:
        first = laptop.run(laptop.folder, "first.py", ELSEWHERE_REDIS_URL="")
        assert first.code == 0, first
        second = laptop.run(
            laptop.folder, "second.py", first.output.decode().strip(), ELSEWHERE_REDIS_URL=""
        )
        assert second.output == b"completed ['kept']\n", second
    finally:
        laptop.run(laptop.folder, "-c", stop, ELSEWHERE_REDIS_URL="")


def test_a_script_that_ends_while_git_is_busy_is_captured_whole(laptop: Laptop, box: Box) -> None:
    scratch = laptop.folder / "scratch"
    scratch.mkdir()
    code = "import os\nwhile not os.listdir(os.environ['TMPDIR']):\n    pass\n"
    project = laptop.repository("project", {"train.py": _INIT + code})
    project.write({f"data/{number}.txt": f"{number}\n" for number in range(1500)})
    printed = laptop.run(project.folder, "train.py", TMPDIR=str(scratch))
    assert printed.code == 0, printed
    assert "Traceback" not in printed.errors
    source = box.store.read(printed.task_id).source
    assert not source.missing
    assert source.patch
    assert source.tree
    assert not list(scratch.iterdir())

"""What the runner monitors: all processes of the attempt, its devices, its machine; nobody else."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from elsewhere.core.events import Machine, Resources
from elsewhere.core.journal import journal_files, read_events
from elsewhere.report.resources import GPU, MACHINE
from elsewhere_sandbox.slot import Slot
from tests.nvml import built, two_gpus
from tests.sandbox.attempts import Attempt, Attempts
from tests.waiting import wait_until

WAIT = "import sys, time\nprint('ready', flush=True)\ntime.sleep(600)\n"


def values(attempt: Attempt, title: str = MACHINE) -> dict[str, float]:
    """The last values that were reported under the title."""
    events = [event for event in attempt.events if isinstance(event, Resources)]
    return next((event.values for event in reversed(events) if event.title == title), {})


def machine(attempt: Attempt) -> Machine:
    return [event for event in attempt.events if isinstance(event, Machine)][-1]


def end(attempt: Attempt) -> None:
    attempt.stop(0)
    attempt.wait()


LEAVES = f"""
import os
if not os.fork():
    os.setsid()
    if not os.fork():
        data = bytearray(96 << 20)
        {WAIT.replace(chr(10), chr(10) + "        ")}
    os._exit(0)
os.wait()
import time
time.sleep(600)
"""


def test_a_process_that_left_the_programs_tree_is_counted(attempts: Attempts) -> None:
    with attempts.started(LEAVES) as attempt:
        attempt.wait_for(b"ready")
        wait_until(lambda: values(attempt).get("memory_used_gb", 0) > 96 / 1024, within_s=20)
        end(attempt)
    assert values(attempt)["memory_used_gb"] < 0.5


def test_the_machine_has_the_python_of_the_program(attempts: Attempts) -> None:
    attempt = attempts.run("print('done')")
    found = machine(attempt)
    assert found.python_exec == str(attempt.folder.venv / "bin" / "python")
    assert found.python_version == platform.python_version()


def test_a_program_has_the_values_of_its_own_devices(attempts: Attempts, tmp_path: Path) -> None:
    two_gpus(tmp_path / "machine")
    attempt = attempts.make(WAIT, slot=Slot(devices=("GPU-bbbb-2",)))
    attempt.start(FAKE_NVML=str(tmp_path / "machine"), LD_LIBRARY_PATH=str(built(tmp_path).parent))
    attempt.wait_for(b"ready")
    wait_until(lambda: values(attempt, GPU), within_s=20)
    end(attempt)
    assert {name[:5] for name in values(attempt, GPU)} == {"gpu_1"}
    assert machine(attempt).gpu_type == "NVIDIA A100-SXM4-80GB"


JOINS = f"""
from elsewhere import Task
Task.init("examples", "monitored", auto_resource_monitoring={{choice}})
{WAIT}"""


def test_a_program_that_is_a_task_does_not_monitor_as_well(attempts: Attempts) -> None:
    with attempts.started(JOINS.format(choice=True)) as attempt:
        attempt.wait_for(b"ready")
        wait_until(lambda: values(attempt), within_s=20)
        end(attempt)
    files = journal_files(attempt.folder.journal)
    events = [read_events(file, 0, 1 << 24)[0] for file in files]
    assert [any(isinstance(one, Resources) for one in of_one) for of_one in events].count(True) == 1


def test_a_program_may_want_no_monitor(attempts: Attempts) -> None:
    with attempts.started(JOINS.format(choice=False)) as attempt:
        attempt.wait_for(b"ready")
        before = len(attempt.events)
        end(attempt)
    later = [event for event in attempt.events[before:] if isinstance(event, Resources)]
    assert later == [], "not even that of the end"


def test_a_program_may_want_the_memory_of_all(attempts: Attempts) -> None:
    choice = "{'report_global_mem_used': True}"
    with attempts.started(JOINS.format(choice=choice)) as attempt:
        attempt.wait_for(b"ready")
        end(attempt)
    assert values(attempt)["memory_used_gb"] > 0.25


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("[3]")])
def test_a_note_that_is_damaged_changes_nothing(
    attempts: Attempts, make: Callable[[Path], None]
) -> None:
    attempt = attempts.make("print('done')")
    make(attempt.folder.monitor)
    attempt.run()
    assert values(attempt)

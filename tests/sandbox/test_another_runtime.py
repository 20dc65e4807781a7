"""A runtime is one file and its line in RUNTIMES: an attempt goes through it from end to end."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from elsewhere.core.choices import Reason
from elsewhere.core.events import Resources
from tests.sandbox.attempts import Attempt, Attempts
from tests.sandbox.recorded import NAME, calls_of

ROOT = Path(__file__).parents[2]
RUNNER = (sys.executable, "-m", "tests.sandbox.recorded")


def started(attempts: Attempts, program: str, **fields: Any) -> Attempt:
    attempt = attempts.make(program, runtime=NAME, **fields)
    attempt.start(wrapper=RUNNER, PYTHONPATH=str(ROOT))
    return attempt


def test_its_processes_are_started_measured_and_ended_by_the_runtime_alone(
    attempts: Attempts,
) -> None:
    attempt = started(attempts, "print('done')", setup=["echo set up"])
    assert attempt.wait().reason is Reason.COMPLETED
    assert attempt.printed.endswith(b"set up\ndone\n")
    assert any(isinstance(event, Resources) for event in attempt.events)
    calls = calls_of(attempt.folder)
    of_program = calls[-calls[::-1].index("start") - 1 :]
    assert of_program[0] == "start"
    assert set(of_program[1:-1]) == {"usage", "end 2.0"}
    assert calls.count("start") == sum(call.startswith("end") for call in calls)


def test_a_stop_climbs_its_ladder_in_the_runtime(attempts: Attempts) -> None:
    program = "import time\nprint('ready', flush=True)\ntime.sleep(600)"
    attempt = started(attempts, program)
    attempt.wait_for(b"ready")
    attempt.stop()
    assert attempt.wait().reason is Reason.STOPPED
    calls = [call for call in calls_of(attempt.folder) if call != "usage"]
    assert calls[-3:] == ["start", f"signal {signal.SIGTERM:d}", "end 0.0"]
    assert attempt.left() == []


def test_the_runtime_names_the_cause_of_a_death(attempts: Attempts) -> None:
    attempt = started(attempts, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert attempt.wait().reason is Reason.OUT_OF_MEMORY

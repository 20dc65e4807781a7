"""The runner stops: by a ladder, at any time, and nothing of its program is left."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.events import ArtifactAdded
from elsewhere.core.folders import read_json
from elsewhere.core.notes import Stop
from elsewhere.core.records import Outcome
from tests.sandbox.attempts import Attempt, Attempts
from tests.waiting import wait_until

#: what most programs begin with
IMPORTS = "import os, signal, subprocess, sys, time\n"
#: seconds: longer than any test
LONG = 600


def facts(outcome: Outcome) -> tuple[Reason, int | None, int | None]:
    return outcome.reason, outcome.exit_code, outcome.signal


# stopping


STUBBORN = IMPORTS + (
    "signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True))\n"
    "print('ready', flush=True)\n"
    f"until = time.monotonic() + {LONG}\n"
    "while time.monotonic() < until: time.sleep(0.01)\n"
)
OBEDIENT = IMPORTS + f"print('ready', flush=True)\ntime.sleep({LONG})\n"
CLEAN = IMPORTS + (
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    f"print('ready', flush=True)\ntime.sleep({LONG})\n"
)


@pytest.mark.parametrize(
    ("program", "grace_s", "exit_code", "number"),
    [
        (OBEDIENT, 10, None, signal.SIGTERM),
        (CLEAN, 10, 0, None),
        (STUBBORN, 0.3, None, signal.SIGKILL),
        (STUBBORN, 0, None, signal.SIGKILL),
    ],
    ids=["obedient", "clean", "stubborn", "at once"],
)
def test_a_stop_ends_the_program_with_the_grace_that_was_asked_for(
    attempts: Attempts, program: str, grace_s: float, exit_code: int | None, number: int | None
) -> None:
    with attempts.started(program, stop_grace_s=LONG) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop(grace_s)
        outcome = attempt.wait()
    assert facts(outcome) == (Reason.STOPPED, exit_code, number)
    if number == signal.SIGKILL and grace_s > 0:
        assert b"told" in attempt.printed
    assert "SIGTERM" in attempt.log
    assert ("SIGKILL" in attempt.log) == (number == signal.SIGKILL)
    assert attempt.left() == []


def test_a_stop_without_a_grace_gives_that_of_the_agent(attempts: Attempts) -> None:
    with attempts.started(STUBBORN, stop_grace_s=0.2) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop()
        assert attempt.wait().signal == signal.SIGKILL


def test_a_stop_during_the_set_up_ends_it_before_the_program_starts(attempts: Attempts) -> None:
    setup = ("echo 'setting up'", f"sleep {LONG} & sleep {LONG}")
    with attempts.started("print('started')", setup=setup) as attempt:
        attempt.wait_for(b"setting up")
        attempt.stop()
        outcome = attempt.wait()
    assert outcome.reason is Reason.STOPPED
    assert not attempt.folder.child.exists()
    assert b"started" not in attempt.output
    assert attempt.left() == []


def test_a_stop_that_was_there_first_starts_nothing(attempts: Attempts) -> None:
    attempt = attempts.make("print('started')")
    attempt.stop()
    assert attempt.run().reason is Reason.STOPPED
    assert attempt.phases == []


def test_a_program_that_runs_too_long_is_timed_out(attempts: Attempts) -> None:
    attempt = attempts.run(OBEDIENT, time_limit_s=0.5)
    assert attempt.outcome.reason is Reason.TIMED_OUT
    assert "time limit of 0.5 s" in attempt.outcome.message


@pytest.mark.parametrize("program", [OBEDIENT, CLEAN], ids=["obedient", "clean"])
def test_a_runner_that_is_told_to_end_takes_its_program_along(
    attempts: Attempts, program: str
) -> None:
    with attempts.started(program) as attempt:
        attempt.wait_for(b"ready")
        attempt.signal(signal.SIGTERM)
        outcome = attempt.wait()
    assert outcome.reason is Reason.KILLED
    assert "A signal ended its runner" in outcome.message
    assert attempt.left() == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_terminal_that_goes_away_ends_nothing(attempts: Attempts, number: int) -> None:
    with attempts.started(IMPORTS + "print('ready', flush=True)\ntime.sleep(0.5)") as attempt:
        attempt.wait_for(b"ready")
        attempt.signal(number)
        assert attempt.wait().reason is Reason.COMPLETED


def test_a_runner_that_is_killed_takes_its_program_along(attempts: Attempts) -> None:
    with attempts.started(OBEDIENT) as attempt:
        attempt.wait_for(b"ready")
        attempt.signal(signal.SIGKILL)
        wait_until(lambda: not attempt.left(), within_s=20, what="the program is gone")
        assert not attempt.folder.exit.exists()


# what the program wants to do before


WAITS = IMPORTS + (
    "from pathlib import Path\n"
    "folder = Path(os.environ['ELSEWHERE_RUN_FOLDER'])\n"
    "(folder / 'abort.json').write_text('{\"timeout_s\": %s}')\n"
    "print('ready', flush=True)\n"
    "while not (folder / 'stop').exists(): time.sleep(0.01)\n"
)
SAVES = WAITS % 60 + (
    "print('saved', flush=True)\n"
    "(folder / 'aborted').touch()\n"
    f"time.sleep({LONG})\n"
)  # fmt: skip
ENDS = WAITS % 60 + "print('saved', flush=True)\nsys.exit(%d)\n"


def steps(attempt: Attempt) -> list[str]:
    """The lines of the ladder without their numbers."""
    known = ("for its abort callback", "ended after", "not waited for", "SIGTERM", "SIGKILL")
    lines = attempt.folder.runner_log.read_text().splitlines()
    return [word for line in lines for word in known if word in line]


def test_a_program_with_an_abort_callback_gets_its_signal_after_it(attempts: Attempts) -> None:
    with attempts.started(SAVES) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop()
        outcome = attempt.wait()
    assert facts(outcome) == (Reason.STOPPED, None, signal.SIGTERM)
    assert attempt.printed == b"ready\nsaved\n"
    assert steps(attempt) == ["for its abort callback", "ended after", "SIGTERM"]


def test_a_callback_that_does_not_end_keeps_no_stop_away_and_the_grace_begins_behind_it(
    attempts: Attempts,
) -> None:
    slowly = "time.sleep(0.8), print('told', flush=True)"
    program = WAITS % 1.0 + STUBBORN.replace("print('told', flush=True)", f"({slowly})")
    with attempts.started(program) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop(1.5)
        outcome = attempt.wait()
    assert facts(outcome) == (Reason.STOPPED, None, signal.SIGKILL)
    assert b"told" in attempt.printed, "it had its whole grace"
    assert steps(attempt)[:4] == ["for its abort callback", "not waited for", "SIGTERM", "SIGKILL"]


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_that_ends_during_its_callback_is_stopped(attempts: Attempts, code: int) -> None:
    with attempts.started(ENDS % code) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop()
        outcome = attempt.wait()
    assert facts(outcome) == (Reason.STOPPED, code, None)
    assert steps(attempt) == ["for its abort callback"]


def test_a_program_that_nobody_listens_to_any_more_is_not_waited_for(attempts: Attempts) -> None:
    with attempts.started(WAITS % LONG + f"time.sleep({LONG})") as attempt:
        attempt.wait_for(b"ready")
        Stop(keeps_reports=False).write(attempt.folder)
        outcome = attempt.wait()
    assert facts(outcome) == (Reason.STOPPED, None, signal.SIGTERM)
    assert steps(attempt) == ["SIGTERM"]


def test_what_the_callback_of_a_task_saves_is_in_its_journal(attempts: Attempts) -> None:
    program = IMPORTS + (
        "from elsewhere import Task\n"
        "task = Task.init('examples', 'a task')\n"
        "def save():\n"
        "    task.upload_artifact('state', {'step': 3})\n"
        "    print('saved', flush=True)\n"
        "    raise ValueError('after all')\n"
        "task.register_abort_callback(lambda: print('never'))\n"
        "task.register_abort_callback(save)\n"
        "print('ready', flush=True)\n"
        f"time.sleep({LONG})\n"
    )
    with attempts.started(program) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop()
        outcome = attempt.wait()
    assert facts(outcome) == (Reason.STOPPED, None, signal.SIGTERM)
    assert b"saved\n" in attempt.printed
    assert b"ValueError: after all" in attempt.printed
    assert b"never" not in attempt.printed
    assert steps(attempt) == ["for its abort callback", "ended after", "SIGTERM"]
    saved = [event.artifact.name for event in attempt.events if isinstance(event, ArtifactAdded)]
    assert sorted(saved) == ["run-manifest", "state"]
    assert attempt.folder.abort.exists(), "the agent would end the runner during the grace"


def test_a_callback_that_was_removed_or_whose_task_is_closed_is_not_called(
    attempts: Attempts,
) -> None:
    for end in ("task.register_abort_callback(None)", "task.close()"):
        program = IMPORTS + (
            "from elsewhere import Task\n"
            "task = Task.init('examples', 'a task')\n"
            "task.register_abort_callback(lambda: print('called', flush=True))\n"
            f"{end}\n"
            "print('ready', flush=True)\n"
            f"time.sleep({LONG})\n"
        )
        with attempts.started(program) as attempt:
            attempt.wait_for(b"ready")
            attempt.stop()
            assert attempt.wait().reason is Reason.STOPPED
        assert b"called" not in attempt.printed
        assert steps(attempt) == ["SIGTERM"]


# what it leaves behind


DAEMON = IMPORTS + (
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        {signals}\n"
    "        os.execvp('sleep', ['sleep', '600'])\n"
    "    os._exit(0)\n"
    "os.wait()\n"
    "print('started')\n"
)


@pytest.mark.parametrize(
    "signals", ["pass", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"], ids=["plain", "stubborn"]
)
def test_a_daemon_that_forked_twice_does_not_survive_its_task(
    attempts: Attempts, signals: str
) -> None:
    attempt = attempts.run(DAEMON.format(signals=signals))
    assert attempt.outcome.reason is Reason.COMPLETED
    assert attempt.printed == b"started\n"
    assert attempt.left() == []


def test_a_grandchild_may_finish_what_it_does_within_its_grace(attempts: Attempts) -> None:
    program = IMPORTS + (
        "command = 'trap \"sleep 0.3; echo late; exit\" TERM; echo up; sleep 600 & wait'\n"
        "child = subprocess.Popen(['sh', '-c', command], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "subprocess.Popen(['sh', '-c', command.replace('up', 'ready > ready')])\n"
        "while not os.path.exists('ready'): time.sleep(0.01)\n"
    )
    attempt = attempts.run(program)
    assert attempt.outcome.reason is Reason.COMPLETED
    assert b"late" in attempt.printed
    assert attempt.left() == []


def test_a_process_outside_the_tree_that_holds_the_pipe_does_not_keep_the_runner(
    attempts: Attempts, tmp_path: Path
) -> None:
    """Someone else's process got the writing end, by a socket or from /proc."""
    with subprocess.Popen(
        ["sh", "-c", 'read path; exec 3>"$path"; echo held; sleep 600'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        program = IMPORTS + (
            "print('ready', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
        )
        with attempts.started(program) as attempt:
            attempt.wait_for(b"ready")
            pid = wait_until(lambda: read_json(attempt.folder.child))["pid"]
            holder.stdin.write(f"/proc/{pid}/fd/1\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "held\n"
            (attempt.folder.code / "go").touch()
            assert attempt.wait().reason is Reason.COMPLETED
        for process in [*psutil.Process(holder.pid).children(), psutil.Process(holder.pid)]:
            process.kill()


def test_orphans_are_reaped_while_the_program_goes_on(attempts: Attempts) -> None:
    program = IMPORTS + (
        "for _ in range(20): subprocess.run(['sh', '-c', 'true & exit 0'])\n"
        "print('ready', flush=True)\n"
        f"time.sleep({LONG})\n"
    )
    with attempts.started(program) as attempt:
        attempt.wait_for(b"ready")
        runner = psutil.Process(read_json(attempt.folder.runner)["pid"])
        wait_until(lambda: len(runner.children(recursive=True)) == 1, what="no zombie is left")
        attempt.stop(0)
        attempt.wait()

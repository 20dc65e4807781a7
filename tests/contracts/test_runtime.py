"""What every runtime must do. Each test is a small runner, a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from elsewhere.core.folders import Home, RunFolder
from elsewhere_sandbox.runtimes import RUNTIMES
from elsewhere_sandbox.tree import kill, marked
from tests.sandbox import recorded
from tests.stores import make_record
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

#: prints `ready` when all of it runs: two have left the session, and none ends by SIGTERM
STUBBORN = """
    trap '' TERM
    setsid sh -c '(sleep 600 &); echo one > out; exec sleep 600' &
    until grep -q one out 2> errors; do sleep 0.01; done
    echo ready
    while :; do sleep 1; done
    """
#: a child that is not `sleep` yet would take the signal for its parent, and sleep on
GENTLE = (
    "trap 'sleep 0.2; echo late; exit' TERM; sleep 600 &"
    ' until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done; echo ready; wait'
)
#: Python that holds 64 MB
HOLDS = "import os, time; b = bytearray(64 << 20); os.write(1, b'ready\\n'); time.sleep(600)"
#: a runner; the program of a test, which sets `answer`, stands behind it
BEGIN = f"""
import json, os, signal, sys
from pathlib import Path
from elsewhere.core.folders import RunFolder
from elsewhere_sandbox.runtimes import RUNTIMES
from elsewhere_sandbox.command import Command
from elsewhere_sandbox.spec import DockerPolicy, RunPolicy, RunSpec
from tests.engine import PYTHON
from tests.plain_setup import PlainSetup
from tests.sandbox import recorded
from tests.stores import make_record
from tests.waiting import wait_until

STUBBORN, GENTLE, HOLDS = {STUBBORN!r}, {GENTLE!r}, {HOLDS!r}
folder, python = Path(sys.argv[2]), sys.executable
policy = RunPolicy(runtime=sys.argv[1], docker=DockerPolicy(image=PYTHON, url=sys.argv[3]))
spec = RunSpec(record=make_record(), home=str(folder.parents[1]), policy=policy)
runtime = RUNTIMES[sys.argv[1]](RunFolder(folder), spec)
if runtime.enter(PlainSetup()) is not None:
    python = "/usr/bin/python3"

def start(*argv, **environment):
    variables = {{"PATH": os.environ["PATH"], **environment}}
    return runtime.start(Command(argv=argv, folder=folder, environment=variables))

def start_ready(script):
    process = start("sh", "-c", script)
    assert os.read(process.output, 6) == b"ready\\n"
    return process

def ended(process):
    wait_until(lambda: process.poll() is not None)
    one = process.poll()
    return [one.code, one.signal, one.is_out_of_memory]

def rest(process):
    # all that is printed until nobody of the tree is left
    with open(process.output) as output:
        return output.read()
"""


@pytest.fixture(params=sorted({*RUNTIMES, recorded.NAME}))
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(elsewhere_home: Path) -> Iterator[RunFolder]:
    folder = Home(elsewhere_home).run(make_record().id, 1).create()
    yield folder
    kill(marked("ELSEWHERE_RUN_FOLDER", str(folder.path)))


@pytest.fixture
def url(runtime: str, request: pytest.FixtureRequest) -> str:
    """The engine of the runtimes that need one."""
    return str(request.getfixturevalue("engine").url) if runtime == "docker" else ""


Run = Callable[[str], Any]


@pytest.fixture
def run(runtime: str, folder: RunFolder, url: str) -> Run:
    """Runs a program behind BEGIN to its end, and gives what it set as `answer`."""

    def run(program: str) -> Any:
        ended = run_whole(program, runtime, folder, url)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


def run_whole(
    program: str, runtime: str, folder: RunFolder, url: str
) -> subprocess.CompletedProcess[str]:
    whole = f"{BEGIN}{textwrap.dedent(program)}\nprint(json.dumps(answer))"
    argv = [sys.executable, "-c", whole, runtime, str(folder.path), url]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_what_a_command_prints_comes_through_one_pipe_in_its_order(run: Run) -> None:
    program = """
        process = start("sh", "-c", "echo a; echo b >&2; echo c")
        answer = rest(process)
        ended(process)
        """
    assert run(program) == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("script", "code", "number"), [("exit 0", 0, None), ("exit 7", 7, None), ("kill $$", None, 15)]
)
def test_a_command_ends_with_its_exit_code_or_its_signal(
    run: Run, script: str, code: int | None, number: int | None
) -> None:
    assert run(f'answer = ended(start("sh", "-c", {script!r}))') == [code, number, False]


def test_a_command_gets_its_words_its_folder_and_no_foreign_variable(
    run: Run, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVATE", "of the agent")
    program = """
        script = 'printf "%s|" "$0" "$1" "$PWD" "$MINE" "$PRIVATE"'
        process = start("sh", "-c", script, "a b", "$c", MINE="1")
        answer = rest(process)
        ended(process)
        """
    assert run(program) == f"a b|$c|{folder.path}|1||"


def test_a_command_that_is_not_there_is_an_error_of_the_system_or_of_a_shell(run: Run) -> None:
    program = """
        before = os.listdir("/proc/self/fd")
        try:
            process = start("no-such-command")
        except OSError as error:
            opened = len(os.listdir("/proc/self/fd")) - len(before)
            answer = [str(error), opened, [127, None, False]]
        else:
            answer = [rest(process), 0, ended(process)]
        """
    message, opened, end = run(program)
    assert "no-such-command" in message
    assert opened == 0
    assert end == [127, None, False]


def test_a_process_is_looked_at_without_waiting(run: Run) -> None:
    program = """
        process = start_ready("echo ready; exec sleep 600")
        answer = [process.poll(), process.identity.is_alive()]
        answer += [process.usage()["memory_used_gb"] > 0]
        runtime.signal(signal.SIGKILL)
        answer += [ended(process)[:2], process.identity.is_alive()]
        """
    assert run(program) == [None, True, True, [None, 9], False]


def test_the_use_is_that_of_all_that_the_command_has_started(run: Run) -> None:
    program = """
        process = start("sh", "-c", '(setsid "$0" -c "$1" &); exec sleep 600', python, HOLDS)
        assert os.read(process.output, 6) == b"ready\\n"
        answer = [process.usage()["memory_used_gb"], process.machine().hostname]
        runtime.signal(signal.SIGKILL)
        runtime.end(0.0)
        """
    used_gb, hostname = run(program)
    assert 64 / 1024 < used_gb < 0.3
    assert hostname == os.uname().nodename


def test_a_signal_reaches_the_whole_tree(run: Run) -> None:
    program = """
        process = start_ready(STUBBORN)
        runtime.signal(signal.SIGTERM)
        answer = [process.poll()]
        runtime.signal(signal.SIGKILL)
        answer += [ended(process)[:2], rest(process)]
        runtime.end(0.0)
        """
    assert run(program) == [None, [None, 9], ""]


def test_the_end_of_an_attempt_leaves_nothing_of_its_tree(run: Run, folder: RunFolder) -> None:
    program = """
        process = start_ready(STUBBORN)
        runtime.end(0.1)
        answer = rest(process)
        """
    assert run(program) == ""
    assert marked("ELSEWHERE_RUN_FOLDER", str(folder.path)) == []


def test_the_end_of_an_attempt_gives_a_grace_and_waits_no_longer_than_needed(run: Run) -> None:
    program = """
        process = start_ready(GENTLE)
        runtime.end(600.0)
        answer = rest(process)
        """
    assert run(program).endswith("late\n")


def test_where_nothing_runs_there_is_nothing_to_end(run: Run) -> None:
    program = """
        runtime.signal(signal.SIGKILL)
        runtime.end(600.0)
        answer = "nothing"
        """
    assert run(program) == "nothing"


def test_what_a_killed_runner_left_is_ended_and_nothing_of_another_attempt(
    runtime: str, folder: RunFolder, url: str
) -> None:
    other = Home(folder.path.parent.parent).run(make_record().id, 1).create()
    killed = """
        start_ready(f"exec 3> alive; {STUBBORN}")
        os.kill(os.getpid(), signal.SIGKILL)
        """
    os.mkfifo(folder.path / "alive")
    alive = os.open(folder.path / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def is_over() -> bool:
        """Nobody of the tree has the pipe open any more."""
        try:
            return os.read(alive, 1) == b""
        except BlockingIOError:
            return False

    assert run_whole(killed, runtime, folder, url).returncode == -signal.SIGKILL
    environment = {"ELSEWHERE_RUN_FOLDER": str(other.path)}
    with subprocess.Popen(["sleep", "600"], env=environment) as foreign:
        assert not is_over()
        RUNTIMES[runtime].end_left(folder)
        wait_until(is_over)
        assert psutil.Process(foreign.pid).is_running()
        foreign.kill()
    os.close(alive)

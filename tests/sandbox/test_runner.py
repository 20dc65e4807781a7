"""The runner as a real process: whatever a program does, its output is whole, its outcome is true
and nothing of it is left."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.events import Phase, Resources
from elsewhere.core.folders import read_json, read_record
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Environment, Outcome, Parameter, Source
from elsewhere_sandbox.slot import Slot
from tests.sandbox.attempts import Attempts
from tests.small_disk import needs_small_disk
from tests.waiting import wait_until

#: what most programs begin with
IMPORTS = "import os, signal, subprocess, sys, time\n"
#: seconds: longer than any test
LONG = 600


def facts(outcome: Outcome) -> tuple[Reason, int | None, int | None]:
    return outcome.reason, outcome.exit_code, outcome.signal


# how a program ends


@pytest.mark.parametrize(
    ("program", "reason", "exit_code", "number"),
    [
        ("print('done')", Reason.COMPLETED, 0, None),
        ("sys.exit(3)", Reason.PROGRAM_FAILED, 3, None),
        ("1 / 0", Reason.PROGRAM_FAILED, 1, None),
        ("import not_there", Reason.PROGRAM_FAILED, 1, None),
        ("os.abort()", Reason.KILLED, None, signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGKILL)", Reason.KILLED, None, signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", Reason.KILLED, None, signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 3)", Reason.KILLED, None, signal.SIGRTMIN + 3),
    ],
)
def test_the_outcome_is_how_the_program_ended(
    attempts: Attempts, program: str, reason: Reason, exit_code: int | None, number: int | None
) -> None:
    attempt = attempts.run(IMPORTS + program)
    assert facts(attempt.outcome) == (reason, exit_code, number)
    assert f"ended: {attempt.outcome.sentence}".encode() in attempt.output.splitlines()[-1]
    assert attempt.phases[-1] == "run"
    if "/ 0" in program:
        assert b"ZeroDivisionError" in attempt.printed


def test_what_happened_is_in_the_folder(attempts: Attempts) -> None:
    attempt = attempts.run("print('done')")
    names = ["checkout", "patch", "verify", "files", "python", "install", "link", "run"]
    assert attempt.phases == names
    phases = [event for event in attempt.events if isinstance(event, Phase)]
    assert [phase.name for phase in phases if phase.seconds is None] == names
    for file in (attempt.folder.runner, attempt.folder.child):
        identity = read_record(ProcessIdentity, file)
        assert identity is not None
        assert not identity.is_alive()
    assert attempt.folder.output.stat().st_mode & 0o077 == 0


# what it prints


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("print('a'); print('b', file=sys.stderr); print('c')", b"a\nb\nc\n"),
        ("print('no end', end='')", b"no end\n"),
        ("sys.stdout.write('10%\\r20%\\r100%\\n')", b"10%\r20%\r100%\n"),
        ("sys.stdout.buffer.write(bytes(range(256)) + b'\\n')", bytes(range(256)) + b"\n"),
        ("os.write(1, b'caf\\xc3'); time.sleep(0.15); os.write(1, b'\\xa9\\n')", b"caf\xc3\xa9\n"),
        ("print(repr(sys.stdin.read()))", b"''\n"),
        ("subprocess.run(['sh', '-c', 'echo x; echo y >&2; echo z'])", b"x\ny\nz\n"),
        ("print(open('main.py').read()[:6]); print(sys.argv)", b"import\n['main.py']\n"),
    ],
)
def test_the_output_is_what_was_printed_in_its_order(
    attempts: Attempts, program: str, printed: bytes
) -> None:
    assert attempts.run(IMPORTS + program).printed == printed


def test_a_line_is_there_while_the_program_goes_on(attempts: Attempts) -> None:
    with attempts.started("print('ready'); import time; time.sleep(600)") as attempt:
        attempt.wait_for(b"ready\n")
        attempt.stop(0)
        attempt.wait()


def test_a_flood_is_kept_whole_and_the_runner_stays_small(attempts: Attempts) -> None:
    program = """
        import os, sys, time
        line = b"x" * 99 + b"\\n"
        for _ in range(50):
            sys.stdout.buffer.write(line * 10_000)
        print("ready", flush=True)
        while not os.path.exists("go"): time.sleep(0.01)
        """
    with attempts.started(program) as attempt:
        output = attempt.folder.output
        wait_until(lambda: output.exists() and output.stat().st_size > 50_000_000, within_s=60)
        attempt.wait_for(b"ready")
        status = Path(f"/proc/{read_json(attempt.folder.runner)['pid']}/status").read_text()
        (attempt.folder.code / "go").touch()
        assert attempt.wait().reason is Reason.COMPLETED
    assert attempt.output.count(b"x" * 99 + b"\n") == 500_000
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    assert int(peak_kb) < 80_000


def test_a_program_that_prints_much_is_not_blocked_by_a_line_without_an_end(
    attempts: Attempts,
) -> None:
    attempt = attempts.run("print('x' * 20_000_000, end='')")
    assert attempt.outcome.reason is Reason.COMPLETED
    assert attempt.printed == b"x" * 20_000_000 + b"\n"


def test_secrets_are_not_shown_wherever_they_are_cut(attempts: Attempts) -> None:
    program = IMPORTS + (
        "secret = os.environ['MY_TOKEN']\n"
        "for at in range(len(secret)):\n"
        "    os.write(1, secret[:at].encode()); time.sleep(0.01)\n"
        "    os.write(1, secret[at:].encode() + b'\\n')\n"
        "print('other one', sys.argv[0])\n"
    )
    secrets = ("other one",)
    attempt = attempts.run(program, variables={"MY_TOKEN": "s3cr3t-value"}, secrets=secrets)
    assert attempt.printed == b"***\n" * len("s3cr3t-value") + b"*** main.py\n"
    assert b"s3cr3t" not in attempt.folder.runner_log.read_bytes()


def test_a_full_disk_ends_the_log_and_not_the_program(attempts: Attempts) -> None:
    attempts.run("pass")  # nothing large is to be written before the program begins
    attempt = attempts.make("print('begin'); print('x' * 2_000_000); open('ok', 'w').close()")
    attempt.start(wrapper=["prlimit", "--fsize=300000"])
    assert attempt.wait().reason is Reason.COMPLETED
    assert (attempt.folder.code / "ok").exists()
    assert attempt.folder.output.stat().st_size == 300_000
    assert b"begin\n" in attempt.output
    assert "output cannot be written" in attempt.log


@needs_small_disk
@pytest.mark.parametrize("is_full_at_the_end", [False, True])
def test_a_full_disk_costs_no_outcome(
    attempts: Attempts, tmp_path: Path, is_full_at_the_end: bool
) -> None:
    """The folder is a disk of its own; where the program leaves it full, room comes later."""
    attempts.run("pass")
    program = IMPORTS + (
        "with open('big', 'wb', 0) as file:\n"
        "    try:\n"
        "        while True: file.write(bytes(1 << 12))\n"
        "    except OSError: pass\n"
        "print('x' * 100_000)\n"
        "time.sleep(0.5)\n"
    )
    last = "open('full', 'w').close()" if is_full_at_the_end else "os.remove('big')"
    attempt = attempts.make(program + last)
    script = """
        cp -a "$FOLDER" "$SAVED" && mount -t tmpfs -o size=4m none "$FOLDER"
        cp -a "$SAVED/." "$FOLDER"
        (until test -e "$FOLDER/code/full" || test -e "$FOLDER/exit.json"; do sleep 0.1; done
         sleep 0.5; rm -f "$FOLDER/code/big") &
        "$@"; code=$?
        wait; cp "$FOLDER"/*.* "$SAVED"; exit $code
        """
    saved = tmp_path / "saved"
    attempt.start(
        wrapper=["unshare", "-m", "sh", "-c", script, "sh"],
        FOLDER=str(attempt.folder.path),
        SAVED=str(saved),
    )
    assert attempt.wait_exit() == 0, (saved / "runner.log").read_text()
    assert read_json(saved / "exit.json")["reason"] == "completed"
    lines = (saved / "output.log").read_bytes().splitlines()
    assert is_full_at_the_end or b"bytes of output were not kept" in lines[-1]


# what it gets


def test_the_program_gets_what_is_its_own_and_nothing_of_the_agents(attempts: Attempts) -> None:
    program = "import json, os, sys; print(json.dumps([dict(os.environ), sys.prefix, os.getcwd()]))"
    attempt = attempts.make(
        program,
        seed=7,
        slot=Slot(devices=("GPU-a", "GPU-c")),
        variables={"MINE": "1", "ELSEWHERE_TASK_ID": "forged", "LANG": "xx"},
        pass_environment=("ALLOWED",),
    )
    attempt.run(
        PRIVATE="agent's own",
        AWS_SECRET_ACCESS_KEY="agent's own",
        ELSEWHERE_REDIS_URL="redis://agent",
        PYTHONPATH="/agent",
        VIRTUAL_ENV="/agent",
        ALLOWED="2",
        OMP_NUM_THREADS="3",
        LANG="C.UTF-8",
    )
    environment, prefix, folder = json.loads(attempt.printed)
    wanted = {
        "MINE": "1",
        "ALLOWED": "2",
        "OMP_NUM_THREADS": "3",
        "LANG": "xx",
        "PYTHONHASHSEED": "7",
        "CUDA_VISIBLE_DEVICES": "GPU-a,GPU-c",
        "ELSEWHERE_TASK_ID": attempt.spec.record.id,
        "ELSEWHERE_RUN_FOLDER": str(attempt.folder.path),
        "VIRTUAL_ENV": str(attempt.folder.venv),
    }
    assert wanted.items() <= environment.items()
    assert not {"PRIVATE", "AWS_SECRET_ACCESS_KEY", "ELSEWHERE_REDIS_URL", "PYTHONPATH"} & set(
        environment
    )
    assert prefix == str(attempt.folder.venv)
    assert folder == str(attempt.folder.code)
    assert environment["PATH"].startswith(str(attempt.folder.venv / "bin"))


def test_no_seed_means_no_seed(attempts: Attempts) -> None:
    attempt = attempts.run("import os; print('PYTHONHASHSEED' in os.environ)", seed=None)
    assert attempt.printed == b"False\n"


def test_set_up_lines_run_before_the_program_in_its_folder_and_environment(
    attempts: Attempts,
) -> None:
    setup = ("echo $MINE > made", "test -f made && echo set up")
    attempt = attempts.run("print(open('made').read())", setup=setup, variables={"MINE": "1"})
    assert b"set up\n" in attempt.printed
    assert attempt.printed.endswith(b"1\n\n")
    assert attempt.phases[-2:] == ["setup", "run"]


def test_what_the_program_uses_is_measured(attempts: Attempts) -> None:
    wanted = IMPORTS + f"data = b'x' * 80_000_000\nprint('ready', flush=True)\ntime.sleep({LONG})\n"
    with attempts.started(wanted) as attempt:
        attempt.wait_for(b"ready")

        def measured() -> list[float]:
            events = (event for event in attempt.events if isinstance(event, Resources))
            return [event.values.get("memory_used_gb", 0.0) for event in events]

        wait_until(lambda: any(gb > 0 for gb in measured()), within_s=20)
        attempt.stop(0)
        attempt.wait()


# what is wrong


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no program": ({"source": Source(), "environment": Environment()}, "prepare", "no code"),
    "binary": ({"binary": "no-such-shell"}, "prepare", "'no-such-shell', which this machine does"),
    "incomplete": ({"missing": "Too large."}, "prepare", "Too large."),
    "entry point": ({"entry_point": "other.py"}, "prepare", "'other.py' is not in"),
    "neither": ({"entry_point": ""}, "prepare", "neither a script nor a module"),
    "folder": ({"working_dir": "../.."}, "prepare", "not in the code"),
    "tree": ({"tree": "0" * 40}, "verify", "0000"),
    "Python": ({"environment": Environment(python="2.1", packages=())}, "python", "2.1"),
    "set-up": ({"environment": Environment(packages=(), setup=("exit 3",))}, "setup", "code 3"),
}


@pytest.mark.parametrize(("changes", "phase", "why"), WRONG.values(), ids=WRONG)
def test_a_set_up_that_fails_says_in_which_phase_and_why(
    attempts: Attempts, changes: dict[str, Any], phase: str, why: str
) -> None:
    attempt = attempts.make("print('started')")
    record = attempt.spec.record
    of_record = {k: v for k, v in changes.items() if k in ("source", "environment")}
    of_source = {k: v for k, v in changes.items() if k not in of_record}
    source = replace(of_record.pop("source", record.source), **of_source)
    attempt.spec = replace(attempt.spec, record=replace(record, source=source, **of_record))
    outcome = attempt.run()
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, phase)
    assert why in outcome.message
    assert why.encode() in attempt.output
    assert b"started" not in attempt.output


def test_an_image_is_not_used_and_that_is_said_in_one_line(attempts: Attempts) -> None:
    """Its set-up script is one for the image's root: it must not run on the machine."""
    attempt = attempts.make("print('started')", setup=["echo set up"])
    record = attempt.spec.record
    environment = replace(record.environment, image="nvidia/cuda:12")
    attempt.spec = replace(attempt.spec, record=replace(record, environment=environment))
    assert attempt.run().reason is Reason.COMPLETED
    assert attempt.printed == b"started\n"
    lines = [line for line in attempt.output.splitlines() if b"nvidia/cuda:12" in line]
    assert len(lines) == 1
    assert b"is not used, nor is its set-up script run: this agent runs no containers" in lines[0]
    assert "setup" not in attempt.phases


def test_what_is_no_python_runs_a_script_of_another_language(attempts: Attempts) -> None:
    attempt = attempts.make('echo "bash $0 $*"; python -c "print(6 * 7)"')
    record = attempt.spec.record
    source = replace(record.source, binary="/bin/bash", argv=("a", "b"), needs_init=True)
    attempt.spec = replace(attempt.spec, record=replace(record, source=source))
    assert attempt.run().reason is Reason.COMPLETED
    assert attempt.printed == b"bash main.py a b\n42\n"


# a program that does not make itself the task

ARGUMENTS = """
    import argparse, os, random, subprocess, sys
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    drawn = random.random()
    print(parser.parse_args().lr, drawn == random.Random(7).random(), sys.argv, __name__, __file__)
    print("elsewhere.task.task" in sys.modules, os.environ.get("ELSEWHERE_INIT"))
    """


@pytest.mark.parametrize(
    ("line", "needs_init", "is_begun", "first"),
    [
        ("", True, True, "0.5 True"),
        ("# Task.init()", True, True, "0.5 True"),
        ("", False, False, "0.1 False"),
        ("if 0: Task.init('a', 'b')", True, False, "0.1 False"),
        ("if 0: elsewhere.Task.init()", True, False, "0.1 False"),
    ],
)
def test_a_script_without_init_is_a_task_where_that_is_asked_for(
    attempts: Attempts, line: str, needs_init: bool, is_begun: bool, first: str
) -> None:
    attempt = attempts.make(
        f"{ARGUMENTS}\n    {line}",
        seed=7,
        parameters={"Args/lr": Parameter(value=0.5, type="float")},
    )
    record = attempt.spec.record
    source = replace(record.source, needs_init=needs_init)
    attempt.spec = replace(attempt.spec, record=replace(record, source=source))
    assert attempt.run().reason is Reason.COMPLETED, attempt.output
    lines = attempt.printed.decode().splitlines()
    assert lines[-2].startswith(first), lines
    assert "['main.py'] __main__" in lines[-2]
    assert lines[-1] == f"{is_begun} None"


@pytest.mark.parametrize("spec", ["{", "{}", "[]"])
def test_a_spec_that_cannot_be_read_is_an_outcome_too(attempts: Attempts, spec: str) -> None:
    attempt = attempts.make("pass")
    attempt.start(
        wrapper=["sh", "-c", 'printf %s "$SPEC" > "$FILE"; exec "$@"', "sh"],
        SPEC=spec,
        FILE=str(attempt.folder.spec),
    )
    assert attempt.wait_exit() == 1
    assert (attempt.outcome.reason, attempt.outcome.phase) == (Reason.SETUP_FAILED, "runner")

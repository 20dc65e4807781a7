"""How a process ends, reported once: each case is a small program whose real exit counts too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from shutil import which
from typing import Any

import pytest

import elsewhere

SDK = Path(elsewhere.__file__).parents[1]

#: writes the outcome into the file argv[1], whatever becomes of the standard streams
BEGIN = """
import atexit, json, os, signal, sys, threading
from dataclasses import asdict
from elsewhere.run.process_end import Endings

def end(outcome):
    with open(sys.argv[1], "a") as file:
        print(json.dumps(asdict(outcome)), file=file)

endings = Endings(end)
"""


def run(
    folder: Path, program: str, *, module: bool = False, python: str = sys.executable
) -> tuple[int, list[dict[str, Any]]]:
    """(exit status as the shell has it, outcomes that were reported)."""
    script, reported = folder / "program.py", folder / "reported"
    script.write_text(BEGIN + textwrap.dedent(program))
    what = ["-m", "program"] if module else [str(script)]
    ended = subprocess.run(
        [python, *what, str(reported)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SDK)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = reported.read_text().splitlines() if reported.exists() else []
    return ended.returncode, [json.loads(line) for line in lines]


PROGRAMS: dict[str, tuple[str, int, str, int | None, int | None]] = {
    # program, real exit, reason, exit code, signal
    "last line": ("pass", 0, "completed", 0, None),
    "sys.exit()": ("sys.exit()", 0, "completed", 0, None),
    "sys.exit(0)": ("sys.exit(0)", 0, "completed", 0, None),
    "sys.exit(False)": ("sys.exit(False)", 0, "completed", 0, None),
    "sys.exit(3)": ("sys.exit(3)", 3, "program_failed", 3, None),
    "sys.exit(True)": ("sys.exit(True)", 1, "program_failed", 1, None),
    "sys.exit(-1)": ("sys.exit(-1)", 255, "program_failed", 255, None),
    "sys.exit(text)": ("sys.exit('no')", 1, "program_failed", 1, None),
    "exit(4)": ("exit(4)", 4, "program_failed", 4, None),
    "quit(4)": ("quit(4)", 4, "program_failed", 4, None),
    "exception": ("1 / 0", 1, "program_failed", 1, None),
    "deep": (
        """
        def f(n):
            try:
                sys.exit(5) if n == 0 else f(n - 1)
            finally:
                os.getpid()
        try:
            with open(os.devnull):
                f(3)
        finally:
            os.getpid()
        """,
        5,
        "program_failed",
        5,
        None,
    ),
    "caught at the top": (
        """
        try:
            sys.exit(3)
        except SystemExit as error:
            code = error.code
        assert code == 3
        """,
        0,
        "completed",
        0,
        None,
    ),
    "caught in a function": (
        """
        def main():
            try:
                sys.exit(3)
            except SystemExit:
                return
        main()
        """,
        0,
        "completed",
        0,
        None,
    ),
    "caught, then another": (
        """
        try:
            sys.exit(3)
        except SystemExit:
            pass
        sys.exit(4)
        """,
        4,
        "program_failed",
        4,
        None,
    ),
    "caught, then an exception": (
        """
        try:
            sys.exit(3)
        except SystemExit:
            raise ValueError("no")
        """,
        1,
        "program_failed",
        1,
        None,
    ),
    "in a thread": (
        """
        thread = threading.Thread(target=lambda: sys.exit(3))
        thread.start()
        thread.join()
        """,
        0,
        "completed",
        0,
        None,
    ),
    "a hook of one's own": (
        """
        sys.excepthook = lambda *_: print("mine")
        1 / 0
        """,
        1,
        "program_failed",
        1,
        None,
    ),
    "a caught exception that another tool keeps": (
        """
        def test():
            try:
                1 / 0
            except ZeroDivisionError as error:
                sys.last_type, sys.last_value = type(error), error
                sys.last_traceback = error.__traceback__
        test()
        """,
        0,
        "completed",
        0,
        None,
    ),
    "an exception behind a caught exit": (
        """
        try:
            exit(3)
        except SystemExit:
            pass
        1 / 0
        """,
        1,
        "program_failed",
        1,
        None,
    ),
    "begun in a thread": (
        """
        endings.detach()
        thread = threading.Thread(target=lambda: globals().update(endings=Endings(end)))
        thread.start()
        thread.join()
        sys.exit(6)
        """,
        6,
        "program_failed",
        6,
        None,
    ),
    "argparse": (
        "import argparse; argparse.ArgumentParser().parse_args(['--no'])",
        2,
        "program_failed",
        2,
        None,
    ),
    "Ctrl-C": ("os.kill(os.getpid(), signal.SIGINT)\nsignal.pause()", -2, "stopped", None, 2),
    "Ctrl-C, and code that runs at the end": (
        """
        atexit.register(lambda: exec("pass"))
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
        """,
        -2,
        "stopped",
        None,
        2,
    ),
    "Ctrl-C caught": (
        """
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        except KeyboardInterrupt:
            pass
        """,
        0,
        "completed",
        0,
        None,
    ),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()", -15, "stopped", None, 15),
    "SIGTERM without an output": (
        "sys.stdout = None\nos.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()",
        -15,
        "stopped",
        None,
        15,
    ),
    "SIGTERM with a closed output": (
        "sys.stdout.close()\nos.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()",
        -15,
        "stopped",
        None,
        15,
    ),
    "SIGTERM with a finally": (
        """
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            open("cleaned", "w").close()
        """,
        -15,
        "stopped",
        None,
        15,
    ),
}


@pytest.mark.parametrize(
    ("program", "status", "reason", "exit_code", "number"), PROGRAMS.values(), ids=PROGRAMS
)
def test_the_outcome_is_what_the_shell_sees(
    tmp_path: Path,
    program: str,
    status: int,
    reason: str,
    exit_code: int | None,
    number: int | None,
) -> None:
    ended, reported = run(tmp_path, program)
    assert ended == status
    assert [(one["reason"], one["exit_code"], one["signal"]) for one in reported] == [
        (reason, exit_code, number)
    ]
    assert (tmp_path / "cleaned").exists() == ("cleaned" in program)


def test_an_exit_is_plain_and_silent_in_a_thread(tmp_path: Path) -> None:
    program = """
        try:
            sys.exit(3)
        except SystemExit as error:
            assert type(error) is SystemExit
        printed = open("printed", "w")
        sys.stderr = printed
        thread = threading.Thread(target=sys.exit, args=(3,))
        thread.start()
        thread.join()
        """
    ended, reported = run(tmp_path, program)
    assert (ended, [one["reason"] for one in reported]) == (0, ["completed"])
    assert (tmp_path / "printed").read_text() == ""


def test_an_exit_by_hand_has_its_code_where_python_reports_it(tmp_path: Path) -> None:
    ended, reported = run(tmp_path, "raise SystemExit(3)")
    known = (reported[0]["reason"], reported[0]["exit_code"], reported[0]["message"])
    assert ended == 3
    if sys.version_info >= (3, 12):
        assert known == ("program_failed", 3, "It ended with exit code 3.")
    else:
        assert known == (
            "completed",
            None,
            "It ended by a SystemExit raised by hand, whose code is not known: use sys.exit.",
        )


@pytest.mark.parametrize(
    "program", ["1 / 0", "sys.exit(3)", "raise SystemExit(3)", "exit(0)", "pass"]
)
@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_other_pythons_see_the_same_ends(tmp_path: Path, program: str, version: str) -> None:
    python = other_python(version)
    ended, reported = run(tmp_path, program, python=python)
    if program == "raise SystemExit(3)" and version == "3.10":
        assert (ended, reported[0]["reason"], reported[0]["exit_code"]) == (3, "completed", None)
    else:
        assert reported[0]["exit_code"] == ended


def other_python(version: str) -> str:
    """An interpreter of `version`; skips the test on a machine without one."""
    found = [
        which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ]
    for path in (one for one in found if one is not None):
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(path)
    pytest.skip(f"no Python {version} on this machine")


def test_a_module_ends_like_a_script(tmp_path: Path) -> None:
    ended, reported = run(tmp_path, "sys.exit(3)", module=True)
    assert (ended, reported[0]["exit_code"]) == (3, 3)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise ValueError('bad value')", "ValueError: bad value"),
        ("sys.exit('wrong input')", "wrong input"),
        ("sys.exit(3)", "It ended with exit code 3."),
        ("raise ValueError('x' * 100000)", "ValueError: " + "x" * 988),
        ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", "It was ended by SIGTERM."),
    ],
)
def test_the_message_has_the_reason(tmp_path: Path, program: str, message: str) -> None:
    assert run(tmp_path, program)[1][0]["message"] == message


@pytest.mark.parametrize(
    "program",
    ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"],
)
def test_a_death_is_not_reported(tmp_path: Path, program: str) -> None:
    ended, reported = run(tmp_path, program)
    assert ended != 0
    assert reported == []


def test_a_forked_child_reports_nothing(tmp_path: Path) -> None:
    program = """
        if os.fork() == 0:
            sys.exit(7)
        print(os.wait()[1])
        """
    ended, reported = run(tmp_path, program)
    assert (ended, [one["reason"] for one in reported]) == (0, ["completed"])


def test_sigterm_ends_a_forked_child_from_its_first_moment_on(tmp_path: Path) -> None:
    program = """
        lock = threading.Lock()
        lock.acquire()
        for _ in range(300):
            if (child := os.fork()) == 0:
                lock.acquire(timeout=20)
                os._exit(1)
            os.kill(child, signal.SIGTERM)
            assert os.waitpid(child, 0)[1] == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == endings._on_signal
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
        """
    ended, reported = run(tmp_path, program)
    assert (ended, [one["reason"] for one in reported]) == (0, ["completed"])


def test_everything_is_put_back(tmp_path: Path) -> None:
    program = """
        endings.detach()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert "elsewhere" not in repr([sys.exit, exit, quit])
        """
    assert run(tmp_path, program) == (0, [])


def test_what_somebody_else_set_since_is_left_alone(tmp_path: Path) -> None:
    program = """
        def handler(*_): pass
        sys.exit = handler
        signal.signal(signal.SIGTERM, handler)
        endings.detach()
        assert sys.exit == handler
        assert signal.getsignal(signal.SIGTERM) is handler
        """
    assert run(tmp_path, program) == (0, [])


def test_a_programs_own_handlers_go_on_working(tmp_path: Path) -> None:
    program = """
        endings.detach()
        received = []
        signal.signal(signal.SIGTERM, lambda *_: received.append("term"))
        sys.excepthook = lambda *_: print("hook", file=open("hooked", "w"))
        endings = Endings(end)
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == ["term"]
        raise ValueError("no")
        """
    ended, reported = run(tmp_path, program)
    assert (ended, reported[0]["message"]) == (1, "ValueError: no")
    assert (tmp_path / "hooked").exists()

"""The descriptors of a program, teed: its output goes where it went before, and to the file."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.sdk.report.programs import Programs, Terminal
from tests.small_disk import on_small_disk
from tests.waiting import wait_until

EVERYBODY = """
print("python")
sys.stdout.flush()
raw("descriptor\\n")
print("errors", file=sys.stderr)
libc = ctypes.CDLL(None)
libc.puts(b"compiled")
libc.fflush(None)
os.system("echo shell; echo shell errors >&2")
subprocess.run([sys.executable, "-c", "print('child')"])
if os.fork() == 0:
    raw("forked\\n")
    os._exit(0)
os.wait()
libc.printf(b"held back by C\\n")
sys.stdout.write("no line's end")
"""
OF_EVERYBODY = (
    b"python\ndescriptor\nerrors\ncompiled\nshell\nshell errors\nchild\nforked\n"
    b"no line's endheld back by C\n"
)


def test_what_everybody_writes_arrives_on_both_sides_in_one_order(programs: Programs) -> None:
    ran = programs.run(EVERYBODY + "console.detach()\nprint('|after')")
    assert ran.returncode == 0
    assert ran.stdout == OF_EVERYBODY + b"|after\n"
    assert programs.copied == OF_EVERYBODY


def test_two_files_are_two_ways(programs: Programs) -> None:
    ran = programs.run(
        "raw('out\\n'); raw('err\\n', to=2); console.detach()", stderr=subprocess.PIPE
    )
    assert (ran.stdout, ran.stderr) == (b"out\n", b"err\n")
    assert sorted(programs.copied.splitlines()) == [b"err", b"out"]


def test_a_terminal_stays_a_terminal_of_its_size(programs: Programs) -> None:
    terminal = Terminal()
    ran = programs.run(
        """
        print(os.isatty(1), os.isatty(2), os.get_terminal_size())
        print("\\x1b[31mred\\x1b[0m", "\\t|")
        sys.stdout.write("10%\\r20%\\r")
        print("done")
        console.detach()
        print(os.isatty(1), os.get_terminal_size())
        """,
        stdout=terminal.slave,
        stderr=terminal.slave,
        stdin=terminal.slave,
    )
    assert ran.returncode == 0
    first = b"True True os.terminal_size(columns=87, lines=31)\n"
    rest = b"\x1b[31mred\x1b[0m \t|\n10%\r20%\rdone\n"
    assert programs.copied == first + rest
    after = b"True os.terminal_size(columns=87, lines=31)\n"
    assert terminal.read_to_end() == (first + rest + after).replace(b"\n", b"\r\n")


def test_a_terminal_that_changes_its_size_does_so_for_the_program(programs: Programs) -> None:
    terminal = Terminal()
    code = """
    print("begun", flush=True)
    sys.stdin.readline()
    for _ in range(500):
        print(".", flush=True)
        time.sleep(0.01)
        if os.get_terminal_size().columns == 40:
            break
    print(os.get_terminal_size().columns)
    console.detach()
    """
    with subprocess.Popen(
        programs.command(code),
        stdin=subprocess.PIPE,
        stdout=terminal.slave,
        stderr=terminal.slave,
        text=True,
    ) as program:
        wait_until(lambda: programs.output.exists() and b"begun" in programs.copied, what="begun")
        terminal.resize(10, 40)
        program.communicate("go\n", timeout=60)
    assert terminal.read_to_end().endswith(b".\r\n40\r\n")


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(3)", "os.abort()"])
def test_what_was_written_before_a_sudden_end_arrives(programs: Programs, end: str) -> None:
    ran = programs.run(f"for n in range(20_000): raw('%d\\n' % n)\n{end}")
    lines = b"".join(b"%d\n" % n for n in range(20_000))
    assert ran.returncode != 0
    assert ran.stdout == lines
    wait_until(lambda: programs.copied == lines, what="the copy is whole")


def test_code_that_holds_the_interpreter_may_write_as_much_as_it_likes(programs: Programs) -> None:
    ran = programs.run(
        """
        block = b"x" * 5_000_000
        left = 0
        while left < len(block):  # PyDLL keeps the interpreter's lock
            left += ctypes.PyDLL(None).write(1, block[left:], len(block) - left)
        console.detach()
        """
    )
    assert len(ran.stdout) == len(programs.copied) == 5_000_000


@pytest.mark.parametrize("before", ["", "child = os.fork()\nif not child: time.sleep(600)\n"])
def test_a_reader_that_goes_ends_the_program_as_it_would_have(
    programs: Programs, before: str
) -> None:
    code = (
        before
        + """
try:
    while True:
        raw("line\\n")
except BrokenPipeError:
    if "child" in globals():
        os.kill(child, 9)
    sys.exit(7)
"""
    )
    with subprocess.Popen(programs.command(code), stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"line\n"
        program.stdout.close()
        assert program.wait(timeout=60) == 7


def test_a_copier_that_is_killed_is_replaced(programs: Programs) -> None:
    code = """
    raw("first\\n")
    console.flush()
    print("ready", flush=True)
    console.flush()
    sys.stdin.readline()
    for n in range(20_000):
        raw("%d\\n" % n)
    console.detach()
    """
    with subprocess.Popen(
        programs.command(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        wait_until(
            lambda: programs.output.exists() and b"ready" in programs.copied, what="it is ready"
        )
        (copier,) = programs.copiers()
        os.kill(copier, signal.SIGKILL)
        wait_until(
            lambda: programs.copiers() not in ([], [copier]), what="another copier has begun"
        )
        printed, _ = program.communicate(b"go\n", timeout=60)
    lines = b"first\nready\n" + b"".join(b"%d\n" % n for n in range(20_000))
    assert printed == lines
    assert programs.copied == lines


def test_a_copier_that_does_not_start_costs_the_copy_alone(programs: Programs) -> None:
    ran = programs.run(
        """
        print("one")
        console.detach()
        from elsewhere.report import copier
        copier.__file__ = "/nowhere/copier.py"
        console = Console(Path(sys.argv[1]), ("stdout", "stderr"), KnownSecrets.of_this_process())
        raw("two\\n")
        while threading.active_count() > 1:
            time.sleep(0.01)
        raw("three\\n")
        console.flush()
        console.detach()
        """
    )
    assert ran.returncode == 0
    said = b"No more output is recorded: the process that copies it has ended."
    assert sorted(ran.stdout.splitlines()) == sorted([b"one", b"two", b"three", said])
    own = [line for line in ran.stdout.splitlines() if line != said]  # which comes when it is known
    assert own == [b"one", b"two", b"three"]
    assert programs.copied == b"one\n"


def test_a_program_that_is_not_python_alone_is_copied_where_python_prints(
    programs: Programs,
) -> None:
    ran = programs.run(
        """
        console.detach()
        sys.executable = "/opt/blender/blender"
        console = Console(Path(sys.argv[1]), ("stdout", "stderr"), KnownSecrets.of_this_process())
        print("printed", flush=True)
        raw("raw\\n")
        console.detach()
        """
    )
    assert b"Only what Python prints is recorded" in ran.stdout
    assert ran.stdout.endswith(b"printed\nraw\n")
    assert programs.copied == b"printed\n"


def test_a_secret_is_not_copied_whoever_prints_it_and_since_when_it_is_known(
    programs: Programs,
) -> None:
    ran = programs.run(
        """
        os.environ["LATE_API_KEY"] = "s3cret-of-later"
        os.system("echo shell $LATE_API_KEY")
        raw("x" * 65_530 + os.environ["EARLY_TOKEN"] + "y\\n")
        console.detach()
        """,
        env={**os.environ, "EARLY_TOKEN": "t0ken-of-before"},
    )
    assert b"shell s3cret-of-later\n" in ran.stdout
    assert b"xt0ken-of-beforey\n" in ran.stdout
    assert programs.copied == b"shell ***\n" + b"x" * 65_530 + b"***y\n"


def test_a_program_that_waits_for_all_its_children_has_none_of_ours(programs: Programs) -> None:
    ran = programs.run(
        """
        try:
            while True:
                os.wait()
        except ChildProcessError:
            print("none")
        console.detach()
        """
    )
    assert ran.stdout == b"none\n"


def test_a_child_that_stays_prints_on_and_is_not_waited_for(programs: Programs) -> None:
    code = """
    child = subprocess.Popen(["sh", "-c", "read line; echo later"], stdin=subprocess.PIPE)
    print("now")
    console.detach()
    print("over", child.pid, flush=True)
    child.stdin.close() if sys.stdin.readline() else None
    child.wait()
    """
    ran = programs.run(code, input=b"go\n")
    assert re.fullmatch(rb"now\nover \d+\nlater\n", ran.stdout)
    assert programs.copied == b"now\n"


def test_what_the_program_has_put_there_stays_there(programs: Programs, tmp_path: Path) -> None:
    ran = programs.run(
        f"""
        raw("before\\n")
        other = os.open({str(tmp_path / "other")!r}, os.O_WRONLY | os.O_CREAT)
        os.dup2(other, 1)
        raw("its own\\n")
        console.detach()
        raw("its own still\\n")
        """
    )
    assert ran.stdout == b"before\n"
    assert (tmp_path / "other").read_text() == "its own\nits own still\n"
    assert programs.copied == b"before\n"


def test_a_program_that_closes_all_that_it_does_not_know_goes_on(programs: Programs) -> None:
    ran = programs.run(
        """
        os.closerange(3, 256)
        raw("still\\n")
        console.flush()
        print("there", flush=True)
        """
    )
    assert ran.returncode == 0
    assert ran.stdout == b"still\nthere\n"


def test_a_stream_that_is_closed_stays_closed(programs: Programs) -> None:
    command = ["sh", "-c", '"$@" >&-', "sh", *programs.command("raw('err\\n', to=2)")]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr) == (b"", b"err\n")
    wait_until(lambda: programs.copied == b"err\n", what="it is copied")


def test_a_full_disk_of_the_copy_breaks_no_print(programs: Programs, tmp_path: Path) -> None:
    programs.output = tmp_path / "small" / "output.log"
    programs.output.parent.mkdir()
    code = """
    for n in range(40):
        raw("x" * 99_999 + "\\n")
    console.flush()
    print("went on")
    console.detach()
    """
    command = [*on_small_disk(programs.output.parent, "1m"), *programs.command(code)]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ran.stdout == (b"x" * 99_999 + b"\n") * 40 + b"went on\n"
    assert b"Output is shown but not kept" in ran.stderr


def test_a_full_disk_of_the_original_is_reported_and_the_copy_is_whole(programs: Programs) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = programs.run(
            "raw('one\\n'); console.flush(); raw('two\\n'); console.detach()",
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert ran.returncode == 0
    assert ran.stderr.count(b"No space left on device") == 1
    assert programs.copied.startswith(b"one\n")
    assert b"two\n" in programs.copied


def test_forks_beside_a_stream_that_is_flushed_hang_nobody(programs: Programs) -> None:
    ran = programs.run(
        """
        printing = threading.Lock()  # a fork within a print hangs by itself, also without us
        def fork_often():
            for _ in range(40):
                with printing:
                    child = os.fork()
                if not child:
                    sys.stdout.write("child\\n")
                    sys.stdout.flush()
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
        threads = [threading.Thread(target=fork_often) for _ in range(3)]
        for thread in threads: thread.start()
        for n in range(3000):
            with printing:
                print("parent")
            if n % 100 == 0: time.sleep(0.002)
        for thread in threads: thread.join()
        console.detach()
        """
    )
    assert ran.returncode == 0
    # What the parent held back when it forked is in its child, too, as it is without us.
    assert ran.stdout.count(b"child\n") == 120
    assert ran.stdout.count(b"parent") >= 3000
    assert programs.copied == ran.stdout


def test_output_that_is_held_back_by_python_is_seen_meanwhile(programs: Programs) -> None:
    with subprocess.Popen(
        programs.command("print('seen')\nsys.stdin.readline()\nconsole.detach()"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        wait_until(
            lambda: programs.output.exists() and programs.copied == b"seen\n", what="it is seen"
        )
        program.communicate(b"go\n", timeout=60)


def test_a_terminal_that_does_not_wait_loses_nothing(programs: Programs) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    code = "raw('x' * 1_000_000 + '\\n'); console.detach()"
    with subprocess.Popen(programs.command(code), stdout=writing) as program:
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            printed = file.read()
        assert program.wait(timeout=60) == 0
    assert printed == b"x" * 1_000_000 + b"\n"
    assert programs.copied == printed

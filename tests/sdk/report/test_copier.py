"""The copier beside a program: what goes its way arrives whole, and holds up nobody else."""

from __future__ import annotations

import os
import re
import signal
import subprocess

import pytest

from tests.sdk.report.programs import Programs, Terminal
from tests.small_disk import needs_small_disk
from tests.waiting import wait_until


def test_a_copier_that_nobody_can_write_to_is_not_replaced(programs: Programs) -> None:
    ran = programs.run(
        """
        from elsewhere.report.descriptors import DescriptorTee
        starts, start = [], DescriptorTee._start
        DescriptorTee._start = lambda tee: (starts.append(0), start(tee))[1]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        raw("before\\n")
        console.flush()
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        console.flush()
        open(sys.argv[1] + ".starts", "w").write(f"{starts}")
        """
    )
    assert ran.stdout == b"before\n"
    assert programs.output.with_name("output.log.starts").read_text() == "[]"


@pytest.mark.parametrize("what", ["open('/dev/null', 'w')", "socket.socketpair()[0]"])
def test_files_that_get_the_numbers_of_ours_are_left_alone(programs: Programs, what: str) -> None:
    ran = programs.run(
        f"""
        import socket
        os.closerange(3, 256)
        theirs = [{what} for _ in range(12)]
        numbers = [one.fileno() for one in theirs]
        before = [os.fstat(one) for one in numbers]
        raw("still\\n")
        console.flush()
        console.detach()
        assert [os.fstat(one) for one in numbers] == before
        print("there", flush=True)
        """
    )
    assert ran.returncode == 0
    assert ran.stdout == b"still\nthere\n"


def test_a_reader_that_goes_frees_code_that_holds_the_interpreter(programs: Programs) -> None:
    code = """
    block = b"x" * 1_000_000
    for _ in range(3):
        ctypes.PyDLL(None).write(1, block, len(block))  # PyDLL keeps the interpreter's lock
    os._exit(7)
    """
    with subprocess.Popen(programs.command(code), stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.read(1) == b"x"
        program.stdout.close()
        assert program.wait(timeout=60) == 7


def test_a_target_that_nobody_reads_holds_up_no_other(programs: Programs) -> None:
    code = """
    threading.Thread(target=lambda: raw("x" * 1_000_000), daemon=True).start()
    raw("out is full\\n", to=2)
    sys.stdin.readline()
    raw("still\\n", to=2)
    sys.stdin.readline()
    os._exit(0)
    """
    with subprocess.Popen(
        programs.command(code),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stderr.readline() == b"out is full\n"
        wait_until(lambda: b"x" in programs.copied, what="its output has begun")
        for _ in range(2):
            program.stdin.write(b"go\n")
            program.stdin.flush()
        assert program.stderr.readline() == b"still\n"
        assert len(program.stdout.read()) > 0
        assert program.wait(timeout=60) == 0


def test_lines_of_several_programs_at_one_terminal_stay_whole(programs: Programs) -> None:
    terminal = Terminal()
    command = programs.command("for _ in range(2000): raw(f'{os.getpid()} ' + 'x' * 100 + '\\n')")
    started = [
        subprocess.Popen(command, stdout=terminal.slave, stderr=terminal.slave) for _ in range(3)
    ]
    lines = terminal.read_to_end().split(b"\r\n")
    assert [one.wait(timeout=60) for one in started] == [0, 0, 0]
    torn = [line for line in lines[:-1] if not re.fullmatch(rb"\d+ x{100}", line)]
    assert len(lines) == 6001
    assert len(torn) <= 6  # a busy machine may let a writer wait long within a line


def test_the_end_at_a_terminal_is_copied_whole(programs: Programs) -> None:
    for _ in range(5):
        programs.output.unlink(missing_ok=True)
        terminal = Terminal()
        code = "for n in range(3000): raw('%d\\n' % n)\nconsole.detach()"
        with subprocess.Popen(programs.command(code), stdout=terminal.slave) as program:
            shown = terminal.read_to_end()
            assert program.wait(timeout=60) == 0
        assert programs.copied == b"".join(b"%d\n" % n for n in range(3000))
        assert shown == programs.copied.replace(b"\n", b"\r\n")


def test_a_program_that_is_ended_with_its_copier_says_its_last_words(programs: Programs) -> None:
    code = """
    import signal
    def last(*_):
        for n in range(1000): raw(f"{n}\\n")
        os._exit(0)
    signal.signal(signal.SIGTERM, last)
    console.flush()
    raw("ready\\n")
    sys.stdin.read()
    """
    with subprocess.Popen(
        programs.command(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        (copier,) = programs.copiers()
        for pid in (copier, program.pid):
            os.kill(pid, signal.SIGTERM)
        assert program.stdout.read() == b"".join(b"%d\n" % n for n in range(1000))
    wait_until(lambda: programs.copied.endswith(b"\n999\n"), what="they are copied")


MODES = """
import termios
def seen():
    return [bool(termios.tcgetattr(0)[3] & bit) for bit in (termios.ECHO, termios.ICANON)]
def wait_for(modes):
    while seen() != modes:
        time.sleep(0.01)
console.flush()
"""


def test_what_curses_changes_at_a_terminal_changes_that(programs: Programs) -> None:
    terminal = Terminal()
    code = MODES + (
        "import curses\n"
        "curses.wrapper(lambda screen: (screen.refresh(), wait_for([False, False])))\n"
        "wait_for([True, True])\n"
    )
    with subprocess.Popen(
        programs.command(code),
        stdin=terminal.slave,
        stdout=terminal.slave,
        env={**os.environ, "TERM": "xterm"},
    ) as program:
        assert program.wait(timeout=60) == 0
    terminal.read_to_end()


def test_what_python_changes_at_a_terminal_comes_after_what_was_printed(
    programs: Programs,
) -> None:
    terminal = Terminal()
    code = MODES + (
        "import tty\n"
        "before = termios.tcgetattr(0)\n"
        "for n in range(200):\n"
        "    raw(f'{n}\\n')\n"
        "    tty.setraw(0)\n"
        "    termios.tcsetattr(0, termios.TCSANOW, before)\n"
        "ours = termios.tcsetattr\n"
        "console.detach()\n"
        "assert termios.tcsetattr is tty.tcsetattr is not ours\n"
    )
    with subprocess.Popen(
        programs.command(code), stdin=terminal.slave, stdout=terminal.slave
    ) as program:
        assert program.wait(timeout=60) == 0
    assert terminal.read_to_end() == b"".join(b"%d\r\n" % n for n in range(200))


@needs_small_disk
def test_the_first_process_of_a_container_gets_its_last_words_out(programs: Programs) -> None:
    command = programs.command("print('printed', flush=True)\nraw('last\\n')\nos._exit(3)")
    command = ["unshare", "--pid", "--fork", "--mount-proc", *command]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 3
    assert ran.stdout == b"printed\nlast\n"
    assert b"Only what Python prints is recorded" in ran.stderr
    assert programs.copied == b"printed\n"


def test_a_line_of_one_stream_is_not_within_one_of_the_other(programs: Programs) -> None:
    code = """
    console.flush()
    for n in range(20):
        raw("line of ")
        time.sleep(0.01)
        raw("line of stderr\\n", to=2)
        time.sleep(0.01)
        raw("stdout\\n")
    raw("a question")
    console.detach()
    """
    programs.run(code, stderr=subprocess.PIPE)
    *lines, last = programs.copied.splitlines()
    assert last == b"a question"
    assert sorted(lines) == [b"line of stderr"] * 20 + [b"line of stdout"] * 20


def test_sockets_that_a_library_makes_non_blocking_are_waited_for(programs: Programs) -> None:
    ran = programs.run(
        """
        import socket

        class Green(socket.socket):  # as gevent's
            def __init__(self, *given, **named):
                super().__init__(*given, **named)
                os.set_blocking(self.fileno(), False)

        console.detach()
        socket.socket = Green
        console = Console(Path(sys.argv[1]), ("stdout", "stderr"), KnownSecrets.of_this_process())
        console.flush()
        os.environ["API_TOKEN"] = "hunter2hunter2"
        raw("the token is hunter2hunter2\\n")
        console.flush()
        raw(Path(sys.argv[1]).read_text())
        """
    )
    assert ran.stdout == b"the token is hunter2hunter2\nthe token is ***\n"

"""`elsewhere logs`: stored output, whole, from its end, and live."""

from __future__ import annotations

import io
import os
import pty
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from elsewhere.command.main import main
from elsewhere.command.screen import Screen
from elsewhere.core.choices import Reason, Status
from elsewhere.store import connect_store
from tests.redis_server import RedisServer
from tests.sdk.command.tasks import Heard, Tasks, open_tasks, started

#: the size of a block of stored output, of which 16 at each end are kept
MIB = 1 << 20


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """(its far end, what a process gets as its stdout)."""
    master, slave = pty.openpty()
    try:
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


def printed(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> bytes:
    assert main(["logs", *arguments]) == 0
    return capsysbinary.readouterr().out


def test_bytes_go_into_a_pipe_untouched(
    tasks: Tasks, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = bytes(range(256)) * 9000 + b"\x1b]0;title\x07\xff no end"  # several pieces
    task_id = tasks.running()
    tasks.prints(task_id, data, pending="50 %")
    assert printed(capsysbinary, task_id[:8]) == data


def test_an_earlier_attempt_is_printed_when_asked_for(
    tasks: Tasks, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    task_id = tasks.running()
    tasks.prints(task_id, b"first\n")
    tasks.ends(task_id, Reason.STOPPED)
    tasks.begin(task_id)
    tasks.prints(task_id, b"second\n")
    assert printed(capsysbinary, task_id) == b"second\n"
    assert printed(capsysbinary, task_id, "--attempt", "1") == b"first\n"
    assert main(["logs", task_id, "--attempt", "3"]) == 1
    assert b"has no attempt 3: it has had 2" in capsysbinary.readouterr().err


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("count", [0, 1, 2, 5000, 70_000])
def test_the_last_lines_alone(
    count: int, end: bytes, tasks: Tasks, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = [b"line %d" % number for number in range(20_000)]
    task_id = tasks.running()
    tasks.prints(task_id, b"\n".join(lines) + end)
    expected = b"\n".join(lines[len(lines) - count :] if count < len(lines) else lines)
    assert printed(capsysbinary, task_id, "--tail", str(count)) == (
        expected + end if count else b""
    )


def test_what_is_not_kept_of_a_huge_output_is_said(
    tasks: Tasks, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    task_id = tasks.running()
    for number in range(35):
        tasks.prints(task_id, (b"%d" % number).ljust(MIB - 1) + b"\n")
    assert main(["logs", task_id]) == 0
    found = capsysbinary.readouterr()
    assert [int(line) for line in found.out.split()] == [*range(16), *range(19, 35)]
    assert f"{3 * MIB} bytes in the middle are not kept".encode() in found.err
    # Looking back for more lines than there are ends at the gap.
    lines = printed(capsysbinary, task_id, "--tail", "1000").split()
    assert [int(line) for line in lines] == list(range(19, 35))


def test_a_task_that_printed_nothing_says_why(
    tasks: Tasks, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    task_id = tasks.create()
    assert main(["logs", task_id]) == 0
    assert b"has printed nothing. It is a draft" in capsysbinary.readouterr().err


def test_following_prints_each_line_until_the_task_has_ended(tasks: Tasks) -> None:
    task_id = tasks.create()
    with started("logs", "-f", task_id) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = Heard(process.stdout.fileno()), Heard(process.stderr.fileno())
        err.has(b"It is a draft")
        tasks.begin(task_id)
        for number in range(3):
            line = b"line %d\n" % number
            tasks.prints(task_id, line, pending="42 %")
            out.has(line)
        tasks.prints(task_id, b"the rest")
        tasks.ends(task_id)
        assert process.wait(10) == 0
        assert out.look() == b"line 0\nline 1\nline 2\nthe rest"
        err.has(b"): completed after")


def test_following_goes_on_with_the_next_attempt(tasks: Tasks) -> None:
    task_id = tasks.running()
    with started("logs", "--follow", task_id) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = Heard(process.stdout.fileno()), Heard(process.stderr.fileno())
        tasks.prints(task_id, b"first\n")
        out.has(b"first\n")
        tasks.prints(task_id, b"last words\n")
        tasks.store.move(task_id, Status.CREATED, allowed=[Status.IN_PROGRESS])
        tasks.begin(task_id)
        tasks.prints(task_id, b"second\n")
        tasks.ends(
            task_id, Reason.PROGRAM_FAILED, exit_code=3, message="It ended with exit code 3."
        )
        assert process.wait(10) == 4
        assert out.look() == b"first\nlast words\nsecond\n"
        err.has(b"Attempt 2 begins.")
        err.has(b"): failed after")
        err.has(b" s: program_failed. It ended with exit code 3.")


def test_following_an_attempt_ends_with_it(tasks: Tasks) -> None:
    task_id = tasks.running()
    with started("logs", "-f", "--attempt", "1", task_id) as process:
        assert process.stdout is not None
        tasks.prints(task_id, b"first\n")
        Heard(process.stdout.fileno()).has(b"first\n")
        tasks.ends(task_id, Reason.STOPPED)
        tasks.begin(task_id)
        assert process.wait(10) == 0


def test_following_a_task_that_has_ended_prints_all_and_leaves(
    tasks: Tasks, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    task_id = tasks.running()
    tasks.prints(task_id, b"one\ntwo\n")
    tasks.ends(task_id, Reason.LOST)
    assert main(["logs", "-f", task_id, "--tail", "1"]) == 4
    assert capsysbinary.readouterr().out == b"two\n"


def test_ctrl_c_leaves_and_does_not_touch_the_task(tasks: Tasks) -> None:
    task_id = tasks.running()
    with started("logs", "-f", task_id) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        tasks.prints(task_id, b"line\n")
        Heard(process.stdout.fileno()).has(b"line\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read() == b""
    state = tasks.store.state(task_id)
    assert (state.status, state.stop_requested_at) == (Status.IN_PROGRESS, 0.0)


def test_following_outlives_an_outage_of_the_store(short_path: Path) -> None:
    server = RedisServer(short_path, append_only=True)
    with server, open_tasks(server.url) as tasks:
        task_id = tasks.running()
        tasks.prints(task_id, b"before\n")
        with started("logs", "-f", task_id) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            out, err = Heard(process.stdout.fileno()), Heard(process.stderr.fileno())
            out.has(b"before\n")
            server.kill()
            err.has(b"Waiting for it.")
            server.start()
            err.has(b"The store is back.")
            with closing(connect_store(server.url)) as store:
                again = Tasks(store)
                again.prints(task_id, b"after\n")
                again.ends(task_id)
            assert process.wait(10) == 0
            assert out.look() == b"before\nafter\n"


def test_a_reader_that_has_seen_enough_ends_it_quietly(tasks: Tasks) -> None:
    task_id = tasks.running()
    tasks.prints(task_id, b"line\n" * 200_000)
    with started("logs", task_id) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(5) == b"line\n"
        process.stdout.close()
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_on_a_terminal_the_unfinished_line_is_drawn_and_replaced(tasks: Tasks) -> None:
    task_id = tasks.running()
    with terminal() as (master, slave), started("logs", "-f", task_id, stdout=slave) as process:
        screen = Heard(master)
        tasks.prints(task_id, b"begin\n", pending="epoch 1: 50 %")
        screen.has(b"begin\r\nepoch 1: 50 %")
        tasks.prints(task_id, b"", pending="epoch 1: 99 %")
        screen.has(b"\r" + b" " * 13 + b"\repoch 1: 99 %")
        tasks.prints(task_id, b"epoch 1: 100 %\n")
        tasks.ends(task_id)
        screen.has(b"\r" + b" " * 13 + b"\repoch 1: 100 %\r\n")
        assert process.wait(10) == 0


def test_on_a_terminal_only_colours_get_through(tasks: Tasks) -> None:
    task_id = tasks.running()
    tasks.prints(task_id, b"\x1b[31mred\x1b[0m\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[6n\xff end\n")
    with terminal() as (master, slave), started("logs", task_id, stdout=slave) as process:
        assert process.wait(10) == 0
        Heard(master).has("\x1b[31mred\x1b[0m\ufffd end\r\n".encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("plain\ttext\r\n", "plain\ttext\n"),
        ("\x1b[1;38;5;9mred\x1b[m\n", "\x1b[1;38;5;9mred\x1b[m\n"),
        ("\x1b]0;title\x07a\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\\n", "alink\n"),
        ("\x1b]0;never ended\nnext\n", "\nnext\n"),
        ("\x1bP+q544e\x1b\\a\x1b_G;x\x1b\\b\x1b^pm\x1b\\c\n", "abc\n"),
        ("\x1b[2J\x1b[1;1Hhome\x1b[?1049h\x1b[>c\x1b[6n\n", "home\n"),
        ("\x1bc\x1b(0reset\x1b7\n", "reset\n"),
        ("\x9b31ma\x9d0;t\x9cb\x85\x08\x0b\x0c\x00\x7f\n", "ab\n"),
        ("\x1b[3\x1b[31m\x1b\x1b]0;x\x07y\n", "3\x1b[31my\n"),
        ("grüße \N{SNOWMAN}\n", "grüße \N{SNOWMAN}\n"),
    ],
)
def test_a_screen_shows_the_same_however_the_bytes_are_cut(data: str, expected: str) -> None:
    for step in (1, 2, 3, 1000):
        file = io.BytesIO()
        screen = Screen(file, columns=80)
        packed = data.encode()
        for at in range(0, len(packed), step):
            screen.write(packed[at : at + step])
        assert file.getvalue().decode() == expected


def test_a_drawn_line_never_wraps() -> None:
    file = io.BytesIO()
    screen = Screen(file, columns=10)
    screen.draw("\x1b[32m漢字漢字漢字漢字\x1b[0m")
    assert file.getvalue().decode() == "漢字漢字"
    screen.finish()
    assert file.getvalue().decode() == "漢字漢字\n"

"""The tee: the original stream gets all that it got before, and the file gets it, too."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elsewhere.report.streams import Tee


class Console:
    """Two text streams like those of a process, over bytes in memory."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.out_bytes, self.err_bytes = io.BytesIO(), io.BytesIO()
        self.out = io.TextIOWrapper(self.out_bytes, encoding=encoding, write_through=True)
        self.err = io.TextIOWrapper(self.err_bytes, encoding=encoding, write_through=True)


@contextmanager
def console_of_this_process(encoding: str = "utf-8") -> Iterator[Console]:
    """No fixture, since pytest puts its own streams back between a fixture and its test."""
    console = Console(encoding)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = console.out, console.err
    try:
        yield console
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def teed(output: Path) -> Iterator[Console]:
    with console_of_this_process() as console:
        tee = Tee(output)
        try:
            yield console
        finally:
            tee.detach()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output.log"


@pytest.fixture
def other_logger() -> Iterator[logging.Logger]:
    other = logging.getLogger("tests.streams")
    other.propagate = False
    yield other
    other.handlers.clear()


def test_both_streams_arrive_in_one_order_and_where_they_went_before(output: Path) -> None:
    with teed(output) as console:
        print("one")
        print("two", file=sys.stderr)
        sys.stdout.write("three\n")
        sys.stdout.buffer.write(b"\xff\x00four\n")
        sys.stderr.writelines(["five\n", "six\n"])
    assert output.read_bytes() == b"one\ntwo\nthree\n\xff\x00four\nfive\nsix\n"
    assert console.out_bytes.getvalue() == b"one\nthree\n\xff\x00four\n"
    assert console.err_bytes.getvalue() == b"two\nfive\nsix\n"


def test_it_looks_like_the_stream_it_wraps(output: Path) -> None:
    with teed(output) as console:
        assert sys.stdout.encoding == "utf-8"
        assert sys.stdout.buffer.writable()
        assert not sys.stdout.isatty()
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        assert console.out.line_buffering
        with pytest.raises(AttributeError):
            getattr(sys.stdout, "no_such_thing")  # noqa: B009 - mypy knows that it is not there
        with sys.stdout as entered:
            entered.write("entered")
        assert console.out.closed
    assert output.read_bytes() == b"entered"


def test_a_wrapper_around_the_buffer_is_seen(output: Path) -> None:
    with teed(output) as console:
        wrapped = io.TextIOWrapper(sys.stdout.buffer, encoding="latin-1", write_through=True)
        wrapped.write("é")
        assert output.read_bytes() == console.out_bytes.getvalue() == b"\xe9"
        wrapped.detach()


def test_a_wrapper_around_the_detached_buffer_is_seen(output: Path) -> None:
    with teed(output) as console:
        detached = sys.stdout.detach()  # type: ignore[union-attr]
        wrapped = io.TextIOWrapper(detached, encoding="latin-1", write_through=True)
        wrapped.write("é")
        assert output.read_bytes() == console.out_bytes.getvalue() == b"\xe9"
        wrapped.detach()


def test_text_that_is_no_unicode_is_escaped_in_the_file(output: Path) -> None:
    with teed(output) as console:
        console.out.reconfigure(errors="surrogateescape")
        print("näme \udcff")
    assert output.read_bytes() == "näme \\udcff\n".encode()
    assert console.out_bytes.getvalue() == b"n\xc3\xa4me \xff\n"


def test_what_the_stream_refuses_is_refused_and_not_kept(output: Path) -> None:
    with console_of_this_process("ascii"):
        tee = Tee(output)
        with pytest.raises(UnicodeEncodeError):
            print("ü")
        with pytest.raises(TypeError):
            sys.stdout.write(3)  # type: ignore[arg-type]
        tee.detach()
    assert output.read_bytes() == b""


def test_detaching_puts_everything_back(output: Path) -> None:
    with console_of_this_process() as console:
        tee = Tee(output)
        held = sys.stdout
        tee.detach()
        tee.detach()
        assert sys.stdout is console.out
        assert sys.stderr is console.err
        held.write("late\n")
    assert console.out_bytes.getvalue() == b"late\n"
    assert output.read_bytes() == b""


def test_a_stream_that_was_wrapped_since_is_left_alone(output: Path) -> None:
    with console_of_this_process() as console:
        tee = Tee(output)
        wrapper = io.TextIOWrapper(sys.stdout.buffer, write_through=True)
        sys.stdout = wrapper
        tee.detach()
        assert sys.stdout is wrapper
        print("still shown")
        assert console.out_bytes.getvalue() == b"still shown\n"
        wrapper.detach()
    assert output.read_bytes() == b""


def test_log_handlers_are_seen_whenever_they_were_made(
    output: Path, other_logger: logging.Logger
) -> None:
    with console_of_this_process() as console:
        before = logging.StreamHandler(sys.stderr)
        other_logger.addHandler(before)
        tee = Tee(output)
        during = logging.StreamHandler()
        other_logger.addHandler(during)
        other_logger.warning("seen")
        tee.detach()
        assert before.stream is during.stream is console.err
        other_logger.warning("after")
    assert console.err_bytes.getvalue() == b"seen\nseen\nafter\nafter\n"
    assert output.read_bytes() == b"seen\nseen\n"


def test_whoever_was_given_a_stream_before_is_seen(output: Path) -> None:
    with console_of_this_process() as console:
        held = sys.stderr  # as loguru does, and structlog with sys.stdout
        tee = Tee(output)
        held.write("held\n")
        print("printed", file=held)
        held.writelines(["a line\n"])
        print("new", file=sys.stderr)
        tee.detach()
        held.write("after\n")
        assert "write" not in vars(held)
    assert output.read_text() == "held\nprinted\na line\nnew\n"
    assert console.err_bytes.getvalue() == b"held\nprinted\na line\nnew\nafter\n"


def test_one_stream_under_both_names_is_kept_once(output: Path) -> None:
    with console_of_this_process() as console:
        sys.stderr = held = sys.stdout
        tee = Tee(output)
        print("out")
        print("err", file=sys.stderr)
        print("held", file=held)
        tee.detach()
        assert "write" not in vars(held)
    assert output.read_text() == "out\nerr\nheld\n"
    assert console.out_bytes.getvalue() == b"out\nerr\nheld\n"


def test_a_write_that_somebody_else_put_in_place_comes_back(output: Path) -> None:
    with console_of_this_process() as console:
        texts: list[str] = []
        vars(console.out)["write"] = texts.append
        tee = Tee(output)
        print("one", file=console.out)
        tee.detach()
        assert vars(console.out)["write"] == texts.append
    assert texts == ["one", "\n"]
    assert output.read_text() == "one\n"


def test_a_full_disk_breaks_no_print(caplog: pytest.LogCaptureFixture) -> None:
    with teed(Path("/dev/full")) as console:
        print("one")
        print("two")
    assert console.out_bytes.getvalue() == b"one\ntwo\n"
    assert caplog.text.count("Output is shown but not kept: /dev/full") == 1


def test_a_gap_is_marked_when_there_is_room_again(output: Path) -> None:
    script = f"""
import resource, sys
from pathlib import Path
from elsewhere.report.streams import Tee
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
tee = Tee(Path({str(output)!r}))
sys.stderr = None  # what is logged goes nowhere
sys.stdout.write("12345678")
sys.stdout.write("abcdefgh")
sys.stdout.write("lost")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
sys.stdout.write("back")
tee.detach()
"""
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert shown.stdout == b"12345678abcdefghlostback"
    assert output.read_bytes() == b"12345678ab\n[10 bytes of output could not be kept]\nback"


def test_threads_lose_no_line(output: Path) -> None:
    def say(number: int) -> None:
        for line in range(200):
            sys.stdout.write(f"{number} {line}\n")

    threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
    with teed(output):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = output.read_text().splitlines()
    assert sorted(lines) == sorted(f"{number} {line}" for number in range(4) for line in range(200))


@pytest.mark.parametrize("arguments", [[], ["-u"]])
def test_forked_children_write_to_the_same_file(output: Path, arguments: list[str]) -> None:
    script = f"""
import os, sys
from pathlib import Path
from elsewhere.report.streams import Tee
tee = Tee(Path({str(output)!r}))
print("parent", flush=True)
sys.stdout.buffer.write(b"bytes\\n")
sys.stdout.flush()
if os.fork() == 0:
    print("child", flush=True)
    os._exit(0)
os.wait()
print("parent again")
"""
    shown = subprocess.run(
        [sys.executable, *arguments, "-c", script], check=True, capture_output=True
    )
    assert shown.stdout == output.read_bytes() == b"parent\nbytes\nchild\nparent again\n"


def test_a_process_without_a_console_is_fine(output: Path) -> None:
    with console_of_this_process():
        sys.stdout = None
        tee = Tee(output)
        print("nowhere")
        assert sys.stdout is None
        sys.stderr.write("seen\n")
        tee.detach()
    assert output.read_bytes() == b"seen\n"


def test_the_file_is_only_for_its_user(output: Path) -> None:
    with teed(output):
        assert output.stat().st_mode & 0o777 == 0o600

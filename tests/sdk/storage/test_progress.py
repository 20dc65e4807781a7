"""Progress: a bar on a terminal, a line elsewhere, and nothing for what is quick."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere.storage import download, progress, upload
from elsewhere.storage.progress import DISPLAY, Display
from elsewhere.storage.s3 import PART_BYTES
from tests.object_store import serving_s3
from tests.sdk.artifacts.places import serving
from tests.waiting import wait_until

#: what moves a terminal's cursor, or colours
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: goes up to, or back in, a line, and clears it
_CLEARED = ("\x1b[2K", "\r")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(progress, "_DRAW_S", 0.0)
    monkeypatch.setattr(progress, "_TICK_S", 3600.0)


def text(stream: io.StringIO) -> str:
    return _CODES.sub("", stream.getvalue())


def test_a_terminal_shows_what_moves_how_much_and_how_fast() -> None:
    stream = Terminal()
    display = Display(stream=stream, long_s=0)
    with display.moving("Uploading model.bin", 4_000_000) as row:
        for _ in range(4):
            row.advance(500_000)
    shown = text(stream)
    assert re.search(r"Uploading model\.bin .*━+.*2\.0/4\.0 MB", shown)
    # The last that is written clears the line again.
    assert stream.getvalue().rstrip("\x1b[?25h").endswith(_CLEARED)


def test_what_is_quick_shows_nothing() -> None:
    for stream in (Terminal(), io.StringIO()):
        display = Display(stream=stream, long_s=3600)
        with display.moving("Uploading model.bin", 4) as row:
            row.advance(4)
        assert stream.getvalue() == ""


def test_a_name_is_shown_as_it_is() -> None:
    stream = Terminal()
    with Display(stream=stream, long_s=0).moving("Copying [red]a[/b].bin", 10) as row:
        row.advance(1)
    assert "Copying [red]a[/b].bin" in text(stream)


def test_no_terminal_gets_a_line_and_not_one_for_each_piece() -> None:
    stream = io.StringIO()
    with Display(stream=stream, long_s=0).moving("Downloading set.zip", 4_000_000) as row:
        for _ in range(4):
            row.advance(500_000)
    assert re.fullmatch(
        r"Elsewhere: Downloading set\.zip: [0-9.]+ of 4\.0 MB, [0-9.]+ MB/s\n", stream.getvalue()
    )


def test_lines_come_again_after_a_while() -> None:
    stream = io.StringIO()
    with Display(stream=stream, long_s=0, line_s=0).moving("Downloading set.zip") as row:
        for _ in range(3):
            row.advance(500_000)
    assert "Elsewhere: Downloading set.zip: 1.5 MB, " in stream.getvalue()


def test_what_does_not_move_is_shown_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TICK_S", 0.01)
    stream = io.StringIO()
    with Display(stream=stream, long_s=0).moving("Uploading model.bin", 10):
        wait_until(lambda: "Uploading model.bin: 0.0" in stream.getvalue())
    wait_until(lambda: not any(t.name == "elsewhere-progress" for t in threading.enumerate()))


def test_two_at_once_share_one_display() -> None:
    stream = Terminal()
    display = Display(stream=stream, long_s=0)
    with display.moving("Uploading one", 10) as one, display.moving("Uploading two", 10) as two:
        for _ in range(3):
            one.advance(1)
            two.advance(1)
        # In one drawing, below each other.
        assert re.search(r"Uploading one[^\n]*\n\r?Uploading two", text(stream))
    drawn = len(stream.getvalue())
    display.draw()
    assert len(stream.getvalue()) == drawn


def test_a_stream_that_is_closed_ends_no_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (Terminal(), io.StringIO()):
        with Display(stream=stream, long_s=0).moving("Uploading model.bin", 10) as row:
            row.advance(1)
            stream.close()
            row.advance(1)
    monkeypatch.setattr(sys, "stderr", None)
    with Display(long_s=0).moving("Uploading model.bin", 10) as row:
        row.advance(1)


def test_an_error_in_the_block_takes_the_row_along() -> None:
    stream = Terminal()
    display = Display(stream=stream, long_s=0)

    def fail() -> None:
        with display.moving("Uploading one", 10) as row:
            row.advance(1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    before = len(stream.getvalue())
    display.draw()
    assert len(stream.getvalue()) == before


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the process's own display writes, at once and all of it."""
    stream = io.StringIO()
    for name, value in (("_stream", stream), ("_long_s", 0.0), ("_line_s", 0.0)):
        monkeypatch.setattr(DISPLAY, name, value)
    yield stream
    wait_until(lambda: not DISPLAY._moving)


def test_files_of_every_kind_of_storage_are_shown_to_their_last_byte(
    lines: io.StringIO, tmp_path: Path
) -> None:
    local = tmp_path / "file.bin"
    local.write_bytes(b"x" * (2 * PART_BYTES + 1))
    small = tmp_path / "small.bin"
    small.write_bytes(b"x" * 3_000_000)
    whole = f"{local.stat().st_size / 1e6:.1f}"
    calls: list[tuple[str, Any]] = [
        ("Copying file.bin", lambda: upload(local, str(tmp_path / "served" / "file.bin"))),
        ("Copying file.bin", lambda: download(str(local), tmp_path / "copy")),
        ("Uploading file.bin", lambda: upload(local, "s3://bucket/file.bin")),
        ("Downloading file.bin", lambda: download("s3://bucket/file.bin", tmp_path / "copy")),
    ]
    with serving_s3():
        for what, call in calls:
            lines.truncate(0)
            call()
            assert f"{what}: {whole} of {whole} MB" in lines.getvalue()
        upload(small, "s3://bucket/small.bin")
        assert "Uploading small.bin: 3.0 of 3.0 MB" in lines.getvalue()
    with serving(tmp_path / "served") as served:
        lines.truncate(0)
        download(f"{served.url}/file.bin", tmp_path / "copy")
    assert f"Downloading file.bin: {whole} of {whole} MB" in lines.getvalue()


SLOW = """
import sys
from pathlib import Path
from elsewhere.report.streams import Tee
from elsewhere.storage.progress import DISPLAY
Tee(Path(sys.argv[1]))
with DISPLAY.moving("Uploading model.bin", 10) as row:
    row.advance(3)
    sys.stdin.readline()
print("over", file=sys.stderr)
"""


def test_after_two_seconds_a_real_terminal_has_the_bar_and_then_it_is_gone(tmp_path: Path) -> None:
    output = tmp_path / "output.log"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(output)], stdin=subprocess.PIPE, stderr=theirs, bufsize=0
    )
    os.close(theirs)
    shown = b""
    with process, os.fdopen(ours, "rb", buffering=0) as terminal:
        while b"Uploading model.bin" not in shown:
            shown += terminal.read(4096)
        assert process.stdin is not None
        process.stdin.write(b"\n")
        while b"over\r\n" not in shown:
            shown += terminal.read(4096)
    assert process.returncode == 0
    assert output.read_text() == "over\n"  # the task's record has no bars
    assert shown.rpartition(b"over")[0].rpartition(b"Uploading")[2].count(b"\x1b[2K") >= 1

"""The spool: every byte on disk at once, our lines on lines of their own, a full disk no reason
to stop reading."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere_sandbox.redact import Redactor
from elsewhere_sandbox.spool import Spool


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "output.log"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    spool = Spool(path, Redactor(["hunter22"]))
    yield spool
    spool.close()


def test_bytes_are_there_at_once_and_the_file_is_closed_to_others(spool: Spool, path: Path) -> None:
    spool.write(b"a\r\xff\0")
    assert path.read_bytes() == b"a\r\xff\0"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (b"", b"[elsewhere] x\n"),
        (b"a\n", b"a\n[elsewhere] x\n"),
        (b"a", b"a\n[elsewhere] x\n"),
        (b"hunt", b"hunt\n[elsewhere] x\n"),
    ],
)
def test_our_line_is_on_a_line_of_its_own(
    spool: Spool, path: Path, before: bytes, wanted: bytes
) -> None:
    spool.write(before)
    spool.say("x")
    assert path.read_bytes() == wanted


def test_what_a_command_printed_is_settled_when_it_ends(spool: Spool, path: Path) -> None:
    spool.write(b"no end hunt")
    spool.settle()
    spool.settle()
    spool.write(b"er22 next")
    assert path.read_bytes() == b"no end hunt\ner22 next"


def test_a_secret_is_in_neither_the_file_nor_the_tail(spool: Spool, path: Path) -> None:
    for piece in (b"pass hun", b"ter2", b"2\n"):
        spool.write(piece)
    assert path.read_bytes() == spool.tail == b"pass ***\n"


def test_a_secret_in_our_own_line_is_not_shown_either(spool: Spool, path: Path) -> None:
    """An installer's error may hold the password of an index."""
    spool.say("install failed: https://user:hunter22@example.org")
    assert b"hunter22" not in path.read_bytes()


def test_the_tail_is_short_and_the_last(spool: Spool) -> None:
    for _ in range(3):
        spool.write(b"x" * 100_000)
    spool.write(b"end")
    assert len(spool.tail) == 64 * 1024
    assert spool.tail.endswith(b"xend")


def test_an_interrupted_attempts_output_is_not_overwritten(path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        spool = Spool(path, Redactor([]))
        spool.write(text)
        spool.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_full_disk_loses_output_and_says_how_much(path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from elsewhere_sandbox.redact import Redactor
from elsewhere_sandbox.spool import Spool
spool = Spool(Path(sys.argv[1]), Redactor([]))
hard = resource.RLIM_INFINITY
spool.write(b"before\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
for _ in range(3):
    spool.write(b"0123456789")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
spool.write(b"after\\n")
spool.close()
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True)
    before, _, rest = path.read_bytes().partition(b"012")
    assert before == b"before\n"
    assert rest.startswith(b"after\n")
    assert b"27 bytes of output were not kept" in rest

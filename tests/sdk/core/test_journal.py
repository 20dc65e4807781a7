"""The journal: whatever happens to a writer, all whole events are read once and in order."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.events import Event, Text
from elsewhere.core.journal import JournalWriter, journal_files, read_events
from tests.properties import PROPERTY

MESSAGES = st.lists(st.text(max_size=40), max_size=12)


def texts(*messages: str) -> list[Event]:
    return [Text(message=message, level=20, at=0.0) for message in messages]


def write(folder: Path, *messages: str) -> Path:
    writer = JournalWriter(folder)
    writer.append(texts(*messages))
    writer.close()
    return writer.path


def read_all(path: Path, limit_bytes: int = 1 << 18) -> list[Event]:
    events: list[Event] = []
    offset = 0
    while True:
        found, end = read_events(path, offset, limit_bytes)
        if end == offset:
            return events
        events += found
        offset = end


@PROPERTY
@given(messages=MESSAGES, limit_bytes=st.integers(1, 400))
def test_a_reader_gets_every_event_once_whatever_it_reads_at_a_time(
    tmp_path: Path, messages: list[str], limit_bytes: int
) -> None:
    assert read_all(write(tmp_path, *messages), limit_bytes) == texts(*messages)


@PROPERTY
@given(messages=MESSAGES, data=st.data())
def test_a_torn_tail_loses_only_the_torn_event(
    tmp_path: Path, messages: list[str], data: st.DataObject
) -> None:
    path = write(tmp_path, *messages)
    whole = path.read_bytes()
    kept = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:kept])
    events, end = read_events(path, 0)
    assert events == texts(*messages)[: whole[:kept].count(b"\n")]
    assert end == whole.rfind(b"\n", 0, kept) + 1
    path.write_bytes(whole)
    assert events + read_events(path, end)[0] == texts(*messages)


@PROPERTY
@given(position=st.integers(0, 10_000), value=st.integers(0, 255).filter(lambda n: n != 0x0A))
def test_a_damaged_byte_costs_no_more_than_its_line(
    tmp_path: Path, position: int, value: int
) -> None:
    path = write(tmp_path, "first", "second", "third")
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = bytearray(lines[1][:-1])
    position %= len(damaged)
    is_same = damaged[position] == value
    damaged[position] = value
    path.write_bytes(lines[0] + damaged + b"\n" + lines[2])
    expected = ["first", "second", "third"] if is_same else ["first", "third"]
    assert read_all(path) == texts(*expected)


def test_an_event_larger_than_a_reader_reads_at_a_time_comes_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "a", "b" * 300_000, "c")
    assert read_all(path) == texts("a", "b" * 300_000, "c")


def test_threads_share_a_writer_and_no_line_is_mixed(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)

    def write_many(name: int) -> None:
        for number in range(100):
            writer.append(texts(f"{name} {number}"))

    threads = [threading.Thread(target=write_many, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = [event.message for event in read_all(writer.path) if isinstance(event, Text)]
    for n in range(4):
        assert [m for m in found if m.startswith(f"{n} ")] == [f"{n} {i}" for i in range(100)]


def test_each_writer_has_a_file_of_its_own_closed_to_others(tmp_path: Path) -> None:
    paths = {write(tmp_path, "a"), write(tmp_path, "b")}
    (tmp_path / "other.txt").touch()
    assert journal_files(tmp_path) == sorted(paths)
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert journal_files(tmp_path / "not there") == []


def test_a_full_disk_leaves_whole_events_only_and_a_later_append_goes_on(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from elsewhere.core.events import Text
        from elsewhere.core.journal import JournalWriter
        writer = JournalWriter(Path(sys.argv[1]))
        def keep(message): writer.append([Text(message=message, level=20, at=0.0)])
        keep("before")
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
        try:
            keep("x" * 1000)
        except OSError as error:
            print(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        keep("after")
        """
    argv = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert printed == "OSError\n"
    (path,) = journal_files(tmp_path)
    assert read_all(path) == texts("before", "after")


@pytest.mark.parametrize("offset", [0, 7])
def test_an_empty_rest_gives_nothing_and_does_not_move(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "1-a.events"
    path.write_bytes(b"x" * offset)
    assert read_events(path, offset) == ([], offset)

"""Samples as the logger reports them: bytes of the moment, in the run folder, and an event."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Sample
from elsewhere.report.columns import Columns
from elsewhere.report.logger import Logger
from elsewhere.report.offset import Offset


def made(
    events: list[Event], files: Path, flush: Callable[[bool], object] = lambda _: None
) -> Logger:
    columns, offset = Columns(wake=lambda: None), Offset(100)
    return Logger(events.append, flush=flush, columns=columns, offset=offset, files=files)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def log(events: list[Event], files: Path) -> Logger:
    return made(events, files)


def only(events: list[Event]) -> Sample:
    (event,) = events
    assert isinstance(event, Sample)
    return event


def bytes_of(event: Sample, files: Path) -> bytes:
    data = (files.parent / event.file).read_bytes()
    assert event.digest == hashlib.sha256(data).hexdigest()
    assert event.size_bytes == len(data)
    return data


def test_an_image_is_a_staged_file_named_by_its_content(
    log: Logger, events: list[Event], files: Path
) -> None:
    log.report_image("t", "s", 3, image=np.zeros((4, 5), np.uint8))
    event = only(events)
    assert (event.title, event.series, event.iteration, event.history) == ("t", "s", 103, 100)
    assert event.content_type == "image/png"
    assert bytes_of(event, files).startswith(b"\x89PNG")
    assert Path(event.file).name.startswith(event.digest)
    assert (event.url, event.place, event.problem) == ("", "", "")
    assert [path.name for path in files.iterdir()] == [Path(event.file).name]


def test_two_reports_of_the_same_bytes_share_no_file(
    log: Logger, events: list[Event], files: Path
) -> None:
    for iteration in (1, 1):
        log.report_media("t", "s", iteration, stream=b"x", file_extension="bin")
    first, second = events
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    assert first.digest == second.digest
    assert first.file != second.file
    assert first.at < second.at


def test_without_an_iteration_it_is_the_first_of_all_and_is_not_shifted(
    log: Logger, events: list[Event]
) -> None:
    log.report_image("t", "s", url="http://host/x.png")
    log.report_media("t", "s", None, url="http://host/x.png")
    assert [event.iteration for event in events if isinstance(event, Sample)] == [0, 0]


@pytest.mark.parametrize(
    "name", ["photo.jpeg", "PHOTO.TIF", "a.b.svg", "noname", "odd.ex t", "ü.webp"]
)
def test_a_file_is_copied_as_it_is(
    log: Logger, events: list[Event], files: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(os.urandom(3_000_000))
    log.report_image("t", "s", 1, local_path=path)
    data = path.read_bytes()
    path.write_bytes(b"changed since")
    event = only(events)
    assert bytes_of(event, files) == data
    assert Path(event.file).suffix == ("" if " " in path.suffix else path.suffix)


def test_a_file_is_deleted_after_the_report_is_on_the_disk(
    events: list[Event], files: Path, tmp_path: Path
) -> None:
    path, was_there = tmp_path / "x.png", []
    path.write_bytes(b"png")
    log = made(events, files, lambda _: was_there.append(path.exists() and bool(events)))
    log.report_image("t", "s", local_path=str(path), delete_after_upload=True)
    assert was_there == [True]
    assert not path.exists()
    assert bytes_of(only(events), files) == b"png"


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"bytes"), b"bytes"),
        (memoryview(b"bytes"), b"bytes"),
        ("<b>caf\xe9 \udcff</b>", b"<b>caf\xc3\xa9 \\udcff</b>"),
        (io.BytesIO(b"x" * 3_000_000), b"x" * 3_000_000),
        (io.StringIO("<html>\xe9"), "<html>\xe9".encode()),
        (b"", b""),
    ],
)
def test_a_stream_is_read_whole(
    log: Logger, events: list[Event], files: Path, stream: Any, data: bytes
) -> None:
    log.report_media("t", "s", 1, stream=stream, file_extension=".html")
    assert bytes_of(only(events), files) == data
    assert only(events).content_type == "text/html"


def test_a_stream_is_read_from_its_beginning_and_stays_where_it_was(
    log: Logger, events: list[Event], files: Path, tmp_path: Path
) -> None:
    with (tmp_path / "written").open("w+b") as stream:
        stream.write(b"written just now")
        log.report_media("t", "s", 1, stream=stream, file_extension="txt")
        assert stream.tell() == 16
    assert bytes_of(only(events), files) == b"written just now"


def test_a_pipe_is_read_as_far_as_it_is(log: Logger, events: list[Event], files: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        os.write(writing, b"sound")
        os.close(writing)
        log.report_media("t", "s", 1, stream=stream, file_extension="wav")
    assert bytes_of(only(events), files) == b"sound"


def test_a_named_pipe_is_not_waited_for(log: Logger, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="there is no such file"):
        log.report_image("t", "s", local_path=tmp_path / "pipe.png")


def test_a_stream_that_fails_leaves_nothing(log: Logger, events: list[Event], files: Path) -> None:
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(UsageError, match="closed file"):
        log.report_media("t", "s", stream=closed, file_extension="x")
    assert (events, list(files.iterdir())) == ([], [])


def test_a_url_is_a_link_whose_secrets_are_hidden_with_one_warning(
    log: Logger, events: list[Event], files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        log.report_image("t", "s", 1, url="https://ada:geheim@host/cat.png?token=geheim2")
    event = events[0]
    assert isinstance(event, Sample)
    assert event.url == "https://ada:***@host/cat.png?token=***"
    assert (event.file, event.digest, event.content_type) == ("", "", "image/png")
    assert caplog.text.count("holds a secret") == 1
    assert "geheim" not in caplog.text
    assert list(files.iterdir()) == []


@pytest.mark.parametrize(("given", "kept"), [(5, 5), (0, 0), (-1, 0), (np.int64(7), 7)])
def test_the_history_is_that_of_the_call_else_the_default(
    log: Logger, events: list[Event], given: Any, kept: int
) -> None:
    assert log.get_default_debug_sample_history() == 100
    log.report_image("t", "s", url="x", max_image_history=given)
    log.set_default_debug_sample_history(given)
    assert log.get_default_debug_sample_history() == kept
    log.report_media("t", "s", url="x")
    log.report_media("t", "s", url="x", max_history=50)
    assert [event.history for event in events if isinstance(event, Sample)] == [kept, kept, 50]


def test_the_upload_destination_is_that_of_all_later_samples(
    log: Logger, events: list[Event], tmp_path: Path
) -> None:
    assert log.get_default_upload_destination() == ""
    log.set_default_upload_destination(str(tmp_path / "place"))
    log.report_media("t", "s", stream=b"x", file_extension="x")
    assert log.get_default_upload_destination() == str(tmp_path / "place")
    log.set_default_upload_destination(None)
    log.report_media("t", "s", stream=b"x", file_extension="x")
    places = [event.place for event in events if isinstance(event, Sample)]
    assert places == [str(tmp_path / "place"), ""]


def test_what_an_image_loses_is_one_warning_for_thousands(
    log: Logger, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    for iteration in range(3):
        log.report_image("t", "s", iteration, matrix=[[float("nan"), 1.0]])
    assert len(events) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "An image is not reported exactly as it is: NaN is drawn as 0."
    ]


def test_a_folder_that_takes_nothing_costs_the_sample_and_not_the_program(
    events: list[Event], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = made(events, tmp_path / "gone")
    original = tmp_path / "x.png"
    original.touch()
    for _ in range(2):
        log.report_image("t", "s", image=[[1]])
    log.report_image("t", "s", local_path=original, delete_after_upload=True)
    assert events == []
    assert original.exists(), "it is the only copy"
    assert caplog.text.count("Samples are lost") == 1


def test_the_clock_that_is_set_back_does_not_change_the_order(
    log: Logger, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.report_image("t", "s", 1, url="x")
    monkeypatch.setattr("elsewhere.report.logger_aspect.now_at", lambda: 5.0)
    log.report_image("t", "s", 2, url="x")
    first, second = events
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    assert 0 < second.at - first.at < 0.001

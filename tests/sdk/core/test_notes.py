"""Records between processes: read as written, damaged ones refused; stops joined by who writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.errors import RecordError
from elsewhere.core.folders import RunFolder, write_beside
from elsewhere.core.notes import (
    ABORT_CALLBACK_S,
    AbortNote,
    Lent,
    MonitorNote,
    SessionSpec,
    Stop,
    abort_callback_s,
    grace_s,
    read_outcome,
    write_outcome,
)
from elsewhere.core.records import Outcome, TaskRecord

NOT_TIMES: list[Any] = [None, "2", True, [], {}, -1, float("nan"), float("inf"), 10**400]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.mark.parametrize(
    "stop", [Stop(), Stop(grace_s=0.0), Stop(grace_s=2.5, keeps_reports=False)]
)
def test_a_stop_is_read_as_it_was_written(folder: RunFolder, stop: Stop) -> None:
    assert Stop.read(folder) is None
    assert stop.write(folder)
    assert Stop.read(folder) == stop
    assert not stop.write(folder), "nothing new"


@pytest.mark.parametrize(
    ("written", "stop"),
    [
        ({"grace_s": 2}, Stop(grace_s=2.0)),
        ({"grace_s": None, "is_heard": True}, Stop()),
        ({"grace_s": 1.5, "is_heard": False}, Stop(grace_s=1.5, keeps_reports=False)),
    ],
)
def test_a_stop_of_the_version_before_is_read(
    folder: RunFolder, written: object, stop: Stop
) -> None:
    write_beside(folder.stop, written)
    assert Stop.read(folder) == stop


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (Stop(grace_s=60.0), Stop(grace_s=0.0), Stop(grace_s=0.0)),
        (Stop(grace_s=60.0), Stop(), Stop(grace_s=60.0)),
        (Stop(grace_s=5.0), Stop(keeps_reports=False), Stop(grace_s=5.0, keeps_reports=False)),
        (Stop(keeps_reports=False), Stop(grace_s=5.0), Stop(grace_s=5.0, keeps_reports=False)),
    ],
)
def test_a_later_stop_may_change_the_grace_but_brings_no_reports_back(
    folder: RunFolder, first: Stop, second: Stop, both: Stop
) -> None:
    first.write(folder)
    assert second.write(folder) == (both != first)
    assert Stop.read(folder) == both


def test_no_stop_is_left_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "gone")
    assert not Stop().write(folder)
    assert not folder.path.exists()


@pytest.mark.parametrize("value", NOT_TIMES)
def test_what_is_no_time_is_as_good_as_none(folder: RunFolder, value: object) -> None:
    folder.stop.write_text(json.dumps({"grace_s": value}))
    folder.abort.write_text(json.dumps({"timeout_s": value}))
    assert Stop.read(folder) == Stop()
    assert AbortNote.read(folder) is None
    assert (abort_callback_s(folder), grace_s(folder, 10.0)) == (0.0, 10.0)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000, "\xff"])
def test_a_damaged_note_stops_all_the_same_and_promises_no_callback(
    folder: RunFolder, text: str
) -> None:
    for path in (folder.stop, folder.abort):
        path.write_text(text, encoding="latin-1")
    assert folder.stop.exists(), "what the runner looks for"
    assert (abort_callback_s(folder), grace_s(folder, 10.0)) == (0.0, 10.0)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_a_program_puts_in_the_place_of_a_note_holds_up_nobody(
    folder: RunFolder, make: Callable[[Path], None]
) -> None:
    make(folder.abort)
    make(folder.stop)
    assert (abort_callback_s(folder), grace_s(folder, 10.0)) == (0.0, 10.0)
    assert not Stop().write(folder)


def test_a_grace_that_the_stop_names_counts_more_than_the_agents(folder: RunFolder) -> None:
    assert grace_s(folder, 10.0) == 10.0
    Stop().write(folder)
    assert grace_s(folder, 10.0) == 10.0
    Stop(grace_s=0.0).write(folder)
    assert grace_s(folder, 10.0) == 0.0


def test_the_choice_of_a_program_about_its_monitor_is_read_again(folder: RunFolder) -> None:
    assert MonitorNote.read(folder) == MonitorNote()
    note = MonitorNote(is_on=False, is_of_machine=True)
    note.write(folder)
    assert MonitorNote.read(folder) == note


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"is_on": "no"}', "[" * 100_000])
def test_a_damaged_choice_counts_as_none(folder: RunFolder, text: str) -> None:
    folder.monitor.write_text(text)
    assert MonitorNote.read(folder) == MonitorNote()


def test_a_stop_waits_for_an_abort_callback_whose_reports_are_kept(folder: RunFolder) -> None:
    note = AbortNote(timeout_s=2.5)
    note.write(folder)
    assert AbortNote.read(folder) == note
    assert abort_callback_s(folder) == 0.0, "nobody asks for a stop"
    Stop(grace_s=1.0).write(folder)
    assert abort_callback_s(folder) == 2.5
    replace(note, timeout_s=1e9).write(folder)
    assert abort_callback_s(folder) == ABORT_CALLBACK_S
    Stop(keeps_reports=False).write(folder)
    assert abort_callback_s(folder) == 0.0


READERS: list[Callable[[RunFolder], object]] = [SessionSpec.read, Lent.read, read_outcome]
RECORD = TaskRecord(id="a" * 32, name="x", project="p")


def test_a_spec_a_lent_store_and_an_outcome_are_read_as_they_were_written(
    folder: RunFolder,
) -> None:
    assert [read(folder) for read in READERS] == [None, None, None]
    spec, lent = SessionSpec(record=RECORD, store="s"), Lent(url="redis://x")
    outcome = Outcome(reason=Reason.KILLED, signal=9)
    spec.write(folder)
    lent.write(folder)
    write_outcome(folder, outcome)
    assert [read(folder) for read in READERS] == [spec, lent, outcome]
    assert folder.store.stat().st_mode & 0o777 == 0o600, "a URL may hold a password"


def test_the_spec_of_an_agents_run_is_read_without_what_only_its_runner_needs(
    folder: RunFolder,
) -> None:
    write_beside(folder.spec, {"record": RECORD, "home": "/h", "output_uri": "s3://b"})
    assert SessionSpec.read(folder) == SessionSpec(record=RECORD, output_uri="s3://b")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"record": {}}', '{"url": 1}', '{"reason": "x"}']
)
def test_a_damaged_spec_lent_store_or_outcome_is_refused(folder: RunFolder, text: str) -> None:
    for path, read in zip((folder.spec, folder.store, folder.exit), READERS, strict=True):
        path.write_text(text)
        with pytest.raises(RecordError):
            read(folder)

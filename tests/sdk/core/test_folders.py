"""Folders: names that come back, files that are whole or not there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.errors import RecordError
from elsewhere.core.folders import (
    Home,
    RunFolder,
    append_plain,
    open_plain,
    read_json,
    write_beside,
)
from elsewhere.core.notes import read_runner, write_runner
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Outcome
from tests.small_disk import needs_small_disk, on_small_disk

ID = "0123456789abcdef" * 2


def test_a_run_folder_knows_its_task_and_attempt(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for folder in (home.run(ID, 12), home.session(ID, 12)):
        assert (folder.task_id, folder.attempt) == (ID, 12)
    assert home.run(ID, 1).path.parent != home.session(ID, 1).path.parent


def test_home_and_run_folders_are_closed_to_others_and_may_be_made_twice(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "home").ensure().ensure()
    folder = home.run(ID, 1).create().create()
    assert {path.stat().st_mode & 0o777 for path in (home.path, folder.path)} == {0o700}
    assert folder.journal.is_dir()
    assert folder.files.is_dir()


def test_only_folders_that_are_named_like_runs_are_found(tmp_path: Path) -> None:
    home = Home(tmp_path)
    runs = [home.run(ID, number).create() for number in (1, 2)]
    (home.runs / "notes").mkdir()
    (home.runs / "a.b").mkdir()
    (home.runs / "file.1").touch()
    assert RunFolder.all_in(home.runs) == runs
    assert RunFolder.all_in(home.sessions) == []


def test_what_is_written_beside_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "exit.json"
    assert read_json(path) is None
    write_beside(path, Outcome(reason=Reason.STOPPED))
    write_beside(path, Outcome(reason=Reason.KILLED, message="é"))
    assert read_json(path)["message"] == "é"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["exit.json"]  # noqa: PTH208 - hidden ones too


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "stop"
    write_beside(path, {"grace_s": 1})
    with pytest.raises(TypeError):
        write_beside(path, {1, 2})
    assert read_json(path) == {"grace_s": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_text_that_is_no_text_can_be_written_too(tmp_path: Path) -> None:
    """An exception's message may hold an undecodable file name."""
    write_beside(tmp_path / "exit.json", {"message": "\udcff"})
    assert read_json(tmp_path / "exit.json") == {"message": "\udcff"}


def test_the_identity_in_a_folder_is_that_of_the_process(tmp_path: Path) -> None:
    folder = Home(tmp_path).run(ID, 1).create()
    assert read_runner(folder) is None
    write_runner(folder)
    assert read_runner(folder) == ProcessIdentity.of()


def test_a_folder_that_was_not_removed_whole_is_no_run_and_goes_at_the_next_sweep(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path / f"{'a' * 32}.1").create()
    left = RunFolder(tmp_path / f"{'b' * 32}.1").create()
    left.path.rename(tmp_path / f"{'b' * 32}.1.gone")  # where a kill in the middle leaves it
    assert RunFolder.all_in(tmp_path) == [folder]
    RunFolder.sweep(tmp_path)
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_removal_that_is_cut_off_leaves_nothing_that_is_taken_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / f"{'a' * 32}.1").create()
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)  # before its first file
        folder.remove()
    assert RunFolder.all_in(tmp_path) == []
    RunFolder.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "circle", "device"])
@pytest.mark.parametrize("opens", [open_plain, append_plain])
def test_only_a_plain_file_is_opened_and_nothing_waits(
    short_path: Path, kind: str, opens: Callable[[Path], object]
) -> None:
    path = short_path / "output.log"
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "socket":
            server.bind(str(path))
        else:
            path.symlink_to(path if kind == "circle" else "/dev/null")
        with pytest.raises(RecordError, match=r"output\.log is damaged: it is not a file"):
            opens(path)


FULL = """
import sys
from pathlib import Path
from elsewhere.core.folders import read_json, reserve, write_beside
folder = Path(sys.argv[1])
path = folder / "stop"
reserve(path, 4096)
try:
    with (folder / "big").open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
except OSError:
    pass
for value in ["a" * 5000, "b" * 3000, "c"]:
    try:
        write_beside(path, value)
    except OSError as error:
        print(error.strerror, error.filename)
    else:
        print(read_json(path))
print(sorted(path.name for path in folder.iterdir()))
"""


@needs_small_disk
def test_a_note_with_a_reserve_is_written_once_on_a_full_disk(tmp_path: Path) -> None:
    command = [*on_small_disk(tmp_path, "1m"), sys.executable, "-c", FULL, str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    full = f"No space left on device {tmp_path}/stop"
    assert printed.splitlines() == [full, "b" * 3000, full, "['big', 'stop']"]

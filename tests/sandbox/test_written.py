"""What a program writes below its code folder stays, and is listed; all else of the code goes."""

from __future__ import annotations

import socket
from pathlib import Path

from elsewhere.core.events import FilesWritten
from elsewhere.core.folders import Home, RunFolder
from elsewhere_sandbox.written import begin, remove_others, written
from tests.sandbox.attempts import Attempts
from tests.waiting import wait_until

PROGRAM = """
import os, pathlib, shutil
pathlib.Path("out/deep").mkdir(parents=True)
pathlib.Path("out/deep/model.pt").write_bytes(bytes(2048))
pathlib.Path("old.txt").write_text("old")
os.utime("old.txt", (0, 0))
pathlib.Path("main.py").open("a").write("# edited")
"""


def test_files_of_a_program_are_listed_and_stay(attempts: Attempts) -> None:
    attempt = attempts.run(PROGRAM)
    (event,) = (one for one in attempt.events if isinstance(one, FilesWritten))
    folder = attempt.folder.code
    assert event.files == {
        "main.py": (folder / "main.py").stat().st_size,
        "old.txt": 3,
        "out/deep/model.pt": 2048,
    }
    assert (event.count, event.folder, event.machine) == (3, str(folder), socket.gethostname())
    assert event.total_bytes == sum(event.files.values())
    listed = attempt.output.decode()
    assert f"[elsewhere] 3 files of 2.3 KiB were written to {folder}:" in listed
    assert "[elsewhere]   out/deep/model.pt  2.0 KiB" in listed
    assert listed.index("model.pt") < listed.index("[elsewhere] ended:")
    remove_others(attempt.folder)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == set(event.files)


def test_a_program_that_writes_nothing_is_not_spoken_of(attempts: Attempts) -> None:
    attempt = attempts.run("print('done')")
    assert not [one for one in attempt.events if isinstance(one, FilesWritten)]
    assert b"were written to" not in attempt.output
    remove_others(attempt.folder)
    assert not attempt.folder.code.exists()


def run_folder(home: Path) -> RunFolder:
    folder = Home(home).run("a" * 32, 1).create()
    folder.code.mkdir()
    return folder


def wait_for_a_tick(folder: RunFolder) -> None:
    """Until the clock of the file system has gone on."""
    probe = folder.path / "probe"

    def has_ticked() -> bool:
        probe.touch()
        return probe.stat().st_ctime_ns > folder.begun.stat().st_ctime_ns

    wait_until(has_ticked, what="the file system's clock goes on")


def test_only_what_is_younger_than_the_marker_is_the_programs(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder.code / "captured.py").touch()
    (folder.code / ".git").mkdir()
    begin(folder)
    wait_for_a_tick(folder)
    for name in (".git/index", "__pycache__/a.pyc", "result.bin"):
        (folder.code / name).parent.mkdir(exist_ok=True)
        (folder.code / name).write_bytes(b"12")
    (folder.code / "latest").symlink_to("result.bin")
    assert [(path, one.st_size) for path, one in written(folder)] == [("result.bin", 2)]
    remove_others(folder)
    assert sorted(path.name for path in folder.code.rglob("*")) == ["latest", "result.bin"]


def test_a_program_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder.code / "captured.py").touch()
    assert list(written(folder)) == []
    remove_others(folder)
    assert not folder.code.exists()

"""Artifacts that take long to make show how far they are."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts.staging import stage
from elsewhere.storage import progress
from elsewhere.storage.copies.tars import unpack_tar
from elsewhere.storage.copies.zips import pack, unpack
from elsewhere.storage.progress import DISPLAY
from tests.waiting import wait_until


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What all that moves writes, however quick it is."""
    stream = io.StringIO()
    for name, value in {"_stream": stream, "_long_s": 0.0, "_line_s": 0.0}.items():
        monkeypatch.setattr(DISPLAY, name, value)
    monkeypatch.setattr(progress, "_DRAW_S", 0.0)
    monkeypatch.setattr(progress, "_TICK_S", 0.01)
    return stream


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (tmp_path / "tree" / name).write_bytes(b"x" * 2_500_000)
    return tmp_path / "tree"


def test_a_folder_that_is_zipped(tree: Path, tmp_path: Path, stream: io.StringIO) -> None:
    stage("data", tree, tmp_path / "files")
    assert "Zipping tree.zip: 1.0 of 5.0 MB" in stream.getvalue()
    assert "Zipping tree.zip: 5.0 of 5.0 MB" in stream.getvalue()


def test_files_of_a_list_that_are_zipped(tree: Path, tmp_path: Path, stream: io.StringIO) -> None:
    stage("data", [tree / "a"], tmp_path / "files")
    assert "Zipping data.zip: 2.5 of 2.5 MB" in stream.getvalue()


def test_archives_that_are_unpacked(tree: Path, tmp_path: Path, stream: io.StringIO) -> None:
    pack(tree, tmp_path / "tree.zip")
    unpack(tmp_path / "tree.zip", tmp_path / "zip")
    with tarfile.open(tmp_path / "tree.tar", "w") as archive:
        archive.add(tree, ".")
    unpack_tar(tmp_path / "tree.tar", tmp_path / "tar")
    for name in ("tree.zip", "tree.tar"):
        assert f"Unpacking {name}: 5.0 of 5.0 MB" in stream.getvalue()


class Slow:
    """Its pickle is not done before its progress was shown."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def __reduce__(self) -> Any:
        wait_until(lambda: "Writing data.pkl: 2.0 MB" in self.stream.getvalue())
        return (str, ())


def test_an_object_that_is_written(tmp_path: Path, stream: io.StringIO) -> None:
    stage("data", [bytes(2_000_000), Slow(stream)], tmp_path / "files", extension_name=".pkl")

"""Edits that git hides, and files that LFS tracks: what lies on disk travels."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from elsewhere.capture.script import Script
from elsewhere.core.errors import CaptureError, TooLargeError
from tests.captured import capture_source
from tests.sandbox.repositories import (
    Host,
    clone,
    commit,
    files_of,
    git,
    new_repository,
    push_to_new,
)

LIMIT: Final = 64_000_000
#: stands for git-lfs: a pointer in the commits
CLEAN: Final = (
    "import hashlib, sys; data = sys.stdin.buffer.read(); print('version https://git-lfs/spec/v1');"
    " print('oid sha256:' + hashlib.sha256(data).hexdigest()); print('size', len(data))"
)


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    """A clone of a repository whose remote has all of it."""
    seed = tmp_path / "seed"
    new_repository(seed)
    (seed / "train.py").write_text("print('one')\n")
    (seed / "local.py").write_text("LR = 1\n")
    (seed / "sparse.py").write_text("N = 1\n")
    commit(seed)
    return clone(push_to_new(seed, tmp_path / "origin.git"), tmp_path / "laptop")


def arrives(root: Path, host: Host) -> dict[str, tuple[str, bytes]]:
    captured = capture_source(Script(path=root / "train.py", folder=root), LIMIT)
    return files_of(host.checkout(captured.source, captured.blobs))


@pytest.mark.parametrize("mark", ["--skip-worktree", "--assume-unchanged"])
def test_an_edit_that_is_hidden_from_git_travels(mark: str, laptop: Path, host: Host) -> None:
    git(laptop, "update-index", mark, "local.py")
    (laptop / "local.py").write_text("LR = 2\n")
    assert arrives(laptop, host)["local.py"] == ("file", b"LR = 2\n")
    assert git(laptop, "status", "--short") == ""
    assert git(laptop, "ls-files", "-v", "local.py")[0] in "Sh"


def test_a_file_that_a_sparse_checkout_leaves_out_is_there_elsewhere(
    laptop: Path, host: Host
) -> None:
    git(laptop, "update-index", "--skip-worktree", "sparse.py")
    (laptop / "sparse.py").unlink()
    assert arrives(laptop, host)["sparse.py"] == ("file", b"N = 1\n")


@pytest.fixture
def with_lfs(laptop: Path, tmp_path: Path) -> Path:
    """The clone, with a pushed LFS file."""
    (tmp_path / "clean.py").write_text(CLEAN)
    git(laptop, "config", "filter.lfs.clean", f"{sys.executable} {tmp_path / 'clean.py'}")
    git(laptop, "config", "filter.lfs.required", "true")
    (laptop / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (laptop / "weights.bin").write_bytes(b"\0weights" * 100)
    os.utime(laptop / "weights.bin", (0, 0))  # older than the index, which is believed then
    commit(laptop)
    git(laptop, "push", "--quiet")
    assert "git-lfs" in git(laptop, "show", "HEAD:weights.bin")
    return laptop


def test_what_lfs_tracks_arrives_as_contents(with_lfs: Path, host: Host) -> None:
    (with_lfs / "new.bin").write_bytes(b"new")
    (with_lfs / "sub folder").mkdir()
    (with_lfs / "sub folder" / "unpushed.bin").write_bytes(b"unpushed")
    commit(with_lfs)
    (with_lfs / "edited.bin").write_bytes(b"edited")
    found = arrives(with_lfs, host)
    assert found == files_of(with_lfs)
    assert found["weights.bin"] == ("file", b"\0weights" * 100)
    assert git(with_lfs, "status", "--short") == "?? edited.bin"


def test_a_pointer_on_disk_is_a_pointer_elsewhere(with_lfs: Path, host: Host) -> None:
    pointer = git(with_lfs, "show", "HEAD:weights.bin").encode() + b"\n"
    (with_lfs / "weights.bin").write_bytes(pointer)
    assert arrives(with_lfs, host)["weights.bin"] == ("file", pointer)


def test_contents_above_the_limit_are_refused_before_they_are_read(with_lfs: Path) -> None:
    (with_lfs / "large.bin").write_bytes(bytes(100_000))
    commit(with_lfs)
    with pytest.raises(TooLargeError, match=r"that git LFS tracks[^$]*large\.bin") as refused:
        capture_source(Script(path=with_lfs / "train.py", folder=with_lfs), 50_000)
    assert "Keep data outside of the code" in str(refused.value)


def with_filter(laptop: Path, name: str, smudge: str) -> Path:
    """The clone, with a pushed file whose bytes a filter of its own settings changes."""
    git(laptop, "config", f"filter.{name}.clean", "tr a-z b-za")
    git(laptop, "config", f"filter.{name}.smudge", smudge)
    git(laptop, "config", f"filter.{name}.required", "true")
    (laptop / ".gitattributes").write_text(f"*.yaml filter={name}\n")
    (laptop / "settings.yaml").write_text("abc\n")
    commit(laptop)
    git(laptop, "push", "--quiet")
    assert git(laptop, "show", "HEAD:settings.yaml") == "bcd"
    return laptop


def test_what_a_filter_of_this_machine_checks_out_arrives_as_it_is_here(
    laptop: Path, host: Host
) -> None:
    with_filter(laptop, "turn.letters", "tr b-za a-z")
    before = git(laptop, "status", "--short")
    found = arrives(laptop, host)
    assert found == files_of(laptop)
    assert found["settings.yaml"] == ("file", b"abc\n")
    assert git(laptop, "status", "--short") == before


def test_a_filter_that_changes_what_is_committed_alone_stays_in_force(
    laptop: Path, host: Host
) -> None:
    with_filter(laptop, "strip", "cat")
    assert arrives(laptop, host)["settings.yaml"] == ("file", b"bcd\n")


def test_what_a_filter_encrypts_is_refused_while_it_is_open(laptop: Path, host: Host) -> None:
    with_filter(laptop, "git-crypt", "tr b-za a-z")
    why = r"settings.yaml in .* cannot travel: the filter 'git-crypt' encrypts it"
    with pytest.raises(CaptureError, match=why):
        arrives(laptop, host)
    for part in ("clean", "smudge", "required"):
        git(laptop, "config", "--unset", f"filter.git-crypt.{part}")
    git(laptop, "checkout", "--quiet", "HEAD", "--", "settings.yaml")
    (laptop / "settings.yaml").unlink()
    git(laptop, "checkout", "--quiet", "HEAD", "--", "settings.yaml")
    assert arrives(laptop, host)["settings.yaml"] == ("file", b"bcd\n")

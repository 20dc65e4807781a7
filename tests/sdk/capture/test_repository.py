"""What is captured of a repository, and that it is left as it was."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere.capture.repository import complete, locate
from elsewhere.capture.script import Script
from elsewhere.core.errors import CaptureError, TooLargeError
from tests.captured import capture_source

LIMIT = 64_000_000


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout.decode().strip()


def commit(folder: Path, message: str = "more") -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", f"--message={message}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    """A repository with one commit and no remote."""
    root = tmp_path / "laptop"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "train.py").write_text("print('one')\n")
    commit(root)
    return root


@pytest.fixture
def cloned(laptop: Path, tmp_path: Path) -> Path:
    """A clone whose remote seems to be far away."""
    root = tmp_path / "cloned"
    git(tmp_path, "clone", "--quiet", str(laptop), str(root))
    git(root, "remote", "set-url", "origin", "https://me:token@example.org/team/code.git")
    return root


def script(root: Path, name: str = "train.py", folder: str = ".") -> Script:
    return Script(path=root / name, folder=(root / folder).resolve(), argv=("--epochs", "3"))


def everything_below(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and bytes of each file, of `.git` too."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            is_marked = path.name.startswith("sharedindex.")  # by each git that reads the index
            time = 0 if is_marked else path.stat().st_mtime_ns
            found[str(path)] = (path.stat().st_mode, time, path.read_bytes())
    return found


def test_a_clean_clone_is_only_named(cloned: Path) -> None:
    captured = capture_source(script(cloned), LIMIT)

    source = captured.source
    assert source.repository == "https://example.org/team/code.git"
    assert source.commit == git(cloned, "rev-parse", "HEAD")
    assert source.tree == git(cloned, "rev-parse", "HEAD^{tree}")
    assert (source.branch, source.entry_point, source.working_dir) == ("main", "train.py", ".")
    assert source.argv == ("--epochs", "3")
    assert (source.patch, source.bundle, captured.blobs) == ("", "", {})


def test_what_runs_is_known_before_the_files_are_read(cloned: Path) -> None:
    (cloned / "untracked.py").touch()
    located = locate(script(cloned))
    assert located.root == cloned
    assert located.source.commit
    assert not located.source.patch
    source = complete(located, LIMIT).source
    assert source.patch
    assert source.commit == located.source.commit


def test_the_repository_is_not_touched(cloned: Path) -> None:
    (cloned / "train.py").write_text("print('two')\n")
    git(cloned, "config", "core.splitIndex", "true")
    git(cloned, "add", "train.py")
    (cloned / "train.py").write_text("print('three')\n")
    (cloned / "untracked.bin").write_bytes(bytes(1000))
    commit_time = (cloned / "train.py").stat().st_mtime_ns
    os.utime(cloned / "train.py", ns=(commit_time, commit_time - 10**10))  # the index is stale
    before = everything_below(cloned)

    captured = capture_source(script(cloned), LIMIT)

    assert captured.source.patch
    assert everything_below(cloned) == before


def test_the_same_state_has_the_same_digests(laptop: Path) -> None:
    for number in range(20):
        (laptop / f"file{number}.txt").write_text(f"{number}\n" * 100)
        commit(laptop)
    (laptop / "untracked.py").touch()
    first, second = (capture_source(script(laptop), LIMIT) for _ in range(2))
    assert first == second
    assert len(first.blobs) == 2
    for digest, content in first.blobs.items():
        assert hashlib.sha256(content).hexdigest() == digest


def test_an_edit_that_keeps_size_and_time_is_seen(laptop: Path) -> None:
    """Files as young as the index are compared by content, though the index is a copy."""
    git(laptop, "config", "core.trustctime", "false")
    file = laptop / "train.py"
    file.write_text("print('111')\n")
    past = (10**18, 10**18)
    os.utime(file, ns=past)
    git(laptop, "add", "--all")
    file.write_text("print('222')\n")
    os.utime(file, ns=past)
    os.utime(laptop / ".git" / "index", ns=past)

    captured = capture_source(script(laptop), LIMIT)

    file.touch()
    git(laptop, "add", "--all")
    assert captured.source.tree == git(laptop, "write-tree")


@pytest.mark.parametrize("form", ["{}", "file://{}", "../laptop", "ext::sh -c {}"])
def test_a_remote_on_this_disk_counts_as_none(form: str, cloned: Path, laptop: Path) -> None:
    git(cloned, "remote", "set-url", "origin", form.format(laptop))
    captured = capture_source(script(cloned), LIMIT)
    assert captured.source.repository == ""
    assert captured.source.bundle


def test_a_remote_on_a_shared_disk_counts_if_that_is_allowed(cloned: Path, laptop: Path) -> None:
    git(cloned, "remote", "set-url", "origin", "../laptop")
    source = capture_source(script(cloned), LIMIT, local_remotes_are_shared=True).source
    assert (source.repository, source.bundle) == (str(laptop), "")


def test_the_remote_of_the_branch_wins_and_shortcuts_are_spelled_out(cloned: Path) -> None:
    git(cloned, "remote", "add", "fork", "gh:me/fork")
    git(cloned, "config", "url.https://token@github.com/.insteadOf", "gh:")
    git(cloned, "config", "branch.main.remote", "fork")
    assert locate(script(cloned)).source.repository == "https://github.com/me/fork"


def test_only_unpushed_commits_travel(cloned: Path) -> None:
    (cloned / "more.py").write_text("x = 1\n")
    newest = commit(cloned)
    captured = capture_source(script(cloned), LIMIT)
    bundle = captured.blobs[captured.source.bundle]
    pushed = git(cloned, "rev-parse", "origin/main")
    assert bundle.startswith(f"# v2 git bundle\n-{pushed} more\n{newest} HEAD\n\n".encode())


def test_a_detached_head_has_no_branch(cloned: Path) -> None:
    git(cloned, "checkout", "--quiet", "--detach")
    source = capture_source(script(cloned), LIMIT).source
    assert (source.branch, source.bundle) == ("", "")


def test_a_shallow_clone_cannot_send_what_it_lacks(laptop: Path, tmp_path: Path) -> None:
    (laptop / "more.py").touch()
    commit(laptop)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{laptop}", str(shallow))
    with pytest.raises(CaptureError, match="--unshallow"):
        capture_source(script(shallow), LIMIT)
    git(shallow, "remote", "set-url", "origin", "https://example.org/code.git")
    (shallow / "even_more.py").touch()
    commit(shallow)
    assert capture_source(script(shallow), LIMIT).source.bundle


def test_the_entry_point_is_seen_from_the_working_folder(laptop: Path) -> None:
    (laptop / "jobs" / "deep").mkdir(parents=True)
    (laptop / "jobs" / "fit.py").touch()
    source = locate(script(laptop, "jobs/fit.py", "jobs/deep")).source
    assert (source.working_dir, source.entry_point) == ("jobs/deep", "../fit.py")
    source = locate(script(laptop, "jobs/fit.py", "..")).source  # started outside
    assert (source.working_dir, source.entry_point) == (".", "jobs/fit.py")


def test_submodules_are_captured_at_every_depth(laptop: Path, tmp_path: Path) -> None:
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "--quiet", "--initial-branch=main")
        (tmp_path / name / f"{name}.py").touch()
        commit(tmp_path / name)
    allow = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    git(tmp_path / "outer", *allow, "add", str(tmp_path / "inner"), "inner")
    commit(tmp_path / "outer")
    git(laptop, *allow, "add", str(tmp_path / "outer"), "libs/outer")
    git(laptop, *allow, "update", "--init", "--recursive")
    git(laptop, "config", "-f", ".gitmodules", "submodule.libs/outer.ignore", "all")
    commit(laptop)
    (laptop / "libs/outer/inner/new.py").touch()
    newest = commit(laptop / "libs/outer/inner")
    (laptop / "libs/outer/inner/edit.py").touch()

    source = capture_source(script(laptop), LIMIT, local_remotes_are_shared=True).source

    outer, inner = source.submodules
    assert (outer.path, inner.path) == ("libs/outer", "libs/outer/inner")
    assert inner.commit == newest
    assert inner.bundle
    assert inner.patch
    assert outer.patch  # it is at another commit of `inner`
    assert not outer.bundle
    assert not source.patch  # but at no other commit itself


def test_a_repository_that_is_not_a_submodule_is_refused(laptop: Path) -> None:
    nested = laptop / "vendored"
    nested.mkdir()
    git(nested, "init", "--quiet")
    with pytest.raises(CaptureError, match=r"vendored is a git repository.*\.gitignore"):
        capture_source(script(laptop), LIMIT)
    (laptop / ".gitignore").write_text("vendored\n")
    assert capture_source(script(laptop), LIMIT).source.patch


def test_an_ignored_script_is_refused(laptop: Path) -> None:
    (laptop / ".gitignore").write_text("scratch*\n")
    (laptop / "scratch.py").touch()
    with pytest.raises(CaptureError, match=r"scratch\.py cannot run elsewhere.*ignores"):
        capture_source(script(laptop, "scratch.py"), LIMIT)


@pytest.mark.parametrize("target", ["/etc/hosts", "../elsewhere", ".git/config"])
def test_a_link_out_of_the_code_is_refused(target: str, laptop: Path) -> None:
    (laptop / "data").symlink_to(target)
    with pytest.raises(CaptureError, match=rf"data cannot travel.*{target}"):
        capture_source(script(laptop), LIMIT)
    commit(laptop)  # a commit's links are as its authors want them
    capture_source(script(laptop), LIMIT)


def without_the_rights_of_root() -> None:
    """In a child, before it runs: also root may then read only what its owner may."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.parametrize("name", ["secret.txt", "secret"])
def test_what_cannot_be_read_is_refused(name: str, laptop: Path) -> None:
    path = laptop / name
    if path.suffix:
        path.touch()
    else:
        path.mkdir()
    path.chmod(0)
    program = (
        "from pathlib import Path; from elsewhere.capture.repository import *;"
        "from elsewhere.capture.script import Script; root = Path.cwd();"
        "complete(locate(Script(path=root / 'train.py', folder=root)), 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=laptop,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=without_the_rights_of_root,
    )
    path.chmod(0o700)
    assert "CaptureError" in done.stderr
    assert f"'{name}" in done.stderr or f'"{name}' in done.stderr
    assert "Permission denied" in done.stderr


def test_a_forgotten_data_folder_is_refused_with_its_largest_files(laptop: Path) -> None:
    (laptop / "data").mkdir()
    for number in range(12):
        with (laptop / "data" / f"part{number:02}.bin").open("wb") as file:
            file.truncate((number + 1) * 10**10)  # more than could be read in a test
    with pytest.raises(TooLargeError) as caught:
        capture_source(script(laptop), LIMIT)
    message = str(caught.value)
    for part in ("64.0 MB", ".gitignore", "ELSEWHERE_CAPTURE_LIMIT_BYTES"):
        assert part in message
    listed = [line.split() for line in message.splitlines()[1:]]
    assert len(listed) == 10
    assert listed[0] == ["120000.0", "MB", "data/part11.bin"]


def test_large_edits_are_refused(laptop: Path) -> None:
    (laptop / "train.py").write_text("x = 1\n" * 10_000)
    with pytest.raises(TooLargeError, match=r"(?s)the changes in .*0\.1 MB .*train\.py"):
        capture_source(script(laptop), 50_000)


def test_large_unpushed_commits_are_refused(cloned: Path) -> None:
    (cloned / "weights.bin").write_bytes(os.urandom(100_000))
    commit(cloned)
    with pytest.raises(TooLargeError, match=r"(?s)in no remote.*Push.*0\.1 MB +weights\.bin"):
        capture_source(script(cloned), 50_000)


def test_the_limit_counts_all_parts_together(cloned: Path) -> None:
    (cloned / "committed.bin").write_bytes(os.urandom(30_000))
    commit(cloned)
    capture_source(script(cloned), 50_000)
    (cloned / "untracked.bin").write_bytes(os.urandom(30_000))
    with pytest.raises(TooLargeError):
        capture_source(script(cloned), 50_000)


def test_git_that_refuses_is_quoted(laptop: Path) -> None:
    (laptop / ".git" / "config").write_text("[broken\n")
    with pytest.raises(CaptureError, match=r"(?s)git rev-parse.*bad config"):
        locate(script(laptop))


def test_a_repository_needs_git_and_a_loose_script_does_not(
    laptop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "train.py").write_text("print(1)\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CaptureError, match="Install git"):
        locate(script(laptop))
    captured = capture_source(script(loose), LIMIT)
    assert b"+print(1)\n" in captured.blobs[captured.source.patch]
    monkeypatch.undo()
    git(loose, "init", "--quiet")
    git(loose, "add", "--all")
    assert captured.source.tree == git(loose, "write-tree")


def test_a_loose_script_is_limited_too(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("x = 1\n" * 10_000)
    with pytest.raises(TooLargeError, match=r"0\.1 MB"):
        capture_source(script(tmp_path), 50_000)

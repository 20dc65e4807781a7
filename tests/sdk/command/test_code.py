"""`elsewhere code`: the exact code of a task, laid out again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere.command.main import main
from elsewhere.core.records import Source, Submodule
from tests.sdk.command.tasks import Tasks, open_tasks


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "laptop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ELSEWHERE_LOCAL_REMOTES_ARE_SHARED", "yes")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ada")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.org")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ada@example.org")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")
    return folder


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "protocol.file.allow=always", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def project(here: Path) -> Path:
    """A repository with a remote, an unpushed commit, and all kinds of changes."""
    remote = here / "model.git"
    git(here, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    folder = here / "model"
    git(here, "clone", "--quiet", str(remote), str(folder))
    git(folder, "checkout", "--quiet", "-b", "main")
    (folder / "train.py").write_text("print(1)\n")
    (folder / "gone.py").write_text("")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "One")
    git(folder, "push", "--quiet", "origin", "main")
    (folder / "unpushed.py").write_text("print(2)\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Two")
    (folder / "train.py").write_text("print(3)\n")
    (folder / "gone.py").unlink()
    (folder / "new.bin").write_bytes(bytes(range(256)))
    (folder / "go.sh").write_text("echo\n")
    (folder / "go.sh").chmod(0o755)
    (folder / "link").symlink_to("train.py")
    return folder


def send(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["run", "--draft", *(words or ("train.py",))]) == 0
    finally:
        os.chdir(before)
    return capsys.readouterr().out.strip()


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if ".git" in name.parts or path.is_dir():
            continue
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        found[str(name)] = (path.lstat().st_mode, content)
    return found


def test_the_code_is_as_it_was_with_commits_that_were_never_pushed(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(here)
    task_id = send(folder, capsys)
    was, commit = files(folder), git(folder, "rev-parse", "HEAD")
    (folder / "train.py").write_text("print('later')\n")
    assert main(["code", task_id[:8], "--to", "again"]) == 0
    captured = capsys.readouterr()
    again = here / "again"
    assert captured.out == f"{again}\n"
    assert f"its tree is {tasks.store.read(task_id).source.tree}" in captured.err
    assert files(again) == was
    assert git(again, "rev-parse", "HEAD") == commit
    assert "M  train.py" in git(again, "status", "--porcelain")
    assert git(again, "remote", "get-url", "origin").strip() == str(here / "model.git")


def test_the_changes_alone_are_a_patch_that_git_applies(
    here: Path, tasks: Tasks, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = project(here)
    os.chdir(folder)
    assert main(["run", "--draft", "train.py"]) == 0
    task_id = capfdbinary.readouterr().out.decode().strip()
    was = files(folder)
    assert main(["code", task_id, "--patch"]) == 0
    patch = capfdbinary.readouterr().out
    git(folder, "stash", "--include-untracked")
    (here / "patch").write_bytes(patch)
    git(folder, "apply", str(here / "patch"))
    assert files(folder) == was


def test_code_outside_git_is_files_alone(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = here / "loose"
    folder.mkdir()
    (folder / "train.py").write_text("import part\n")
    (folder / "part.py").write_text("print(4)\n")
    task_id = send(folder, capsys)
    assert main(["code", task_id, "--to", "again"]) == 0
    assert files(here / "again") == files(folder)
    assert not (here / "again" / ".git").exists()


def test_submodules_come_with_their_own_changes(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(here)
    git(here, "clone", "--quiet", "--bare", str(here / "model.git"), str(here / "inner.git"))
    git(folder, "submodule", "--quiet", "add", str(here / "inner.git"), "lib/inner")
    git(folder, "commit", "--quiet", "--message", "Three")
    (folder / "lib" / "inner" / "train.py").write_text("print('inner')\n")
    task_id = send(folder, capsys)
    assert main(["code", task_id, "--to", "again"]) == 0
    assert files(here / "again") == files(folder)


def test_a_branch_without_a_commit_is_what_it_is_now(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    project(here)
    url = f"file://{here / 'model.git'}"
    task_id = tasks.create(source=Source(repository=url, branch="main", entry_point="train.py"))
    assert main(["code", task_id, "--to", "again"]) == 0
    assert "as main is now: no commit is named" in capsys.readouterr().err
    assert (here / "again" / "train.py").read_text() == "print(1)\n"


def test_what_cannot_be_laid_out_is_a_sentence_and_leaves_no_folder(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(here)
    source = tasks.store.read(send(folder, capsys)).source
    lost = "1" * 40

    def fails(sentence: str, **changes: Any) -> None:
        task_id = tasks.create(source=replace(source, **changes))
        assert main(["code", task_id, "--to", "again"]) == 1
        assert sentence in capsys.readouterr().err
        assert not (here / "again").exists()

    fails("is not what was captured: its tree is", tree=lost)
    fails("is not in the store any more", patch="2" * 64)
    fails("does not have " + lost, commit=lost, bundle="")
    fails("cannot be read. git said", repository=str(here / "nothing.git"), bundle="")
    fails("'--upload-pack=touch x' is no repository", repository="--upload-pack=touch x")
    fails("cannot be read. git said", repository=f"ext::sh -c 'touch {here}/x'", bundle="")
    fails("The code of the task is not whole: never", missing="never")
    for path in ("../out", "/out", "a/.git/hooks", "a/.GIT"):
        fails(
            "A submodule cannot be at",
            submodules=(Submodule(path=path, repository="", commit=lost),),
        )
    behind = (Submodule(path="link/x", repository="", commit=lost),)
    fails("would lie behind a link", submodules=behind)
    assert not (here / "x").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../out", "a/../../out", ".git/config"])
def test_a_link_of_the_changes_that_leads_out_is_refused(
    target: str, here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    patch = (
        "diff --git a/link b/link\nnew file mode 120000\n--- /dev/null\n+++ b/link\n"
        f"@@ -0,0 +1 @@\n+{target}\n\\ No newline at end of file\n"
    ).encode()
    digest = hashlib.sha256(patch).hexdigest()
    tasks.store.put_blob(digest, patch)
    task_id = tasks.create(source=Source(entry_point="train.py", patch=digest))
    assert main(["code", task_id, "--to", "again"]) == 1
    assert f"the link link leads to {target}, out of the code" in capsys.readouterr().err
    assert not (here / "again").exists()


def test_a_folder_with_files_is_left_alone(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create(source=Source(entry_point="train.py", patch="3" * 64))
    (here / "full").mkdir()
    (here / "full" / "mine").touch()
    assert main(["code", task_id, "--to", "full"]) == 2
    assert "is there already: name a folder that is new" in capsys.readouterr().err
    assert (here / "full" / "mine").exists()
    with pytest.raises(SystemExit):
        main(["code", task_id])
    assert "--to" in capsys.readouterr().err


def test_without_git_it_is_said(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = tasks.create(source=Source(entry_point="train.py", patch="3" * 64))
    monkeypatch.setenv("PATH", str(here))
    assert shutil.which("git") is None
    assert main(["code", task_id, "--to", "again"]) == 1
    assert "There is no `git` on the PATH" in capsys.readouterr().err
    assert not (here / "again").exists()


def test_files_of_lfs_that_cannot_be_had_are_named(
    here: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(here)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4' * 64}\nsize 5\n"
    git(folder, "clean", "-qfd")
    (folder / ".gitattributes").write_text("*.pt filter=lfs diff=lfs merge=lfs -text\n")
    (folder / "a.pt").write_text(pointer)
    git(folder, "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.process=", "add", "--all")
    git(folder, "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.process=", "commit", "-qm", "LFS")
    commit = git(folder, "rev-parse", "HEAD").strip()
    git(folder, "push", "--quiet", "--no-verify", "origin", "main")
    url = f"file://{here / 'model.git'}"
    task_id = tasks.create(source=Source(repository=url, commit=commit, entry_point="train.py"))
    assert main(["code", task_id, "--to", "again"]) == 0
    assert "has 1 file of git LFS as pointers" in capsys.readouterr().err
    assert (here / "again" / "a.pt").read_text() == pointer

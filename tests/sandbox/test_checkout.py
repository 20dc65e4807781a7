"""Code that was captured in one place is the same code in another."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from elsewhere.capture.script import Script
from elsewhere.core.records import Source
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.git import GitPolicy
from tests.captured import capture_source
from tests.sandbox.repositories import (
    LIMIT,
    LOCAL,
    Host,
    Voice,
    clone,
    commit,
    enrich,
    files_of,
    git,
    new_repository,
    push_to_new,
    script,
)


def test_every_kind_of_change_arrives_byte_for_byte(
    tmp_path: Path, origin: Path, host: Host
) -> None:
    inner = tmp_path / "library"
    new_repository(inner)
    (inner / "inner.py").write_text("x = 1\n")
    commit(inner)
    library = push_to_new(inner, tmp_path / "library.git")
    laptop = clone(origin, tmp_path / "laptop")
    allow = ("-c", "protocol.file.allow=always")
    git(laptop, *allow, "submodule", "--quiet", "add", str(library), "libs/library")
    commit(laptop)
    enrich(laptop)
    (laptop / "libs/library/inner.py").write_text("x = 2\n")
    commit(laptop / "libs/library")  # in no remote either
    (laptop / "libs/library/inner.py").write_text("x = 3\n")
    (laptop / "libs/library/more.bin").write_bytes(b"\0\1\2")

    captured = capture_source(script(laptop), LIMIT, local_remotes_are_shared=True)
    code = host.checkout(captured.source, captured.blobs)

    assert files_of(code) == files_of(laptop, without=("ignored.txt", "x.log"))
    assert captured.source.repository == str(origin)
    (inner_source,) = captured.source.submodules
    assert inner_source.path == "libs/library"
    for part in (captured.source, inner_source):
        assert part.bundle
        assert part.patch
    assert git(code, "diff", "--name-only", "--ignore-submodules=dirty") == ""
    assert git(code, "ls-files", "--others") == ""
    assert git(code, "remote", "get-url", "origin") == str(origin)
    assert git(code, "rev-parse", "HEAD") == captured.source.commit
    assert git(code / "libs/library", "status", "--short") == "M  inner.py\nA  more.bin"
    assert host.voice.phases == ["checkout", "patch", "verify", "files"]


def test_settings_of_the_user_change_nothing(
    tmp_path: Path, origin: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    program.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(
        f"[diff]\nnoprefix = true\nmnemonicPrefix = true\nexternal = {program}\nrenames = copies\n"
        f"submodule = log\nignoreSubmodules = all\ncontext = 0\n"
        f"[core]\nautocrlf = true\nfsmonitor = {program}\nsplitIndex = true\n"
        f"[color]\nui = always\n[add]\nignoreErrors = true\n"
        f'[diff "mine"]\n'
        f"command = {program}\ntextconv = {program}\n"
    )
    attributes = tmp_path / "git" / "attributes"
    attributes.parent.mkdir()
    attributes.write_text("* text eol=crlf\n")
    laptop = clone(origin, tmp_path / "laptop")
    (laptop / ".gitattributes").write_text("*.py diff=mine\n")
    enrich(laptop)
    for hook in ("post-index-change", "pre-commit", "post-checkout"):
        (laptop / ".git" / "hooks" / hook).write_text(program.read_text())
        (laptop / ".git" / "hooks" / hook).chmod(0o755)
    before = capture_source(script(laptop), LIMIT, local_remotes_are_shared=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(program))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))

    captured = capture_source(script(laptop), LIMIT, local_remotes_are_shared=True)
    assert captured == before
    code = host.checkout(captured.source, captured.blobs)

    assert files_of(code) == files_of(laptop, without=("ignored.txt", "x.log"))
    assert not canary.exists()


def test_a_repository_without_a_remote_travels_whole(tmp_path: Path, host: Host) -> None:
    laptop = tmp_path / "laptop"
    new_repository(laptop)
    (laptop / "train.py").write_text("print('one')\n")
    commit(laptop)
    enrich(laptop)
    git(laptop, "checkout", "--quiet", "--detach")

    captured = capture_source(script(laptop), LIMIT)
    code = host.checkout(captured.source, captured.blobs, GitPolicy())

    assert (captured.source.repository, captured.source.branch) == ("", "")
    assert files_of(code) == files_of(laptop, without=("ignored.txt", "x.log"))
    assert not host.mirrors.exists()


def test_a_repository_without_commits_travels_as_a_patch(tmp_path: Path, host: Host) -> None:
    laptop = tmp_path / "laptop"
    new_repository(laptop)
    git(laptop, "remote", "add", "origin", "https://example.org/empty.git")
    (laptop / "train.py").write_text("print('one')\n")
    (laptop / "run.sh").write_text("#!/bin/sh\n")
    (laptop / "run.sh").chmod(0o755)

    captured = capture_source(script(laptop), LIMIT)
    code = host.checkout(captured.source, captured.blobs)

    assert (captured.source.repository, captured.source.commit) == ("", "")
    assert files_of(code) == files_of(laptop)


def test_a_script_outside_git_travels_with_what_it_imports(tmp_path: Path, host: Host) -> None:
    laptop = tmp_path / "laptop"
    package = laptop / "package" / "below"
    package.mkdir(parents=True)
    (laptop / "train.py").write_text("import helper\nfrom package.below import deep")
    (laptop / "helper.py").write_text("import second\r\n")
    (laptop / "second.py").touch()
    (laptop / "not_imported.py").write_text("x = 1\n")
    (laptop / "data.csv").write_text("1,2\n")
    (laptop / "package" / "__init__.py").touch()
    (laptop / "package" / "table 1.json").write_text("{}\n")
    (package / "deep.py").write_text("y = 'ü'\n")
    (package / "weights.bin").write_bytes(os.urandom(1000) + b"\0")
    (package / "program").write_text("#!/bin/sh\n")
    (package / "program").chmod(0o755)
    (package / 'odd"\n.txt').write_text("odd\n")

    captured = capture_source(script(laptop), LIMIT)
    code = host.checkout(captured.source, captured.blobs)

    assert files_of(code) == files_of(laptop, without=("not_imported.py", "data.csv"))
    assert (captured.source.entry_point, captured.source.commit) == ("train.py", "")


def test_an_empty_working_folder_is_there_again(tmp_path: Path, origin: Path, host: Host) -> None:
    laptop = clone(origin, tmp_path / "laptop")
    (laptop / "results" / "today").mkdir(parents=True)
    started = Script(path=laptop / "train.py", folder=laptop / "results" / "today")

    captured = capture_source(started, LIMIT, local_remotes_are_shared=True)
    code = host.checkout(captured.source, captured.blobs)

    assert captured.source.working_dir == "results/today"
    assert captured.source.entry_point == "../../train.py"
    assert (code / "results/today" / captured.source.entry_point).is_file()


def test_a_branch_means_its_newest_commit(tmp_path: Path, origin: Path, host: Host) -> None:
    newest = ""
    for content in ("new", "newer"):
        laptop = clone(origin, tmp_path / content)
        (laptop / "train.py").write_text(content)
        newest = commit(laptop)
        git(laptop, "push", "--quiet", "origin", "HEAD:refs/heads/feature/x")
        code = host.checkout(Source(repository=str(origin), branch="feature/x"))
        assert git(code, "rev-parse", "HEAD") == newest
        assert (code / "train.py").read_text() == content
        git(laptop, "push", "--quiet", "origin", "HEAD:main")
    assert (host.checkout(Source(repository=str(origin))) / "train.py").read_text() == "newer"
    short = host.checkout(Source(repository=str(origin), commit=newest[:8]))
    assert git(short, "rev-parse", "HEAD") == newest
    with pytest.raises(SetupError, match="no branch 'gone'"):
        host.checkout(Source(repository=str(origin), branch="gone"))


def test_what_is_in_the_mirror_is_not_fetched_again(
    tmp_path: Path, origin: Path, host: Host
) -> None:
    source = Source(repository=str(origin), commit=git(origin, "rev-parse", "main"))
    host.checkout(source)
    origin.rename(tmp_path / "away")

    code = host.checkout(source)

    assert (code / "train.py").read_text() == "print('one')\n"
    assert "already" in host.voice.lines[0]
    assert not list((code / ".git/objects").glob("??/*"))  # all are borrowed


def test_two_tasks_share_one_mirror_at_the_same_time(origin: Path, host: Host) -> None:
    source = Source(repository=str(origin), commit=git(origin, "rev-parse", "main"))
    failures: list[BaseException] = []
    codes = [host.path / f"code{number}" for number in range(4)]

    def attempt(code: Path) -> None:
        try:
            checkout(source, code, host.mirrors, host.path, Voice(), LOCAL)
        except BaseException as error:  # noqa: BLE001 - it is shown below
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert {(code / "train.py").read_text() for code in codes} == {"print('one')\n"}
    assert len([path for path in host.mirrors.iterdir() if path.is_dir()]) == 1


def test_locks_that_a_killed_git_left_do_not_fail_the_next_fetch(
    tmp_path: Path, origin: Path, host: Host
) -> None:
    host.checkout(Source(repository=str(origin), branch="main"))
    laptop = clone(origin, tmp_path / "laptop")
    (laptop / "more.py").touch()
    newest = commit(laptop)
    git(laptop, "push", "--quiet")
    (mirror,) = (path for path in host.mirrors.iterdir() if path.is_dir())
    lock = mirror / "refs" / "elsewhere" / f"{newest}.lock"
    lock.touch()
    (mirror / "packed-refs.lock").touch()
    (mirror / "objects" / "pack" / "tmp_pack_x").touch()

    assert (host.checkout(Source(repository=str(origin), commit=newest)) / "more.py").exists()
    assert not lock.exists()
    assert not (mirror / "objects" / "pack" / "tmp_pack_x").exists()

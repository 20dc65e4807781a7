"""What cannot be checked out, or must not be, is told in a sentence and leaves nothing."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.core.records import Source, Submodule
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.credentials import Credentials
from elsewhere_sandbox.errors import SetupError, StopRequestedError
from elsewhere_sandbox.git import Git, GitPolicy
from tests.captured import capture_source
from tests.sandbox.repositories import (
    LIMIT,
    LOCAL,
    Host,
    Voice,
    commit,
    git,
    new_repository,
    script,
)


def test_a_commit_that_the_remote_lacks_is_named(origin: Path, host: Host) -> None:
    lost = "0123456789" * 4
    with pytest.raises(SetupError, match=r"does not have commit 012345678901.*never pushed"):
        host.checkout(Source(repository=str(origin), commit=lost))


def test_a_remote_that_is_not_there_is_an_error_with_the_words_of_git(
    tmp_path: Path, host: Host
) -> None:
    source = Source(repository=f"file://{tmp_path}/none.git", commit="0123456789" * 4)
    with pytest.raises(SetupError, match=r"(?s)cannot be read.*does not (exist|appear)"):
        host.checkout(source)


def test_a_stop_is_told_from_a_failure(tmp_path: Path, host: Host) -> None:
    source = Source(repository=f"file://{tmp_path}/none.git", commit="0123456789" * 4)
    with pytest.raises(StopRequestedError):
        checkout(source, tmp_path / "code", host.mirrors, tmp_path, Voice(is_stopping=True), LOCAL)


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch /tmp/owned",
        "ext::sh -c touch% /tmp/owned",
        "ftp://example.org/x.git",
        "-oProxyCommand=x:path",
        "https://user:secret@example.org/x.git",
        "https://example.org/x\n[core]\n",
        "relative/path",
    ],
)
def test_a_hostile_url_is_refused(url: str, host: Host) -> None:
    with pytest.raises(SetupError, match="not fetched") as caught:
        host.checkout(Source(repository=url, commit="0123456789" * 4))
    assert "secret" not in str(caught.value)
    assert host.voice.lines == []


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_local_remote_needs_the_permission_of_the_operator(
    form: str, origin: Path, host: Host
) -> None:
    source = Source(repository=form.format(origin), commit=git(origin, "rev-parse", "main"))
    with pytest.raises(SetupError, match="allow local remotes"):
        host.checkout(source, policy=GitPolicy())
    host.checkout(source)


def addition(path: str, content: str = "x", mode: str = "100644") -> bytes:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n"
        f"index {'0' * 40}..{'1' * 40}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+{content}\n\\ No newline at end of file\n"
    ).encode()


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "/absolute.txt",
        ".git/hooks/post-checkout",
        ".GIT/config",
        "inner/.git/config",
        "git~1/config",
        ".g\u200cit/config",
    ],
)
def test_a_patch_that_reaches_out_of_the_code_is_refused(
    path: str, host: Host, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"(?s)cannot be applied.*invalid path"):
        host.apply(addition(path))
    assert not list(tmp_path.rglob("outside.txt"))
    assert not list(tmp_path.rglob("post-checkout"))


@pytest.mark.parametrize(
    "target",
    ["/etc", "../..", "../../outside", ".git/hooks", ".GIT", "folder/../../outside", "git~1"],
)
def test_a_patch_with_a_link_out_of_the_code_is_refused(target: str, host: Host) -> None:
    with pytest.raises(SetupError, match="the link folder/link leads to"):
        host.apply(addition("folder/link", target, "120000"))


@pytest.mark.row(38)
def test_a_patch_cannot_write_through_a_link(host: Host, tmp_path: Path) -> None:
    patch = addition("link", "folder", "120000") + addition("link/file.txt")
    with pytest.raises(SetupError):
        host.apply(patch)


def test_a_patch_that_does_not_apply_names_the_file(origin: Path, host: Host) -> None:
    patch = (
        b"diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n"
        b"@@ -1 +1 @@\n-print('other')\n+print('two')\n"
    )
    newest = git(origin, "rev-parse", "main")
    with pytest.raises(SetupError, match=r"(?s)cannot be applied.*train\.py"):
        host.apply(patch, Source(repository=str(origin), commit=newest))
    assert host.voice.phases == ["checkout", "patch"]


def test_a_wrong_tree_stops_before_any_file_is_written(host: Host) -> None:
    wanted = "0123456789" * 4
    with pytest.raises(SetupError, match=rf"its tree is [0-9a-f]{{40}} and should be {wanted}"):
        host.apply(addition("train.py"), Source(tree=wanted))
    assert host.voice.phases == ["checkout", "patch", "verify"]
    assert not list(host.path.rglob("train.py"))


def test_damaged_and_missing_inputs_are_told(host: Host) -> None:
    digest = "0" * 64
    with pytest.raises(SetupError, match="damaged"):
        host.checkout(Source(patch=digest), {digest: b"other bytes"})
    with pytest.raises(SetupError, match="not here"):
        host.checkout(Source(patch=digest))
    with pytest.raises(SetupError, match="not here"):
        host.checkout(Source(patch="../../../etc/passwd"))


def test_a_source_without_code_is_an_error(host: Host) -> None:
    with pytest.raises(SetupError, match="no code"):
        host.checkout(Source())


def test_a_commit_that_travelled_nowhere_is_an_error(host: Host) -> None:
    with pytest.raises(SetupError, match="no repository to fetch"):
        host.checkout(Source(commit="0123456789" * 4))
    with pytest.raises(SetupError, match="not the name of a commit"):
        host.checkout(Source(repository="https://example.org/x", commit="--output=x"))


@pytest.mark.parametrize("path", ["../x", "/x", ".git/x", "a/../../x", "", "."])
def test_a_submodule_stays_inside(path: str, host: Host, tmp_path: Path) -> None:
    patch = addition("train.py")
    digest = hashlib.sha256(patch).hexdigest()
    inner = Submodule(path=path, repository="", commit="", patch=digest)
    with pytest.raises(SetupError, match="cannot be at"):
        host.checkout(Source(patch=digest, submodules=(inner,)), {digest: patch})


@pytest.mark.row(38)
def test_a_submodule_is_not_written_through_a_link(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    file = addition("owned.txt")
    laptop = tmp_path / "laptop"
    new_repository(laptop)
    (laptop / "train.py").touch()
    (laptop / "libs").symlink_to(outside)  # in a commit, where links may lead anywhere
    commit(laptop)
    captured = capture_source(script(laptop), LIMIT)
    digest = hashlib.sha256(file).hexdigest()
    inner = Submodule(path="libs/inner", repository="", commit="", patch=digest)
    source = replace(captured.source, submodules=(inner,))
    with pytest.raises(SetupError):
        host.checkout(source, {**captured.blobs, digest: file})
    assert list(outside.iterdir()) == []


def test_credentials_reach_git_by_askpass_and_no_other_host(tmp_path: Path) -> None:
    credentials = Credentials(tokens={"example.org": ("robot", "s3cret")})
    Git(Voice(), GitPolicy(credentials=credentials), tmp_path)
    environment = credentials.variables("https://example.org/x.git", tmp_path / "askpass")

    def answer(prompt: str) -> str:
        return subprocess.run(
            [environment["GIT_ASKPASS"], prompt],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()

    for quote in "'\"":  # git's, and those of git LFS
        assert answer(f"Username for {quote}https://example.org{quote}: ") == "robot"
        assert answer(f"Password for {quote}https://robot@example.org{quote}: ") == "s3cret"
        assert answer(f"Password for {quote}https://robot@evil.org{quote}: ") == ""
        assert answer(f"Password for {quote}https://robot@example.org.evil.org{quote}: ") == ""
        assert answer(f"Username for {quote}http://example.org{quote}: ") == ""
    for url in ("http://example.org/x", "https://example.org.evil.org/x", "git@example.com:x"):
        assert credentials.variables(url, tmp_path) == {"GIT_ASKPASS": ""}

"""Code that was captured in one place is the same code in another."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.capture.repository import capture_source
from elsewhere.capture.script import Script
from elsewhere.records import Source, Submodule
from elsewhere_sandbox.checkout import GitPolicy, checkout
from elsewhere_sandbox.errors import SetupError, StopRequestedError
from elsewhere_sandbox.runtimes.api import Command

LIMIT = 64_000_000
LOCAL = GitPolicy(allow_local_remotes=True)


class Voice:
    """A set-up that only listens."""

    def __init__(self, *, is_stopping: bool = False) -> None:
        self.phases: list[str] = []
        self.lines: list[str] = []
        self.is_stopping = is_stopping

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.phases.append(name)
        yield

    def say(self, line: str) -> None:
        self.lines.append(line)

    def run(self, command: Command) -> str:
        raise AssertionError(f"checkout runs git by itself, not {command}")

    def check_stop(self) -> None:
        if self.is_stopping:
            raise StopRequestedError("a stop")


class Host:
    """The other machine: mirrors and one folder for each attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mirrors = path / "mirrors"
        self.voice = Voice()
        self._attempts = 0

    def checkout(
        self, source: Source, blobs: dict[str, bytes] | None = None, policy: GitPolicy = LOCAL
    ) -> Path:
        self._attempts += 1
        attempt = self.path / f"attempt{self._attempts}"
        inputs = attempt / "inputs"
        inputs.mkdir(parents=True)
        for digest, content in (blobs or {}).items():
            (inputs / digest).write_bytes(content)
        self.voice = Voice()
        checkout(source, attempt / "code", self.mirrors, inputs, self.voice, policy)
        return attempt / "code"

    def apply(self, patch: bytes, source: Source | None = None) -> Path:
        """Checks out a source with a patch."""
        digest = hashlib.sha256(patch).hexdigest()
        return self.checkout(replace(source or Source(), patch=digest), {digest: patch})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with one commit."""
    seed = tmp_path / "seed"
    new_repository(seed)
    (seed / "train.py").write_text("print('one')\n")
    commit(seed)
    return push_to_new(seed, tmp_path / "origin.git")


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout.decode(errors="surrogateescape").strip()


def new_repository(folder: Path) -> None:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=more")
    return git(folder, "rev-parse", "HEAD")


def push_to_new(folder: Path, bare: Path) -> Path:
    git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(bare))
    return bare


def clone(origin: Path, folder: Path) -> Path:
    git(origin.parent, "clone", "--quiet", str(origin), str(folder))
    return folder


def script(root: Path, name: str = "train.py") -> Script:
    return Script(path=(root / name).resolve(), folder=root.resolve())


def files_of(root: Path, *, without: tuple[str, ...] = ()) -> dict[str, tuple[str, bytes]]:
    """Path to (mode as git sees it, bytes) of every file outside of `.git`."""
    found = {}
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            path = Path(parent, name)
            relative = path.relative_to(root).as_posix()
            if name == ".git" or relative in without:
                continue
            if path.is_symlink():
                found[relative] = ("link", os.fsencode(path.readlink()))
            else:
                is_program = bool(path.stat().st_mode & stat.S_IXUSR)
                found[relative] = ("program" if is_program else "file", path.read_bytes())
    return found


def enrich(root: Path) -> None:
    """One of each kind of change, beside a commit that no remote has."""
    (root / "pushed_later.py").write_text("unpushed = True\n")
    (root / "to_delete.txt").write_text("soon gone\n")
    (root / "binary.bin").write_bytes(bytes(range(256)) * 40)
    (root / "becomes_program.sh").write_text("#!/bin/sh\n")
    (root / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / ".gitignore").write_text("ignored.txt\n*.log\n")
    commit(root)
    (root / "train.py").write_text("print('two')\n")
    git(root, "add", "train.py")
    (root / "train.py").write_text("print('three')\n")  # staged, and changed again
    (root / "pushed_later.py").write_text("unpushed = 'edited'\n")
    (root / "to_delete.txt").unlink()
    (root / "binary.bin").write_bytes(bytes(reversed(range(256))) * 41)
    (root / "becomes_program.sh").chmod(0o755)
    (root / "windows.txt").write_bytes(b"one\r\ntwo\nthree\r\n")
    (root / "data").mkdir()
    (root / "data" / "untracked.npy").write_bytes(os.urandom(3000))
    (root / "data" / "empty").touch()
    (root / "new\r\n.txt").write_bytes(b"no end of line")
    (root / "with space.txt").write_text("a\n")
    (root / "grüße „x“.txt").write_text("ü\n")
    (root / 'quote"d\ttab.txt').write_text("q\n")
    (root / "untracked_windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / "link").symlink_to("data/untracked.npy")
    (root / "link_to_folder").symlink_to("data")
    (root / "ignored.txt").write_text("stays here\n")
    (root / "x.log").write_text("stays here\n")


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


def test_credentials_reach_git_by_askpass_and_no_message(tmp_path: Path) -> None:
    from elsewhere_sandbox.git import Git

    policy = GitPolicy(credentials={"example.org": ("robot", "s3cret")})
    Git(Voice(), policy, tmp_path)
    environment = policy.environment("https://example.org/x.git", tmp_path / "askpass")

    def answer(prompt: str) -> str:
        return subprocess.run(
            [environment["GIT_ASKPASS"], prompt],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()

    assert answer("Username for 'https://example.org': ") == "robot"
    assert answer("Password for 'https://robot@example.org': ") == "s3cret"
    assert answer("Password for 'https://robot@evil.org': ") == ""
    assert answer("Username for 'http://example.org': ") == ""
    for url in ("http://example.org/x", "https://example.org.evil.org/x", "git@example.org:x"):
        assert policy.environment(url, tmp_path) == {"GIT_ASKPASS": ""}

"""Private repositories of a real https server and a real sshd are read by the agent's credentials,
which show nowhere; a refusal says whose it is and what to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.core.records import Source
from elsewhere_sandbox.credentials import Credentials
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.git import GitPolicy
from tests.sandbox.repositories import Host, commit, git, new_repository, push_to_new
from tests.served_git import Login, serving_git
from tests.ssh_server import SshServer, new_key, serving_ssh

LOGIN = Login("robot", "s3cret-t0ken")


@pytest.fixture
def https(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server with the `origin`, which asks for the password."""
    certificate = tmp_path / "server.pem"
    with serving_git(origin.parent, LOGIN, certificate) as url:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
        yield url


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    with serving_ssh(tmp_path / "sshd") as server:
        yield server


def https_policy(url: str, password: str = LOGIN.password) -> GitPolicy:
    host = url.partition("//")[2]
    return GitPolicy(credentials=Credentials(tokens={host: (LOGIN.user, password)}))


def ssh_policy(server: SshServer, tmp_path: Path, key: Path | None = None) -> GitPolicy:
    """As an operator sets it who has noted the key of the host."""
    known_hosts = tmp_path / "with space" / "known_hosts"
    known_hosts.parent.mkdir(exist_ok=True)
    known_hosts.write_text(server.known)
    keys = {"127.0.0.1": str(key or server.key)}
    return GitPolicy(credentials=Credentials(ssh_keys=keys, known_hosts=known_hosts))


def test_a_token_reads_a_private_repository_and_lies_nowhere(https: str, host: Host) -> None:
    source = Source(repository=f"{https}/origin.git")
    code = host.checkout(source, policy=https_policy(https))

    assert (code / "train.py").read_text() == "print('one')\n"
    left = [path for path in host.path.rglob("*") if path.is_file()]
    assert left
    assert not [path for path in left if LOGIN.password.encode() in path.read_bytes()]


def test_git_has_no_token_among_its_arguments(
    https: str, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "arguments"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    found = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {found.stdout.strip()} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    host.checkout(Source(repository=f"{https}/origin.git"), policy=https_policy(https))

    assert f"{https}/origin.git" in log.read_text()
    assert LOGIN.password not in log.read_text()


def test_a_refused_token_is_told_from_none_for_the_host(https: str, host: Host) -> None:
    source = Source(repository=f"{https}/origin.git")
    name = https.partition("//")[2]
    with pytest.raises(SetupError, match=rf"refuses the credential .* for {name}, user 'robot'"):
        host.checkout(source, policy=https_policy(https, "another"))
    with pytest.raises(
        SetupError, match=rf"no credential for {name}, only for git\.example\.org\. Give it a user"
    ):
        host.checkout(source, policy=https_policy("https://git.example.org"))
    with pytest.raises(SetupError, match=rf"no credential for {name}\. Give it a user"):
        host.checkout(source, policy=GitPolicy())


def test_a_repository_that_is_not_there_is_told_as_such(https: str, host: Host) -> None:
    source = Source(repository=f"{https}/none.git")
    with pytest.raises(SetupError, match=r"no such repository, or the credential .* may not read"):
        host.checkout(source, policy=https_policy(https))


@pytest.mark.parametrize("form", ["git@127.0.0.1:origin.git", "ssh://git@127.0.0.1:22/origin.git"])
def test_an_ssh_url_is_read_over_https_where_only_a_token_is_known(
    form: str, https: str, host: Host
) -> None:
    code = host.checkout(Source(repository=form), policy=https_policy(https))

    assert (code / "train.py").read_text() == "print('one')\n"
    assert git(code, "remote", "get-url", "origin") == form  # as the task names it
    assert f"from {https}/origin.git" in host.voice.lines[0]


def test_an_ssh_key_is_used_for_its_own_host(
    ssh: SshServer, origin: Path, host: Host, tmp_path: Path
) -> None:
    source = Source(repository=ssh.url(origin))
    code = host.checkout(source, policy=ssh_policy(ssh, tmp_path))
    assert (code / "train.py").read_text() == "print('one')\n"

    policy = ssh_policy(ssh, tmp_path)
    elsewhere = Credentials(
        ssh_keys={"git.example.org": str(ssh.key)}, known_hosts=policy.credentials.known_hosts
    )
    with pytest.raises(
        SetupError, match=r"this agent has no credential for 127\.0\.0\.1:\d+, only"
    ):
        host.checkout(source, policy=GitPolicy(credentials=elsewhere))


def test_a_key_wins_over_a_token_for_an_ssh_url(
    ssh: SshServer, origin: Path, host: Host, tmp_path: Path
) -> None:
    policy = ssh_policy(ssh, tmp_path)
    both = replace(policy.credentials, tokens={"127.0.0.1": ("robot", "x")})
    code = host.checkout(Source(repository=ssh.url(origin)), policy=GitPolicy(credentials=both))
    assert (code / "train.py").exists()


def test_a_key_that_the_host_refuses_is_named(
    ssh: SshServer, origin: Path, host: Host, tmp_path: Path
) -> None:
    other = new_key(tmp_path / "other")
    with pytest.raises(SetupError, match=rf"refuses the ssh key {other} that this agent has"):
        host.checkout(
            Source(repository=ssh.url(origin)), policy=ssh_policy(ssh, tmp_path, key=other)
        )


def test_the_key_of_a_host_must_be_known_and_the_same(
    ssh: SshServer, origin: Path, host: Host, tmp_path: Path
) -> None:
    source, policy = Source(repository=ssh.url(origin)), ssh_policy(ssh, tmp_path)
    known_hosts = policy.credentials.known_hosts
    assert known_hosts is not None
    known_hosts.unlink()
    with pytest.raises(SetupError, match="does not know the key") as refused:
        host.checkout(source, policy=policy)
    assert f"ssh-keyscan -p {ssh.port} 127.0.0.1 >> {known_hosts}" in str(refused.value)
    assert not known_hosts.exists()  # and nothing was noted

    other = new_key(tmp_path / "other").with_suffix(".pub").read_text()
    known_hosts.write_text(f"[127.0.0.1]:{ssh.port} {other}")
    with pytest.raises(SetupError, match="shows another key than"):
        host.checkout(source, policy=policy)


def test_a_host_that_only_another_machine_knows_is_named(host: Host) -> None:
    with pytest.raises(
        SetupError, match=r"does not know the host git-work\. A name that only ssh's"
    ):
        host.checkout(Source(repository="git@git-work:team/x.git"), policy=GitPolicy())


def tracked(origin: Path, tmp_path: Path) -> tuple[Path, bytes]:
    """A repository beside `origin` whose `model.bin` git LFS tracks, and the bytes of that."""
    lfs = ("-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.required=true")
    laptop, content = tmp_path / "with-lfs", os.urandom(5000)
    new_repository(laptop)
    (laptop / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (laptop / "model.bin").write_bytes(content)
    git(laptop, *lfs, "add", "--all")
    git(laptop, "commit", "--quiet", "--message=model")
    bare = push_to_new(laptop, origin.parent / "lfs.git")
    (laptop / ".git" / "lfs" / "objects").rename(bare / "lfs-objects")
    (bare / "lfs").mkdir()
    (bare / "lfs-objects").rename(bare / "lfs" / "objects")
    return bare, content


def test_what_lfs_tracks_is_fetched_by_the_same_token_once(
    https: str, origin: Path, host: Host, tmp_path: Path
) -> None:
    bare, content = tracked(origin, tmp_path)
    source = Source(repository=f"{https}/lfs.git")
    with pytest.raises(SetupError, match="no credential"):
        host.checkout(source, policy=GitPolicy())

    code = host.checkout(source, policy=https_policy(https))
    assert (code / "model.bin").read_bytes() == content
    assert git(code, "status", "--short", "--untracked-files=all") == ""

    (bare / "lfs").rename(bare / "away")
    again = host.checkout(source, policy=https_policy(https))
    assert (again / "model.bin").read_bytes() == content


def test_contents_of_lfs_that_the_server_lacks_stop_the_run(
    https: str, origin: Path, host: Host, tmp_path: Path
) -> None:
    bare, _ = tracked(origin, tmp_path)
    (bare / "lfs").rename(bare / "away")
    with pytest.raises(SetupError, match=r"git LFS tracks cannot be fetched from .*: model\.bin\."):
        host.checkout(Source(repository=f"{https}/lfs.git"), policy=https_policy(https))


@pytest.mark.parametrize("form", ["{https}/inner.git", "../inner.git", "git@127.0.0.1:inner.git"])
def test_submodules_that_nobody_captured_are_read_with_the_same_care(
    form: str, https: str, origin: Path, host: Host, tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    new_repository(inner)
    (inner / "deep.py").write_text("y = 2\n")
    pinned = commit(inner)
    push_to_new(inner, origin.parent / "inner.git")
    outer = tmp_path / "outer"
    new_repository(outer)
    (outer / ".gitmodules").write_text(
        f'[submodule "x"]\n\tpath = libs/x\n\turl = {form.format(https=https)}\n'
        "\tupdate = !touch canary\n"
    )
    git(outer, "add", "--all")
    git(outer, "update-index", "--add", "--cacheinfo", f"160000,{pinned},libs/x")
    git(outer, "commit", "--quiet", "--message=outer")
    push_to_new(outer, origin.parent / "outer.git")

    code = host.checkout(Source(repository=f"{https}/outer.git"), policy=https_policy(https))

    assert (code / "libs/x/deep.py").read_text() == "y = 2\n"
    assert git(code / "libs/x", "rev-parse", "HEAD") == pinned
    assert not list(host.path.rglob("canary"))

"""A repository that wants to run something, or to write out of its folder, does neither: a canary
file shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.core.records import Source
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.git import GitPolicy
from tests.sandbox.repositories import LOCAL, Host, commit, git, new_repository, push_to_new
from tests.served_git import serving_git


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    laptop = tmp_path / "laptop"
    new_repository(laptop)
    (laptop / "train.py").write_text("print('one')\n")
    return laptop


def checked_out(laptop: Path, host: Host, policy: GitPolicy = LOCAL, branch: str = "") -> Path:
    """As over the network: what a host that git does not trust sends."""
    bare = push_to_new(laptop, laptop.parent / "hostile.git")
    with serving_git(bare.parent) as url:
        source = Source(repository=f"{url}/hostile.git", branch=branch)
        return host.checkout(source, policy=policy)


def tree_with(laptop: Path, path: str, content: str, mode: str = "100644") -> None:
    """Commits a file that `git add` would refuse: level by level, as no index takes it."""
    *folders, name = path.split("/")
    blob = git(laptop, "hash-object", "-w", "--stdin", given=content.encode())
    made = git(laptop, "mktree", given=f"{mode} blob {blob}\t{name}\n".encode())
    for folder in reversed(folders):
        made = git(laptop, "mktree", given=f"040000 tree {made}\t{folder}\n".encode())
    found = git(laptop, "commit-tree", made, "-m", "hostile")
    git(laptop, "update-ref", "refs/heads/main", found)


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/post-checkout",
        ".GIT/config",
        "git~1/config",
        "inner/.git/config",
        ".g\u200cit/config",
        "../canary",
    ],
)
def test_a_commit_that_reaches_into_git_or_out_is_refused(
    path: str, laptop: Path, host: Host, canary: Path
) -> None:
    tree_with(laptop, path, f"#!/bin/sh\ntouch {canary}\n", "100755")
    with pytest.raises(SetupError):
        checked_out(laptop, host)
    assert not canary.exists()
    assert not list(host.path.rglob("post-checkout"))
    assert not list(host.path.rglob("canary"))


def test_attributes_hooks_and_settings_run_nothing(
    laptop: Path, host: Host, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (laptop / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (laptop / "hooks").mkdir()
    (laptop / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {canary}\n")
    (laptop / "hooks" / "post-checkout").chmod(0o755)
    commit(laptop)
    settings = canary.with_name("gitconfig")  # the operator's own, for other repositories
    run = f"touch {canary}"
    settings.write_text(
        f'[filter "evil"]\nsmudge = {run}\nclean = {run}\n[core]\nhooksPath = hooks\n'
        f'fsmonitor = {run}\n[diff "evil"]\ntextconv = {run}\n[credential]\nhelper = !{run}\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))

    code = checked_out(laptop, host)

    assert (code / "train.py").read_text() == "print('one')\n"
    assert not canary.exists()


def with_submodule(laptop: Path, url: str) -> None:
    (laptop / ".gitmodules").write_text(f'[submodule "../../x"]\n\tpath = libs/x\n\turl = {url}\n')
    git(laptop, "add", "--all")
    cache = f"160000,{'0123456789' * 4},libs/x"
    git(laptop, "update-index", "--add", "--cacheinfo", cache)
    git(laptop, "commit", "--quiet", "--message=submodule")


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% {canary}", "--upload-pack=touch {canary}", "file://{secret}"]
)
def test_a_submodule_is_no_way_to_another_transport(
    url: str, laptop: Path, host: Host, canary: Path, origin: Path
) -> None:
    with_submodule(laptop, url.format(canary=canary, secret=origin))
    with pytest.raises(SetupError, match="not fetched"):
        checked_out(laptop, host, GitPolicy())
    assert not canary.exists()


@pytest.mark.parametrize(
    "lines",
    [
        "[lfs]\n\turl = file://{origin}\n",
        "[lfs]\n\turl = ext::sh -c touch% {canary}\n",
        '[lfs]\nstandalonetransferagent=e\n[lfs "customtransfer.e"]\npath=touch\nargs={canary}\n',
        '[filter "lfs"]\n\tprocess = touch {canary}\n[core]\n\tsshCommand = touch {canary}\n',
    ],
)
def test_settings_of_lfs_in_a_repository_run_nothing(
    lines: str, laptop: Path, host: Host, canary: Path, origin: Path
) -> None:
    (laptop / ".lfsconfig").write_text(lines.format(canary=canary, origin=origin))
    (laptop / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    (laptop / "model.bin").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"
    )
    off = ("-c", "filter.lfs.process=", "-c", "filter.lfs.clean=")
    git(laptop, *off, "add", "--all")
    git(laptop, "commit", "--quiet", "--message=lfs")
    with pytest.raises(SetupError, match=r"not fetched|cannot be fetched"):
        checked_out(laptop, host, GitPolicy())
    assert not canary.exists()


@pytest.mark.parametrize("branch", ["--upload-pack=touch {canary}", "$(touch {canary})", "main\nx"])
def test_a_branch_is_a_name_and_nothing_else(
    branch: str, laptop: Path, host: Host, canary: Path
) -> None:
    commit(laptop)
    with pytest.raises(SetupError, match="no branch"):
        checked_out(laptop, host, branch=branch.format(canary=canary))
    assert not canary.exists()

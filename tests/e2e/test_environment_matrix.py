"""The matrix: every way to start a program, in every kind of environment, with packages from every
place. What it finds elsewhere is what it finds here, or it is refused here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.choices import Reason
from tests.e2e.environments import (
    VERSIONS,
    Kind,
    commit,
    fill,
    has_own_packages,
    install,
    make_python,
    write_index,
    write_project,
)
from tests.e2e.world import Box, Laptop, Repository, World
from tests.served_git import serving_git

#: prints what the program is and finds, as one line of JSON; the SDK is no part of that
PROGRAM: Final = f"""
import importlib, importlib.metadata, json, os, sys
import alpha
from elsewhere import Task
task = Task.init("matrix", "a cell", reuse_last_task_id=False)
if os.environ.get("SEND"):
    task.execute_remotely("default")
names = {sorted(VERSIONS)!r}
found = {{name: importlib.import_module(name).VERSION for name in names}}
versions = {{name: importlib.metadata.version(name) for name in names}}
origin = json.loads(importlib.metadata.distribution("served").read_text("direct_url.json"))
commit = [origin["url"], origin["vcs_info"]["commit_id"]]
plugs = [one.load() for one in importlib.metadata.entry_points(group="of.matrix")]
import beside
rank = os.environ.get("RANK")
facts = [found, versions, commit, plugs, beside.WHERE, __name__, sys.argv[1:], rank,
         os.path.basename(sys.argv[0]), os.path.exists("train.py")]
print("FOUND " + json.dumps(facts) + "\\n", end="")  # in one piece: ranks write into one pipe
"""
SENT: Final = (
    'from elsewhere import Task\nTask.init("matrix", "a cell").execute_remotely("default")\n'
)
#: what a system's Python must be told: there only what is imported by name travels
NAMED: Final = (
    "def late():\n    import lazy, plug, common, forked, inside, outside, served, versioned\n"
)
FILES: Final = {
    "train.py": PROGRAM,
    "beside.py": "WHERE = 'the root'\n",
    "pack/__init__.py": "",
    "pack/__main__.py": PROGRAM,
    "sub/train.py": PROGRAM,
    "sub/beside.py": "WHERE = 'sub'\n",
    "lib/beside.py": "WHERE = 'lib'\n",
    "tools/start.py": PROGRAM,
    "exported.py": "#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n\n" + PROGRAM,
}

_TORCHRUN: Final = ("-m", "torch.distributed.run")
#: folder, words, variables
LAUNCHES: Final[dict[str, tuple[str, tuple[str, ...], dict[str, str]]]] = {
    "script": (".", ("train.py", "--lr", "0.1"), {}),
    "module": (".", ("-m", "pack", "x y"), {}),
    "link": (".", ("linked.py",), {}),
    "folder": ("sub", ("train.py",), {}),
    "from the root": (".", ("sub/train.py",), {}),
    "PYTHONPATH": (".", ("tools/start.py",), {"PYTHONPATH": "lib"}),
    "notebook": (".", ("exported.py",), {}),
    "submodule": (".", ("module/train.py",), {}),
    "within the submodule": ("module", ("train.py", "--lr", "0.1"), {}),
    "torchrun": (".", (*_TORCHRUN, "--nproc-per-node", "2", "train.py", "--lr", "0.1"), {}),
}


def found(output: str) -> list[list[object]]:
    """What each process of a launch has found."""
    lines = [line for line in output.splitlines() if line.startswith("FOUND")]
    return [json.loads(line.partition(" ")[2]) for line in sorted(lines)]


@pytest.fixture(params=["venv", "conda", "system"])
def project(
    request: pytest.FixtureRequest, world: World, box: Box, tmp_path: Path
) -> Iterator[tuple[Laptop, Repository]]:
    """A laptop with such an environment, and a repository that is started there."""
    kind: Kind = request.param
    if kind != "venv" and not has_own_packages():
        pytest.skip("Debian's Python has no site-packages that a prefix of one's own could have.")
    write_index(world.wheels)
    python = make_python(tmp_path / "python", kind)
    laptop = Laptop(python, tmp_path, box.store, world.url)
    named = NAMED if kind == "system" else ""
    files = {
        name: text.replace("import alpha\n", f"import alpha\n{named}")
        for name, text in FILES.items()
    }
    library = {name: text.replace("the root", "a submodule") for name, text in files.items()}
    remote = laptop.remote("library")
    laptop.repository("library", library, remote=remote)
    repository = laptop.repository("project", files)
    repository.clone(remote, "module")
    write_project(repository.folder / "libs" / "inside", "inside", "0.1", "in place, inside")
    (repository.folder / "linked.py").symlink_to("train.py")
    repository.commit({})
    with serving_git(tmp_path / "remotes") as remotes:
        fill(python, world.wheels, tmp_path, repository.folder / "libs" / "inside", remotes)
        yield laptop, repository


def test_every_launch_finds_elsewhere_what_it_finds_here(
    project: tuple[Laptop, Repository], box: Box
) -> None:
    laptop, repository = project
    here, tasks = {}, {}
    for name, (folder, words, environ) in LAUNCHES.items():
        printed = laptop.run(repository.folder / folder, *words, **environ)
        here[name] = found(printed.output.decode())
        tasks[name] = laptop.send(repository.folder / folder, *words, SEND="1", **environ)
    for name, task in tasks.items():
        ended = box.end(task)
        assert ended.status == "completed", (name, ended.output)
        assert found(ended.output) == here[name], name
    assert len(here["torchrun"]) == 2
    assert here["script"][0][0] == {
        **VERSIONS,
        "common": "of a folder",
        "forked": "a fork",
        "inside": "in place, inside",
        "outside": "in place, outside",
        "served": "of a server's commit",
        "versioned": "of a commit",
    }


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda site: next(site.glob("forked-*/RECORD")).unlink(), "does not list its files"),
        (lambda site: (site / "forked.py").write_text("#" * 2_000_000), "may travel"),
    ],
)
def test_what_cannot_travel_is_refused_before_it_is_sent(
    world: World, box: Box, tmp_path: Path, damage: Callable[[Path], None], why: str
) -> None:
    write_index(world.wheels)
    python = make_python(tmp_path / "python", "venv")
    laptop = Laptop(python, tmp_path, box.store, world.url)
    program = "import forked\n" + PROGRAM
    repository = laptop.repository("project", {"train.py": program, "beside.py": "WHERE = 1\n"})
    inside = write_project(repository.folder / "libs" / "inside", "inside", "0.1", "inside")
    with serving_git(tmp_path / "remotes") as remotes:
        fill(python, world.wheels, tmp_path, inside, remotes)
    (site,) = (tmp_path / "python").glob("lib/python*/site-packages")
    damage(site)
    printed = laptop.run(
        repository.folder, "train.py", SEND="1", ELSEWHERE_CAPTURE_LIMIT_BYTES="1000000"
    )
    assert printed.code == 1
    assert "The package forked is installed from" in printed.errors
    assert why in printed.errors
    task = laptop.task(printed)
    assert task.get_status() == "failed"
    assert "FOUND" not in printed.output.decode()


def test_a_package_whose_git_server_is_gone_is_named(
    world: World, box: Box, tmp_path: Path
) -> None:
    python = make_python(tmp_path / "python", "venv")
    laptop = Laptop(python, tmp_path, box.store, world.url)
    repository = laptop.repository(
        "project", {"train.py": f"import served\n{SENT}", "other.py": SENT}
    )
    commit(write_project(tmp_path / "remotes" / "served", "served", "1.0", "of a commit"))
    with serving_git(tmp_path / "remotes") as remotes:
        install(python, world.wheels, f"served @ git+{remotes}/served")
    ended = box.end(laptop.send(repository.folder, "train.py"))
    assert ended.outcome.reason is Reason.SETUP_FAILED
    assert "The packages of this task cannot be installed" in ended.outcome.message
    assert f"unable to access '{remotes}/served/'" in ended.outcome.message
    ended = box.end(laptop.send(repository.folder, "other.py"))
    assert ended.status == "completed", ended.output
    why = (
        "Left out, since they cannot be had here and the program does not import them: served 1.0."
    )
    assert why in ended.output

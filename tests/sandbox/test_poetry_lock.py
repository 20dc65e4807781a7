"""A lock file of poetry is installed as `poetry install` would, by the real poetry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from elsewhere.core.records import Environment
from elsewhere_sandbox.environment import Interpreter, prepare_environment
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_sandbox.lock_file import POETRY
from tests.sandbox.locks import Box
from tests.wheels import write_project

_PROJECT = """
[project]
name = "mine"
version = "1"
requires-python = ">=3.9"
dependencies = ["six (>=1.0)"]
[tool.poetry.group.train.dependencies]
plain = {path = "my libs", develop = true}
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
iniconfig = "*"
[[tool.poetry.source]]
name = "more"
url = "https://example.org/simple"
priority = "explicit"
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""


def lock(folder: Path) -> None:
    """Makes the lock of the project in `folder`, as on a laptop."""
    own = {f"POETRY_{name}_DIR": str(folder / ".own") for name in ("CACHE", "CONFIG")}
    environ = {**os.environ, **own, "POETRY_VIRTUALENVS_CREATE": "false"}
    command = [find_uv(), *POETRY, "lock", "--quiet"]
    subprocess.run(command, cwd=folder, env=environ, check=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its lock."""
    folder = tmp_path_factory.mktemp("poetry") / "app"
    write_project(folder / "my libs", "plain")
    (folder / "pyproject.toml").write_text(_PROJECT)
    (folder / "mine.py").touch()
    lock(folder)
    return folder


@pytest.fixture
def box(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, project: Path) -> Box:
    box = Box(tmp_path, tmp_path_factory.getbasetemp() / "seed")
    box.inherited = {**os.environ, "UV_NO_CONFIG": "1"}
    shutil.copytree(project, box.code / "app")
    return box


def prepare(box: Box) -> Interpreter:
    interpreter = prepare_environment(
        Environment(lock_file="app/poetry.lock"),
        box.code,
        box.home.run("1" * 32, 1).create(),
        box.home,
        box.setup,
        inherited=box.inherited,
    )
    os.close(interpreter.lock)
    return interpreter


def test_a_lock_of_poetry_gives_all_groups_but_the_optional_ones_and_the_project(box: Box) -> None:
    interpreter = prepare(box)
    program = (
        "import sys, importlib.util as u\n"
        "for name in sys.argv[1:]: print(u.find_spec(name) and u.find_spec(name).origin)"
    )
    modules = ("six", "plain", "mine", "iniconfig")
    ended = subprocess.run(
        [interpreter.python, "-c", program, *modules], capture_output=True, text=True, check=True
    )
    six, plain, mine, iniconfig = ended.stdout.splitlines()
    assert Path(six).is_file()
    assert Path(plain).is_relative_to(box.code / "app" / "my libs")
    assert Path(mine).is_relative_to(box.code / "app")
    assert iniconfig == "None"


def test_a_project_that_is_no_package_is_not_installed(box: Box) -> None:
    project = box.code / "app" / "pyproject.toml"
    project.write_text(f"{project.read_text()}[tool.poetry]\npackage-mode = false\n")
    lock(project.parent)
    (box.code / "app" / "mine.py").unlink()  # so that a build would fail
    interpreter = prepare(box)
    names = [one.name for one in interpreter.packages[0].glob("*mine*")]
    assert names == []


def test_a_lock_that_its_project_has_left_behind_is_an_error(box: Box) -> None:
    project = box.code / "app" / "pyproject.toml"
    project.write_text(project.read_text().replace(">=1.0", ">=1.1"))
    with pytest.raises(SetupError, match=r"pyproject.toml changed significantly since poetry.lock"):
        prepare(box)


def test_its_hashes_are_checked(box: Box) -> None:
    file = box.code / "app" / "poetry.lock"
    file.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", file.read_text()))
    with pytest.raises(SetupError, match=r"(?i)hash mismatch"):
        prepare(box)


def test_the_indexes_of_a_lock_are_left_to_the_agent(box: Box) -> None:
    file = box.code / "app" / "poetry.lock"
    source = '\n[package.source]\ntype = "legacy"\nurl = "https://example.org/simple"\n'
    six = re.compile(r'(name = "six".*?\n\]\n)', re.DOTALL)
    file.write_text(six.sub(rf'\1{source}reference = "more"\n', file.read_text()))
    assert box.installed(prepare(box))["six"]
    (exported,) = box.home.runs.glob("*/exported.txt")
    assert "--extra-index-url https://example.org/simple" in exported.read_text()

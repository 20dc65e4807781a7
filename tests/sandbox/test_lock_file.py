"""A lock file of the repository is installed as it stands, by the real uv."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from elsewhere.core.records import Environment
from elsewhere_sandbox.environment import Interpreter, prepare_environment
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.installers.uv import find_uv
from tests.sandbox.locks import Box
from tests.wheels import write_project, write_wheel


@pytest.fixture
def box(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path, tmp_path_factory.getbasetemp() / "seed")


def prepare(box: Box, name: str) -> Interpreter:
    folder = box.home.run("1" * 32, 1).create()
    interpreter = prepare_environment(
        Environment(lock_file=name), box.code, folder, box.home, box.setup, inherited=box.inherited
    )
    os.close(interpreter.lock)
    return interpreter


def found_by(interpreter: Interpreter, *modules: str) -> list[str]:
    """Those of the `modules` that the interpreter finds."""
    program = "import sys, importlib.util as u; print(*filter(u.find_spec, sys.argv[1:]))"
    ended = subprocess.run(
        [interpreter.python, "-c", program, *modules], capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


def test_a_lock_of_uv_gives_its_versions(box: Box) -> None:
    write_wheel(box.wheels, "used", requires=["deep"])
    write_wheel(box.wheels, "deep", "2.5")
    (box.code / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.9"\n'
        'dependencies = ["used"]\n'
    )
    subprocess.run(
        [find_uv(), "lock", "--quiet"],
        cwd=box.code,
        env={**os.environ, **box.inherited},
        check=True,
    )
    write_wheel(box.wheels, "deep", "4.1")
    assert box.installed(prepare(box, "uv.lock")) == {"used": "1.0", "deep": "2.5"}


def test_projects_in_a_lock_of_uv_are_installed_in_place(box: Box) -> None:
    for name in ("app", "app/libs/plain"):
        write_project(box.code / name, name.rpartition("/")[2])
    project = box.code / "app" / "pyproject.toml"
    text = project.read_text().replace("[build-system]", 'dependencies = ["plain"]\n[build-system]')
    project.write_text(f'{text}[tool.uv.sources]\nplain = {{path = "libs/plain"}}\n')
    environ = {**os.environ, **box.inherited}
    subprocess.run([find_uv(), "lock", "--quiet"], cwd=box.code / "app", env=environ, check=True)
    interpreter = prepare(box, "app/uv.lock")
    program = "import app, plain; print(app.WHERE, plain.WHERE)"
    ended = subprocess.run(
        [interpreter.python, "-c", program], capture_output=True, text=True, check=True
    )
    where = [Path(word) for word in ended.stdout.split()]
    assert all(path.is_relative_to(box.code / "app") for path in where)


def test_a_pylock_gives_its_versions_where_its_markers_hold(box: Box) -> None:
    for version in ("1.0", "2.0"):
        write_wheel(box.wheels, "used", version)
    (box.code / "sub").mkdir()
    (box.code / "sub" / "pylock.toml").write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "used"\nversion = "1.0"\n'
        '[[packages]]\nname = "never"\nversion = "1.0"\nmarker = "sys_platform == \'win32\'"\n'
    )
    assert box.installed(prepare(box, "sub/pylock.toml")) == {"used": "1.0"}


def test_a_project_in_a_pylock_is_seen_from_the_folder_of_the_file(box: Box) -> None:
    write_project(box.code / "app" / "my libs", "plain")
    (box.code / "app" / "pylock.toml").write_text(
        'packages = [{name = "plain", directory = {path = "my libs"}}]'
    )
    interpreter = prepare(box, "app/pylock.toml")
    program = "import plain; print(plain.WHERE)"
    ended = subprocess.run(
        [interpreter.python, "-c", program], capture_output=True, text=True, check=True
    )
    where = ended.stdout.strip()
    assert Path(where).is_relative_to(box.code / "app" / "my libs")


def test_a_project_whose_marker_does_not_hold_is_not_installed(box: Box) -> None:
    for name in ("here", "there"):
        write_project(box.code / name, name)
    (box.code / "pylock.toml").write_text(
        'packages = [{name = "here", directory = {path = "here"}, marker = "os_name == \'posix\'"},'
        ' {name = "there", directory = {path = "there"}, marker = "os_name == \'nt\'"}]'
    )
    assert found_by(prepare(box, "pylock.toml"), "here", "there") == ["here"]


def test_a_project_of_another_system_in_a_lock_of_uv_is_not_installed(box: Box) -> None:
    for name in ("app", "app/there"):
        write_project(box.code / name, name.rpartition("/")[2])
    project = box.code / "app" / "pyproject.toml"
    needs = "dependencies = [\"there; sys_platform == 'win32'\"]\n[build-system]"
    text = project.read_text().replace("[build-system]", needs)
    project.write_text(f'{text}[tool.uv.sources]\nthere = {{path = "there"}}\n')
    environ = {**os.environ, **box.inherited}
    subprocess.run([find_uv(), "lock", "--quiet"], cwd=box.code / "app", env=environ, check=True)
    assert found_by(prepare(box, "app/uv.lock"), "app", "there") == ["app"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("pylock.toml", None, "is not in its code"),
        ("../pylock.toml", "packages = []", "is not in its code"),
        ("pylock.toml", "packages = [", "cannot be read"),
        ("pylock.toml", "packages = [{}]", "cannot be read"),
        ("pylock.toml", 'packages = [{name = "a", version = "1 --pre"}]', "is refused"),
        ("pylock.toml", 'packages = [{name = "a", directory = {path = "../.."}}]', "is refused"),
        ("pylock.toml", 'packages = [{name = "a", directory = {path = "/etc"}}]', "is refused"),
        ("uv.lock", "no lock", "cannot be read"),
    ],
)
def test_a_lock_file_that_cannot_be_taken_ends_the_set_up(
    box: Box, name: str, content: str | None, why: str
) -> None:
    if content is not None:
        (box.code / name).write_text(content)
    with pytest.raises(SetupError, match=why):
        prepare(box, name)

"""The script that a process runs, found in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
from elsewhere.capture.script import Script
from elsewhere.core.errors import CaptureError
try:
    s = Script.running()
    print(s.path, s.module, s.folder, s.base, *s.argv, sep="|")
except CaptureError as error:
    print("error:", error)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "project" / "package"
    package.mkdir(parents=True)
    for file in ("train.py", "package/module.py", "package/__main__.py"):
        (tmp_path / "project" / file).write_text(_PROGRAM)
    (package / "__init__.py").touch()
    (tmp_path / "link.py").symlink_to(tmp_path / "project" / "train.py")
    return tmp_path / "project"


def printed(project: Path, *arguments: str, folder: str = ".", given: str = "") -> list[str]:
    """Returns what a Python started in `folder` of the project prints, with its path shortened."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project / folder,
        env={**os.environ, "PYTHONPATH": str(project)} if folder != "." else None,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().splitlines()[-1]
    return last.replace(str(project.resolve()), "P").split("|")


def test_a_script(project: Path) -> None:
    assert printed(project, "train.py", "-x", "1") == ["P/train.py", "", "P", "P", "-x", "1"]
    assert printed(project, "../link.py") == ["P/train.py", "", "P", "P"]
    below = printed(project, "../train.py", folder="package")
    assert below == ["P/train.py", "", "P/package", "P"]


def test_a_module(project: Path) -> None:
    module = printed(project, "-m", "package.module", "a")
    assert module == ["P/package/module.py", "package.module", "P", "P", "a"]
    assert printed(project, "-m", "package") == ["P/package/__main__.py", "package", "P", "P"]
    assert printed(project, "-m", "train") == ["P/train.py", "train", "P", "P"]
    elsewhere = printed(project, "-m", "package.module", folder="package")
    assert elsewhere == ["P/package/module.py", "package.module", "P/package", "P"]


def test_a_folder(project: Path) -> None:
    assert printed(project, "package") == ["P/package/__main__.py", "", "P", "P/package"]


def test_a_script_under_a_profiler(project: Path) -> None:
    lines = subprocess.run(
        [sys.executable, "-m", "cProfile", "train.py", "-x"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert lines[0].replace(str(project.resolve()), "P") == "P/train.py||P|P|-x"


@pytest.mark.parametrize("arguments", [("-c", _PROGRAM), ("-",)])
def test_no_file_is_an_error_with_advice(project: Path, arguments: tuple[str]) -> None:
    (line,) = printed(project, *arguments, given=_PROGRAM)
    assert line.startswith("error:")
    assert "Save it as a .py file" in line

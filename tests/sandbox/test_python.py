from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.python import find_python
from tests.plain_setup import PlainSetup

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def remembered(tmp_path: Path) -> Path:
    return tmp_path / "environments" / "pythons.json"


@pytest.fixture
def setup() -> PlainSetup:
    return PlainSetup()


@pytest.fixture
def inherited(tmp_path: Path) -> dict[str, str]:
    """A PATH of two empty folders; nothing of the user's own."""
    for name in ("first", "second", "user"):
        (tmp_path / name).mkdir()
    return {
        "PATH": f"{tmp_path / 'first'}{os.pathsep}{tmp_path / 'second'}",
        "HOME": str(tmp_path / "user"),
    }


def write_program(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def write_interpreter(path: Path, version: str) -> Path:
    """A program that answers like the interpreter of a version that nobody has."""
    answer = {
        "executable": str(path),
        "version": version,
        "platform": "linux-x86_64",
        "site_packages": "lib/python3.99/site-packages",
    }
    return write_program(path, f"echo '{json.dumps(answer)}'")


@pytest.mark.parametrize("wanted", ["", MINOR, platform.python_version()])
def test_this_python_is_found_behind_its_virtual_environment(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], wanted: str
) -> None:
    found = find_python(wanted, remembered, setup, inherited)
    assert found.version == platform.python_version()
    assert found.executable == found.executable.resolve()
    prefix = subprocess.run(
        [found.executable, "-c", "import sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert prefix == sys.base_prefix
    assert str(found.site_packages) == f"lib/python{MINOR}/site-packages"
    assert setup.lines == []


def test_another_patch_version_is_taken_and_said(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str]
) -> None:
    find_python(f"{MINOR}.99", remembered, setup, inherited)
    assert setup.lines == [
        f"Python {platform.python_version()} runs this task, which was captured with {MINOR}.99."
    ]


def test_a_program_that_only_looks_like_it_is_passed_over(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], tmp_path: Path
) -> None:
    write_program(tmp_path / "first" / "python3.99", "echo no such version >&2; exit 127")
    real = write_interpreter(tmp_path / "second" / "python3.99", "3.99.1")
    found = find_python("3.99", remembered, setup, inherited)
    assert (found.executable, found.version) == (real, "3.99.1")


def test_the_very_version_is_preferred(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], tmp_path: Path
) -> None:
    near = write_interpreter(tmp_path / "first" / "python3.99", "3.99.1")
    exact = write_interpreter(tmp_path / "second" / "python3.99", "3.99.2")
    assert find_python("3.99.2", remembered, setup, inherited).executable == exact
    assert find_python("3.99", remembered, setup, inherited).executable == near
    assert setup.lines == []


def test_a_version_of_pyenv_is_found_though_its_shim_fails(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], tmp_path: Path
) -> None:
    write_program(tmp_path / "first" / "python3.99", "exit 127")
    folder = tmp_path / "user" / ".pyenv" / "versions" / "3.99.4" / "bin"
    folder.mkdir(parents=True)
    real = write_interpreter(folder / "python3.99", "3.99.4")
    assert find_python("3.99", remembered, setup, inherited).executable == real


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("PYENV_ROOT", "pyenv", "pyenv/versions/3.99.4/bin"),
        ("CONDA_EXE", "conda/bin/conda", "conda/bin"),
        ("CONDA_EXE", "conda/bin/conda", "conda/envs/train/bin"),
        ("MAMBA_ROOT_PREFIX", "mamba", "mamba/envs/train/bin"),
        ("LANG", "", "user/miniforge3/bin"),
        ("LANG", "", "user/anaconda3/envs/train/bin"),
    ],
)
def test_a_version_of_conda_or_of_another_pyenv_is_found(
    *,
    remembered: Path,
    setup: PlainSetup,
    inherited: dict[str, str],
    tmp_path: Path,
    variable: str,
    value: str,
    folder: str,
) -> None:
    inherited |= {variable: str(tmp_path / value)}
    (tmp_path / folder).mkdir(parents=True)
    real = write_interpreter(tmp_path / folder / "python3.99", "3.99.4")
    assert find_python("3.99", remembered, setup, inherited).executable == real


def test_a_missing_version_is_an_error_that_names_what_is_there(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], tmp_path: Path
) -> None:
    write_interpreter(tmp_path / "first" / "python3.99", "3.99.1")
    with pytest.raises(SetupError) as raised:
        find_python("3.98.7", remembered, setup, inherited)
    message = str(raised.value)
    assert "asks for Python 3.98.7" in message
    assert "3.99.1" in message
    assert platform.python_version() in message
    assert "Install Python 3.98" in message
    assert not remembered.exists()


@pytest.mark.parametrize("wanted", ["3", "three", "3.11; rm", "../python3.11", "-3.11"])
def test_what_is_no_version_is_refused(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], wanted: str
) -> None:
    with pytest.raises(SetupError, match="no version"):
        find_python(wanted, remembered, setup, inherited)


def test_what_was_found_is_remembered_until_its_file_changes(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str], tmp_path: Path
) -> None:
    path = write_interpreter(tmp_path / "first" / "python3.99", "3.99.1")
    assert find_python("3.99", remembered, setup, inherited).version == "3.99.1"
    changed_at = path.stat().st_mtime
    write_interpreter(path, "3.99.2")
    os.utime(path, (changed_at, changed_at))
    assert find_python("3.99", remembered, setup, inherited).version == "3.99.1"  # not asked
    os.utime(path, (changed_at, changed_at + 1))
    assert find_python("3.99", remembered, setup, inherited).version == "3.99.2"
    path.unlink()
    with pytest.raises(SetupError):
        find_python("3.99", remembered, setup, inherited)


def test_a_damaged_memory_is_written_anew(
    remembered: Path, setup: PlainSetup, inherited: dict[str, str]
) -> None:
    remembered.parent.mkdir()
    remembered.write_text("{")
    found = find_python("", remembered, setup, inherited)
    assert json.loads(remembered.read_text())[sys.executable]["python"]["version"] == found.version

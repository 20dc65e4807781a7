"""The floors of ARCHITECTURE.md: the contracts in pyproject.toml hold, and each can break."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [
    ROOT / "sdk" / "elsewhere",
    ROOT / "sandbox" / "elsewhere_sandbox",
    ROOT / "worker" / "elsewhere_worker",
    ROOT / "agent" / "elsewhere_agent",
    ROOT / "server" / "elsewhere_server",
]

#: A line that breaks a contract: where it stands, the line, the contract's name or how it begins.
BREACHES = [
    ("elsewhere/core/errors.py", "import elsewhere_sandbox", "Packages import downwards only"),
    ("elsewhere_agent/__init__.py", "import elsewhere_server", "Packages import downwards only"),
    (
        "elsewhere/codec.py",
        "import elsewhere.core.journal",
        "Folders of the SDK import downwards only",
    ),
    (
        "elsewhere_worker/__init__.py",
        "import elsewhere.task",
        "The host does not use the SDK's",
    ),
    ("elsewhere_sandbox/__init__.py", "import elsewhere.store", "The host does not use the SDK's"),
    ("elsewhere_sandbox/__init__.py", "import redis", "The sandbox has no connection to Redis"),
    ("elsewhere_worker/worker.py", "import psutil", "Only a runtime looks at the processes"),
    ("elsewhere/core/records.py", "import pydantic", "The SDK does not import what only the host"),
    ("elsewhere/task/stored.py", "import rq", "Only the queues and the worker speak RQ"),
]


def lint_imports(code: Path) -> subprocess.CompletedProcess[str]:
    """Checks the packages that lie in `code`, by this project's contracts."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--no-cache",
            *("--config", ROOT / "pyproject.toml"),
        ],
        cwd=code,
        env=os.environ | {"PYTHONPATH": str(code), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def is_broken(contract: str, report: str) -> bool:
    return any(line.startswith(contract) and " BROKEN" in line for line in report.splitlines())


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the five packages, side by side."""
    for package in PACKAGES:
        shutil.copytree(
            package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_imports_go_down_only(code: Path) -> None:
    checked = lint_imports(code)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize(("file", "line", "contract"), BREACHES)
def test_an_import_upwards_breaks_its_contract(
    code: Path, file: str, line: str, contract: str
) -> None:
    with (code / file).open("a") as source:
        source.write(f"\n{line}\n")
    checked = lint_imports(code)
    assert checked.returncode != 0
    assert is_broken(contract, checked.stdout), checked.stdout


def test_a_module_on_no_floor_breaks_the_contract(code: Path) -> None:
    (code / "elsewhere" / "attic.py").touch()
    checked = lint_imports(code)
    assert is_broken("Folders of the SDK import downwards only", checked.stdout), checked.stdout
    assert "attic" in checked.stdout

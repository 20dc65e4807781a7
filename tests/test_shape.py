"""The shape of the sources: short files, telling names, typed packages, nothing of one machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[1]

MOST_LINES: Final = 500
#: of a file of the packages
MOST_LINES_OF_OURS: Final = 400
VAGUE_NAMES: Final = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
PACKAGES: Final = {
    "sdk/elsewhere",
    "sandbox/elsewhere_sandbox",
    "worker/elsewhere_worker",
    "agent/elsewhere_agent",
    "server/elsewhere_server",
}
#: Hosts of registries, and where this checkout lies: both differ from one machine to the next.
FOREIGN: Final = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs)[.](?:org|com)\b|" + re.escape(f"{ROOT}/")
)


def sources(*patterns: str) -> list[Path]:
    """Files that git tracks or would track, as they are in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [ROOT / name for name in listed.stdout.split("\0") if name]
    return sorted(path for path in found if path.is_file())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_sources_to_look_at() -> None:
    assert Path(__file__) in sources("*.py")


def test_no_file_is_too_long() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in sources("*.py")}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_of_the_packages_is_long() -> None:
    lengths = {
        name(path): len(path.read_text().splitlines())
        for path in sources(*(f"{package}/*.py" for package in PACKAGES))
    }
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES_OF_OURS} == {}


def test_no_module_has_a_vague_name() -> None:
    assert [
        name(path)
        for path in sources("*.py")
        if VAGUE_NAMES & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ] == []


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_is_typed_and_says_what_it_owns(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    assert (ROOT / package / "__init__.py").read_text().startswith('"""')


def test_nothing_names_a_registry_or_a_path_of_one_machine() -> None:
    found = {}
    for path in sources():
        text = path.read_bytes().decode(errors="replace")
        if match := FOREIGN.search(text):
            found[name(path)] = match.group()
    assert found == {}


@pytest.mark.parametrize("text", ["https://pypi" + ".org/simple", f"cd {ROOT}/sdk"])
def test_a_registry_or_a_path_of_one_machine_is_recognised(text: str) -> None:
    assert FOREIGN.search(text)

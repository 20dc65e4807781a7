"""Prints at the end of a run which versions of the libraries it met: `pytest -p tests.versions`."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement

EXTRAS = ("hooks", "torch", "frameworks")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section(f"tested on Python {sys.version.split()[0]} with")
    floors = {
        requirement.name: requirement.specifier
        for requirement in map(Requirement, requires("elsewhere") or ())
        if requirement.name != "elsewhere" and _is_of_hooks(requirement)
    }
    for name, specifier in sorted(floors.items(), key=lambda floor: floor[0].lower()):
        terminalreporter.write_line(f"{name:20} {_installed(name):14} of {specifier}")


def _is_of_hooks(requirement: Requirement) -> bool:
    return not _is_met(requirement) and any(_is_met(requirement, extra) for extra in EXTRAS)


def _is_met(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

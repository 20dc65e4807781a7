"""Fixtures of the sandbox's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.attempts import Attempts
from tests.sandbox.repositories import Host, commit, new_repository, push_to_new


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with one commit."""
    seed = tmp_path / "seed"
    new_repository(seed)
    (seed / "train.py").write_text("print('one')\n")
    commit(seed)
    return push_to_new(seed, tmp_path / "origin.git")


@pytest.fixture
def attempts(elsewhere_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempts]:
    attempts = Attempts(elsewhere_home, tmp_path_factory.getbasetemp() / "environments")
    try:
        yield attempts
    finally:
        attempts.end()

"""Fixtures of the sandbox's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

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

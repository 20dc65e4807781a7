"""NVIDIA's library, made for tests, for all that run in this process."""

from __future__ import annotations

from ctypes import CDLL
from pathlib import Path

import pytest

from tests.nvml import built


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, loaded: nvidia-ml-py then finds it by its name, as it would NVIDIA's."""
    path = built(tmp_path_factory.mktemp("nvml"))
    CDLL(str(path))
    return path

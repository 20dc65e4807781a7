"""What the tests of the console share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.report.programs import Programs
from tests.waiting import wait_until


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    started = Programs(tmp_path)
    yield started
    wait_until(lambda: not started.copiers(), what="no copier is left")

"""Programs that print without end: memory and store stay small, and the end is there."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import Machine, send
from tests.waiting import wait_until

#: what an agent may have at most, and what the store keeps of one output
_AGENT_BYTES = 200 << 20
_STORED_BYTES = 48 << 20


@pytest.mark.row(31)
@pytest.mark.parametrize("kind", ["lines", "one line", "drawn again", "binary", "no text"])
@pytest.mark.parametrize(
    "megabytes",
    [80, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_a_flood_is_kept_in_part_and_its_end_is_there(
    machine: Machine, store: RedisStore, tmp_path: Path, kind: str, megabytes: int
) -> None:
    task = send(store, tmp_path, "flooding.py", kind, str(megabytes))
    agent = psutil.Process(machine.start(slots=2).process.pid)
    most_bytes = 0

    def has_ended() -> bool:
        nonlocal most_bytes
        most_bytes = max(most_bytes, agent.memory_info().rss)
        return task.state.status.is_final

    wait_until(has_ended, within_s=60 if megabytes < 1000 else 800, what="the flood is over")
    assert task.state.status is Status.COMPLETED, task.state
    assert most_bytes < _AGENT_BYTES
    written = machine.folder(task.id).output
    assert written.stat().st_size > megabytes * 900_000
    with written.open("rb") as file:
        file.seek(-1000, os.SEEK_END)
        assert b"\nthe last line\n" in file.read()
    length = store.output_length(task.id)
    assert b"\nthe last line\n" in store.output(task.id, start=max(0, length - 1000)).data
    stored = sum(map(store.redis.memory_usage, store.redis.scan_iter("*:output*")))
    assert stored < _STORED_BYTES

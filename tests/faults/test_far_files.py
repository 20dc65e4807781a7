"""A file of a machine arrives whole although its agent, or Redis, is killed in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elsewhere.artifacts import transfer
from elsewhere.artifacts.far import of_run
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.relay import PART_BYTES
from tests.faults.harness import Machine, send
from tests.redis_server import RedisServer


@pytest.mark.parametrize("what", ["kill", "end", "freeze", "redis"])
def test_a_file_arrives_whole(
    machine: Machine,
    store: RedisStore,
    server: RedisServer,
    tmp_path: Path,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "_SILENCE_S", 1.0)
    task = send(store, tmp_path, "counting.py", "0")
    agent = machine.start_registered(store)
    task.wait_until_printing()
    data = os.urandom(40 * PART_BYTES)
    (machine.folder(task.id).code / "big.bin").write_bytes(data)
    real, calls = transfer.Transfer._next, 0

    def strike(self: transfer.Transfer, at: int, offsets: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 20:
            if what == "kill":
                agent.kill()
                machine.start()
            elif what == "end":
                agent.end()
                machine.start()
            elif what == "freeze":
                agent.freeze()
            else:
                server.kill()
                server.start()
        return real(self, at, offsets)  # type: ignore[arg-type]

    begin_anew, thaw = transfer.Transfer._begin_anew, agent.thaw

    def thaw_and_begin(self: transfer.Transfer) -> None:
        if what == "freeze":  # nothing came for a while
            thaw()
        begin_anew(self)

    monkeypatch.setattr(transfer.Transfer, "_begin_anew", thaw_and_begin)
    monkeypatch.setattr(transfer.Transfer, "_next", strike)
    of_run(store, task.id, 1, "big.bin", "ada").bring(tmp_path / "big.bin")
    assert calls == 40
    assert (tmp_path / "big.bin").read_bytes() == data
    task.let_go()
    task.assert_completed(machine)

"""What it takes to bring a large file from an agent's machine, through Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure, percentile
from elsewhere.artifacts.far import of_run
from elsewhere.core.choices import Status
from elsewhere.core.names import new_id
from elsewhere.core.records import TaskRecord
from elsewhere.store.agents import registered_agents
from elsewhere_sandbox.written import begin
from elsewhere_worker.owner import Owner

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.place import Place

_SAMPLES: Final = 3
_BYTES: Final = 1_000_000_000
#: of the speed of the peer
_SHARE: Final = 0.6


def measure(place: Place) -> list[Figure]:
    place.start_agent()
    (agent,) = registered_agents(place.store.redis)
    task_id, file = _run_with_file(place, agent.name)
    target = place.folder / "fetched.bin"
    ours: list[float] = []
    peer: list[float] = []
    for _ in range(_SAMPLES):
        started = time.monotonic()
        of_run(place.store, task_id, 1, file.name, agent.name).bring(target)
        ours.append(time.monotonic() - started)
        if target.stat().st_size != _BYTES:
            raise RuntimeError(f"{target} is not whole.")
        target.unlink()
        peer.append(_set(place, file))
    return [
        Figure(
            name="1 GB from an agent's machine to a file here",
            unit="s",
            samples=ours,
            targets={"median": percentile(peer, 50) / _SHARE},
            beside=Beside(name="the file | redis-cli -x SET, one way", samples=peer),
            note="ours goes into Redis and out of it, checks each part and writes the file",
        )
    ]


def _run_with_file(place: Place, agent: str) -> tuple[str, Path]:
    """A task whose run has written a file of noise."""
    record = TaskRecord(id=new_id(), name="fetching", project="benchmark")
    place.store.create(record)
    claimed = (Status.CREATED,)
    place.store.claim(record.id, worker=agent, token=new_id(), lease_s=600, allowed=claimed)
    owner = Owner(worker=agent, store=place.store.identity())
    folder = owner.take(place.home.run(record.id, 1))
    folder.code.mkdir()
    begin(folder)
    file = folder.code / "noise.bin"
    with file.open("wb") as writer:
        for _ in range(_BYTES // 1_000_000):
            writer.write(os.urandom(1_000_000))
    return record.id, file


def _set(place: Place, file: Path) -> float:
    """Seconds of the peer, which needs a server that takes such values."""
    client = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if client is None:
        raise RuntimeError("The peer needs redis-cli or valkey-cli.")
    place.store.redis.config_set("proto-max-bulk-len", str(2 * _BYTES))
    socket = place.url.removeprefix("unix://").partition("?")[0]
    started = time.monotonic()
    with file.open("rb") as reader:
        subprocess.run(
            [client, "-s", socket, "-x", "SET", "peer"],
            stdin=reader,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    took = time.monotonic() - started
    place.store.redis.delete("peer")
    return took

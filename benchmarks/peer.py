"""The peer: plain RQ, listening on two queues of the same server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from rq import Queue, Worker

from benchmarks.place import QUEUES
from tests.waiting import wait_until

if TYPE_CHECKING:
    from benchmarks.place import Place

_REPOSITORY: Final = str(Path(__file__).parents[1])


def start_peer(place: Place) -> tuple[psutil.Process, list[Queue]]:
    """Its worker, at rest, and its queues."""
    queues = [Queue(f"peer-{name}", connection=place.store.redis) for name in QUEUES]
    worker = place.start(
        *(sys.executable, "-m", "rq.cli", "worker", "--quiet"),
        *("--url", place.url, "--path", _REPOSITORY),
        *(queue.name for queue in queues),
    )
    wait_until(lambda: Worker.all(queue=queues[0]), within_s=60, what="the peer is up")
    process = psutil.Process(worker.pid)
    place.rest(process)
    return process, queues

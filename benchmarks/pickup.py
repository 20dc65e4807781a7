"""From the return of enqueue to the claim, by an agent at rest with two queues.

The agent claims the task like any other and then refuses its record, so it is over right after and
nothing of one sample runs into the next. Peer and agent take turns.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.peer import start_peer
from benchmarks.peer_job import note_start
from benchmarks.place import QUEUES
from elsewhere.core import names
from elsewhere.core.choices import Status
from elsewhere.core.records import Environment, TaskRecord
from tests.waiting import wait_until

if TYPE_CHECKING:
    from rq import Queue

    from benchmarks.place import Place

_SAMPLES: Final = 200
#: seconds before a sample, so that the samples meet every moment of a loop
_PAUSE_S: Final = (0.02, 0.1)
#: refused where the record is validated, behind the claim
_REFUSED: Final = Environment(variables={"not a name": ""})


def measure(place: Place) -> list[Figure]:
    place.start_agent()
    _, peers = start_peer(place)
    ours, peer = [], []
    for number in range(_SAMPLES):
        ours.append(_claimed_after_ms(place, QUEUES[number % 2]))
        peer.append(_called_after_ms(place, peers[number % 2]))
    return [
        Figure(
            name="pickup: enqueue returns -> claimed",
            unit="ms",
            samples=ours,
            targets={"median": 10, "p99": 60},
            beside=Beside(name="plain RQ: enqueue returns -> function", samples=peer),
            note="below 0: claimed before the reply to enqueue was read",
        )
    ]


def _claimed_after_ms(place: Place, queue: str) -> float:
    record = TaskRecord(id=names.new_id(), name="pickup", project="benchmark", environment=_REFUSED)
    place.store.create(record)
    time.sleep(random.uniform(*_PAUSE_S))
    place.queues.enqueue(record.id, queue)
    returned_at = time.time()  # the server's clock, too: it runs on this machine
    state = place.ended(record.id, wanted=Status.FAILED)
    return (state.started_at - returned_at) * 1000


def _called_after_ms(place: Place, queue: Queue) -> float:
    started = place.folder / "started"
    time.sleep(random.uniform(*_PAUSE_S))
    job = queue.enqueue(note_start, str(started))
    returned_at = time.time()
    wait_until(lambda: job.is_finished, within_s=30, what="the peer's job is over")
    return (float(started.read_text()) - returned_at) * 1000

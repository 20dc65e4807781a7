"""What every store promises of what a task says: taken once, read in any pieces."""

from __future__ import annotations

import math
import os

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.events import (
    ArtifactAdded,
    Event,
    Parameters,
    Phase,
    Progress,
    Resources,
    Scalar,
    Tags,
    Text,
)
from elsewhere.core.records import Artifact, Outcome, Parameter
from elsewhere.store.api import TaskStore
from tests.contracts.insides import servers
from tests.stores import claim, enqueue, find, running

LOST = Outcome(reason=Reason.LOST, message="Nobody reported.")


# what a task says


def point(value: float, iteration: int = 1) -> Scalar:
    return Scalar(title="loss", series="train", value=value, iteration=iteration, at=2.0)


@pytest.mark.parametrize(
    ("reported", "highest"),
    [
        ([2**53, 2**53 + 1], 2**53 + 1),
        ([2**63 - 1, 2**63 - 2], 2**63 - 1),
        ([2**62 + 1, 2**62, 9], 2**62 + 1),
        ([-(2**62)], 0),
        ([9, 10], 10),
        ([-10, -9], 0),
    ],
)
def test_the_highest_iteration_is_exact(
    store: TaskStore, reported: list[int], highest: int
) -> None:
    task_id = running(store)
    for offset, iteration in enumerate(reported):
        store.apply(task_id, 1, "f", offset, offset + 1, [point(0.5, iteration)])
    assert store.state(task_id).last_iteration == highest
    [series] = store.series(task_id)
    assert series.iteration == max(reported)
    assert [point for point, _, _ in store.points(task_id, "loss", "train")] == reported


def test_events_change_what_they_say(store: TaskStore) -> None:
    task_id = running(store)
    events: list[Event] = [
        Progress(percent=12.5, at=0.0),
        Parameters(values={"A/b": Parameter(value=1)}),
        Parameters(values={"A/c": Parameter(value=2)}, is_whole=True),
        ArtifactAdded(artifact=Artifact(name="model", type="file", url="memory://m")),
        Tags(added=("x", "y"), removed=("y",)),
        Text(message="hello", level=20, at=1.0),
        Phase(name="run", at=1.0),
        Phase(name="run", at=1.0, seconds=2.0),
        Resources(title=":monitor:machine", values={"cpu": 0.5}, at=1.0, elapsed_s=3.9),
        point(0.5, 3),
    ]
    assert store.apply(task_id, 1, "f", 0, 100, events) == 100
    record, state = store.read(task_id), store.state(task_id)
    assert (state.progress, state.last_iteration) == (12.5, 3), "resources count no iterations"
    assert (set(record.parameters), record.tags) == ({"A/c"}, ("x",))
    for server in servers(store):
        assert find(server, tags=["x"]) == [task_id]
    assert store.artifacts(task_id)["model"].url == "memory://m"
    assert [text.message for text in store.texts(task_id)] == ["hello"]
    assert [(p.attempt, p.phase.seconds) for p in store.phases(task_id)] == [(1, 2.0)]
    assert store.points(task_id, ":monitor:machine", "cpu") == [(3, 1.0, 0.5)]
    assert store.points(task_id, "loss", "train") == [(3, 2.0, 0.5)]


@pytest.mark.parametrize(
    ("values", "minimum", "maximum"),
    [
        ([1.0, 3.0, 2.0], 1.0, 3.0),
        ([math.nan, 3.0, 2.0], 2.0, 3.0),
        ([3.0, math.nan], 3.0, 3.0),
        ([math.nan], math.nan, math.nan),
        ([math.inf, -math.inf, 1.0], -math.inf, math.inf),
        ([1e-300, 1e300], 1e-300, 1e300),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_series_has_the_same_summary_however_its_points_came(
    store: TaskStore, values: list[float], minimum: float, maximum: float, at_once: bool
) -> None:
    task_id = running(store)
    events = [point(value, len(values) - n) for n, value in enumerate(values)]
    pieces = [events] if at_once else [[event] for event in events]
    for n, piece in enumerate(pieces):
        store.apply(task_id, 1, "f", n, n + 1, piece)
    (summary,) = store.series(task_id)
    assert (summary.count, summary.iteration) == (len(values), len(values))
    got = (summary.last, summary.minimum, summary.maximum)
    assert repr(got) == repr((values[-1], minimum, maximum))
    assert [repr(value) for _, _, value in store.points(task_id, "loss", "train")] == [
        repr(value) for value in values
    ]


def test_the_same_piece_of_a_journal_is_taken_once(store: TaskStore) -> None:
    task_id = running(store)
    for _ in range(2):  # the answer was lost
        assert store.apply(task_id, 1, "f", 0, 10, [point(1.0)]) == 10
    assert store.apply(task_id, 1, "f", 99, 120, [point(2.0)]) == 10, "there would be a gap"
    assert store.apply(task_id, 1, "other", 0, 10, [point(3.0)]) == 10
    assert store.apply(task_id, 1, "f", 10, 20, []) == 20
    assert [value for _, _, value in store.points(task_id, "loss", "train")] == [1.0, 3.0]
    assert store.journal_offset(task_id, 1, "f") == 20
    assert store.journal_offset(task_id, 2, "f") == 0


def test_the_same_piece_of_output_is_taken_once(store: TaskStore) -> None:
    task_id = running(store)
    for _ in range(2):
        assert store.append_output(task_id, 1, 0, 9, b"one\n", "10%") == 9
    assert store.append_output(task_id, 1, 50, 60, b"gap\n", "") == 9
    assert store.append_output(task_id, 1, 9, 9, b"", "20%") == 9
    found = store.output(task_id)
    assert (found.data, found.start, found.next, found.pending) == (b"one\n", 0, 4, "20%")
    assert (store.output_offset(task_id, 1), store.output_length(task_id)) == (9, 4)


def test_output_comes_in_pieces_of_any_size_and_each_attempt_has_its_own(
    store: TaskStore,
) -> None:
    task_id = running(store)
    data = os.urandom(3 << 20)
    store.append_output(task_id, 1, 0, len(data), data, "")
    for limit in (len(data), 1 << 20, 700_001):
        assert read_output(store, task_id, limit) == (data, 0)
    store.finish(task_id, 1, LOST)
    enqueue(store, task_id)
    claim(store, task_id, "next")
    assert store.output(task_id).data == b""
    assert store.output(task_id, attempt=1, start=5, limit_bytes=2).data == data[5:7]


def read_output(store: TaskStore, task_id: str, limit_bytes: int) -> tuple[bytes, int]:
    """All of it, and how many bytes are not kept."""
    data, at, gap = bytearray(), 0, 0
    while (piece := store.output(task_id, start=at, limit_bytes=limit_bytes)).data:
        gap += piece.start - at
        data += piece.data
        at = piece.next
    return bytes(data), gap


def test_of_a_very_long_output_the_beginning_and_the_end_are_kept(store: TaskStore) -> None:
    task_id, size = running(store), 1 << 20
    blocks = [bytes([n]) * size for n in range(50)]
    for n in range(0, 50, 5):
        store.append_output(task_id, 1, n * size, (n + 5) * size, b"".join(blocks[n : n + 5]), "")
    data, gap = read_output(store, task_id, 3 * size)
    assert data == b"".join(blocks[:16] + blocks[-16:])
    assert gap == 18 * size
    assert store.output_length(task_id) == 50 * size

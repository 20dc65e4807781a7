"""What every store promises of records: kept, found, moved, deleted; and of blobs and waking."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from elsewhere.core.choices import OnLost, Reason, Status, TaskType
from elsewhere.core.errors import FencedError, NotFoundError, RecordError, TransitionError
from elsewhere.core.events import (
    ArtifactAdded,
    Event,
    ModelUsed,
    Parameters,
    Phase,
    Resources,
    Scalar,
    Tags,
    Text,
)
from elsewhere.core.records import (
    Artifact,
    Environment,
    ModelUse,
    Outcome,
    Parameter,
    Source,
    TaskRecord,
)
from elsewhere.store.api import Claim, Renewal, SharedStore, TaskStore
from elsewhere.store.redis import keys
from elsewhere.store.states import MOVES, sources
from tests.contracts.insides import Inside, on_servers, servers
from tests.stores import brought_to, claim, enqueue, find, make_record, running, waiting
from tests.watching import watching

BUSY = (Status.QUEUED, Status.IN_PROGRESS)
COMPLETED = Outcome(reason=Reason.COMPLETED, exit_code=0)
LOST = Outcome(reason=Reason.LOST, message="Nobody reported.")


# records


RECORD = make_record(
    type=TaskType.TESTING,
    tags=("a", "b"),
    comment="é\n",
    source=Source(repository="https://example.org/r.git", argv=("--name", "two words")),
    environment=Environment(packages=("numpy==1.0",), variables={"A": "1"}),
    seed=None,
    parameters={"General/x": Parameter(value=[1, {"y": None}], type="list")},
    on_lost=OnLost.ENQUEUE,
    created_at=5.5,
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        make_record(created_at=1.0),
        make_record(created_at=1.0, source=Source(argv=("\udcff",)), comment="\udcff"),
    ],
    ids=["full", "plain", "undecodable"],
)
def test_a_record_comes_back_as_it_was(store: TaskStore, record: TaskRecord) -> None:
    store.create(record)
    assert store.read(record.id) == record
    assert store.state(record.id).status is Status.CREATED


def test_a_task_that_is_created_again_is_what_it_has_become(store: TaskStore) -> None:
    event = Tags(added=("archived",), are_system=True)
    store.create(RECORD, event)
    store.edit(RECORD.id, replace(event, added=(), removed=("archived",)), comment="new")
    store.edit(RECORD.id, Parameters(values={"General/x": Parameter(value=2)}))
    store.move(RECORD.id, Status.STOPPED, allowed=(Status.CREATED,))
    record, state = store.read(RECORD.id), store.state(RECORD.id)
    store.create(RECORD, event)  # the answer was lost
    assert (store.read(RECORD.id), store.state(RECORD.id)) == (record, state)
    for server in servers(store):
        assert find(server, {"status": Status.CREATED}) == []
    for server in servers(store):
        assert find(server, allow_archived=False) == [RECORD.id]


def test_a_new_task_is_there_with_all_that_is_known_of_it_or_not_at_all(store: TaskStore) -> None:
    events = (
        Tags(added=("archived",), are_system=True),
        Parameters(values={"General/y": Parameter(value=1)}),
        Scalar(title="loss", series="x", value=0.5, iteration=1, at=0.0),
        ModelUsed(use=ModelUse(name="in", model="a" * 32, is_output=False, at=1.0)),
    )

    def look() -> list[Any]:
        try:
            store.state(RECORD.id)
            found = [store.kept(RECORD.id, Tags)]
        except NotFoundError:
            tasks = [task for server in servers(store) for task in find(server)]
            return [*tasks, *store.tasks_using("a" * 32)]
        parameters = set(store.read(RECORD.id).parameters)
        return [*found, parameters, *store.task_models(RECORD.id), *store.series(RECORD.id)]

    with watching(look) as seen:
        store.create(RECORD, *events)
    whole = row, parameters, use, series = seen[-1]
    assert all(one in ([], list(whole)) for one in seen)
    assert (row["tags"], row["system_tags"]) == (["a", "b"], ["archived"])
    assert parameters == {"General/x", "General/y"}
    assert (use.model, series.last) == ("a" * 32, 0.5)
    assert store.tasks_using("a" * 32) == [RECORD.id]


def test_a_task_is_not_created_with_an_event_that_cannot_be(
    store: TaskStore, inside: Inside
) -> None:
    use = ModelUse(name="in", model="no model's id", is_output=False, at=1.0)
    with pytest.raises(RecordError):
        store.create(RECORD, ModelUsed(use=use))
    assert inside.contents() == {}


UNKNOWN: dict[str, Callable[[TaskStore], object]] = {
    "read": lambda store: store.read("no"),
    "state": lambda store: store.state("no"),
    "edit": lambda store: store.edit("no", comment="x"),
    "delete": lambda store: store.delete("no"),
    "move": lambda store: store.move("no", Status.STOPPED, allowed=tuple(Status)),
    "enqueue": lambda store: enqueue(store, "no"),
    "request_stop": lambda store: store.request_stop("no"),
    "get_blob": lambda store: store.get_blob("no"),
}


@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_there_is_not_found_and_not_made(
    store: TaskStore, inside: Inside, call: Callable[[TaskStore], object]
) -> None:
    with pytest.raises(NotFoundError):
        call(store)
    assert inside.contents() == {}


def test_nobody_can_claim_renew_or_end_what_is_not_there(store: TaskStore, inside: Inside) -> None:
    assert claim(store, "no") == Claim(attempt=0, status="")
    assert store.renew("no", 1, worker="box", lease_s=1) == Renewal(is_ours=False, status="")
    with pytest.raises(FencedError):
        store.finish("no", 1, COMPLETED)
    for server in servers(store):
        assert server.reap("no", lost_after_s=0, outcome=LOST) is None
    assert inside.contents() == {}


def test_edits_change_what_they_name_and_nothing_else(store: TaskStore) -> None:
    store.create(RECORD)
    tags = Tags(added=("c", "a"), removed=("b", "z"))
    store.edit(RECORD.id, tags, comment="new", seed=7)
    store.edit(RECORD.id, Parameters(values={"General/y": Parameter(value=1)}))
    record = store.read(RECORD.id)
    assert (record.comment, record.seed, record.tags) == ("new", 7, ("a", "c"))
    assert set(record.parameters) == {"General/x", "General/y"}
    assert record.source == RECORD.source
    store.edit(RECORD.id, Parameters(is_whole=True))
    assert store.read(RECORD.id).parameters == {}


@pytest.mark.parametrize("status", Status)
def test_an_edit_is_refused_where_the_status_does_not_allow_it(
    store: TaskStore, status: Status
) -> None:
    task_id = brought_to(store, status)
    for allowed, is_allowed in (((), True), ((status,), True), (set(Status) - {status}, False)):
        before = store.read(task_id)
        if is_allowed:
            store.edit(task_id, allowed=allowed, comment=f"{before.comment}+")
        else:
            with pytest.raises(TransitionError, match=str(status)):
                store.edit(task_id, allowed=allowed, comment="no")
            assert store.read(task_id) == before
    assert store.read(task_id).comment == "++"


# finding


@on_servers
def test_a_renamed_task_is_found_by_its_new_name_alone(store: SharedStore) -> None:
    record = make_record(name="old")
    store.create(record)
    store.create(make_record(project="newest"))
    store.edit(record.id, name="new", project="moved")
    assert find(store, project_name="examples") == []
    assert find(store, project_name="moved", exact_name="new") == [record.id]
    assert store.projects()[0] == "moved", "it was used last"


# moves


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("target", Status)
def test_a_move_is_made_from_the_statuses_that_may_and_from_no_other(
    store: TaskStore, old: Status, target: Status
) -> None:
    task_id = brought_to(store, old)
    if target in MOVES[old]:
        assert store.move(task_id, target, allowed=sources(target), message="why") is old
        state = store.state(task_id)
        assert (state.status, state.previous_status, state.message) == (target, old, "why")
    else:
        with pytest.raises(TransitionError, match=f"it is {old}"):
            store.move(task_id, target, allowed=sources(target))
        assert store.state(task_id).status is old
    for server in servers(store):
        assert find(server, {"status": store.state(task_id).status}) == [task_id]


def test_of_many_that_want_the_same_move_one_gets_it(store: TaskStore) -> None:
    task_id = brought_to(store, Status.CREATED)
    won: list[int] = []

    def move(number: int) -> None:
        try:
            store.move(task_id, Status.STOPPED, allowed=(Status.CREATED,))
        except TransitionError:
            return
        won.append(number)

    threads = [threading.Thread(target=move, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


# the end of a task


@pytest.mark.parametrize("status", BUSY)
def test_a_task_that_is_queued_or_runs_cannot_be_deleted(store: TaskStore, status: Status) -> None:
    task_id = waiting(store) if status is Status.QUEUED else running(store)
    with pytest.raises(TransitionError):
        store.delete(task_id)
    assert store.state(task_id).status is status


def test_a_deleted_task_leaves_nothing_but_what_is_not_its_own(
    store: TaskStore, inside: Inside
) -> None:
    task_id = running(store, tags=("x",), parameters={"a": Parameter(value=1)})
    for attempt in (1, 2):
        events: list[Event] = [
            Scalar(title="loss", series="train", value=1.0, iteration=1, at=0.0),
            Tags(added=("later",)),
            Text(message="x", level=1, at=0),
            Phase(name="run", at=0.0),
            ArtifactAdded(artifact=Artifact(name="m", type="file")),
            Resources(title=":monitor:machine", values={"cpu": 1.0}, at=0.0),
        ]
        store.apply(task_id, attempt, "f", 0, 1, events)
        store.append_output(task_id, attempt, 0, 9, b"x" * (3 << 20), "y")
        store.finish(task_id, attempt, Outcome(reason=Reason.LOST))
        if attempt == 1:
            enqueue(store, task_id)
            claim(store, task_id, "next")
    store.delete(task_id)
    assert inside.lasting() == {}


# blobs


@pytest.mark.parametrize("data", [b"", b"patch", os.urandom(5 << 20)], ids=len)
def test_a_blob_comes_back_as_it_was(store: TaskStore, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    assert not store.has_blob(digest)
    for _ in range(2):  # the answer was lost
        store.put_blob(digest, data)
    assert store.has_blob(digest)
    assert store.get_blob(digest) == data


def test_a_blob_that_is_there_is_not_sent_again(store: TaskStore, inside: Inside) -> None:
    digest = hashlib.sha256(b"patch").hexdigest()
    store.put_blob(digest, b"patch")
    inside.set_blob(digest, b"as it was written")
    store.put_blob(digest, b"patch")
    assert inside.blob(digest) == b"as it was written"


@pytest.mark.parametrize("stored", ["other bytes", "cut", "no zlib"])
def test_bytes_that_are_not_those_of_the_digest_are_refused(
    store: TaskStore, inside: Inside, stored: str
) -> None:
    data = os.urandom(10_000)
    digest, other = (hashlib.sha256(one).hexdigest() for one in (data, b"other"))
    store.put_blob(digest, data)
    if stored == "other bytes":
        store.put_blob(other, b"other")
        inside.set_blob(digest, inside.blob(other))
    elif stored == "cut":
        inside.set_blob(digest, inside.blob(digest)[:-100])
    else:
        inside.set_blob(digest, b"\x00garbage")
    with pytest.raises(RecordError, match="not"):
        store.get_blob(digest)


# waking up


def test_a_listener_wakes_for_what_happens_to_its_task_after_it_began(store: TaskStore) -> None:
    task_id, channel = running(store), keys.TaskKeys("").changed
    listener = store.listen_to(task_id)
    changes: list[Callable[[], object]] = [
        lambda: store.append_output(task_id, 1, 0, 2, b"x\n", ""),
        lambda: store.apply(task_id, 1, "f", 0, 1, []),
        lambda: store.edit(task_id, comment="new"),
        lambda: store.request_stop(task_id),
        lambda: store.finish(task_id, 1, LOST),
    ]
    for change in changes:
        change()
        heard = listener.wait(5)
        assert heard
        for _ in servers(store):
            assert all(one.startswith(f"{channel}{task_id} ") for one in heard)
    running(store)
    assert listener.wait(0.01) == []
    listener.close()

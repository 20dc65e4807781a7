"""What every store promises of a reset, of moves by hand, and of publishing at the end."""

from __future__ import annotations

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import FencedError, NotFoundError, TransitionError
from elsewhere.core.events import (
    ArtifactAdded,
    Configurations,
    Event,
    ModelSaved,
    ModelUsed,
    Parameters,
    Phase,
    Progress,
    Properties,
    PublishAtEnd,
    Scalar,
    Tags,
    Text,
    Verdict,
)
from elsewhere.core.records import Artifact, Configuration, ModelUse, Outcome, Parameter, TaskState
from elsewhere.store.api import TaskStore
from elsewhere.store.states import MOVES, allowed
from tests.contracts.insides import servers
from tests.stores import begin, brought_to, find

COMPLETED = Outcome(reason=Reason.COMPLETED, exit_code=0)
FAILED = Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3)
LOST = Outcome(reason=Reason.LOST)
ANY = tuple(Status)
FIRST, LAST, THEIRS = (digit * 32 for digit in "123")

SAID: list[Event] = [
    Scalar(title="loss", series="train", value=0.5, iteration=7, at=1.0),
    Progress(percent=40.0, at=1.0),
    Text(message="said", level=20, at=1.0),
    Phase(name="run", at=1.0, seconds=2.0),
    ArtifactAdded(artifact=Artifact(name="data", type="dict", url="file:///data")),
    Verdict(status=Status.FAILED, message="bad"),
]
GIVEN: list[Event] = [
    Parameters(values={"General/lr": Parameter(value=0.1, type="float")}),
    Configurations(values={"net": Configuration(text="a: 1\n", type="yaml")}),
    Properties(values={"room": Parameter(value="b7", type="str")}),
    Tags(added=("kept",)),
    Tags(added=("archived",), are_system=True),
]


def claim_again(store: TaskStore, task_id: str, token: str) -> int:
    claim = store.claim(
        task_id, worker="box", token=token, lease_s=60, allowed=(Status.CREATED, Status.STOPPED)
    )
    return claim.attempt


def say_much(store: TaskStore, task_id: str, attempt: int) -> None:
    store.apply(task_id, attempt, "j", 0, 9, [*SAID, *GIVEN])
    store.append_output(task_id, attempt, 0, 8, b"printed\n", "half a li")


# reset


def test_a_reset_task_has_what_it_was_given_and_nothing_of_what_came_of_it(
    store: TaskStore,
) -> None:
    task_id = begin(store, continues_at=5)
    say_much(store, task_id, 1)
    store.request_stop(task_id, message="enough")
    store.finish(task_id, 1, FAILED)
    before = store.read(task_id)
    assert store.reset(task_id, allowed=(Status.FAILED,)) is Status.FAILED
    state = store.state(task_id)
    assert state == TaskState(status=Status.CREATED, attempt=1, updated_at=state.updated_at)
    after = store.read(task_id)
    assert after.continues_at is None
    assert (after.parameters, after.configurations) == (before.parameters, before.configurations)
    assert (after.properties, after.tags, after.source) == (
        before.properties,
        ("kept",),
        before.source,
    )
    assert store.kept(task_id, Tags)["system_tags"] == ["archived"]
    assert store.series(task_id) == []
    assert store.points(task_id, "loss", "train") == []
    assert (store.texts(task_id), store.phases(task_id), store.attempts(task_id)) == ([], [], [])
    assert store.artifacts(task_id) == {}
    output = store.output(task_id)
    assert (output.data, output.pending, store.output_length(task_id)) == (b"", "", 0)
    for server in servers(store):
        assert find(server, {"status": Status.CREATED}) == [task_id]
    for server in servers(store):
        assert find(server, {"status": Status.FAILED}) == []


def test_a_reset_task_runs_like_a_new_one_under_the_next_number(store: TaskStore) -> None:
    task_id = begin(store)
    say_much(store, task_id, 1)
    store.finish(task_id, 1, COMPLETED)
    store.reset(task_id, allowed=(Status.FAILED,))
    assert claim_again(store, task_id, "next") == 2
    say_much(store, task_id, 2)
    assert [point[0] for point in store.points(task_id, "loss", "train")] == [7]
    assert store.output(task_id).data == b"printed\n"
    assert [one.number for one in store.attempts(task_id)] == [2]
    assert store.finish(task_id, 2, COMPLETED) is Status.FAILED, "its own verdict"


@pytest.mark.parametrize("old", ["running", "stopped by hand", "reaped"])
def test_an_attempt_that_may_still_write_is_fenced_off(store: TaskStore, old: str) -> None:
    task_id = begin(store, lease_s=0 if old == "reaped" else 60)
    say_much(store, task_id, 1)
    if old == "stopped by hand":
        store.move(task_id, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
    elif old == "reaped":
        for server in servers(store):
            server.reap(task_id, lost_after_s=0, outcome=LOST)
    store.reset(task_id, allowed=ANY)
    with pytest.raises(FencedError):
        store.apply(task_id, 1, "j", 9, 12, SAID)
    with pytest.raises(FencedError):
        store.append_output(task_id, 1, 8, 12, b"late", "")
    with pytest.raises(FencedError):
        store.finish(task_id, 1, COMPLETED)
    assert not store.renew(task_id, 1, worker="box", lease_s=60).is_ours
    for server in servers(store):
        assert server.leased_to("box") == []
    assert store.series(task_id) == []
    assert store.state(task_id).status is Status.CREATED
    assert claim_again(store, task_id, "next") == 3


def test_what_an_ended_attempt_said_is_not_taken_in_once_more(store: TaskStore) -> None:
    task_id = begin(store)
    say_much(store, task_id, 1)
    store.finish(task_id, 1, COMPLETED)
    store.reset(task_id, allowed=ANY)
    say_much(store, task_id, 1)
    assert (store.series(task_id), store.artifacts(task_id)) == ([], {})
    assert store.output(task_id).data == b""


@pytest.mark.parametrize("status", Status)
def test_a_reset_is_compared_and_set(store: TaskStore, status: Status) -> None:
    task_id = brought_to(store, status)
    store.edit(task_id, Progress(percent=5.0, at=0.0))
    with pytest.raises(TransitionError, match=f"cannot be reset: it is {status}"):
        store.reset(task_id, allowed=set(Status) - {status})
    assert (store.state(task_id).status, store.state(task_id).progress) == (status, 5.0)
    assert store.reset(task_id, allowed=(status,)) is status
    assert (store.state(task_id).status, store.state(task_id).progress) == (Status.CREATED, None)


def test_what_is_not_there_cannot_be_reset(store: TaskStore) -> None:
    with pytest.raises(NotFoundError):
        store.reset("no", allowed=ANY)
    for server in servers(store):
        assert find(server) == []


def test_a_reset_is_heard(store: TaskStore) -> None:
    task_id = brought_to(store, Status.STOPPED)
    listener = store.listen_to(task_id)
    store.reset(task_id, allowed=ANY)
    assert listener.wait(5)
    listener.close()


def test_a_reset_task_can_be_deleted_whole(store: TaskStore) -> None:
    task_id = begin(store)
    say_much(store, task_id, 1)
    store.reset(task_id, allowed=ANY)
    store.delete(task_id)
    with pytest.raises(NotFoundError):
        store.state(task_id)


# moves by hand


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("target", Status)
def test_a_person_moves_a_task_where_the_table_allows_it_and_everywhere_by_force(
    store: TaskStore, old: Status, target: Status
) -> None:
    task_id = brought_to(store, old)
    if target in MOVES[old] or target is old:
        assert store.move(task_id, target, allowed=allowed(target)) is old
    else:
        with pytest.raises(TransitionError, match=f"it is {old}"):
            store.move(task_id, target, allowed=allowed(target))
        assert store.state(task_id).status is old
    forced = brought_to(store, old)
    assert store.move(forced, target, allowed=allowed(target, force=True)) is old
    assert store.state(forced).status is target
    for server in servers(store):
        assert forced in find(server, {"status": target})
    for server in servers(store):
        assert (forced in find(server, {"status": old})) == (old is target)


def test_a_task_that_is_started_by_hand_has_forgotten_its_end_and_its_owner(
    store: TaskStore,
) -> None:
    task_id = begin(store)
    store.apply(task_id, 1, "j", 0, 1, [Verdict(status=Status.FAILED, message="bad")])
    store.request_stop(task_id)
    store.move(task_id, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
    store.move(task_id, Status.IN_PROGRESS, allowed=(Status.STOPPED,))
    state = store.state(task_id)
    assert (state.ended_at, state.stop_requested_at, state.lease_until) == (0.0, 0.0, 0.0)
    assert state.started_at > 0
    assert not state.is_unreachable
    assert not store.renew(task_id, 1, worker="box", lease_s=60).is_ours
    for server in servers(store):
        assert server.sweep(sweep_s=0, hold_s=0).over == ()


def test_a_task_that_is_published_ended_when_it_ended(store: TaskStore) -> None:
    task_id = begin(store)
    store.finish(task_id, 1, COMPLETED)
    ended_at = store.state(task_id).ended_at
    store.move(task_id, Status.PUBLISHED, allowed=(Status.COMPLETED,))
    assert store.state(task_id).ended_at == ended_at


def test_a_stop_of_a_task_that_nobody_runs_is_done_at_once(store: TaskStore) -> None:
    task_id = brought_to(store, Status.IN_PROGRESS)
    assert store.request_stop(task_id, message="enough") is Status.IN_PROGRESS
    state = store.state(task_id)
    assert (state.status, state.message) == (Status.STOPPED, "enough")
    assert state.ended_at > 0


# publishing at the end


@pytest.mark.parametrize(
    ("outcome", "wanted", "status"),
    [
        (COMPLETED, [True], Status.PUBLISHED),
        (COMPLETED, [True, False], Status.COMPLETED),
        (FAILED, [True], Status.FAILED),
    ],
)
def test_a_task_that_wants_it_is_published_when_its_attempt_completes(
    store: TaskStore, outcome: Outcome, wanted: list[bool], status: Status
) -> None:
    task_id = begin(store)
    events = [PublishAtEnd(is_wanted=one) for one in wanted]
    store.apply(task_id, 1, "j", 0, 1, events)
    assert store.finish(task_id, 1, outcome) is status
    state = store.state(task_id)
    assert (state.status, state.progress) == (status, None if outcome is FAILED else 100.0)


def test_a_verdict_of_completed_publishes_it_too(store: TaskStore) -> None:
    task_id = begin(store)
    verdict = Verdict(status=Status.COMPLETED)
    store.apply(task_id, 1, "j", 0, 1, [PublishAtEnd(is_wanted=True), verdict])
    assert store.finish(task_id, 1, FAILED) is Status.PUBLISHED


def test_a_task_that_is_completed_by_hand_is_published_where_it_wants_it(store: TaskStore) -> None:
    task_id = brought_to(store, Status.IN_PROGRESS)
    store.edit(task_id, PublishAtEnd(is_wanted=True))
    store.move(task_id, Status.COMPLETED, allowed=(Status.IN_PROGRESS,))
    assert store.state(task_id).status is Status.PUBLISHED
    store.reset(task_id, allowed=ANY)
    store.move(task_id, Status.COMPLETED, allowed=ANY)
    assert store.state(task_id).status is Status.COMPLETED, "a reset forgets it"


@pytest.mark.parametrize("way", ["by hand", "at its end"])
def test_the_last_model_that_a_task_made_is_published_with_it(store: TaskStore, way: str) -> None:
    task_id = begin(store)
    of_another = begin(store)
    store.apply(of_another, 1, "j", 0, 1, [ModelSaved(model=THEIRS, fields={"name": "net"})])
    made: list[Event] = [
        event
        for number, model in enumerate((FIRST, LAST))
        for event in (
            ModelSaved(model=model, fields={"name": "net"}),
            ModelUsed(use=ModelUse(name=model, model=model, is_output=True, at=float(number))),
        )
    ]
    begun = ModelUsed(use=ModelUse(name="x", model=THEIRS, is_output=False, at=9.0))
    store.apply(task_id, 1, "j", 0, 1, [*made, begun, PublishAtEnd(is_wanted=True)])
    if way == "by hand":
        store.move(task_id, Status.PUBLISHED, allowed=ANY)
    else:
        store.finish(task_id, 1, COMPLETED)
    published = {name: store.model(name).is_published for name in (FIRST, LAST, THEIRS)}
    assert published == {FIRST: False, LAST: True, THEIRS: False}


def test_a_reset_task_did_not_make_its_models_but_began_from_what_it_began_from(
    store: TaskStore,
) -> None:
    task_id = begin(store)
    uses = ((FIRST, True), (THEIRS, False))
    events = [
        ModelUsed(use=ModelUse(name=name, model=name, is_output=is_output, at=1.0))
        for name, is_output in uses
    ]
    for name, _ in uses:
        store.save_model(name, {"name": name})
    store.apply(task_id, 1, "j", 0, 1, events)
    store.reset(task_id, allowed=ANY)
    assert [use.name for use in store.task_models(task_id)] == [THEIRS]
    assert store.model(FIRST).name == FIRST, "the model itself stays"


@pytest.mark.parametrize("status", [Status.QUEUED, Status.IN_PROGRESS])
def test_a_program_cannot_say_that_it_waits_or_goes_on(store: TaskStore, status: Status) -> None:
    task_id = begin(store)
    store.apply(task_id, 1, "j", 0, 1, [Verdict(status=status)])
    assert store.finish(task_id, 1, COMPLETED) is Status.COMPLETED

"""What every store promises of attempts: claims, leases, stops, and what is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.errors import FencedError
from elsewhere.core.events import Event, Progress, Scalar, Text, Verdict
from elsewhere.core.records import Outcome
from elsewhere.store.api import Claim, Renewal, SharedStore, TaskStore
from tests.contracts.insides import Inside, on_servers, servers
from tests.stores import begin, brought_to, claim, enqueue, running, waiting

BUSY = (Status.QUEUED, Status.IN_PROGRESS)
COMPLETED = Outcome(reason=Reason.COMPLETED, exit_code=0)
LOST = Outcome(reason=Reason.LOST, message="Nobody reported.")


# attempts


def test_the_attempt_number_counts_up_and_the_same_token_gets_the_same_answer(
    store: TaskStore,
) -> None:
    task_id = waiting(store)
    assert claim(store, task_id, "a") == Claim(attempt=1)
    assert claim(store, task_id, "a") == Claim(attempt=1), "the answer was lost"
    assert claim(store, task_id, "b") == Claim(attempt=0, status="in_progress")
    store.finish(task_id, 1, Outcome(reason=Reason.LOST))
    assert claim(store, task_id, "a") == Claim(attempt=0, status="failed"), "a stale delivery"
    enqueue(store, task_id)
    assert claim(store, task_id, "c") == Claim(attempt=2)
    assert [(one.number, one.worker) for one in store.attempts(task_id)] == [(1, "box"), (2, "box")]


def test_of_many_that_claim_a_task_one_gets_it(store: TaskStore) -> None:
    task_id = waiting(store)
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: got.append(claim(store, task_id, f"{n}").attempt))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [0] * 7 + [1]


def test_a_claim_begins_anew_what_the_last_attempt_said_of_itself(store: TaskStore) -> None:
    task_id = running(store)
    store.request_stop(task_id, message="enough")
    events: list[Event] = [
        Progress(percent=50.0, at=0.0),
        Verdict(status=Status.FAILED, message="bad"),
    ]
    store.apply(task_id, 1, "f", 0, 1, events)
    store.finish(task_id, 1, COMPLETED)
    assert store.state(task_id).message == "bad"
    enqueue(store, task_id)
    claim(store, task_id, "next")
    state = store.state(task_id)
    assert (state.progress, state.outcome, state.message, state.ended_at) == (None, None, "", 0.0)
    assert state.stop_requested_at == 0.0
    assert store.finish(task_id, 2, COMPLETED) is Status.COMPLETED, "the old verdict is forgotten"


@pytest.mark.parametrize("continues_at", [None, 0, 7])
def test_what_a_task_reported_is_kept_where_it_is_continued(
    store: TaskStore, continues_at: int | None
) -> None:
    task_id = running(store)
    point = Scalar(title="loss", series="train", value=0.5, iteration=6, at=1.0)
    said: list[Event] = [point, Text(message="x", level=1, at=0), Progress(percent=50.0, at=0.0)]
    store.apply(task_id, 1, "f", 0, 1, said)
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    store.edit(task_id, continues_at=continues_at)
    enqueue(store, task_id)
    claim(store, task_id, "next")
    store.apply(task_id, 2, "g", 0, 1, [replace(point, iteration=8)])
    iterations = [n for n, _, _ in store.points(task_id, "loss", "train")]
    kept = (iterations, len(store.texts(task_id)), store.state(task_id).progress)
    assert kept == (([8], 0, None) if continues_at is None else ([6, 8], 1, 50.0))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (COMPLETED, Status.COMPLETED),
        (Outcome(reason=Reason.STOPPED), Status.STOPPED),
        (Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3, message="é \udcff"), Status.FAILED),
        (Outcome(reason=Reason.SETUP_FAILED, phase="install"), Status.FAILED),
        (Outcome(reason=Reason.KILLED, signal=9), Status.FAILED),
    ],
)
def test_an_attempt_ends_once_with_its_outcome(
    store: TaskStore, outcome: Outcome, status: Status
) -> None:
    task_id = running(store)
    assert store.finish(task_id, 1, outcome) is status
    ended = store.state(task_id)
    assert store.finish(task_id, 1, Outcome(reason=Reason.LOST)) is status, "the answer was lost"
    assert store.state(task_id) == ended
    assert ended.outcome is not None
    assert (ended.outcome.reason, ended.outcome.phase) == (outcome.reason, outcome.phase)
    assert store.attempts(task_id)[0].outcome == ended.outcome
    for server in servers(store):
        assert server.leased_to("box") == []
    for server in servers(store):
        assert server.sweep(sweep_s=0, hold_s=0).over == ()


def test_what_the_program_or_somebody_said_wins_over_its_exit(store: TaskStore) -> None:
    by_program, by_somebody = running(store), running(store)
    store.apply(by_program, 1, "f", 0, 1, [Verdict(status=Status.FAILED, message="diverged")])
    store.move(by_somebody, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
    assert store.finish(by_program, 1, COMPLETED) is Status.FAILED
    assert store.state(by_program).message == "diverged"
    assert store.finish(by_somebody, 1, COMPLETED) is Status.STOPPED


def stale_writes(store: TaskStore, task_id: str) -> dict[str, Callable[[], object]]:
    return {
        "apply": lambda: store.apply(task_id, 1, "f", 0, 5, [Text(message="x", level=1, at=0)]),
        "append_output": lambda: store.append_output(task_id, 1, 0, 5, b"late\n", ""),
        "finish": lambda: store.finish(task_id, 1, COMPLETED),
    }


@pytest.mark.parametrize("what", ["apply", "append_output", "finish"])
@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "newer attempt"])
def test_a_stale_attempt_writes_nothing(
    store: TaskStore, inside: Inside, what: str, is_deleted: bool
) -> None:
    task_id = running(store)
    store.finish(task_id, 1, Outcome(reason=Reason.LOST))
    if is_deleted:
        store.delete(task_id)
    else:
        enqueue(store, task_id)
        claim(store, task_id, "next")
    before = inside.contents()
    with pytest.raises(FencedError):
        stale_writes(store, task_id)[what]()
    assert not store.renew(task_id, 1, worker="box", lease_s=60).is_ours
    for server in servers(store):
        assert server.lose(task_id, 1, LOST, is_harmless=True) is None
    assert inside.contents() == before


# leases


def test_a_lease_is_kept_by_its_worker_alone(store: TaskStore) -> None:
    task_id = running(store, lease_s=0)
    assert store.state(task_id).is_unreachable
    assert not store.renew(task_id, 1, worker="another", lease_s=60).is_ours
    assert store.state(task_id).is_unreachable
    assert store.renew(task_id, 1, worker="box", lease_s=60) == Renewal(
        is_ours=True, status="", is_stop_requested=False, stop_grace_s=None
    )
    assert not store.state(task_id).is_unreachable
    for server in servers(store):
        assert server.leased_to("box") == [(task_id, 1)]
    for server in servers(store):
        assert server.leased_to("another") == []


@on_servers
@pytest.mark.parametrize(
    ("on_lost", "in_queue", "stop", "status"),
    [
        (OnLost.END, True, False, Status.FAILED),
        (OnLost.ENQUEUE, False, False, Status.FAILED),
        (OnLost.ENQUEUE, True, True, Status.STOPPED),
        (OnLost.END, True, True, Status.STOPPED),
    ],
)
def test_a_lost_attempt_is_reaped_by_the_policy_of_its_task(
    store: SharedStore, on_lost: OnLost, in_queue: bool, stop: bool, status: Status
) -> None:
    made = running if in_queue else begin
    task_id = made(store, lease_s=0, on_lost=on_lost)
    if stop:
        store.request_stop(task_id)
    assert store.reap(task_id, lost_after_s=60, outcome=LOST) is None, "not lost for long enough"
    assert store.reap(task_id, lost_after_s=0, outcome=LOST) is status
    assert store.reap(task_id, lost_after_s=0, outcome=LOST) is None, "once"
    assert store.attempts(task_id)[0].outcome == LOST


@on_servers
def test_a_live_attempt_is_not_reaped(store: SharedStore) -> None:
    task_id = running(store, on_lost=OnLost.ENQUEUE)
    assert store.reap(task_id, lost_after_s=0, outcome=LOST) is None
    assert store.state(task_id).status is Status.IN_PROGRESS


@on_servers
def test_an_attempt_lost_after_the_program_began_ends_the_task_that_says_so(
    store: SharedStore,
) -> None:
    task_id = running(store, on_lost=OnLost.END)
    assert store.lose(task_id, 1, LOST, is_harmless=False) is Status.FAILED


@on_servers
@pytest.mark.parametrize("on_lost", OnLost)
def test_an_owner_that_returns_before_anyone_began_again_takes_its_attempt_back(
    store: SharedStore, inside: Inside, on_lost: OnLost
) -> None:
    task_id = running(store, lease_s=0, on_lost=on_lost)
    store.reap(task_id, lost_after_s=0, outcome=LOST)
    assert store.renew(task_id, 1, worker="box", lease_s=60).is_ours
    state = store.state(task_id)
    assert (state.status, state.attempt, state.outcome) == (Status.IN_PROGRESS, 1, None)
    assert inside.waiting() == set()
    assert claim(store, task_id, "other").attempt == 0
    assert store.leased_to("box") == [(task_id, 1)]


@on_servers
@pytest.mark.parametrize("on_lost", OnLost)
def test_an_owner_that_returns_at_its_end_delivers_its_outcome(
    store: SharedStore, inside: Inside, on_lost: OnLost
) -> None:
    task_id = running(store, lease_s=0, on_lost=on_lost)
    store.reap(task_id, lost_after_s=0, outcome=LOST)
    store.apply(task_id, 1, "f", 0, 1, [Text(message="late", level=1, at=0)])
    assert store.finish(task_id, 1, COMPLETED) is Status.COMPLETED
    assert inside.waiting() == set()
    assert store.attempts(task_id)[0].outcome == COMPLETED


@on_servers
def test_one_agent_sweeps_at_a_time_and_owners_get_a_hold_off_first(
    store: SharedStore, inside: Inside
) -> None:
    task_id = running(store, lease_s=0)
    first = store.sweep(sweep_s=60, hold_s=60)
    assert (first.is_mine, first.over) == (True, ()), "nobody swept before: hold off"
    assert not store.sweep(sweep_s=60, hold_s=60).is_mine
    still = store.sweep(sweep_s=0, hold_s=60)
    assert (still.is_mine, still.over) == (True, ()), "the hold-off goes on"
    inside.set_sweep("hold_until", 0)
    assert store.sweep(sweep_s=0, hold_s=60).over == (task_id,)
    inside.set_sweep("last", store.now() - 30)
    assert store.sweep(sweep_s=0, hold_s=60).over == (), "the store or all agents were away"


# stopping


@pytest.mark.parametrize("status", [s for s in Status if s not in BUSY])
def test_a_stop_changes_nothing_where_nothing_runs(store: TaskStore, status: Status) -> None:
    task_id = brought_to(store, status)
    before = store.state(task_id)
    assert store.request_stop(task_id) is status
    assert store.state(task_id) == before


def test_a_queued_task_is_stopped_at_once(store: TaskStore, inside: Inside) -> None:
    task_id = waiting(store)
    assert store.request_stop(task_id, message="not needed") is Status.QUEUED
    state = store.state(task_id)
    assert (state.status, state.message) == (Status.STOPPED, "not needed")
    assert inside.waiting() == set()
    assert claim(store, task_id) == Claim(attempt=0, status="stopped")


@pytest.mark.parametrize("grace_s", [None, 0.0, 2.5])
def test_the_owner_of_a_running_task_learns_of_a_stop_with_its_renewal(
    store: TaskStore, grace_s: float | None
) -> None:
    task_id = running(store)
    assert store.request_stop(task_id, grace_s=grace_s) is Status.IN_PROGRESS
    renewal = store.renew(task_id, 1, worker="box", lease_s=60)
    assert renewal == Renewal(is_ours=True, is_stop_requested=True, stop_grace_s=grace_s)
    assert store.state(task_id).status is Status.IN_PROGRESS


# a store that was restored with older data


def test_a_claim_counts_on_from_the_highest_number_that_is_known(store: TaskStore) -> None:
    task_id = waiting(store)
    got = store.claim(
        task_id, worker="box", token="t", lease_s=60, allowed=(Status.QUEUED,), above=6
    )
    assert got == Claim(attempt=7)
    assert store.state(task_id).attempt == 7
    store.finish(task_id, 7, LOST)
    enqueue(store, task_id)
    got = store.claim(
        task_id, worker="box", token="u", lease_s=60, allowed=(Status.QUEUED,), above=3
    )
    assert got == Claim(attempt=8)


def take_back(store: TaskStore, task_id: str, attempt: int, worker: str = "box") -> Claim:
    token = f"{worker} {attempt}"
    return store.take_back(task_id, attempt, worker=worker, token=token, lease_s=60)


def test_an_attempt_that_was_not_lost_is_not_taken_back(store: TaskStore) -> None:
    task_id = running(store)
    assert take_back(store, task_id, 1) == Claim(attempt=0, status="in_progress")
    store.finish(task_id, 1, COMPLETED)
    assert take_back(store, task_id, 1) == Claim(attempt=0, status="completed")
    store.delete(task_id)
    assert take_back(store, task_id, 1) == Claim(attempt=0, status="deleted")
    assert take_back(store, task_id, 9) == Claim(attempt=0, status="deleted")


@on_servers
def test_an_attempt_that_the_store_has_lost_is_taken_back_with_a_new_number(
    store: SharedStore,
) -> None:
    task_id = waiting(store)
    for _ in range(2):  # the answer was lost
        assert take_back(store, task_id, 3) == Claim(attempt=4)
    state = store.state(task_id)
    assert (state.status, state.worker) == (Status.IN_PROGRESS, "box")
    assert state.lease_until > store.now()
    assert all(server.queued(older_than_s=-60) == {} for server in servers(store))
    assert store.renew(task_id, 4, worker="box", lease_s=60).is_ours
    with pytest.raises(FencedError):
        store.append_output(task_id, 3, 0, 1, b"x", "")


@on_servers
def test_an_attempt_whose_number_was_given_to_another_worker_is_taken_back(
    store: SharedStore,
) -> None:
    task_id = running(store)
    assert take_back(store, task_id, 1, worker="") == Claim(attempt=0, status="in_progress")
    assert take_back(store, task_id, 1, worker="other") == Claim(attempt=2)
    assert take_back(store, task_id, 1) == Claim(attempt=0, status="in_progress"), "box yields"
    store.finish(task_id, 2, COMPLETED)
    store.move(task_id, Status.IN_PROGRESS, allowed=(Status.COMPLETED,))
    answer = take_back(store, task_id, 2, worker="other")
    assert answer == Claim(attempt=0, status="in_progress"), "somebody else took it by hand"


@on_servers
def test_a_store_is_behind_where_it_does_not_know_the_end_of_an_attempt(
    store: SharedStore,
) -> None:
    runs, ended, reaped, waits, gone = (
        running(store),
        running(store),
        running(store, lease_s=0),
        waiting(store),
        running(store),
    )
    store.finish(ended, 1, COMPLETED)
    store.reap(reaped, lost_after_s=0, outcome=LOST)
    store.finish(gone, 1, COMPLETED)
    store.delete(gone)
    asked = [(task_id, 1) for task_id in (runs, ended, reaped, waits, gone, "f" * 32)]
    assert store.behind(asked, worker="box") == [True, False, True, True, False, False]
    assert store.behind(asked, worker="other") == [False, False, False, True, False, False]
    assert store.behind([(runs, 2), (ended, 2)], worker="box") == [True, True]
    assert store.behind([], worker="box") == []

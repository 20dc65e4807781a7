"""A store that is restored with older data ends no program, and has all of its data again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.folders import RunFolder
from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.stopping import request_stop
from tests.faults.harness import PATIENCE_S, Machine, Probe, Script, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until


class Backup:
    """A server whose data are saved at one moment and restored at a later one."""

    def __init__(self, server: RedisServer, store: RedisStore) -> None:
        self._server, self._store = server, store
        self._kept = server.folder / "kept.rdb"

    def save(self) -> None:
        self._store.redis.save()
        shutil.copy(self._server.folder / "dump.rdb", self._kept)

    def restore(self) -> None:
        """The server is killed, and comes back with what was saved."""
        self._server.kill()
        shutil.copy(self._kept, self._server.folder / "dump.rdb")
        self._server.start()


@pytest.fixture
def server(short_path: Path) -> Iterator[RedisServer]:
    """It begins with what its file has, and keeps nothing else."""
    with RedisServer(short_path) as server:
        yield server


@pytest.fixture
def backup(server: RedisServer, store: RedisStore) -> Backup:
    store.identity()
    return Backup(server, store)


def wait_until_delivered(task: Probe) -> None:
    """Something that is printed from now on is stored, in the newest attempt."""
    number = task.state.attempt
    length = task.store.output_length(task.id)
    wait_until(
        lambda: task.state.attempt >= number and task.store.output_length(task.id) > length,
        within_s=PATIENCE_S,
        what=f"output of task {task.id} arrives",
    )


def assert_whole(task: Probe, folder: RunFolder, *, attempt: int) -> None:
    """It ran once, from its first attempt on, and the store has all that it printed."""
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.COMPLETED, attempt), state
    assert task.starts == [1]
    stored = task.store.output(task.id, attempt=attempt, limit_bytes=1 << 30)
    assert stored.data == folder.output.read_bytes()
    points = task.store.points(task.id, "curve", "square")
    lines = len(task.printed().splitlines())
    assert [number for number, _, _ in points] == list(range(lines))
    (summary,) = [one for one in task.store.series(task.id) if one.title == "curve"]
    assert summary.count == lines


@pytest.mark.row(22)
@pytest.mark.parametrize("moment", ["queued", "running"])
def test_a_running_task_goes_on(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path, moment: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    if moment == "queued":
        backup.save()
    machine.start(slots=2)
    task.wait_until_printing()
    if moment == "running":
        backup.save()
    wait_until_delivered(task)
    program = machine.program(task.id)
    backup.restore()
    wait_until_delivered(task)
    assert program.is_alive()
    task.let_go()
    assert_whole(task, machine.folder(task.id), attempt=2 if moment == "queued" else 1)
    machine.wait_until_quiet(task.id)


def test_one_that_has_another_number_now_is_stopped_while_its_agent_is_away(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    backup.save()
    agent = machine.start()
    task.wait_until_printing()
    backup.restore()
    folder = machine.folder(task.id)
    wait_until(lambda: folder.attempt == 2, within_s=PATIENCE_S, what="it is taken back")
    agent.kill()
    assert request_stop(store, machine.home, task.id).is_here
    machine.wait_until_quiet(task.id)
    machine.start()
    assert task.wait_until_ended().status is Status.STOPPED
    assert task.starts == [1]


def test_a_task_that_was_lost_whole_is_made_again(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path
) -> None:
    backup.save()
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    record = store.read(task.id)
    machine.start()
    task.wait_until_printing()
    wait_until_delivered(task)
    backup.restore()
    wait_until(
        lambda: store.redis.exists(f"ew:task:{task.id}"), within_s=PATIENCE_S, what="it is there"
    )
    task.let_go()
    assert_whole(task, machine.folder(task.id), attempt=2)
    assert store.read(task.id).source == record.source
    assert all(store.get_blob(digest) for digest in record.digests)


def test_a_task_that_is_deleted_while_it_runs_does_not_come_back(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start()
    task.wait_until_printing()
    store.move(task.id, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
    store.delete(task.id)
    machine.wait_until_quiet(task.id)
    assert not store.redis.exists(f"ew:task:{task.id}")


@pytest.mark.row(22)
@pytest.mark.parametrize("moment", ["queued", "running"])
@pytest.mark.parametrize("end", ["completed", "stopped"])
def test_a_task_that_has_ended_ends_again_as_it_did(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path, moment: str, end: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    if moment == "queued":
        backup.save()
    machine.start()
    task.wait_until_printing()
    if moment == "running":
        backup.save()
    if end == "completed":
        task.let_go()
    else:
        store.request_stop(task.id)
    folder = machine.folder(task.id)
    wait_until(folder.acked.exists, within_s=PATIENCE_S, what="it is acknowledged")
    before = store.state(task.id)
    backup.restore()
    wait_until(
        lambda: store.state(task.id).outcome == before.outcome,
        within_s=PATIENCE_S,
        what=f"it has ended again, {before.outcome}",
    )
    state = task.wait_until_ended()
    assert (state.status, state.message) == (before.status, before.message)
    assert task.starts == [1]
    stored = store.output(task.id, limit_bytes=1 << 30)
    assert stored.data == folder.output.read_bytes()
    wait_until(folder.acked.exists, within_s=PATIENCE_S, what="it is acknowledged again")


def test_a_task_that_is_being_stopped_is_stopped(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path
) -> None:
    machine.variables["ELSEWHERE_STOP_GRACE_S"] = "600"
    task = send(store, tmp_path, "stubborn.py")
    machine.start()
    machine.program(task.id)
    wait_until((task.folder / "starts").exists, within_s=PATIENCE_S, what="it runs")
    backup.save()
    store.request_stop(task.id)
    wait_until(machine.folder(task.id).stop.exists, within_s=PATIENCE_S, what="it is being stopped")
    backup.restore()
    wait_until(lambda: store.state(task.id).lease_until > store.now(), within_s=PATIENCE_S)
    store.request_stop(task.id, grace_s=0.1)
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.STOPPED, 1)
    assert state.outcome is not None
    assert state.outcome.reason is Reason.STOPPED


def test_a_task_that_was_deleted_later_is_there_as_it_ended(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start()
    task.wait_until_printing()
    backup.save()
    task.let_go()
    wait_until(machine.folder(task.id).acked.exists, within_s=PATIENCE_S, what="it has ended")
    store.delete(task.id)
    backup.restore()
    assert_whole(task, machine.folder(task.id), attempt=1)


def test_no_number_of_an_attempt_that_has_a_folder_is_given_again(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path
) -> None:
    """The agent is away, and another one begins the task that waits in the store once more."""
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    backup.save()
    agent = machine.start("ada")
    task.wait_until_printing()
    program = machine.program(task.id)
    agent.kill()
    backup.restore()
    claim = store.claim(task.id, worker="bob", token="b", lease_s=600, allowed=(Status.QUEUED,))
    assert claim.attempt == 1
    store.append_output(task.id, 1, 0, 4, b"bob\n", "")
    machine.start("ada")
    wait_until(lambda: store.state(task.id).worker == "ada", within_s=PATIENCE_S)
    assert not store.renew(task.id, 1, worker="bob", lease_s=600).is_ours
    assert program.is_alive()
    task.let_go()
    assert_whole(task, machine.folder(task.id), attempt=2)
    store.reset(task.id, allowed=(Status.COMPLETED,))
    Queues(store).enqueue(task.id, DEFAULT_QUEUE)
    wait_until(lambda: store.state(task.id).attempt == 3, within_s=PATIENCE_S)
    assert task.wait_until_ended().status is Status.COMPLETED
    assert task.starts == [1, 3]
    assert machine.folder(task.id, 3).path.is_dir()


def test_the_last_second_before_a_loss_of_power_costs_nothing(
    machine: Machine, store: RedisStore, backup: Backup, tmp_path: Path
) -> None:
    """The claim is lost, and a moment later the whole run."""
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    task.let_go()
    backup.save()
    machine.start()
    for attempt in (2, 3):
        wait_until(machine.folder(task.id).acked.exists, within_s=PATIENCE_S)
        backup.restore()
        wait_until(lambda n=attempt: task.state.attempt == n, within_s=PATIENCE_S)  # type: ignore[misc]
        assert_whole(task, machine.folder(task.id), attempt=attempt)


# scripts that people start themselves


@pytest.mark.parametrize("moment", ["before it", "while it ran"])
def test_a_script_goes_on_and_its_data_is_there_again(
    start: Callable[..., Script], backup: Backup, moment: str
) -> None:
    if moment == "before it":
        backup.save()
    script = start("script")
    if moment == "while it ran":
        backup.save()
    wait_until_delivered(script.task)
    backup.restore()
    wait_until(
        lambda: script.task.store.output_length(script.task.id) > 0,
        within_s=PATIENCE_S,
        what="the task is there again",
    )
    wait_until_delivered(script.task)
    assert script.process.poll() is None
    attempt = script.task.state.attempt
    assert attempt == (2 if moment == "before it" else 1)
    script.task.let_go()
    assert script.end() == 0
    _assert_delivered(script, attempt)
    assert not script.folder.path.exists()


def test_a_script_that_was_killed_is_delivered_to_the_store_that_had_lost_it(
    start: Callable[..., Script], server: RedisServer, backup: Backup
) -> None:
    backup.save()
    script = start("killed")
    wait_until(
        lambda: script.task.store.points(script.task.id, "curve", "square"),
        within_s=PATIENCE_S,
        what="a scalar arrives",
    )
    script.process.kill()
    script.end()
    backup.restore()
    following = start("following")
    wait_until(
        lambda: script.task.store.redis.exists(f"ew:task:{script.task.id}"),
        within_s=PATIENCE_S,
        what="the task is made again",
    )
    state = script.task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.FAILED, 2)
    assert len(script.task.store.points(script.task.id, "curve", "square")) > 0
    following.task.let_go()
    assert following.end() == 0


def _assert_delivered(script: Script, attempt: int) -> None:
    task = script.task
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.COMPLETED, attempt)
    lines = task.printed().splitlines(keepends=True)
    stored = task.store.output(task.id, limit_bytes=1 << 30).data
    assert [one for one in stored.splitlines(keepends=True) if one[:5] == b"line "] == lines
    points = task.store.points(task.id, "curve", "square")
    assert [number for number, _, _ in points] == list(range(len(lines)))

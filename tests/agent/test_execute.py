"""One task without a queue: its output here, its end in the store, its code as the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.records import Environment
from elsewhere.store.queues import Queues
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from tests.agent.running import CALL, WAITING, call, draft, enqueue, running_daemon
from tests.waiting import wait_until


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> RedisStore:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    return RedisStore(connect(redis_url))


@contextmanager
def executing(task_id: str) -> Iterator[subprocess.Popen[bytes]]:
    command = subprocess.Popen(
        [*CALL, "execute", "--id", task_id],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    try:
        yield command
    finally:
        command.kill()
        command.wait(timeout=10)


def _has_begun(store: RedisStore, task_id: str) -> bool:
    return store.state(task_id).attempt > 0 and b"begun" in store.output(task_id).data


def _reason(store: RedisStore, task_id: str) -> Reason | None:
    outcome = store.state(task_id).outcome
    return outcome.reason if outcome else None


def test_a_draft_runs_here_and_again(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, "print('one two three')")
    for attempt in (1, 2):
        told = call("execute", "--id", task_id[:8])
        again = f"agent: Task {task_id[:8]} (a script) was completed: attempt 2 of it begins.\n"
        assert (told.returncode, told.stderr) == (0, again if attempt == 2 else "")
        assert "one two three\n" in told.stdout
        assert store.state(task_id).status is Status.COMPLETED
        assert store.state(task_id).attempt == attempt
        assert b"one two three\n" in store.output(task_id, attempt=attempt).data


def test_a_store_that_cannot_be_lent_is_told_before_the_task_begins(
    store: RedisStore, tmp_path: Path
) -> None:
    task_id = draft(store, tmp_path, "print('here')")
    told = call("execute", "--id", task_id, ELSEWHERE_AGENT_STORE_ACCESS="read")
    assert told.returncode == 1
    assert "agent.store_access is 'read'" in told.stderr
    assert store.state(task_id).status is Status.CREATED


def test_a_queued_task_leaves_its_queue(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, "print('here')")
    enqueue(store, task_id, "slow")
    assert call("execute", "--id", task_id).returncode == 0
    assert Queues(store).length("slow") == 0
    assert store.state(task_id).status is Status.COMPLETED


@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [
        ("raise SystemExit(7)", 7, Reason.PROGRAM_FAILED),
        ("import os; os.kill(os.getpid(), 9)", 137, Reason.KILLED),
    ],
)
def test_the_exit_code_is_the_programs(
    store: RedisStore, tmp_path: Path, script: str, code: int, reason: Reason
) -> None:
    task_id = draft(store, tmp_path, script)
    told = call("execute", "--id", task_id)
    assert told.returncode == code
    assert f"Task {task_id}: {reason}" in told.stderr
    assert _reason(store, task_id) is reason


def test_what_cannot_be_set_up_ends_with_3(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, "")
    store.edit(task_id, environment=Environment(python="2.7", packages=()))
    told = call("execute", "--id", task_id)
    assert told.returncode == 3
    assert "setup_failed: python" in told.stderr
    assert _reason(store, task_id) is Reason.SETUP_FAILED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_task(store: RedisStore, tmp_path: Path, number: signal.Signals) -> None:
    task_id = draft(store, tmp_path, WAITING.format(path=str(tmp_path / "never")))
    with executing(task_id) as command:
        wait_until(lambda: _has_begun(store, task_id), within_s=60)
        command.send_signal(number)
        _, said = command.communicate(timeout=30)
    assert command.returncode == 128 + number
    assert said.startswith(b"Stopping the task.\n")
    assert store.state(task_id).status is Status.STOPPED


def test_a_stop_asked_for_elsewhere_stops_the_task(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, WAITING.format(path=str(tmp_path / "never")))
    with executing(task_id) as command:
        wait_until(lambda: _has_begun(store, task_id), within_s=60)
        store.request_stop(task_id)
        _, said = command.communicate(timeout=30)
    assert command.returncode == 128 + signal.SIGTERM
    assert b"stopped" in said
    assert store.state(task_id).status is Status.STOPPED


def test_a_killed_execute_leaves_its_task_to_the_daemon(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, WAITING.format(path=str(tmp_path / "go")))
    with executing(task_id) as command:
        wait_until(lambda: _has_begun(store, task_id), within_s=60)
        command.kill()
        command.communicate(timeout=30)
    (tmp_path / "go").touch()
    with running_daemon(tmp_path):
        wait_until(lambda: store.state(task_id).status is Status.COMPLETED, within_s=30)
    assert store.output(task_id).data.count(b"done\n") == 1


def test_a_daemon_that_starts_meanwhile_disturbs_nothing(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, WAITING.format(path=str(tmp_path / "go")))
    with executing(task_id) as command:
        wait_until(lambda: _has_begun(store, task_id), within_s=60)
        with running_daemon(tmp_path) as daemon:
            wait_until(lambda: "attached again" in daemon.log)
            (tmp_path / "go").touch()
            _, said = command.communicate(timeout=30)
            assert (command.returncode, said) == (0, b"")
    assert store.state(task_id).status is Status.COMPLETED
    assert store.output(task_id).data.count(b"done\n") == 1


def test_a_task_that_runs_is_refused(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, "")
    store.claim(task_id, worker="other", token="t", lease_s=60, allowed=(Status.CREATED,))
    told = call("execute", "--id", task_id)
    assert told.returncode == 1
    assert f"Task {task_id} cannot be executed: it is in_progress." in told.stderr
    assert store.state(task_id).attempt == 1

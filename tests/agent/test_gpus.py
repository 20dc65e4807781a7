"""The daemon on a machine with GPUs, which a library made for tests has behind the real one of
NVIDIA: who sees which of them, also after a kill of the daemon, and what `agent status` says."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.records import Needs
from elsewhere.store.agents import registered_agents
from elsewhere.store.queues import Queues
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from tests.agent.running import call, draft, enqueue, running_daemon
from tests.nvml import FakeMachine, built, two_gpus
from tests.waiting import wait_until

#: says which devices it sees, and waits for a file
SEEING = """
import os, time
print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
while not os.path.exists({path!r}):
    time.sleep(0.02)
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """Two idle devices."""
    built(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "machine"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake = two_gpus(tmp_path / "machine")
    for number in (0, 1):
        fake.put_gpu(number, used=520)
    return fake


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> RedisStore:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    return RedisStore(connect(redis_url))


class Tasks:
    """Tasks that run until each is let go."""

    def __init__(self, store: RedisStore, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def add(self, gpus: float | None, queue: str = "default") -> str:
        number = len(list(self._folder.glob("*/main.py")))
        task_id = draft(self._store, self._folder, SEEING.format(path=self._gate(str(number))))
        self._store.edit(task_id, needs=Needs(gpus=gpus), comment=str(number))
        enqueue(self._store, task_id, queue)
        return task_id

    def let_go(self, task_id: str) -> None:
        Path(self._gate(self._store.read(task_id).comment)).touch()
        wait_until(lambda: self._store.state(task_id).status.is_final, within_s=60)
        state = self._store.state(task_id)
        assert state.outcome is not None
        assert state.outcome.reason is Reason.COMPLETED, state

    def sees(self, task_id: str) -> set[str]:
        """The devices of a task, once it runs."""

        def line() -> str:
            lines = self._store.output(task_id).data.decode().splitlines()
            return next((one for one in lines if one.startswith("sees ")), "")

        return set(wait_until(line, within_s=60).removeprefix("sees ").split(",")) - {""}

    def waits(self, *task_ids: str) -> bool:
        return all(self._store.state(one).status is Status.QUEUED for one in task_ids)

    def _gate(self, number: str) -> str:
        return str(self._folder / f"go-{number}")


@pytest.fixture
def tasks(store: RedisStore, tmp_path: Path) -> Tasks:
    return Tasks(store, tmp_path)


BOX = ("--name", "box", "--slots", "3")


@pytest.mark.usefixtures("fake")
def test_each_task_sees_its_own_gpus_also_after_a_kill_of_the_daemon(
    tmp_path: Path, tasks: Tasks
) -> None:
    with running_daemon(tmp_path, *BOX) as daemon:
        first, plain = tasks.add(1), tasks.add(0)
        assert (tasks.sees(first), tasks.sees(plain)) == ({"GPU-aaaa-1"}, set())
        daemon.end(signal.SIGKILL)
    pair, second = tasks.add(2), tasks.add(1)
    with running_daemon(tmp_path, *BOX):
        tasks.let_go(plain)
        third = tasks.add(0)
        assert tasks.sees(third) == set()
        assert tasks.waits(pair, second), "GPU-bbbb-2 is kept for the pair"
        tasks.let_go(first)
        assert tasks.sees(pair) == {"GPU-aaaa-1", "GPU-bbbb-2"}
        tasks.let_go(third)
        assert tasks.waits(second)
        tasks.let_go(pair)
        assert tasks.sees(second) == {"GPU-aaaa-1"}
        tasks.let_go(second)


def test_what_cannot_run_and_why_is_in_the_status_and_the_others_run(
    tmp_path: Path, fake: FakeMachine, store: RedisStore, tasks: Tasks
) -> None:
    fake.put_gpu(0, processes="1:4000")
    with running_daemon(tmp_path, *BOX, "--queue", "big=2", "small=1"):
        large, pair, small = tasks.add(4, "small"), tasks.add(None, "big"), tasks.add(None, "small")
        assert tasks.sees(small) == {"GPU-bbbb-2"}
        reasons = {
            f"{large} Its need of GPUs is 4, and the most here is 2.",
            f"{pair} Its need of GPUs is 2, and of the 2 here others use 1.",
        }
        wait_until(lambda: set(registered_agents(store.redis)[0].passed_over) == reasons)
        (agent,) = json.loads(call("status", "--json").stdout)["agents"]
        assert (set(agent["passed_over"]), agent["gpus"]) == (reasons, 2)
        told = " ".join(call("status").stdout.split())
        assert f"task {large[:8]} cannot run here. Its need of GPUs is 4, and the most" in told
        tasks.let_go(small)
        fake.put_gpu(0, processes="")
        assert tasks.sees(pair) == {"GPU-aaaa-1", "GPU-bbbb-2"}
        Queues(store).dequeue(large)
        tasks.let_go(pair)
        wait_until(lambda: not registered_agents(store.redis)[0].passed_over, within_s=20)


@pytest.mark.usefixtures("fake")
def test_parts_share_a_gpu_where_the_agent_allows_it(tmp_path: Path, tasks: Tasks) -> None:
    with running_daemon(tmp_path, *BOX, "--gpus", "1", "--share-gpus"):
        halves = [tasks.add(0.5), tasks.add(0.5)]
        assert [tasks.sees(one) for one in halves] == [{"GPU-bbbb-2"}] * 2
        for one in halves:
            tasks.let_go(one)


@pytest.mark.usefixtures("fake", "store")
def test_a_gpu_that_is_not_there_is_named_at_the_start(tmp_path: Path) -> None:
    told = call("daemon", "--name", "box", "--gpus", "0,5")
    assert told.returncode == 1, told.stderr
    assert "There is no GPU '5' on this machine; known: 0, 1." in told.stderr


@pytest.mark.usefixtures("fake", "store")
def test_the_doctor_counts_them() -> None:
    assert "2 GPUs can be given to tasks." in call("doctor").stdout
    told = call("doctor", ELSEWHERE_AGENT_GPUS="7", COLUMNS="400")
    assert told.returncode == 1
    assert "There is no GPU '7' on this machine" in told.stdout


@pytest.mark.usefixtures("fake")
def test_an_agent_that_gives_out_none_hides_them(tasks: Tasks, tmp_path: Path) -> None:
    with running_daemon(tmp_path, "--gpus", "none"):
        task = tasks.add(None)
        assert tasks.sees(task) == set(), "the variable is empty"
        tasks.let_go(task)

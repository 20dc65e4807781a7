"""Many tasks through several agents, of which one or another is ended all the time."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Status
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.notes import read_runner
from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Agent, Machine, Probe, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until

_QUEUES = (DEFAULT_QUEUE, "other")
_LONG = [pytest.mark.long, pytest.mark.timeout(3600)]


class Agents:
    """Three agents, each in a home of its own."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = dict(zip(("ada", "bob", "eve"), machines, strict=True))
        self._agents = {name: self._start(name) for name in self.machines}

    def restart(self, name: str, end: Callable[[Agent], None]) -> None:
        """Ends an agent that is up, and starts it again."""
        agent = self._agents[name]
        up = f"is up: process {agent.process.pid}"
        wait_until(lambda: up in agent.log.read_text(), within_s=PATIENCE_S, what=f"{name} {up}")
        end(agent)
        self._agents[name] = self._start(name)

    def runners(self) -> Iterator[int]:
        """The runners that may be at work."""
        for machine in self.machines.values():
            for folder in RunFolder.all_in(machine.home.runs):
                runner = read_runner(folder)
                if runner is not None and runner.is_alive():
                    yield runner.pid

    def _start(self, name: str) -> Agent:
        return self.machines[name].start(name, slots=4, queues=_QUEUES)


@pytest.fixture
def agents(tmp_path: Path, server: RedisServer, environments: Path) -> Iterator[Agents]:
    machines = [Machine(Home(tmp_path / name), server.url, environments) for name in "abc"]
    yield Agents(machines)
    for machine in machines:
        machine.close()


@pytest.mark.row(3, 36)
@pytest.mark.parametrize(("tasks", "restarts"), [(30, 6), pytest.param(500, 100, marks=_LONG)])
def test_restarts_under_load_cost_no_attempt(
    agents: Agents, store: RedisStore, tmp_path: Path, tasks: int, restarts: int
) -> None:
    sent = _send(store, tmp_path, tasks, OnLost.END)
    names = list(agents.machines)
    for number in range(restarts):
        _wait_until_ended(sent, tasks * (number + 1) // (restarts + 1))
        agents.restart(names[number % len(names)], lambda agent: agent.end(PATIENCE_S))
    _wait_until_ended(sent, tasks)
    for task in sent:
        task.assert_completed(agents.machines[task.state.worker])


@pytest.mark.row(5)
@pytest.mark.parametrize(("tasks", "kills"), [(30, 6), pytest.param(1000, 100, marks=_LONG)])
def test_random_kills_lose_nothing_and_nothing_is_taken_twice(
    agents: Agents,
    store: RedisStore,
    server: RedisServer,
    tmp_path: Path,
    tasks: int,
    kills: int,
) -> None:
    chance = random.Random(tasks)
    sent = _send(store, tmp_path, tasks, OnLost.ENQUEUE)
    for number in range(kills):
        _wait_until_ended(sent, tasks * (number + 1) // (kills + 1))
        victim = chance.choice(("agent", "runner", "redis"))
        if victim == "agent":
            agents.restart(chance.choice(list(agents.machines)), Agent.kill)
        elif victim == "redis":
            server.kill()
            server.start()
        elif runners := list(agents.runners()):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(chance.choice(runners), signal.SIGKILL)
    _wait_until_ended(sent, tasks)
    for task in sent:
        state = task.state
        assert state.status is Status.COMPLETED, state
        assert len(task.starts) == len(set(task.starts))
        assert task.starts[-1] == state.attempt
        machine = agents.machines[state.worker]
        task.assert_exact(machine, state.attempt)
        machine.wait_until_quiet(task.id, state.attempt)


def _send(store: RedisStore, folder: Path, tasks: int, on_lost: OnLost) -> list[Probe]:
    for queue in _QUEUES:
        Queues(store).create(queue)
    return [
        send(store, folder, "short.py", on_lost=on_lost, queue=_QUEUES[number % len(_QUEUES)])
        for number in range(tasks)
    ]


def _wait_until_ended(sent: Sequence[Probe], number: int) -> None:
    """So many of the tasks have ended, within a second each."""
    wait_until(
        lambda: sum(task.state.status.is_final for task in sent) >= number,
        within_s=30 + number,
        what=f"{number} tasks have ended",
    )

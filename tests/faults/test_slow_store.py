"""A store that answers late, not at all, or with a refusal: tasks go on, and all arrives once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere.core.choices import OnLost, Status
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.folders import Home
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import LEASE_S, PATIENCE_S, Machine, Probe, send
from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer
from tests.waiting import wait_until


@pytest.fixture
def proxy(short_path: Path, server: RedisServer) -> Iterator[RedisProxy]:
    with RedisProxy(short_path / "p", server.socket) as proxy:
        yield proxy


@pytest.fixture
def far(elsewhere_home: Path, proxy: RedisProxy, environments: Path) -> Iterator[Machine]:
    """A machine that reaches the server through the proxy."""
    far = Machine(Home(elsewhere_home), proxy.url, environments)
    yield far
    far.close()


@pytest.mark.row(18)
def test_a_frozen_server_costs_no_attempt(
    machine: Machine, store: RedisStore, server: RedisServer, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    machine.start(slots=2)
    task.wait_until_printing()
    until = task.state.lease_until + LEASE_S
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: time.time() > until, within_s=PATIENCE_S, what="the lease is long over")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    _assert_goes_on_and_completes(task, machine)


@pytest.mark.row(20)
def test_a_server_that_swallows_all_is_as_one_that_is_away(
    far: Machine, proxy: RedisProxy, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    agent = far.start()
    task.wait_until_printing()
    until = task.state.lease_until + LEASE_S
    proxy.hold()
    wait_until(lambda: time.time() > until, within_s=PATIENCE_S, what="the lease is long over")
    task.wait_until_printing()
    agent.end()  # it obeys all the same
    proxy.go_on()
    far.start()
    _assert_goes_on_and_completes(task, far)


@pytest.mark.row(21)
def test_a_slow_way_that_breaks_now_and_then_delivers_all_once(
    far: Machine, proxy: RedisProxy, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    far.variables["ELSEWHERE_LEASE_S"] = "20"  # a fifteenth of the real one is too few answers
    far.start()
    task.wait_until_printing()
    length = store.output_length(task.id)
    proxy.delay_s, proxy.breaks_every = 0.5, 10
    wait_until(
        lambda: proxy.broken > 1 and store.output_length(task.id) > length,
        within_s=2 * PATIENCE_S,
        what="the way has broken, and output arrives all the same",
    )
    proxy.delay_s, proxy.breaks_every = 0, 0
    _assert_goes_on_and_completes(task, far)


def _full(redis: Any) -> Callable[[], object]:
    redis.config_set("maxmemory", "1")
    return lambda: redis.config_set("maxmemory", "0")


def _read_only(redis: Any) -> Callable[[], object]:
    redis.replicaof("127.0.0.1", "1")
    return lambda: redis.replicaof("NO", "ONE")


@pytest.mark.row(23)
@pytest.mark.parametrize("refuse", [_full, _read_only])
def test_a_server_that_takes_nothing_refuses_new_tasks_aloud_and_running_ones_go_on(
    machine: Machine,
    store: RedisStore,
    tmp_path: Path,
    refuse: Callable[[Any], Callable[[], object]],
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    agent = machine.start()
    task.wait_until_printing()
    mend = refuse(store.redis)
    try:
        with pytest.raises(StoreUnavailableError, match=r"\. "):
            send(store, tmp_path, "counting.py", "0")
        wait_until(lambda: "until the store is back" in agent.log.read_text(), what="it is named")
        task.wait_until_printing()
    finally:
        mend()
    _assert_goes_on_and_completes(task, machine)


def _assert_goes_on_and_completes(task: Probe, machine: Machine) -> None:
    """In its first attempt, with all that it has printed and reported."""
    length = task.store.output_length(task.id)
    wait_until(
        lambda: task.store.output_length(task.id) > length,
        within_s=PATIENCE_S,
        what=f"output of task {task.id} arrives; {task.state}",
    )
    assert task.state.status is Status.IN_PROGRESS
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()
    assert len(task.store.attempts(task.id)) == 1

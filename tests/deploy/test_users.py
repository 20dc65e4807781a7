"""The users of deploy/: what agents and laptops do over TLS, and what they have no right to."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.store import connect_store
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from tests.agent.running import call, draft, enqueue, running_daemon
from tests.secure_server import SecureServer
from tests.waiting import wait_until

#: what a script does with other tasks, where its agent lends it the store
PROGRAM = """
from elsewhere import Task
task = Task.init("agent tests", "a script")
task.get_logger().report_scalar("loss", "train", 0.5, 1)
task.upload_artifact("log", {"miles": 3})
print("others:", len(Task.get_tasks(project_name="agent tests")))
"""


@pytest.fixture
def server(short_path: Path) -> Iterator[SecureServer]:
    with SecureServer(short_path) as server:
        yield server


@pytest.fixture
def laptop(server: SecureServer) -> Iterator[RedisStore]:
    with closing(connect_store(server.url_of("laptop"))) as store:
        yield store


def test_a_task_of_a_laptop_is_run_by_an_agent_and_neither_lacks_a_right(
    server: SecureServer, laptop: RedisStore, tmp_path: Path
) -> None:
    home = str(server.home("agent"))
    with running_daemon(tmp_path, "--name", "box", ELSEWHERE_HOME=home) as agent:
        task_id = draft(laptop, tmp_path, PROGRAM)
        enqueue(laptop, task_id)
        wait_until(
            lambda: laptop.state(task_id).status.is_final, within_s=60, what="the task has ended"
        )
        output = laptop.output(task_id).data
        assert laptop.state(task_id).status is Status.COMPLETED, output
        assert b"others: 1" in output
        told = call("status", ELSEWHERE_HOME=home)
        assert "box" in told.stdout, told.stderr
        assert agent.end(signal.SIGTERM) == 0
    assert server.refusals() == []


def test_who_has_no_password_can_do_nothing(server: SecureServer) -> None:
    url = server.url.replace("operator:tests@", "")
    with pytest.raises(StoreUnavailableError, match="refuses the user or the password"):
        connect(url)

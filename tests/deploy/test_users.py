"""The users of deploy/: what each of them does over TLS, and what it has no right to."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis

from elsewhere.core.choices import Status
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.store import connect_store
from elsewhere.store.agents import registered_agents
from elsewhere.store.filters import Filter
from elsewhere.store.model_records import ModelFilter
from elsewhere.store.queues import Queues
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


@pytest.fixture(scope="module")
def server() -> Iterator[SecureServer]:
    with (
        TemporaryDirectory(prefix="ew-", dir="/tmp") as folder,
        SecureServer(Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def laptop(server: SecureServer) -> Iterator[RedisStore]:
    server.flush()
    server.refusals()
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


def test_a_reader_sees_all_and_lacks_a_right_to_change_any(
    server: SecureServer, laptop: RedisStore, tmp_path: Path
) -> None:
    task_id = draft(laptop, tmp_path, PROGRAM)
    enqueue(laptop, task_id)
    with closing(connect_store(server.url_of("reader"))) as store:
        queues = Queues(store)
        assert (queues.names(), queues.length("default")) == (["default"], 1)
        assert store.state(task_id) == laptop.state(task_id)
        assert list(store.search(Filter())) == [task_id]
        assert store.output(task_id).data == b""
        assert (store.series(task_id), store.find_models(ModelFilter())) == ([], [])
        assert registered_agents(store.redis) == []
        with closing(store.listen_to(task_id)) as changes:
            assert laptop.request_stop(task_id) is Status.QUEUED
            assert changes.wait(5)
        assert server.refusals() == []
        with pytest.raises(StoreUnavailableError, match="does not let its user"):
            store.delete(task_id)
        with pytest.raises(StoreUnavailableError, match="does not let its user"):
            store.reset(task_id, allowed=list(Status))
        _refused(server, "reader", "EVAL return(redis.call('DEL','ew:updated')) 0")
        assert list(store.search(Filter())) == [task_id]


@pytest.mark.parametrize("user", ["agent", "laptop", "reader"])
@pytest.mark.parametrize(
    "command",
    [
        *("KEYS *", "FLUSHALL", "CONFIG GET *", "ACL LIST", "SHUTDOWN NOSAVE", "LATENCY RESET"),
        *(
            "SET else 1",
            "GET else",
            "HGETALL else",
            "SUBSCRIBE else",
            "MONITOR",
            "CLIENT KILL ID 1",
        ),
        *("EVAL return(redis.call('SET','else',1)) 0", "REPLICAOF 127.0.0.1 1", "FUNCTION LIST"),
    ],
)
def test_no_user_can_look_at_or_change_what_is_not_ours(
    server: SecureServer, user: str, command: str
) -> None:
    _refused(server, user, command)


@pytest.mark.parametrize(
    "command",
    ["SET ew:agent:box 1", "ZADD ew:seen 1 box", "LPOP ew:taken:box", "SET ew:mode:box 1"],
)
def test_a_laptop_cannot_pass_for_an_agent(server: SecureServer, command: str) -> None:
    _refused(server, "laptop", command)


def _refused(server: SecureServer, user: str, command: str) -> None:
    server.refusals()
    with connect(server.url_of(user)) as client, pytest.raises(redis.ResponseError):
        client.execute_command(*command.split())
    (refusal,) = server.refusals()
    assert refusal.startswith(f"{user}: "), refusal


def test_who_has_no_password_can_do_nothing(server: SecureServer) -> None:
    url = server.url.replace("operator:tests@", "")
    with pytest.raises(StoreUnavailableError, match="refuses the user or the password"):
        connect(url)

"""The users of deploy/: what each of them does over TLS, and what it has no right to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import redis

from elsewhere.core.choices import Status
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.store import connect_store
from elsewhere.store.agents import registered_agents, seen_agents
from elsewhere.store.filters import Filter
from elsewhere.store.model_records import ModelFilter
from elsewhere.store.queues import Queues
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from tests.agent.running import call, draft, enqueue, running_daemon
from tests.secure_server import SecureServer, secure_server
from tests.small_disk import needs_small_disk, on_small_disk
from tests.waiting import wait_until

#: what a script does with other tasks, where its agent lends it the store
PROGRAM = """
from elsewhere import Task
task = Task.init("agent tests", "a script")
task.get_logger().report_scalar("loss", "train", 0.5, 1)
task.upload_artifact("log", {"miles": 3})
print("others:", len(Task.get_tasks(project_name="agent tests")))
"""

#: what a script of a laptop does with its own task and with others
OF_A_LAPTOP: Final = """
import sys
from pathlib import Path
from elsewhere import OutputModel, Task
task = Task.init("agent tests", "on a laptop", tags=["mine"], output_uri=sys.argv[1])
logger = task.get_logger()
for step in range(100):
    logger.report_scalar("loss", "train", 1 / (step + 1), step)
logger.report_table("table", "all", 1, table_plot=[["a"], [1]])
logger.report_image("image", "one", 1, image=[[0.0, 1.0]])
task.connect({"rate": 0.1})
task.upload_artifact("log", {"miles": 3})
model = OutputModel(task, name="weights")
Path("weights.bin").write_bytes(b"w")
model.update_weights("weights.bin")
model.publish()
task.set_comment("done")
other = Task.clone(task, name="again")
other.set_parameter("General/rate", 0.2)
Task.enqueue(other, queue_name="default")
Task.dequeue(other)
other.mark_stopped(force=True)
assert [one.id for one in Task.get_tasks(project_name="agent tests", tags=["mine"])]
assert Task.get_task(task.id).get_last_iteration() == 99
other.set_archived(True)
other.delete()
task.close()
task.publish()
print("ended well")
"""
#: what a program that may only read the store tries
READING: Final = """
from elsewhere import Task
from elsewhere.core.errors import AccessError
task = Task.init("agent tests", "a script")
print("others:", len(Task.get_tasks(project_name="agent tests")))
try:
    Task.clone(task, name="again")
except AccessError as error:
    print("refused:", error)
"""
#: which rights an agent needs beside those of users.acl.example, to make users for its runs
MAKES_USERS: Final = ("+acl|setuser", "+acl|deluser", "+acl|getuser", "+acl|users")


@pytest.fixture(scope="module")
def server() -> Iterator[SecureServer]:
    with secure_server() as server:
        yield server


@pytest.fixture
def laptop(server: SecureServer) -> Iterator[RedisStore]:
    server.flush()
    server.refusals()
    with closing(connect_store(server.url_of("laptop"))) as store:
        yield store


@needs_small_disk
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
        for who in (home, str(server.home("laptop"))):
            told = call("status", ELSEWHERE_HOME=who)
            assert "box" in told.stdout, told.stderr
        assert [seen.agent for seen in seen_agents(laptop.redis)] == ["box"]
        _fetch(server, task_id, tmp_path / "fetched")
        assert (tmp_path / "fetched/artifacts/log/log.json").exists()
        assert agent.end(signal.SIGTERM) == 0
    assert server.refusals() == []


def _fetch(server: SecureServer, task_id: str, to: Path) -> None:
    """Fetches an artifact on a laptop, which does not see the disk of the agent."""
    command = "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())"
    called = subprocess.run(
        [
            *on_small_disk(server.home("agent"), "10m"),
            *(sys.executable, "-c", command, "fetch", task_id, "log", "--to", to),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "ELSEWHERE_HOME": str(server.home("laptop"))},
    )
    assert called.returncode == 0, called.stderr


def _run(server: SecureServer, user: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The script of a laptop as one of the users, with a folder for its files."""
    (folder / "main.py").write_text(OF_A_LAPTOP)
    return subprocess.run(
        [sys.executable, "main.py", folder / "storage"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "ELSEWHERE_HOME": str(server.home(user))},
    )


def test_a_script_of_a_reader_is_refused_and_leaves_nothing(
    server: SecureServer, laptop: RedisStore, tmp_path: Path
) -> None:
    laptop.identity()  # as in every store that has been used
    called = _run(server, "reader", tmp_path)
    assert called.returncode == 1
    assert "AccessError: " in called.stderr.splitlines()[-1]
    assert not list(server.home("reader").glob("sessions/*"))
    assert list(laptop.search(Filter())) == []


def test_a_script_on_a_laptop_lacks_no_right(
    server: SecureServer, laptop: RedisStore, tmp_path: Path
) -> None:
    called = _run(server, "laptop", tmp_path)
    assert (called.returncode, called.stdout) == (0, "ended well\n"), called.stderr
    (task_id,) = laptop.search(Filter())
    assert laptop.state(task_id).status is Status.PUBLISHED
    assert server.refusals() == []


def test_an_agent_that_may_make_users_lends_the_store_to_be_read(
    server: SecureServer, laptop: RedisStore, tmp_path: Path
) -> None:
    home = {"ELSEWHERE_HOME": str(server.home("agent")), "ELSEWHERE_AGENT_STORE_ACCESS": "read"}
    refused = call("daemon", "--foreground", **home)
    assert refused.returncode == 1
    assert f"give that {' '.join(MAKES_USERS)}" in refused.stderr
    server.give("agent", *MAKES_USERS)
    server.refusals()
    with running_daemon(tmp_path, is_up=True, **home) as agent:
        task_id = draft(laptop, tmp_path, READING)
        enqueue(laptop, task_id)
        wait_until(
            lambda: laptop.state(task_id).status.is_final, within_s=60, what="the task has ended"
        )
        output = laptop.output(task_id).data.decode()
        assert laptop.state(task_id).status is Status.COMPLETED, output
        assert "others: 1\nrefused: " in output
        assert agent.end(signal.SIGTERM) == 0
    assert not [one for one in server.refusals() if not one.startswith("elsewhere:")]


def test_what_the_server_has_confirmed_is_there_after_a_restart(
    short_path: Path, tmp_path: Path
) -> None:
    """It reads its own file as the user default, who has to be allowed all that is in there."""
    with SecureServer(short_path) as server:
        with closing(connect_store(server.url_of("laptop"))) as store:
            task_id = draft(store, tmp_path, PROGRAM)
            enqueue(store, task_id)
        for end in (server.stop, server.kill):
            time.sleep(1.1)  # until it is on disk, as appendfsync everysec has it
            end()
            server.start()
            with closing(connect_store(server.url_of("laptop"))) as store:
                assert list(store.search(Filter())) == [task_id]
                assert Queues(store).length("default") == 1


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

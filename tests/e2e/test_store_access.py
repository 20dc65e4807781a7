"""A program on an agent that lends it the store to read, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from elsewhere import Task
from elsewhere.store.redis.connection import connect
from tests.e2e.world import Box, Laptop, World
from tests.redis_server import RedisServer
from tests.waiting import wait_until

_GO = """
from elsewhere import Task
task = Task.init("access", "{name}", auto_resource_monitoring=False)
task.execute_remotely("default")
"""
_OTHER = """
task.upload_artifact("answer", {"is": 42}, wait_on_upload=True)
for step in range(3):
    task.get_logger().report_scalar("loss", "train", 1 / (step + 1), step)
"""


@dataclass(frozen=True)
class Reading:
    """A box whose tasks may not do all with the store, its Redis, and a laptop."""

    box: Box
    laptop: Laptop
    server: RedisServer

    def send(self, name: str, code: str) -> Task:
        files = {"run.py": _GO.replace("{name}", name) + code}
        return self.laptop.send(self.laptop.repository(name, files).folder, "run.py")

    def users(self) -> list[str]:
        with connect(self.server.url) as client:
            return [user for user in client.acl_users() if user != "default"]


@pytest.fixture
def reading(
    world: World, short_path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Reading]:
    access = getattr(request, "param", "read")
    password = "s3cret-of-the-agent"
    with RedisServer(short_path, append_only=True, password=password) as server:
        environ = {"ELSEWHERE_AGENT_STORE_ACCESS": access, "ELSEWHERE_LEASE_S": "3"}
        box = Box(short_path / "box", server.url, world.wheels, environ=environ)
        box.start()
        yield Reading(box, Laptop(world.python, tmp_path, box.store, server.url), server)
        box.stop()


def test_it_reads_other_tasks_and_is_refused_to_change_them(reading: Reading) -> None:
    other = reading.send("other", _OTHER)
    assert reading.box.end(other).status == "completed"
    draft = Task.clone(other)
    code = f"""
import subprocess, sys
draft = Task.get_task(task_id={draft.id!r})
other = Task.get_task(task_id={other.id!r})
print("read", other.get_status(), other.artifacts["answer"].get())
print("curve", other.get_reported_scalars()["loss"]["train"]["x"])
print("found", [one.name for one in Task.get_tasks(project_name="access", task_name="^other")])
print("waited", other.wait_for_status(within_s=5))

def refused(what, call):
    try:
        call()
    except Exception as error:
        print(what, "refused", "store_access is 'read'" in str(error))
    else:
        print(what, "ALLOWED")

refused("enqueue", lambda: Task.enqueue(draft, "default"))
refused("parameter", lambda: draft.set_parameter("General/x", 2))
refused("clone", lambda: Task.clone(other))
refused("tags", lambda: other.add_tags("mine"))
refused("reset", lambda: other.reset(force=True))
refused("stop", lambda: other.mark_stop_request())

script = "from elsewhere import Task; other = Task.get_task(task_id={draft.id!r}); "
script += "print('child read', other.id); other.set_parameter('General/x', 3)"
done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
print(done.stdout, "child refused", "store_access is 'read'" in done.stderr)

task.get_logger().report_scalar("own", "curve", 1, 1)
task.set_parameter("General/mine", 7)
task.add_tags("inside")
task.set_progress(40)
print("own", task.upload_artifact("own", [1, 2], wait_on_upload=True), task.artifacts["own"].get())
print("progress", task.get_progress())
"""
    task = reading.send("reads", code)
    ended = reading.box.end(task)
    assert ended.status == "completed", ended.output
    for line in (
        "read completed {'is': 42}",
        "curve [0, 1, 2]",
        "found ['other']",
        "waited completed",
        *(
            f"{what} refused True"
            for what in ("enqueue", "parameter", "clone", "tags", "reset", "stop")
        ),
        f"child read {draft.id}",
        "child refused True",
        "own True [1, 2]",
        "progress 40.0",
    ):
        assert line in ended.output, ended.output
    assert (task.get_parameter("General/mine"), task.get_tags()) == (7, ["inside"])
    assert task.get_reported_scalars()["own"]["curve"]["y"] == [1.0]
    assert task.artifacts["own"].get() == [1, 2]
    assert (other.get_status(), other.get_tags()) == ("completed", [])
    assert (draft.get_status(), draft.get_parameters()) == ("created", {})
    wait_until(lambda: reading.users() == [], what="its user is gone")


@pytest.mark.parametrize("reading", ["none"], indirect=True)
def test_one_that_is_lent_nothing_only_reports(reading: Reading) -> None:
    other = reading.send("other", _OTHER)
    assert reading.box.end(other).status == "completed"
    code = f"""
import os, pathlib, subprocess, sys
from elsewhere import InputModel
print("lent", pathlib.Path(os.environ["ELSEWHERE_RUN_FOLDER"], "store.json").exists())

def refused(what, call):
    try:
        call()
    except Exception as error:
        print(what, "refused", "store_access is 'none'" in str(error))
    else:
        print(what, "ALLOWED")

refused("get", lambda: Task.get_task(task_id={other.id!r}))
refused("find", lambda: Task.get_tasks(project_name="access"))
refused("clone", lambda: Task.clone({other.id!r}))
refused("enqueue", lambda: Task.enqueue({other.id!r}, "default"))
refused("create", lambda: Task.create("access", "new"))
refused("model", lambda: InputModel({other.id!r}))
script = "from elsewhere import Task; Task.get_task(task_id={other.id!r})"
done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
print("child refused", "store_access is 'none'" in done.stderr)

task.get_logger().report_scalar("own", "curve", 1, 1)
task.set_parameter("General/mine", 7)
task.add_tags("inside")
print("own", task.upload_artifact("own", [1, 2], wait_on_upload=True))
print("mine", task.get_parameter("General/mine"))
refused("status", task.get_status)
refused("artifacts", lambda: task.artifacts)
"""
    task = reading.send("reports", code)
    ended = reading.box.end(task)
    assert ended.status == "completed", ended.output
    for line in (
        "lent False",
        *(
            f"{what} refused True"
            for what in (
                *("get", "find", "clone", "enqueue", "create", "model"),
                *("status", "artifacts"),
            )
        ),
        "child refused True",
        "own True",
        "mine 7",
    ):
        assert line in ended.output, ended.output
    assert (task.get_parameter("General/mine"), task.get_tags()) == (7, ["inside"])
    assert task.get_reported_scalars()["own"]["curve"]["y"] == [1.0]
    assert task.artifacts["own"].get() == [1, 2]
    assert reading.users() == []


def test_its_user_is_made_again_after_a_restart_of_redis_and_its_password_is_hidden(
    reading: Reading,
) -> None:
    other = reading.send("earlier", _OTHER)
    assert reading.box.end(other).status == "completed"
    flag = reading.laptop.folder / "flag"
    code = f"""
import os, pathlib, time
from urllib.parse import urlsplit
url = pathlib.Path(os.environ["ELSEWHERE_RUN_FOLDER"], "store.json").read_text()
print("lent", url)
print("first", Task.get_task(task_id={other.id!r}).name)
while not pathlib.Path({str(flag)!r}).exists():
    time.sleep(0.01)
print("again", Task.get_task(task_id={other.id!r}).artifacts["answer"].get())
"""
    task = reading.send("waits", code)
    try:
        wait_until(lambda: "first earlier" in reading.box.output(task), within_s=60)
        before = reading.users()
        assert len(before) == 1, before
        assert f":box:{task.id}." in before[0]
        reading.server.kill()
        reading.server.start()
        wait_until(lambda: reading.users() == before, within_s=30, what="the user is there again")
    finally:
        flag.touch()
    ended = reading.box.end(task)
    assert ended.status == "completed", ended.output
    assert "again {'is': 42}" in ended.output
    assert ":***@" in ended.output
    assert "s3cret-of-the-agent" not in ended.output
    wait_until(lambda: reading.users() == [], what="the user is gone")

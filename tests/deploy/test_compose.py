"""The services of deploy/compose.yaml, built and started by an engine, with a laptop beside."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.choices import Status
from elsewhere.core.settings import load
from elsewhere.store import open_store
from tests.agent.running import draft, enqueue
from tests.deploy import base_image
from tests.engine import Dockerd
from tests.secure_server import DEPLOY
from tests.waiting import wait_until

#: of this machine's own addresses one where nobody else listens
ADDRESS: Final = "127.83.21.7"

pytestmark = [
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="there is no dockerd"),
    pytest.mark.skipif(shutil.which("docker-compose") is None, reason="there is no docker-compose"),
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the image's Python is 3.11"),
    pytest.mark.timeout(300),
]


class Compose:
    """The project of the file, with an engine."""

    def __init__(self, engine: Dockerd) -> None:
        self.engine = engine
        self._environ = {
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": engine.url,
            "COMPOSE_DOCKER_CLI_BUILD": "0",
            "BASE": base_image.NAME,
            "REDIS_IMAGE": base_image.NAME,
            "ADDRESS": ADDRESS,
            "HOST": ADDRESS,
        }

    def __call__(self, *words: str, **variables: str) -> bytes:
        """What a command of it prints, with more variables."""
        command = ["docker-compose", "--project-name", "ew", "--file", str(DEPLOY / "compose.yaml")]
        called = subprocess.run(
            [*command, *words], env={**self._environ, **variables}, capture_output=True, check=False
        )
        assert called.returncode == 0, called.stdout.decode() + called.stderr.decode()
        return called.stdout


@pytest.fixture(scope="module")
def compose(engine: Dockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    base_image.build(engine, tmp_path_factory.mktemp("base"))
    compose = Compose(engine)
    try:
        compose("up", "--detach", "--build")
        yield compose
    finally:
        compose("down", "--volumes")


def test_a_task_of_a_laptop_runs_in_the_agents_container(compose: Compose, tmp_path: Path) -> None:
    packed = compose(
        *("run", "--rm", "--no-deps", "-T", "credentials", "tar -C /credentials/laptop -c .")
    )
    home = tmp_path / "home"
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(home, filter="data")
    assert "runs as 10001" in _output_of_a_task(home, tmp_path)
    password = (home / "config.toml").read_text().split(":")[2].partition("@")[0]
    _nobody_is_shown(compose, password)

    _update(compose, SLOTS="3")
    assert "runs as 10001" in _output_of_a_task(home, tmp_path)


def _output_of_a_task(home: Path, folder: Path) -> str:
    with closing(open_store(load({"ELSEWHERE_HOME": str(home)}))) as store:
        task_id = draft(store, folder, "import os\nprint('runs as', os.getuid())\n")
        enqueue(store, task_id)
        wait_until(
            lambda: store.state(task_id).status.is_final, within_s=60, what="the task has ended"
        )
        output = store.output(task_id).data.decode()
        assert store.state(task_id).status is Status.COMPLETED, output
        return output


def _update(compose: Compose, **variables: str) -> None:
    """As deploy/README.md says."""
    compose("exec", "-T", "agent", "agent", "pause", "--wait")
    compose("up", "--detach", "--build", **variables)
    compose("exec", "-T", "agent", "agent", "resume")
    told = compose("exec", "-T", "agent", "agent", "status").decode()
    assert re.search(r"^agent +working +default +3 ", told, re.MULTILINE), told


def _nobody_is_shown(compose: Compose, password: str) -> None:
    """Neither a command line nor an environment has a password."""
    with closing(compose.engine.client()) as client:
        found = client.containers.list(filters={"label": "com.docker.compose.project=ew"})
        assert {one.labels["com.docker.compose.service"] for one in found} == {"redis", "agent"}
        for one in found:
            assert password not in json.dumps(one.attrs)
            assert ":" not in json.dumps(one.attrs["Config"]["Env"]).partition("rediss")[2]


def test_the_health_that_the_image_looks_at_is_that_of_the_agent(compose: Compose) -> None:
    with closing(compose.engine.client()) as client:
        image = client.images.get("elsewhere-agent")
        check = image.attrs["Config"]["Healthcheck"]["Test"]
        (agent,) = client.containers.list(filters={"label": "com.docker.compose.service=agent"})
        assert check[0] == "CMD"
        assert agent.exec_run(check[1:])[0] == 0
        compose("exec", "-T", "agent", "agent", "pause", "--wait")
        wait_until(
            lambda: b"paused" in compose("exec", "-T", "agent", "agent", "status"), within_s=10
        )
        agent.exec_run(["agent", "stop"])

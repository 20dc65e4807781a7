"""Podman's socket speaks as Docker's does: programs run, are limited, stopped and removed there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from tests.engine import PYTHON, SHELL, Dockerd
from tests.sandbox.attempts import Attempts
from tests.sandbox.contained import Contained
from tests.waiting import wait_until
from tests.wheels import write_wheel

pytestmark = pytest.mark.skipif(
    not (shutil.which("podman") and shutil.which("catatonit") and os.geteuid() == 0),
    reason="podman is not installed, or this is not root: apt-get install podman catatonit",
)


#: below what a process without privileges may have, as where tests run in a container
_CONFIGURATION = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
#: the network of its own has a bridge, which it may not make everywhere
_OFF = {"network": "off"}


class Podman(Dockerd):
    """Podman's service, which has no daemon: what it runs outlives it."""

    def start(self) -> None:
        folder = self.folder
        runtime = shutil.which("crun") or shutil.which("runc")
        assert runtime is not None
        (folder / "containers.conf").write_text(_CONFIGURATION)
        log = folder / "dockerd.log"
        script = 'setsid "$@" >> "$0" 2>&1 < /dev/null & echo $!'
        command: list[str | Path] = [
            *("podman", "--root", folder / "data", "--runroot", folder / "run"),
            *("--tmpdir", folder / "tmp", "--runtime", runtime),
            *("--cgroup-manager", "cgroupfs", "--events-backend", "file"),
            *("system", "service", "--time", "0", self.url),
        ]
        started = subprocess.run(
            ["sh", "-c", script, log, *command],
            cwd=folder,  # conmon leaves a file there
            env={**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")},
            capture_output=True,
            check=True,
        )
        (folder / "pid").write_bytes(started.stdout)
        wait_until(self._answers, within_s=60, what=f"podman in {folder} answers")

    def load(self, *names: str) -> None:
        super().load(*names)
        with closing(self.client()) as client:
            for name in names:  # its import takes no tag
                repository, _, tag = name.partition(":")
                client.images.get(repository).tag(repository, tag)

    def end(self) -> None:
        with closing(self.client()) as client:
            for container in client.containers.list(all=True):
                container.remove(force=True)
        self.kill()
        # Podman has mounted it on itself, and does not take that back.
        subprocess.run(["umount", "--quiet", self.folder / "data" / "overlay"], check=False)


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    folder = Path(tempfile.mkdtemp(prefix="ew-", dir="/tmp"))  # a short path, for its socket
    try:
        with Podman(folder) as engine:
            engine.load(PYTHON, SHELL)
            yield engine
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def contained(attempts: Attempts, podman: Podman) -> Contained:
    return Contained(attempts, podman)


def test_a_program_runs_with_its_packages_and_ends_with_its_exit_code(
    contained: Contained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "wheels", "gauge", "2.5", {"gauge.py": "UNIT = 'furlong'\n"})
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    program = "import gauge, os, sys; print(gauge.UNIT, os.environ['FLAVOUR']); sys.exit(7)"
    attempt = contained.run(program, packages=("gauge==2.5",), docker=_OFF)
    assert attempt.outcome.exit_code == 7, attempt.log
    assert attempt.printed.endswith(b"furlong plain\n")
    assert contained.left() == []


def test_a_stop_ends_its_container_by_the_ladder(contained: Contained) -> None:
    program = """
        trap "echo stopping; exit 0" TERM
        echo here
        while true; do sleep 0.1; done
        """
    attempt = contained.make(program, image=SHELL, source={"binary": "/bin/sh"}, docker=_OFF)
    attempt.start()
    attempt.wait_for(b"here")
    attempt.stop()
    assert attempt.wait().reason is Reason.STOPPED, attempt.log
    assert attempt.printed.endswith(b"stopping\n")
    assert contained.left() == []


def test_a_program_that_takes_too_much_memory_is_killed(contained: Contained) -> None:
    program = "x = bytearray(1 << 29)\nfor i in range(0, len(x), 4096): x[i] = 1"
    attempt = contained.run(program, arguments=("--memory", "96m"), docker=_OFF)
    # Not every version of podman says that it was for want of memory.
    assert attempt.outcome.reason in (Reason.OUT_OF_MEMORY, Reason.KILLED), attempt.log
    assert attempt.outcome.signal == signal.SIGKILL
    assert contained.left() == []


def test_an_image_that_nobody_has_is_named(contained: Contained) -> None:
    outcome = contained.run("", image="127.0.0.1:9/no/such:1", docker=_OFF).outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
    assert "The image 127.0.0.1:9/no/such:1 cannot be" in outcome.message

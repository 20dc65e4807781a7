"""Supervision: what it does when a runner does not do its part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.events import ArtifactAdded
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.notes import AbortNote, Stop
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Artifact, Outcome
from elsewhere.core.uploads import Placed
from elsewhere.store.queues import Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere_sandbox.slot import Slot
from elsewhere_worker import supervision as supervision_module
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.settings import WorkerSettings
from elsewhere_worker.supervision import Supervision
from tests.stores import make_record, opened, running


def test_a_run_whose_stored_reports_are_damaged_holds_no_slot(
    elsewhere_home: Path, redis_url: str
) -> None:
    with opened(redis_url) as store:
        folder = Home(elsewhere_home).run(running(store), 1).create()
        folder.launched.touch()
        write_beside(folder.runner, ProcessIdentity.of(2**22))
        write_beside(folder.exit, Outcome(reason=Reason.COMPLETED, exit_code=0))
        folder.output.write_text("a line\n")
        key = keys.TaskKeys(folder.task_id).output
        store.redis.delete(key)
        store.redis.set(key, "damage")
        settings = WorkerSettings(
            name="box", queues=("default",), home=Home(elsewhere_home), url=redis_url
        )
        supervision = make(folder, settings, store)
        supervision.start()
        supervision.join(10)
        assert not supervision.is_alive()
        state = store.state(folder.task_id)
        assert state.status is Status.COMPLETED
        assert "Not all of its reports could be delivered." in state.message


@pytest.fixture
def folder(elsewhere_home: Path) -> RunFolder:
    return Home(elsewhere_home).run(make_record().id, 1).create()


@pytest.fixture
def runner(folder: RunFolder) -> Iterator[subprocess.Popen[bytes]]:
    """It never looks at anything."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write_beside(folder.runner, ProcessIdentity.of(process.pid))
        yield process
        process.kill()


@pytest.fixture
def supervision(folder: RunFolder, redis_url: str) -> Iterator[Supervision]:
    settings = WorkerSettings(
        name="box", queues=("default",), home=Home(folder.path.parent.parent), url=redis_url
    )
    with opened(redis_url) as store:
        yield make(folder, settings, store)


def make(folder: RunFolder, settings: WorkerSettings, store: RedisStore) -> Supervision:
    return Supervision(
        folder,
        slot=Slot(),
        settings=settings,
        store=store,
        queues=Queues(store),
        launcher=HostLauncher(),
        upload=lambda _folder, _upload: Placed(),
        when_over=lambda _folder: None,
    )


class Clock:
    """The clock of supervisions, which a test puts forward."""

    def __init__(self) -> None:
        self._s = 0.0

    def __call__(self) -> float:
        return self._s

    def pass_s(self, seconds: float) -> None:
        self._s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(supervision_module, "monotonic_s", clock)
    return clock


@pytest.mark.parametrize(("age_s", "is_ended"), [(0, False), (35, False), (100, True)])
def test_a_runner_that_does_not_stop_is_ended_long_after_the_grace(
    folder: RunFolder,
    runner: subprocess.Popen[bytes],
    supervision: Supervision,
    clock: Clock,
    age_s: int,
    is_ended: bool,
) -> None:
    supervision.stop_task(Stop(grace_s=10.0))
    supervision._look()
    clock.pass_s(age_s)
    supervision._look()
    if is_ended:
        assert runner.wait(timeout=10) == -signal.SIGKILL
    else:
        assert runner.poll() is None


def test_a_runner_has_the_time_of_the_abort_callback_on_top(
    folder: RunFolder,
    runner: subprocess.Popen[bytes],
    supervision: Supervision,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    AbortNote(timeout_s=60.0).write(folder)
    supervision.stop_task(Stop(grace_s=10.0))
    supervision._look()
    clock.pass_s(90)
    supervision._look()
    assert "SIGKILL" not in caplog.text
    supervision.stop_task(Stop(keeps_reports=False))
    supervision._look()
    clock.pass_s(90)
    supervision._look()
    assert runner.wait(timeout=10) == -signal.SIGKILL, "nothing that it says counts any more"


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_jump_of_the_machines_clock_shortens_no_grace(
    folder: RunFolder, runner: subprocess.Popen[bytes], supervision: Supervision, jump_s: int
) -> None:
    supervision.stop_task(Stop(grace_s=10.0))
    supervision._look()
    at = time.time() - jump_s
    os.utime(folder.stop, (at, at))
    supervision._look()
    assert runner.poll() is None


def test_a_folder_that_cannot_be_written_to_holds_up_nobody_else(
    folder: RunFolder, supervision: Supervision
) -> None:
    folder.stop.mkdir()
    supervision.stop_task(Stop(grace_s=10.0))
    assert folder.stop.is_dir()


def test_a_run_that_cannot_be_delivered_for_an_unknown_reason_holds_no_slot_for_ever(
    elsewhere_home: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision_module, "_UNFORESEEN_S", 0.01)
    with opened(redis_url) as store:
        folder = Home(elsewhere_home).run(running(store), 1).create()
        folder.launched.touch()
        write_beside(folder.runner, ProcessIdentity.of(2**22))
        write_beside(folder.exit, Outcome(reason=Reason.COMPLETED, exit_code=0))
        said = ArtifactAdded(artifact=Artifact(name="a", type="file"), file="files/a")
        (folder.files / "a").write_bytes(b"a")
        writer = JournalWriter(folder.journal)
        writer.append([said])
        writer.close()
        settings = WorkerSettings(
            name="box", queues=("default",), home=Home(elsewhere_home), url=redis_url
        )
        over: list[RunFolder] = []
        Supervision(
            folder,
            slot=Slot(),
            settings=settings,
            store=store,
            queues=Queues(store),
            launcher=HostLauncher(),
            upload=lambda _folder, _upload: 1 / 0,  # type: ignore[arg-type, return-value]
            when_over=over.append,
        ).run()
        state = store.state(folder.task_id)
        assert (over, state.status) == ([folder], Status.COMPLETED)
        assert "Not all of its reports could be delivered. It is kept in" in state.message
        assert folder.exit.exists()
        assert not folder.acked.exists()

"""What an operator asks of an agent: to drain, to pause, to go on; from here or from elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.core.folders import Home
from elsewhere.store.agents import registered_agents
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.folder import AgentFolder
from elsewhere_worker.intake import Mode
from tests.agent.running import CALL, WAITING, Agent, call, draft, enqueue, running_daemon
from tests.redis_server import RedisServer
from tests.waiting import wait_until


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    store = RedisStore(connect(redis_url))
    yield store
    store.close()


class Work:
    """A task that runs until it is let go."""

    def __init__(self, store: RedisStore, folder: Path) -> None:
        self._go = folder / "go"
        self._store = store
        self.id = draft(store, folder, WAITING.format(path=str(self._go)))
        enqueue(store, self.id)

    def let_go(self) -> None:
        self._go.touch()

    def wait_until(self, status: Status) -> None:
        wait_until(lambda: self._store.state(self.id).status is status, within_s=20)

    def wait_until_begun(self) -> None:
        wait_until(lambda: b"begun" in self._store.output(self.id).data, within_s=20)


@pytest.fixture
def work(store: RedisStore, tmp_path: Path) -> Iterator[Work]:
    work = Work(store, tmp_path)
    yield work
    work.let_go()


def closed(store: RedisStore) -> str:
    (agent,) = registered_agents(store.redis)
    return agent.closed


def ended(agent: Agent) -> int:
    return agent.process.wait(timeout=20)


def test_a_paused_agent_takes_nothing_also_after_a_restart_until_it_resumes(
    store: RedisStore, work: Work, tmp_path: Path
) -> None:
    with running_daemon(tmp_path, "--name", "box") as daemon:
        work.wait_until_begun()
        told = call("pause", "--name", "box")
        assert told.stdout == (
            "The agent 'box' takes no tasks until 'agent resume'. Still running: 1 task.\n"
        )
        next_task = draft(store, tmp_path, "print('next')")
        enqueue(store, next_task)
        wait_until(lambda: closed(store) == "paused", within_s=10)
        assert daemon.end() == 0
    with running_daemon(tmp_path, "--name", "box"):
        work.let_go()
        work.wait_until(Status.COMPLETED)
        assert call("pause", "--wait").returncode == 0
        assert store.state(next_task).status is Status.QUEUED
        table = call("status").stdout
        assert "box: paused" in table, "why the task waits"
        assert call("resume", "--wait").stdout == "The agent 'box' takes tasks.\n"
        wait_until(lambda: store.state(next_task).status is Status.COMPLETED, within_s=20)
        wait_until(lambda: closed(store) == "", within_s=10)


def test_a_pause_is_waited_for_until_the_daemon_heeds_it(
    store: RedisStore, elsewhere_home: Path, tmp_path: Path
) -> None:
    """Else a task could begin that was being taken, and be killed with the machine."""
    folder = AgentFolder.of(Home(elsewhere_home), "box")
    with running_daemon(tmp_path, "--name", "box") as daemon:
        assert call("pause", "--wait").returncode == 0
        assert call("resume", "--wait").returncode == 0
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            with subprocess.Popen([*CALL, "pause", "--wait"], stderr=subprocess.PIPE) as pause:
                assert pause.stderr is not None
                assert pause.stderr.readline() == b"agent: Waiting for the agent.\n"
                assert not folder.has_taken(Mode.PAUSED)
                daemon.process.send_signal(signal.SIGCONT)
                assert pause.wait(20) == 0
            assert folder.has_taken(Mode.PAUSED)
        finally:
            daemon.process.send_signal(signal.SIGCONT)


def test_a_mode_that_was_asked_for_again_is_not_yet_heeded(elsewhere_home: Path) -> None:
    folder = AgentFolder.of(Home(elsewhere_home), "box").create()
    folder.ask(Mode.PAUSED)
    assert not folder.has_taken(Mode.PAUSED)
    folder.note_taken(Mode.PAUSED)
    folder.ask(Mode.PAUSED)
    assert folder.has_taken(Mode.PAUSED), "nothing else was asked for meanwhile"
    folder.ask(Mode.WORKING)
    folder.ask(Mode.PAUSED)
    assert not folder.has_taken(Mode.PAUSED), "a task may be being taken"


@pytest.mark.parametrize("is_far", [False, True], ids=["here", "far"])
@pytest.mark.parametrize("mode", ["pause", "drain"])
def test_who_waits_for_a_mode_is_told_that_somebody_asked_for_another(
    store: RedisStore, work: Work, tmp_path: Path, short_path: Path, *, mode: str, is_far: bool
) -> None:
    environ = {**os.environ, **({"ELSEWHERE_HOME": str(short_path)} if is_far else {})}
    with running_daemon(tmp_path, "--name", "box"):
        work.wait_until_begun()
        words = (mode, "--name", "box", "--wait")
        with subprocess.Popen(
            [*CALL, *words], stderr=subprocess.PIPE, text=True, env=environ
        ) as waits:
            assert waits.stderr is not None
            assert "Waiting for" in waits.stderr.readline()
            wait_until(lambda: closed(store).startswith(mode), within_s=20)
            time.sleep(1)  # until who waits has seen it
            assert call("resume", "--wait").returncode == 0
            assert waits.wait(30) == 1
            told = waits.stderr.read().splitlines()[-1]
            assert told == "agent: The agent 'box' was asked for something else meanwhile."
        work.let_go()
        work.wait_until(Status.COMPLETED)


def test_a_drained_agent_finishes_its_task_and_ends_with_0_and_the_next_one_works(
    store: RedisStore, work: Work, tmp_path: Path
) -> None:
    with running_daemon(tmp_path, "--name", "box") as daemon:
        work.wait_until_begun()
        next_task = draft(store, tmp_path, "print('next')")
        enqueue(store, next_task)
        with subprocess.Popen(
            [*CALL, "drain", "--wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as drain:
            assert drain.stderr is not None
            assert f"for 1 task to end: {work.id[:8]}" in drain.stderr.readline()
            assert daemon.process.poll() is None
            work.let_go()
            assert drain.communicate(timeout=20)[0] == (
                "The agent 'box' is drained and has ended.\n"
            )
        assert ended(daemon) == 0
        assert store.state(work.id).status is Status.COMPLETED
        assert store.state(next_task).status is Status.QUEUED
    with running_daemon(tmp_path, "--name", "box"):
        wait_until(lambda: store.state(next_task).status is Status.COMPLETED, within_s=20)


def test_an_agent_that_was_killed_while_it_drained_goes_on_draining(
    work: Work, tmp_path: Path
) -> None:
    with running_daemon(tmp_path, "--name", "box") as daemon:
        work.wait_until_begun()
        assert "takes no more tasks and ends after 1 task." in call("drain").stdout
        daemon.end(signal.SIGKILL)
    with running_daemon(tmp_path, "--name", "box") as daemon:
        assert daemon.process.poll() is None
        work.let_go()
        assert ended(daemon) == 0
        assert "this agent ends: it is drained" in daemon.log


def test_an_agent_of_another_machine_is_asked_through_the_store(
    store: RedisStore, work: Work, tmp_path: Path, short_path: Path
) -> None:
    with running_daemon(tmp_path, "--name", "far") as daemon:
        work.wait_until_begun()
        work.let_go()
        laptop = {"ELSEWHERE_HOME": str(short_path)}
        told = call("pause", "--name", "far", "--wait", **laptop)
        assert "takes no tasks until 'agent resume'." in told.stdout, told.stderr
        assert closed(store) == "paused"
        assert store.redis.get(keys.mode("far")) is None
        assert call("resume", "--name", "far", "--wait", **laptop).returncode == 0
        assert closed(store) == ""
        told = call("drain", "--name", "far", "--wait", **laptop)
        assert told.stdout == "The agent 'far' is drained and has ended.\n", told.stderr
        assert ended(daemon) == 0
        told = call("pause", "--name", "far", **laptop)
        assert told.returncode == 1
        assert "No agent named 'far' ever ran" in told.stderr


def test_it_is_paused_and_drained_while_the_store_is_away(
    short_path: Path, tmp_path: Path, elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisServer(short_path) as server:
        monkeypatch.setenv("ELSEWHERE_REDIS_URL", server.url)
        with running_daemon(tmp_path, "--name", "box") as daemon:
            server.kill()
            assert call("pause").returncode == 0
            assert AgentFolder.of(Home(elsewhere_home), "box").mode().value == "paused"
            told = call("drain", "--wait")
            assert (told.returncode, ended(daemon)) == (0, 0), told.stderr


@pytest.mark.usefixtures("store")
def test_one_that_does_not_run_is_paused_for_its_next_start_but_not_drained(tmp_path: Path) -> None:
    assert call("pause").returncode == 1, "which one?"
    with running_daemon(tmp_path, "--name", "box") as daemon:
        daemon.end()
    told = call("pause", "--name", "box")
    assert told.stdout == "The agent 'box' does not run now, and takes no tasks when it starts.\n"
    assert "No agent named 'box' runs" in call("drain", "--name", "box").stderr
    with running_daemon(tmp_path, "--name", "box") as daemon:
        wait_until(lambda: "no tasks are taken: paused" in daemon.log)


def test_a_second_sigterm_ends_it_at_once_and_leaves_the_task(
    store: RedisStore, work: Work, tmp_path: Path
) -> None:
    with running_daemon(tmp_path, "--name", "box", ELSEWHERE_STOP_GRACE_S="60") as daemon:
        work.wait_until_begun()
        daemon.process.send_signal(signal.SIGSTOP)  # both signals are there before it leaves
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGINT)
        daemon.process.send_signal(signal.SIGCONT)
        assert ended(daemon) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
        assert "once more: this agent ends at once" in daemon.log
    assert store.state(work.id).status is Status.IN_PROGRESS
    with running_daemon(tmp_path, "--name", "box"):
        work.let_go()
        work.wait_until(Status.COMPLETED)


def test_sighup_reads_the_configuration_again_and_keeps_it_when_it_is_broken(
    store: RedisStore, work: Work, tmp_path: Path, elsewhere_home: Path
) -> None:
    config = elsewhere_home / "config.toml"

    def reload(text: str, said: str) -> None:
        config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: said in daemon.log, within_s=10, what=f"{said}\n{daemon.log}")

    with running_daemon(tmp_path, "--name", "box") as daemon:
        work.wait_until_begun()
        other = draft(store, tmp_path, "print('other')")
        enqueue(store, other, "other")
        reload(
            '[agent]\nslots = 2\nqueues = ["other"]\nkeep_runs_s = 5.0\n',
            "SIGHUP: changed: queues, slots; for the next start: agent.keep_runs_s",
        )
        wait_until(lambda: store.state(other).status is Status.COMPLETED, within_s=20)
        wait_until(lambda: registered_agents(store.redis)[0].queues == ("other",), within_s=10)
        assert registered_agents(store.redis)[0].slots == 2
        reload("[agent]\nslots = 0\n", "SIGHUP: the configuration stays as it was. ")
        reload("[agent\n", "config.toml")
        reload("lease_s = 7.0\n[agent]\nname = 'x'\n", "for the next start: lease_s")
        assert "agent.name" not in daemon.log, "the option of the command still wins"
        work.let_go()
        work.wait_until(Status.COMPLETED)


def test_it_ends_after_so_many_tasks(store: RedisStore, tmp_path: Path) -> None:
    tasks = [draft(store, tmp_path, "print('one')") for _ in range(3)]
    for task_id in tasks:
        enqueue(store, task_id)
    with running_daemon(tmp_path, "--max-tasks", "2", "--slots", "2") as daemon:
        assert ended(daemon) == 0
        assert "this agent ends: its 2 tasks have ended" in daemon.log
    statuses = [store.state(task_id).status for task_id in tasks]
    assert statuses == [Status.COMPLETED, Status.COMPLETED, Status.QUEUED]


def test_it_ends_when_it_was_idle_for_so_long_but_not_while_a_task_runs(
    work: Work, tmp_path: Path
) -> None:
    with running_daemon(tmp_path, "--exit-when-idle", "0.5") as daemon:
        work.wait_until_begun()
        assert daemon.process.poll() is None
        work.let_go()
        assert ended(daemon) == 0
        assert "this agent ends: nothing has run for 0.5 s" in daemon.log
        work.wait_until(Status.COMPLETED)


def test_outside_its_hours_it_takes_nothing(store: RedisStore, tmp_path: Path) -> None:
    now = float(subprocess.check_output(["date", "+%-H"]))
    far = f"{int(now + 10) % 24:02}:00-{int(now + 11) % 24:02}:00"
    task_id = draft(store, tmp_path, "print('one')")
    enqueue(store, task_id)
    with running_daemon(tmp_path, "--hours", far) as daemon:
        wait_until(lambda: f"no tasks are taken: outside its hours, {far}" in daemon.log)
        assert store.state(task_id).status is Status.QUEUED
    with running_daemon(tmp_path, "--hours", "00:00-24:00"):
        wait_until(lambda: store.state(task_id).status is Status.COMPLETED, within_s=20)


def test_services_run_many_at_once_and_see_no_gpu(store: RedisStore, tmp_path: Path) -> None:
    show = "import os\nprint(os.environ['CUDA_VISIBLE_DEVICES'] or 'none', flush=True)\n"
    go = tmp_path / "go"
    tasks = [draft(store, tmp_path, show + WAITING.format(path=str(go))) for _ in range(4)]
    for task_id in tasks:
        enqueue(store, task_id)
    with running_daemon(tmp_path, "--services", "4", CUDA_VISIBLE_DEVICES="0"):
        wait_until(
            lambda: all(b"none\nbegun" in store.output(one).data for one in tasks), within_s=30
        )
        go.touch()
        wait_until(
            lambda: all(store.state(one).status is Status.COMPLETED for one in tasks), within_s=20
        )


@pytest.mark.parametrize("command", ["drain", "pause", "resume"])
def test_wrong_names_and_a_missing_store_are_one_sentence(command: str) -> None:
    told = call(command, "--name", "nobody", ELSEWHERE_REDIS_URL="unix:///nowhere/redis.sock")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1), told.stderr
    assert call(command, "--slots", "1").returncode == 2


@pytest.mark.usefixtures("store")
def test_the_log_is_json_where_that_is_wanted(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "--log-json", "--name", "box") as daemon:
        assert daemon.end() == 0
        lines = [json.loads(line) for line in daemon.log.splitlines()]
    assert [line["message"] for line in lines if "is up" in line["message"]]
    assert {line["level"] for line in lines} == {"info"}
    assert all(line["at"].endswith("+00:00") for line in lines)

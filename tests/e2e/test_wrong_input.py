"""Wrong input is answered by one clear sentence; nothing is left running and nothing is lost."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from elsewhere import Task
from elsewhere.core.errors import NotFoundError, TransitionError
from elsewhere.store.queues import Queues
from tests.e2e.world import Box, Laptop, Printed, agent

_INIT = "from elsewhere import Task\ntask = Task.init('wrong input', 'a script')\n"
_CLOSED = "redis://127.0.0.1:1/0"


def _run(laptop: Laptop, code: str, **environ: str) -> Printed:
    (laptop.folder / "train.py").write_text(code)
    return laptop.run(laptop.folder, "train.py", **environ)


def _error(printed: Printed) -> str:
    """The last line of a script that ended by an exception of ours."""
    assert printed.code == 1, printed
    last = printed.errors.rstrip().splitlines()[-1]
    assert last.startswith("elsewhere.core.errors."), printed
    return last


# a user's mistakes


def test_an_unknown_queue_is_answered_with_the_closest_one(laptop: Laptop, box: Box) -> None:
    printed = _run(
        laptop,
        _INIT + "try:\n    task.execute_remotely('defualt')\n"
        "except LookupError as error:\n    print(error)\nprint('the script goes on')\n",
    )
    assert printed.code == 0, printed
    output = printed.output.decode()
    assert "There is no queue 'defualt'. Did you mean 'default'?" in output
    assert "the script goes on" in output
    assert box.store.state(printed.task_id).status == "completed"
    assert "defualt" not in Queues(box.store).names()


def test_a_script_that_does_not_catch_it_fails_here(laptop: Laptop, box: Box) -> None:
    printed = _run(laptop, _INIT + "task.execute_remotely('nowhere')\n")
    assert "There is no queue 'nowhere'." in _error(printed)
    assert box.store.state(printed.task_id).status == "failed"


def test_an_unknown_task(laptop: Laptop) -> None:
    code = "from elsewhere import Task\nTask.get_task(task_id='0' * 32)\n"
    assert "0" * 32 in _error(_run(laptop, code))


@pytest.mark.parametrize(
    ("names", "short"),
    [("'ab', 'a script'", "'ab'"), ("'project', 'no'", "'no'"), ("'  a  ', 'x y'", "'  a  '")],
)
def test_a_name_of_fewer_than_three_characters(laptop: Laptop, names: str, short: str) -> None:
    told = _error(_run(laptop, f"from elsewhere import Task\nTask.init({names})\n"))
    assert f"name {short} cannot be used" in told
    assert "3" in told


@pytest.mark.parametrize(
    "code",
    [
        "Task.init('wrong input', 'a script', task_type='trainning')",
        "Task.set_random_seed('many')",
    ],
)
def test_a_wrong_argument(laptop: Laptop, code: str) -> None:
    printed = _run(laptop, f"from elsewhere import Task\n{code}\n")
    assert "UsageError" in _error(printed)


@pytest.fixture
def sent(laptop: Laptop, box: Box) -> Task:
    """A completed task."""
    project = laptop.repository(
        "project", {"train.py": _INIT + "task.execute_remotely('default')\nprint('done')\n"}
    )
    task = laptop.send(project.folder, "train.py")
    ended = box.end(task)
    assert ended.status == "completed", ended
    return task


def test_a_task_is_enqueued_twice(box: Box, sent: Task) -> None:
    clone = Task.clone(sent)
    queues = Queues(box.store)
    queues.create("unserved")
    Task.enqueue(clone, "unserved")
    with pytest.raises(TransitionError, match="queued"):
        Task.enqueue(clone, "unserved")
    with pytest.raises(TransitionError, match="queued"):
        Task.enqueue(clone, "default")
    assert queues.length("unserved") == 1
    assert box.store.state(clone.id).queue == "unserved"
    Task.dequeue(clone)
    assert clone.get_status() == "created"
    assert queues.length("unserved") == 0


def test_a_completed_task_is_not_enqueued(box: Box, sent: Task) -> None:
    before = box.store.state(sent.id)
    with pytest.raises(TransitionError, match="completed") as raised:
        Task.enqueue(sent)
    assert "clone" in str(raised.value).lower()
    assert box.store.state(sent.id) == before


def test_an_unknown_task_is_not_enqueued(box: Box, sent: Task) -> None:
    unknown = Task("f" * 32, box.store)
    with pytest.raises(NotFoundError, match="f" * 32):
        Task.enqueue(unknown)


def test_a_running_task_is_not_enqueued(box: Box, sent: Task, laptop: Laptop) -> None:
    flag = laptop.folder / "flag"
    code = (
        "task.execute_remotely('default')\nimport pathlib, time\n"
        f"while not pathlib.Path({str(flag)!r}).exists():\n    time.sleep(0.01)\n"
    )
    project = laptop.repository("waits", {"train.py": _INIT + code})
    task = laptop.send(project.folder, "train.py")
    assert task.wait_for_status(["in_progress"], within_s=30) == "in_progress"
    with pytest.raises(TransitionError, match="in_progress"):
        Task.enqueue(task)
    flag.touch()
    assert box.end(task).status == "completed"


def test_code_that_is_too_large_stays_here(laptop: Laptop, box: Box) -> None:
    """The error says which files are the largest, and how to leave them out."""
    project = laptop.repository(
        "project", {"train.py": _INIT + "task.execute_remotely('default')\n"}
    )
    project.write({"weights.bin": os.urandom(3_000_000), "small.bin": os.urandom(1000)})
    printed = laptop.run(project.folder, "train.py", ELSEWHERE_CAPTURE_LIMIT_BYTES="1000000")
    assert printed.code == 1
    assert "elsewhere.core.errors.TooLargeError" in printed.errors
    assert "weights.bin" in printed.errors
    assert ".gitignore" in printed.errors
    assert box.store.state(printed.task_id).status == "failed"


@pytest.mark.parametrize("words", [("-c", "{code}"), ("{installed}",)])
def test_code_that_lies_in_no_folder_of_the_user_stays_here(
    laptop: Laptop, box: Box, words: tuple[str, ...]
) -> None:
    code = _INIT + "task.execute_remotely('default')\n"
    installed = laptop.folder / "lib" / "python3" / "site-packages" / "tool.py"
    installed.parent.mkdir(parents=True)
    installed.write_text(code)
    given = [word.format(code=code, installed=installed) for word in words]
    printed = laptop.run(laptop.folder, *given)
    assert "CaptureError" in _error(printed)
    assert box.store.state(printed.task_id).status == "failed"


# a repository that the box cannot have


def _draft(laptop: Laptop, box: Box, repository: str) -> Task:
    code = (
        "from elsewhere import Task\n"
        f"draft = Task.create('wrong input', 'no access', repo={repository!r}, branch='main',\n"
        "    script='train.py', packages=[])\n"
        "print(draft.id)\n"
    )
    printed = _run(laptop, code)
    assert printed.code == 0, printed
    return Task(printed.output.decode().strip(), box.store)


@pytest.mark.parametrize("scheme", ["https://", "ssh://git@"])
def test_a_repository_that_the_box_cannot_reach(laptop: Laptop, box: Box, scheme: str) -> None:
    where = f"{scheme}127.0.0.1:1/team/project.git"
    ended = box.run(_draft(laptop, box, where))
    assert ended.status == "failed", ended
    assert ended.outcome.sentence == "setup_failed: checkout"
    for told in (ended.outcome.message, ended.output):
        assert where in told
        assert "cannot be read from this machine" in told


def test_a_path_that_is_not_on_the_box(laptop: Laptop, box: Box) -> None:
    missing = str(laptop.folder / "nothing.git")
    ended = box.run(_draft(laptop, box, missing))
    assert ended.outcome.sentence == "setup_failed: checkout", ended
    assert missing in ended.outcome.message


# an operator's mistakes


@pytest.fixture
def environ(box: Box, elsewhere_home: Path) -> dict[str, str]:
    """A box of its own, whose home is the test's."""
    return box.environ | {"ELSEWHERE_HOME": str(elsewhere_home), "HOME": os.environ["HOME"]}


def _sentence(printed: Printed) -> str:
    """A command that fails says one line, and no traceback."""
    assert printed.code == 1, printed
    assert not printed.output
    line, end, rest = printed.errors.partition("\n")
    assert (end, rest) == ("\n", ""), printed
    return line


def _waiting(environ: dict[str, str]) -> str:
    """What is printed and logged by an agent that waits for its server until it is stopped."""
    printed = agent("daemon", "--detached", environ=environ)
    stopped = agent("stop", environ=environ)
    assert (printed.code, stopped.code) == (0, 0), (printed, stopped)
    (log,) = Path(environ["ELSEWHERE_HOME"]).glob("agents/*/agent.log")
    return printed.errors + log.read_text()


def test_an_agent_without_any_server_waits_for_it(environ: dict[str, str]) -> None:
    environ["ELSEWHERE_REDIS_URL"] = _CLOSED
    assert "127.0.0.1:1/0 cannot be used: nothing listens there" in _waiting(environ)


def test_an_agent_whose_server_never_answers_waits_for_it(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        environ["ELSEWHERE_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        assert f"127.0.0.1:{port}" in _waiting(environ)


def test_a_script_without_any_server(laptop: Laptop) -> None:
    printed = _run(laptop, _INIT, ELSEWHERE_REDIS_URL=_CLOSED)
    told = _error(printed)
    assert told.startswith("elsewhere.core.errors.StoreUnavailableError")
    assert "127.0.0.1:1" in told


def test_a_server_that_is_waited_for_does_not_show_our_password(environ: dict[str, str]) -> None:
    environ["ELSEWHERE_REDIS_URL"] = "redis://me:hunter2@127.0.0.1:1/0"
    assert "hunter2" not in _waiting(environ)


def test_a_second_daemon_of_the_same_name(box: Box, sent: Task) -> None:
    """The first goes on."""
    told = _sentence(agent("daemon", "--detached", environ=box.environ))
    assert "'box' already runs" in told
    assert "--name" in told
    assert box.run(Task.clone(sent)).status == "completed"


def test_a_daemon_of_a_name_that_another_machine_has(
    environ: dict[str, str], box: Box, sent: Task
) -> None:
    told = _sentence(agent("daemon", "--detached", environ=environ))
    assert "'box' already runs on the machine" in told
    assert str(box.home) in told
    assert box.run(Task.clone(sent)).status == "completed"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("redis_url = ", "valid TOML"),
        ("redis_ulr = 'redis://x'\n", "'redis_url'"),
        ("lease_s = 'long'\n", "lease_s"),
        ("[agent]\nslots = 0\n", "slots"),
        ("[agent]\nqueue = ['a']\n", "'queues'"),
        ("agent = 3\n", "agent"),
    ],
)
def test_a_broken_config_file(
    environ: dict[str, str], elsewhere_home: Path, content: str, expected: str
) -> None:
    config = elsewhere_home / "config.toml"
    config.write_text(content)
    told = _sentence(agent("daemon", environ=environ))
    assert str(config) in told
    assert expected in told
    assert config.read_text() == content


def test_a_script_with_a_broken_config_file(laptop: Laptop, elsewhere_home: Path) -> None:
    config = elsewhere_home / "config.toml"
    config.write_text("redis_ulr = 'redis://x'\n")
    told = _error(_run(laptop, _INIT))
    assert told.startswith("elsewhere.core.errors.ConfigurationError")
    assert str(config) in told
    assert "Did you mean 'redis_url'?" in told


def test_a_wrong_option(environ: dict[str, str]) -> None:
    printed = agent("daemon", "--slots", "0", environ=environ)
    assert printed.code == 2
    assert "--slots" in printed.errors
    assert "Traceback" not in printed.errors


def test_execute_of_an_unknown_task(environ: dict[str, str]) -> None:
    assert "f" * 32 in _sentence(agent("execute", "--id", "f" * 32, environ=environ))

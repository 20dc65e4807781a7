"""`elsewhere clone`, `enqueue`, `dequeue`, `abort` and `delete`, and how every command ends."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from elsewhere.command.main import main
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import NotFoundError
from elsewhere.core.folders import Home
from elsewhere.core.notes import Stop
from elsewhere.core.records import Parameter, Source
from tests.sdk.command.tasks import COMMAND, Heard, Tasks, open_tasks, started
from tests.stores import find
from tests.waiting import wait_until
from tests.watching import watching

UNKNOWN = "f" * 32


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


def test_a_clone_has_other_arguments_and_what_they_give_is_not_an_edit_any_more(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = {
        "Args/lr": Parameter(value=0.1, type="float", is_edit=True),
        "Args/batch_size": Parameter(value=8, type="int", is_edit=True),
        "Args/seed": Parameter(value=1, type="int", is_edit=True),
    }
    source = Source(entry_point="train.py", argv=("--lr", "1"))
    task_id = tasks.create(parameters=edits, source=source, has_marked_edits=True)
    words = "--lr 2 --batch-size=16 --name 'a b' --api-key x"
    assert main(["clone", task_id[:6], "--args", words, "--set", "Args/lr=3"]) == 0
    record = tasks.store.read(capsys.readouterr().out.strip())
    assert record.source.argv == (
        *("--lr", "2", "--batch-size=16", "--name", "a b", "--api-key", "***"),
    )
    assert {name: (one.value, one.is_edit) for name, one in record.parameters.items()} == {
        "Args/lr": (3.0, True),
        "Args/batch_size": (8, False),
        "Args/seed": (1, True),
    }
    assert main(["show", record.id]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "runs train.py --lr 2 --batch-size=16" in shown
    assert "edited Args/lr=3.0, Args/seed=1" in shown


def test_a_clone_is_a_draft_with_changed_parameters_of_the_same_types(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create(
        parameters={
            "Args/lr": Parameter(value=0.1, type="float", description="learning rate"),
            "Args/layers": Parameter(value=[1, 2], type="tuple"),
            "Args/resume": Parameter(value=None, type="NoneType"),
            "General/name": Parameter(value="x", type="str"),
            "General/kept": Parameter(value=True, type="bool"),
        }
    )
    settings = ("Args/lr=1", "Args/layers=(3, 4)", "Args/resume=7", "name=1=2", "Args/new=[5]")
    arguments = [word for setting in settings for word in ("--set", setting)]
    names = ("--name", "slower one", "--project", "others")
    assert main(["clone", task_id[:6], *names, *arguments]) == 0
    captured = capsys.readouterr()
    assert "The parameter 'Args/new' is new" in captured.err
    clone_id = captured.out.strip()
    record = tasks.store.read(clone_id)
    assert (record.name, record.project, record.parent) == ("slower one", "others", task_id)
    assert record.parameters == {
        "Args/lr": Parameter(value=1.0, type="float", description="learning rate", is_edit=True),
        "Args/layers": Parameter(value=[3, 4], type="tuple", is_edit=True),
        "Args/resume": Parameter(value=7, type="int", is_edit=True),
        "General/name": Parameter(value="1=2", type="str", is_edit=True),
        "General/kept": Parameter(value=True, type="bool"),
        "Args/new": Parameter(value=[5], type="list", is_edit=True),
    }
    assert type(record.parameters["Args/lr"].value) is float
    assert tasks.store.state(clone_id).status is Status.CREATED


def test_nobody_sees_a_clone_without_its_changes(tasks: Tasks) -> None:
    lr = Parameter(value=0.1, type="float")
    task_id = tasks.create(parameters={"Args/lr": lr, "Args/old": lr})

    def look() -> list[dict[str, object]]:
        clones = [one for one in find(tasks.store) if one != task_id]
        parameters = [tasks.store.read(one).parameters for one in clones]
        return [{name: item.value for name, item in one.items()} for one in parameters]

    with watching(look) as seen:
        assert main(["clone", task_id, "--set", "Args/lr=0.5", "--set", "Args/new=1"]) == 0
    whole = [{"Args/lr": 0.5, "Args/old": 0.1, "Args/new": 1}]
    assert seen[-1] == whole
    assert all(one in ([], whole) for one in seen)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("--set", "Args/lr=fast"), "Parameter 'Args/lr' cannot be 'fast': it takes a number."),
        (("--set", "Args/lr"), "write Section/name=value"),
        (("--set", "Args/=1"), "does not name a parameter"),
        (("--set", "Args/api_key=new"), "The value of Args/api_key is a secret, and everybody"),
        (("--set", "Args/api_key=new"), "Give it by the variable API_KEY, which the agent must"),
        (("--set", "Args/new=a-t0ken"), "The value of Args/new is a secret, and everybody"),
        (("--set", 'Args/new=["a-t0ken"]'), "The value of Args/new is a secret, and everybody"),
        (("--name", "x"), "The task name 'x' cannot be used: it has 1 character, and 3 to 200"),
    ],
)
def test_a_clone_that_cannot_be_is_not_made(
    arguments: tuple[str, str],
    answer: str,
    tasks: Tasks,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "a-t0ken")
    task_id = tasks.create(parameters={"Args/lr": Parameter(value=0.1, type="float")})
    assert main(["clone", task_id, *arguments]) == 2
    assert answer in capsys.readouterr().err
    assert main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2, "there is more than the one task"


def test_a_task_goes_into_a_queue_and_out_again(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create()
    tasks.queues.create("large")
    assert main(["enqueue", task_id, "--queue", "large"]) == 0
    assert "queued in 'large', which holds 1 now" in capsys.readouterr().out
    assert tasks.queues.entries("large") == {task_id}
    assert main(["enqueue", task_id]) == 1
    assert "cannot be enqueued: it is queued" in capsys.readouterr().err
    assert main(["dequeue", task_id]) == 0
    assert "created again" in capsys.readouterr().out
    assert tasks.queues.entries("large") == set()
    assert main(["enqueue", task_id]) == 0
    assert tasks.queues.entries("default") == {task_id}


def test_an_unknown_queue_is_answered_with_the_known_ones(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create()
    assert main(["enqueue", task_id, "--queue", "defualt"]) == 1
    assert "Did you mean 'default'?" in capsys.readouterr().err
    assert main(["enqueue", task_id, "--queue", "big box"]) == 1
    assert "agent daemon --queue 'big box'" in capsys.readouterr().err
    assert tasks.store.state(task_id).status is Status.CREATED


def test_a_name_that_no_queue_can_have_is_not_recommended(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enqueue", tasks.create(), "--queue", "a/b; reboot"]) == 2
    error = capsys.readouterr().err
    assert "The queue name 'a/b; reboot' cannot be used" in error
    assert "agent daemon" not in error


def test_aborting_a_queued_task_takes_it_out_of_its_queue(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create()
    tasks.queues.enqueue(task_id, "default")
    assert main(["abort", task_id]) == 0
    assert "never began" in capsys.readouterr().out
    assert tasks.store.state(task_id).status is Status.STOPPED
    assert tasks.queues.entries("default") == set()
    assert main(["abort", task_id]) == 0
    assert "is stopped already" in capsys.readouterr().out


def test_aborting_a_running_task_asks_its_owner(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.running()
    assert main(["abort", task_id, "--grace", "2.5"]) == 0
    assert "on box:gpu0: SIGTERM, and SIGKILL after 2.5 s" in capsys.readouterr().out
    renewal = tasks.store.renew(task_id, 1, worker="box:gpu0", lease_s=60)
    assert renewal.is_stop_requested
    assert renewal.stop_grace_s == 2.5
    assert tasks.store.state(task_id).status is Status.IN_PROGRESS


def test_aborting_a_task_that_was_only_marked_as_running_stops_it(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create()
    tasks.store.move(task_id, Status.IN_PROGRESS, allowed=(Status.CREATED,))
    assert main(["abort", task_id]) == 0
    assert "Nothing ran it" in capsys.readouterr().out
    assert tasks.store.state(task_id).status is Status.STOPPED


def test_aborting_a_task_of_this_machine_tells_its_runner(
    tasks: Tasks, elsewhere_home: Path
) -> None:
    home = Home(elsewhere_home)
    live, acked = tasks.running(), tasks.running()
    folders = [home.run(task_id, 1).create() for task_id in (live, acked)]
    folders[1].acked.touch()
    for task_id in (live, acked):
        assert main(["abort", task_id, "--grace", "0"]) == 0
    assert Stop.read(folders[0]) == Stop(grace_s=0.0)
    assert not folders[1].stop.exists()


@pytest.mark.parametrize("is_here", [False, True])
def test_who_aborts_a_task_whose_agent_is_away_is_told_what_will_happen(
    tasks: Tasks, elsewhere_home: Path, capsys: pytest.CaptureFixture[str], is_here: bool
) -> None:
    task_id = tasks.running()
    tasks.store.renew(task_id, 1, worker="box:gpu0", lease_s=-3 * 3600)
    if is_here:
        Home(elsewhere_home).run(task_id, 1).create()
    assert main(["abort", task_id]) == 0
    printed = capsys.readouterr().out
    assert ("SIGTERM" in printed) == is_here
    assert ("If it does not come back" in printed) != is_here
    assert "box:gpu0 is back" in printed
    assert "it should have reported 3 h ago" in printed


@pytest.mark.parametrize(
    ("reason", "code"), [(Reason.STOPPED, 0), (Reason.COMPLETED, 0), (Reason.PROGRAM_FAILED, 4)]
)
def test_aborting_can_wait_for_the_end(reason: Reason, code: int, tasks: Tasks) -> None:
    task_id = tasks.running()
    with started("abort", "--wait", task_id) as process:
        wait_until(lambda: tasks.store.state(task_id).stop_requested_at)
        assert process.stdout is not None
        out = Heard(process.stdout.fileno())
        out.has(b"is asked to stop")
        assert process.poll() is None
        tasks.ends(task_id, reason)
        assert process.wait(10) == code
        out.has(b") is ")


@pytest.mark.parametrize("status", ["created", "completed"])
def test_what_does_not_run_cannot_be_aborted(
    status: str, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create()
    if status == "completed":
        tasks.begin(task_id)
        tasks.ends(task_id)
    assert main(["abort", task_id]) == 1
    assert f"it is {status}, so nothing runs" in capsys.readouterr().err
    assert str(tasks.store.state(task_id).status) == status


def test_tasks_are_deleted_but_not_those_that_run(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    first, running, second = tasks.create("first one"), tasks.running(), tasks.create("last one")
    assert main(["delete", "--yes", first, running, second]) == 1
    captured = capsys.readouterr()
    assert "cannot be deleted: it is in_progress" in captured.err
    assert f"'elsewhere abort {running[:8]} --wait' stops it first." in captured.err
    assert "first one) is deleted" in captured.out
    assert "last one) is deleted" in captured.out
    for task_id in (first, second):
        with pytest.raises(NotFoundError):
            tasks.store.read(task_id)


def test_nothing_is_deleted_when_one_of_the_ids_is_unknown(tasks: Tasks) -> None:
    task_id = tasks.create()
    assert main(["delete", "--yes", task_id, UNKNOWN]) == 1
    assert tasks.store.state(task_id).status is Status.CREATED


def test_deleting_needs_a_yes(tasks: Tasks) -> None:
    task_id = tasks.create()
    refused = subprocess.run(
        [*COMMAND, "delete", task_id], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert refused.returncode == 2
    assert b"--yes is needed" in refused.stderr
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        assert tasks.store.state(task_id).status is Status.CREATED
        master, slave = pty.openpty()
        with started("delete", task_id, stdin=slave) as process:
            assert process.stdout is not None
            Heard(process.stdout.fileno()).has(b"Delete ")
            os.write(master, answer)
            assert process.wait(10) == code
        os.close(master)
        os.close(slave)
    with pytest.raises(NotFoundError):
        tasks.store.read(task_id)


@pytest.mark.parametrize("command", ["show", "logs", "clone", "enqueue", "dequeue", "abort"])
def test_an_unknown_task_is_an_error_of_one_sentence(
    command: str, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, UNKNOWN]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith(f"elsewhere: There is no task {UNKNOWN}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("lsit",),
        ("show",),
        ("list", "--status", "done"),
        ("list", "--limit", "-1"),
        ("logs", "--tail", "-1", UNKNOWN),
        ("abort", "--grace", "nan", UNKNOWN),
        ("delete",),
    ],
)
def test_a_wrong_command_line_returns_2(
    arguments: tuple[str, ...], tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert capsys.readouterr().err


def test_a_store_that_is_away_is_an_error_of_one_sentence(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", f"unix://{short_path / 'none'}")
    assert main(["list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no such socket" in line


@pytest.mark.parametrize("command", ["logs", "show"])
@pytest.mark.parametrize("lines", [1, 100_000])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_an_error_of_one_sentence(
    command: str, lines: int, unbuffered: str, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    task_id = tasks.running()
    tasks.prints(task_id, b"line\n" * lines)
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, command, task_id], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.endswith(b": No space left on device.")


def test_ctrl_c_while_the_command_is_loaded_is_no_traceback() -> None:
    loading = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'elsewhere.command.options':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
    )
    code = f"{loading}{COMMAND[-1]}"
    ended = subprocess.run([*COMMAND[:-1], code, "list"], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


@pytest.mark.parametrize("command", ["elsewhere.command.main", "elsewhere_agent.command"])
def test_the_program_alone_prints_its_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = import_module(command)
    assert program.main([]) == 0
    alone = capsys.readouterr().out
    with pytest.raises(SystemExit):
        program.main(["--help"])
    assert alone == capsys.readouterr().out


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"elsewhere {version('elsewhere')}\n"

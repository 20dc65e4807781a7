"""`elsewhere list` and `elsewhere show`, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from elsewhere.command.main import main
from elsewhere.core.choices import ARCHIVED, Reason, Status
from elsewhere.core.events import (
    ArtifactAdded,
    ModelSaved,
    ModelUsed,
    Phase,
    Progress,
    Resources,
    Scalar,
    Tags,
    single_value,
)
from elsewhere.core.records import Artifact, Configuration, Environment, ModelUse, Parameter, Source
from tests.sdk.command.tasks import Tasks, open_tasks
from tests.stores import make_machine


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


def plain(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def rich_task(tasks: Tasks) -> str:
    """A task that has said something of everything."""
    source = Source(
        repository="https://example.org/code.git",
        commit="c" * 40,
        branch="main",
        patch="d" * 64,
        entry_point="train.py",
        argv=("--lr", "0.1"),
    )
    task_id = tasks.create(
        tags=("fast", "blue"),
        source=source,
        environment=Environment(python="3.11.7", packages=("numpy==2.0.0", "rich==13.1")),
        parameters={
            "Args/lr": Parameter(value=0.1, type="float"),
            "General/layers": Parameter(value=[1, 2], type="list"),
        },
    )
    tasks.begin(task_id)
    artifact = Artifact(name="weights", type="file", url="file:///storage/w.bin", size_bytes=2048)
    tasks.says(
        task_id,
        Phase(name="checkout", at=1.0),
        Phase(name="checkout", at=1.0, seconds=0.25, detail="main"),
        Phase(name="install", at=2.0),
        Progress(percent=50.0, at=3.0),
        *(
            Scalar(title="loss", series="train", value=value, iteration=step, at=1.0)
            for step, value in enumerate((3.0, 0.5, 1.0))
        ),
        Resources(title=":monitor:machine", values={"cpu_percent": 42.0}, at=4.0),
        make_machine(gpu_count=2, gpu_type="A100, A100"),
        ArtifactAdded(artifact=artifact),
    )
    return task_id


def test_the_list_has_a_line_for_each_task_the_last_changed_one_first(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tasks.create("first task"), tasks.running("second task")
    tasks.says(second, Progress(percent=62.0, at=1.0))
    queued = tasks.create("third task")
    tasks.queues.enqueue(queued, "default")
    heading, *lines = shown(capsys, "list").splitlines()
    assert heading.split() == ["id", "name", "project", "status", "progress", "where", "age"]
    assert [line.split()[0] for line in lines] == [queued[:8], second[:8], first[:8]]
    assert "queue default" in lines[0]
    assert "in_progress" in lines[1]
    assert "62 %" in lines[1]
    assert "box:gpu0" in lines[1]
    assert "\x1b" not in "".join(lines), "there are colours though this is no terminal"


def test_the_list_says_shortly_that_there_is_none_and_that_one_was_imported(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list"]) == 0
    assert "There are no tasks yet." in capsys.readouterr().err
    task_id = tasks.create()
    tasks.begin(task_id, f"offline:{task_id}")
    assert "offline " in shown(capsys, "list")
    assert task_id not in shown(capsys, "list")


def test_the_list_as_json_holds_records_with_their_states(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = rich_task(tasks)
    (found,) = plain(capsys, "list")
    assert found["id"] == task_id
    assert found["tags"] == ["blue", "fast"]
    assert found["parameters"]["Args/lr"] == {
        "value": 0.1,
        "type": "float",
        "description": "",
        "is_edit": False,
        "is_explicit": False,
    }
    assert found["state"]["status"] == "in_progress"
    assert found["state"]["progress"] == 50.0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {"one", "two", "three"}),
        (("--project", "others"), {"three"}),
        (("--status", "in_progress", "failed"), {"one", "two"}),
        (("--status", "failed", "--status", "stopped"), {"two"}),
        (("--tag", "red"), {"one", "two"}),
        (("--tag", "red", "green"), {"two"}),
        (("--status", "published"), set()),
    ],
)
def test_the_list_is_narrowed(
    arguments: tuple[str, ...],
    expected: set[str],
    tasks: Tasks,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tasks.running("one", tags=("red",))
    tasks.ends(tasks.running("two", tags=("red", "green")), Reason.PROGRAM_FAILED, exit_code=3)
    tasks.create("three", project="others")
    assert {task["name"] for task in plain(capsys, "list", *arguments)} == expected


def test_a_long_list_is_cut_and_says_so(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(100):
        tasks.create(f"task {number}")
    assert main(["list"]) == 0
    cut = capsys.readouterr()
    assert len(cut.out.splitlines()) == 51
    assert cut.err == "elsewhere: There are more than these 50: '--limit 0' lists all.\n"
    for limit, count in (("7", 7), ("100", 100), ("0", 100)):
        assert main(["list", "--limit", limit]) == 0
        whole = capsys.readouterr()
        assert len(whole.out.splitlines()) == count + 1
        assert whole.err == ""


def test_a_long_name_does_not_widen_the_list(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.create("n" * 200, project="p" * 200)
    (_, line) = shown(capsys, "list").splitlines()
    assert f"{'n' * 59}…" in line
    assert f"{'p' * 59}…" in line
    assert len(line) < 200


def test_an_unknown_project_is_answered_with_the_closest(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.create(project="examples")
    assert main(["list", "--project", "exampels"]) == 1
    assert "Did you mean 'examples'?" in capsys.readouterr().err


def test_show_as_json_has_everything(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    task_id = rich_task(tasks)
    found = plain(capsys, "show", task_id)
    assert found["id"] == task_id
    assert found["seed"] == 1337
    assert found["source"]["commit"] == "c" * 40
    assert found["environment"]["packages"] == ["numpy==2.0.0", "rich==13.1"]
    assert found["state"]["worker"] == "box:gpu0"
    assert [attempt["number"] for attempt in found["attempts"]] == [1]
    phases = {phase["name"]: phase["seconds"] for phase in found["phases"]}
    assert phases == {"checkout": 0.25, "install": None}
    (scalar,) = found["scalars"]
    assert (scalar["last"], scalar["minimum"], scalar["maximum"]) == (1.0, 0.5, 3.0)
    (resource,) = found["resources"]
    assert (resource["series"], resource["last"]) == ("cpu_percent", 42.0)
    (artifact,) = found["artifacts"]
    assert artifact["url"] == "file:///storage/w.bin"
    assert (found["machine"]["hostname"], found["machine"]["gpu_count"]) == ("box", 2)


def test_what_json_cannot_say_is_null(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    task_id = tasks.running(parameters={"General/x": Parameter(value=float("inf"), type="float")})
    nan = Scalar(title="loss", series="train", value=float("nan"), iteration=1, at=1.0)
    tasks.says(task_id, nan)
    found = plain(capsys, "show", task_id)
    assert found["parameters"]["General/x"]["value"] is None
    assert found["scalars"][0]["last"] is None


def test_show_tells_people_the_same(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    task_id = rich_task(tasks)
    lines = [" ".join(line.split()) for line in shown(capsys, "show", task_id[:8]).splitlines()]
    for expected in (
        f"train model {task_id}",
        "status in_progress",
        "seed 1337",
        "progress ████░░░░ 50 %",
        "parameters Args",
        "lr 0.1 float",
        "parameters General",
        "layers [1, 2] list",
        "runs train.py --lr 0.1",
        "branch main",
        f"uncommitted patch {'d' * 12}",
        "packages numpy==2.0.0, rich==13.1",
        "attempt 1 checkout 0.250 s main",
        "attempt 1 install going on",
        "loss / train █▁▂ last 1 min 0.5 at 1 max 3 at 0 3 points iteration 2",
        "hostname box",
        "gpu_type A100, A100",
        "machine / cpu_percent 42 max 42",
        "weights file 2.0 KiB file:///storage/w.bin",
    ):
        assert expected in lines


def test_show_tells_a_single_value_without_an_iteration_and_a_model_that_is_gone(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.running()
    score = single_value("score", 0.5, at=1.0)
    use = ModelUse(name="gone", model="a" * 32, is_output=False)
    tasks.says(task_id, score, ModelUsed(use=use))
    lines = [" ".join(line.split()) for line in shown(capsys, "show", task_id).splitlines()]
    assert "Summary / score 0.5" in lines
    assert f"gone input {'a' * 32} It is not there any more." in lines


def test_show_has_the_whole_reason_of_an_upload_that_waits(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id, reason = tasks.running(), f"It is kept in /{'x' * 300}. There is no driver."
    waits = ArtifactAdded(artifact=Artifact(name="data", type="file", preview=reason))
    tasks.store.edit(task_id, waits)
    assert main(["show", task_id]) == 0
    assert "There is no driver." in capsys.readouterr().out


def test_show_tells_that_a_task_is_archived(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create()
    tasks.store.edit(task_id, Tags(added=(ARCHIVED,), are_system=True))
    text = shown(capsys, "show", task_id)
    assert ["system", "archived"] in [line.split() for line in text.splitlines()]


def test_show_tells_why_a_task_failed(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    task_id = tasks.running()
    tasks.ends(task_id, Reason.SETUP_FAILED, phase="install", message="No package is called nmpy.")
    text = shown(capsys, "show", task_id)
    assert "failed  setup_failed: install  No package is called nmpy." in text


def test_an_exit_code_is_not_told_again_and_again(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.running()
    told = {"exit_code": 3, "message": "It ended with exit code 3."}
    tasks.ends(task_id, Reason.PROGRAM_FAILED, **told)
    text = shown(capsys, "show", task_id)
    assert "failed  program_failed  It ended with exit code 3." in text
    assert text.count("exit code 3") == 2, "the attempt's row names it once more"
    tasks.store.move(task_id, Status.STOPPED, allowed=[Status.FAILED])
    tasks.begin(task_id)
    text = shown(capsys, "show", task_id)
    assert text.count("program_failed  It ended with exit code 3.") == 1


def test_the_arguments_of_a_clone_are_those_of_what_was_captured(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = rich_task(tasks)
    assert main(["clone", task_id, "--set", "Args/lr=0.2"]) == 0
    text = shown(capsys, "show", capsys.readouterr().out.strip())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "runs train.py --lr 0.1" in lines
    assert "lr 0.2 float" in lines


def test_what_others_wrote_cannot_steer_the_terminal(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "[bold]x[/bold]\x1b]0;owned\x07\x1b[2J\x9b1m\u202e\r:smile:"
    task_id = tasks.create(
        f"named {evil}", tags=(evil,), parameters={f"General/{evil}": Parameter(value=evil)}
    )
    for text in (shown(capsys, "list"), shown(capsys, "show", task_id)):
        assert "named [bold]x[/bold]:smile:" in text
        assert not set(text) & set("\x1b\x07\x9b\r\u202e")
        assert "owned" not in text
    (found,) = plain(capsys, "list")
    assert found["name"] == f"named {evil}", "programs get the name as it is"


def test_an_id_may_be_cut_short(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    tasks.create("first task", id="abcd1234" + "0" * 24)
    tasks.create("second task", id="abcd9999" + "0" * 24)
    assert plain(capsys, "show", "ABCD1")["name"] == "first task"
    assert main(["show", "abcd"]) == 1
    error = capsys.readouterr().err
    assert "abcd1234 (first task)" in error
    assert "abcd9999 (second task)" in error


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ("abcd1243", "Did you mean abcd1234 (train model)?"),
        ("abcd1243" + "0" * 24, "Did you mean abcd1234 (train model)?"),
        ("7777", "There is no task 7777"),
        ("abc", "at least the first 4"),
        ("train model", "is no id of a task"),
        ("abcd*", "is no id of a task"),
    ],
)
def test_an_unknown_id_is_answered_in_a_sentence(
    wanted: str, answer: str, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.create(id="abcd1234" + "0" * 24)
    assert main(["show", wanted]) == 1
    assert answer in capsys.readouterr().err


def test_what_a_task_was_given_beside_its_parameters_is_shown(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "a: 1\n\tb: [1,   2]\n" + "".join(f"line{number}: x\n" for number in range(30))
    task_id = tasks.create(
        configurations={"model": Configuration(text=text, type="yaml")},
        properties={"stage": Parameter(value="good", type="str", description="how far")},
        labels={"cat": 1},
    )
    tasks.begin(task_id)
    model_id = "a" * 32
    use = ModelUse(name="best", model=model_id, is_output=True)
    fields: dict[str, Any] = {"name": "m", "framework": "torch", "url": "file:///m.pt"}
    tasks.says(task_id, ModelSaved(model=model_id, fields=fields), ModelUsed(use=use))
    lines = [line.rstrip() for line in shown(capsys, "show", task_id).splitlines()]
    at = lines.index("configuration model (yaml)")
    assert lines[at + 1 : at + 4] == ["  a: 1", "      b: [1,   2]", "  line0: x"]
    assert lines[at + 20 : at + 23] == [
        "  line17: x",
        "  ... and 12 more lines: --json has all",
        "",
    ]
    assert [line.split() for line in lines if "how far" in line] == [
        ["stage", "good", "how", "far"]
    ]
    assert lines[lines.index("labels") + 1].split() == ["cat", "1"]
    row = ["best", "output", model_id, "torch", "file:///m.pt"]
    assert lines[lines.index("models") + 1].split() == row
    (listed,) = plain(capsys, "show", task_id)["models"]
    assert (listed["name"], listed["model"]) == ("best", model_id)

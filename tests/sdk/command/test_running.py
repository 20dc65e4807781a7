"""`elsewhere run` and `rerun`, up to the queue."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.command.main import main
from elsewhere.core.choices import Status
from elsewhere.core.records import Parameter, Source
from tests.sdk.command.tasks import Tasks, open_tasks
from tests.stores import find


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a person's code, where a Python of this environment is first on PATH."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("print('here')\n")
    (folder / "go.sh").write_text("python train.py\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")
    return folder


def test_a_program_is_a_task_with_what_it_needs(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--gpus", "2", "--cpus", "3", "--memory", "4GB", "--disk", "5GB", "--priority", "6"]
    options += ["--time-limit", "7", "--env", "A=b=c", "--tag", "x", "--tag", "y"]
    options += [
        "--secret",
        "KEY",
        "--keep",
        "out/**",
        "--mount",
        "corpus=big",
        "--image",
        "an/image",
    ]
    assert main(["run", *options, "--", "python", "train.py", "--api-key", "sk-1"]) == 0
    captured = capsys.readouterr()
    task_id = captured.out.strip()
    record, state = tasks.store.read(task_id), tasks.store.state(task_id)
    assert (state.status, state.queue) == (Status.QUEUED, "default")
    needs = record.needs
    assert (needs.gpus, needs.cpus, needs.memory_bytes, needs.disk_bytes) == (
        2,
        3,
        4 << 30,
        5 << 30,
    )
    assert (record.priority, record.time_limit_s, record.tags) == (6, 7.0, ("x", "y"))
    assert record.parameters["Environment/A"].value == "b=c"
    environment = record.environment
    assert (environment.secrets, environment.keep) == (("KEY",), ("out/**",))
    assert (environment.mounts, environment.image) == ({"corpus": "big"}, "an/image")
    assert (record.name, record.project) == ("train", "project")
    assert record.source.argv == ("--api-key", "***")
    assert "--api-key is a secret and does not travel" in captured.err
    assert "sk-1" not in captured.err
    assert f"'elsewhere logs -f {task_id[:8]}' follows it" in captured.err


def test_a_draft_waits_in_no_queue_and_code_of_a_url_is_only_named(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://example.invalid/ada/model.git"
    words = ["--repo", url, "--branch", "dev", "--dir", "src", "python3.12", "fit.py", "-x"]
    assert main(["run", "--draft", *words]) == 0
    task_id = capsys.readouterr().out.strip()
    record = tasks.store.read(task_id)
    source = record.source
    assert (source.repository, source.branch, source.working_dir) == (url, "dev", "src")
    assert (source.entry_point, source.argv) == ("fit.py", ("-x",))
    assert (record.name, record.project, record.environment.python) == ("fit", "model", "3.12")
    assert tasks.store.state(task_id).status is Status.CREATED


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "There is nothing to run"),
        ("--queue nope train.py", "There is no queue 'nope'"),
        ("--queue a/b train.py", "The queue name 'a/b' cannot be used"),
        ("missing.py", "There is no script 'missing.py'"),
        ("python -m missing.module", "There is no module 'missing.module'"),
        ("nopython train.py", "elsewhere run ./train.sh"),
        ("python9.9 train.py", "There is no 'python9.9' here to start"),
        ("--gpus 1.5 train.py", "The number of GPUs must be a whole number"),
        ("--memory much train.py", "The memory"),
        ("--time-limit -1 train.py", "The time limit"),
        ("--env A train.py", "write --env NAME=VALUE"),
        ("--env ELSEWHERE_HOME=/x train.py", "--env ELSEWHERE_HOME is Elsewhere's own"),
        ("--env PYTHONHASHSEED=1 train.py", "acts where Python starts"),
        ("--env LD_PRELOAD=x.so train.py", "acts where Python starts"),
        ("--env HF_TOKEN=hf_abc train.py", "--secret HF_TOKEN has the agent give its own"),
        ("--env A=b ./go.sh", "export the variables in it"),
        ("--mount A train.py", "write --mount NAME=VALUE"),
        ("--data missing.bin train.py", "missing.bin"),
        ("--name x train.py", "The task name 'x' cannot be used"),
        ("--args x train.py", "write them behind the command"),
        ("--script train.py -- train.py", "both name what runs"),
        ("--requirements missing.txt train.py", "missing.txt"),
        ("--dir missing train.py", "There is no working folder 'missing'"),
    ],
)
def test_what_cannot_be_sent_is_one_sentence_and_no_task(
    words: str, sentence: str, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words.split()]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hf_abc" not in captured.err
    said = [line for line in captured.err.splitlines() if line.startswith("elsewhere: ")]
    assert sentence in said[-1], captured.err
    assert find(tasks.store) == []


def test_a_python_without_elsewhere_is_named_with_how_to_add_it(
    tmp_path: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = bare / "bin" / "python"
    assert main(["run", str(python), "train.py"]) == 2
    said = capsys.readouterr().err
    assert f"{python} is of the environment {bare}" in said
    assert f"{python} -m pip install elsewhere" in said
    python.unlink()
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    assert main(["run", str(python), "train.py"]) == 2
    assert f"{python} does not start" in capsys.readouterr().err
    assert find(tasks.store) == []


def test_a_task_runs_again_in_its_queue_with_changes(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.queues.create("big")
    task_id = tasks.create(parameters={"Args/lr": Parameter(value=0.1, type="float")})
    tasks.queues.enqueue(task_id, "big")
    tasks.begin(task_id)
    tasks.ends(task_id)
    assert main(["rerun", task_id[:8], "--set", "Args/lr=2", "--name", "again"]) == 0
    captured = capsys.readouterr()
    clone_id = captured.out.strip()
    state, record = tasks.store.state(clone_id), tasks.store.read(clone_id)
    assert (state.status, state.queue) == (Status.QUEUED, "big")
    assert (record.name, record.parameters["Args/lr"].value) == ("again", 2.0)
    assert f"{clone_id[:8]} (again) waits in queue 'big'" in captured.err
    assert main(["rerun", task_id, "--queue", "nope"]) == 1
    assert "There is no queue 'nope'" in capsys.readouterr().err
    assert main(["rerun", task_id, "--set", "x"]) == 2
    assert len(find(tasks.store)) == 2, "nothing is left of what was wrong"


def test_a_task_whose_code_is_gone_leaves_no_clone(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = tasks.create(source=Source(entry_point="train.py", patch="0" * 64))
    assert main(["rerun", task_id]) == 1
    assert "Run its script once more" in capsys.readouterr().err
    assert find(tasks.store) == [task_id]


def test_a_launcher_is_of_the_python_in_its_first_line(
    tmp_path: Path, tasks: Tasks, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = tmp_path / "away"  # as `pip install --user` makes them: no Python lies beside
    away.mkdir()
    launcher = away / "torchrun"
    launcher.write_text(f"#!{sys.executable}\n")
    launcher.chmod(0o755)
    words = ["run", "--draft", str(launcher), "--standalone", "train.py"]
    assert main(words) == 0
    launcher.write_text(f"#!{away / 'python3'}\n")
    capsys.readouterr()
    assert main(words) == 2
    assert f"{away / 'python3'} does not start" in capsys.readouterr().err


def test_folders_of_pythonpath_travel_with_the_code_and_others_are_named(
    tmp_path: Path,
    folder: Path,
    tasks: Tasks,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "lib").mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{folder / 'lib'}:{tmp_path}")
    assert main(["run", "--draft", "train.py"]) == 0
    captured = capsys.readouterr()
    assert tasks.store.read(captured.out.strip()).source.python_path == ("lib",)
    assert f"PYTHONPATH names {tmp_path}, outside of the code" in captured.err


def test_a_program_of_another_repository_than_the_one_it_is_started_in_is_refused(
    tmp_path: Path, folder: Path, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "fit.py").write_text("")
    for repository in (folder, other):
        subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    assert main(["run", "../other/fit.py"]) == 1
    assert "only one of them travels" in capsys.readouterr().err
    assert find(tasks.store) == []

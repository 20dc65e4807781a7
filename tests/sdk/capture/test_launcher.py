"""Launchers by their command lines, and where the program begins in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elsewhere.capture.launcher import Launcher, read_command, split_program
from elsewhere.core.errors import CaptureError, UsageError

RUN = "torch.distributed.run"
ACCELERATE = "accelerate.commands.launch"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("/venv/bin/python /venv/bin/torchrun --standalone x.py", f"{RUN} --standalone x.py"),
        ("python3.11 -m torch.distributed.run x.py", f"{RUN} x.py"),
        ("python -u -X dev -m torch.distributed.launch x.py", "torch.distributed.launch x.py"),
        ("/v/bin/python /v/bin/accelerate launch --cpu x.py", f"{ACCELERATE} --cpu x.py"),
        ("/v/bin/python /v/bin/accelerate-launch x.py", f"{ACCELERATE} x.py"),
        ("python -m accelerate.commands.accelerate_cli launch x.py", f"{ACCELERATE} x.py"),
        ("/v/bin/python /v/bin/deepspeed x.py", "deepspeed.launcher.runner x.py"),
        ("/v/bin/python /v/bin/accelerate env", None),
        ("/v/bin/python torchrun.py x.py", None),
        ("python -c torchrun", None),
        ("bash train.sh", None),
        ("python", None),
        ("", None),
    ],
)
def test_a_launcher_is_known_by_its_command_line(command: str, found: str | None) -> None:
    read = read_command(command.split())
    assert read == (found if found is None else found.split())


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ("--nproc-per-node 2 train.py --lr 1", "train.py --lr 1"),
        ("--standalone -m pkg.train other.py", "pkg.train other.py"),
        ("--config_file=a.py jobs/train.py", "jobs/train.py"),
        ("--no-python ./run.sh x", "./run.sh x"),
    ],
)
def test_a_program_is_found_behind_the_words_of_a_launcher(words: str, program: str) -> None:
    before, found = split_program([RUN, *words.split()])
    assert " ".join(found) == program
    assert " ".join((*before, *found)) == f"{RUN} {words}"


def test_a_launcher_without_a_program_is_refused() -> None:
    with pytest.raises(UsageError, match="names no script to launch"):
        split_program([RUN, "--nproc-per-node", "2"])


def test_paths_in_the_code_are_relative_and_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other = tmp_path / "code", tmp_path / "other.yaml"
    (root / "jobs").mkdir(parents=True)
    for file in (root / "a.yaml", other):
        file.touch()
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_HOME", str(cache))
    monkeypatch.setenv("PET_NPROC_PER_NODE", "2")
    words = (ACCELERATE, f"--x={root / 'a.yaml'}", str(root / "a.yaml"), "../other.yaml", "2")
    launcher = Launcher(words=words)
    assert launcher.words_from(root / "jobs", root) == (
        *(ACCELERATE, "--x=../a.yaml", "../a.yaml", "../other.yaml", "2"),
    )
    sentences = launcher.left_behind(root, root)
    assert len(sentences) == 2
    assert f"The launcher reads {other}, outside of the code" in sentences[0]
    assert "the variables PET_NPROC_PER_NODE, which does not travel" in sentences[1]
    (cache / "accelerate").mkdir(parents=True)
    default = cache / "accelerate" / "default_config.yaml"
    default.touch()
    assert str(default) in launcher.left_behind(root, root)[0]
    given = Launcher(words=(ACCELERATE, "--config_file", "a.yaml"))
    assert str(default) not in "".join(given.left_behind(root, root))


def test_a_launch_of_several_machines_cannot_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")
    Launcher(words=(RUN,)).check()
    with pytest.raises(CaptureError, match="This launch is of 2 machines"):
        Launcher(words=(RUN,), pid=os.getpid()).check()

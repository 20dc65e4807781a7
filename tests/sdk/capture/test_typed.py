"""Command lines as people type them, read as what a task runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.capture.typed import Typed, read_typed
from elsewhere.core.errors import UsageError


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("python train.py --lr 1", Typed(script="train.py", argv=("--lr", "1"), python="python")),
        ("python3.11 -uB a/b.py", Typed(script="a/b.py", python="python3.11")),
        ("/x/bin/python -m pkg.a --n 2", Typed(module="pkg.a --n 2", python="/x/bin/python")),
        ("train.py -x", Typed(script="train.py", argv=("-x",))),
        ("./go.sh", Typed(script="./go.sh", binary="/bin/bash")),
        ("sh go.sh -v", Typed(script="go.sh", binary="sh", argv=("-v",))),
        ("./zsh.sh", Typed(script="./zsh.sh", binary="/bin/zsh")),
        ("./tool", Typed(script="./tool", binary="ruby")),
        ("./pytool a", Typed(script="./pytool", argv=("a",))),
        (
            "python train.py --token x",
            Typed(script="train.py", argv=("--token", "***"), python="python"),
        ),
        (
            "torchrun --nproc-per-node 2 train.py --lr 1",
            Typed(
                module="torch.distributed.run --nproc-per-node 2 train.py --lr 1", python="torchrun"
            ),
        ),
        (
            "accelerate launch --num_processes 2 train.py",
            Typed(
                module="accelerate.commands.launch --num_processes 2 train.py", python="accelerate"
            ),
        ),
    ],
)
def test_what_was_typed(line: str, typed: Typed, folder: Path) -> None:
    assert read_typed(line.split(), folder) == typed


@pytest.mark.parametrize(
    ("typed", "program"),
    [
        (Typed(script="a/train.py"), "a/train.py"),
        (Typed(module="pkg.train --lr 1"), "pkg.train"),
        (Typed(module="torch.distributed.run --standalone a/train.py x"), "a/train.py"),
        (Typed(module="torch.distributed.run -m pkg.train x"), "pkg.train"),
    ],
)
def test_the_program_of_what_was_typed(typed: Typed, program: str) -> None:
    assert typed.program == program


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("python -c pass", "send 'python train.py'"),
        ("python", "send 'python train.py'"),
        ("python - x", "send 'python train.py'"),
        ("python -m", "send 'python train.py'"),
        ("python -O train.py", "The option -O of Python is not repeated elsewhere"),
        ("python -X dev train.py", "The option -X of Python"),
        ("bash -c ls", "send 'bash train.sh'"),
        ("bash", "send 'bash train.sh'"),
        ("uv run train.py", "uv run elsewhere run python train.py"),
        ("conda run -n x python a.py", "conda run -n NAME elsewhere run"),
        ("A=b python a.py", "--env A=b"),
        ("a.ipynb", "task.execute_remotely(queue)"),
        ("pytest -q", "elsewhere run ./train.sh"),
        ("./nothing", "elsewhere run ./train.sh"),
        ("./compiled", "it has no first line"),
        ("torchrun --standalone", "names no script to launch"),
        ("accelerate test", "elsewhere run ./train.sh"),
    ],
)
def test_what_a_task_cannot_repeat_is_said_with_what_to_type(
    line: str, advice: str, folder: Path
) -> None:
    with pytest.raises(UsageError) as error:
        read_typed(line.split(), folder)
    assert advice in str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "zsh.sh").write_text("#!/bin/zsh -e\n")
    (tmp_path / "tool").write_text("#!/usr/bin/env ruby\n")
    (tmp_path / "pytool").write_text("#! /usr/bin/env python3\n")
    (tmp_path / "compiled").write_bytes(b"\x7fELF\0\0")
    return tmp_path

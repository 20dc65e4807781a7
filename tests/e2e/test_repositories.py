"""Repositories in the shape of real ones go the whole way: what they print elsewhere is what they
print here, also after the same change on both sides."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from elsewhere import Task
from elsewhere_sandbox.installers.uv import find_uv
from tests.e2e.environments import make_python, write_project
from tests.e2e.repositories import GLOBALS, GLOO, HYDRA, HYDRA_PACKAGES, RANKS, SOCKETS
from tests.e2e.world import Box, Ended, Laptop, Printed, Repository, World
from tests.wheels import pack, write_wheel

#: installed ones, with what they need
_HYDRA: Final = (
    *("hydra-core", "omegaconf", "PyYAML", "antlr4-python3-runtime", "attrs", "packaging"),
)
_TORCH: Final = (
    *("torch", "filelock", "fsspec", "Jinja2", "MarkupSafe", "mpmath", "networkx", "setuptools"),
    *("sympy", "typing-extensions"),
)
#: the build for GPUs brings Triton, and gigabytes
_HAS_TORCH: Final = bool(find_spec("torch")) and not find_spec("triton")
_COMMAND: Final = "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())"
_LATE: Final = "# @package _global_\ndefaults:\n  - long\ntags: [late]\n"
#: what the runner prints when a step of the set-up has ended
_STEP: Final = re.compile(r"^\[elsewhere\] [a-z]+: [0-9.]+ s\n", re.MULTILINE)
_LAUNCH: Final = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def test_a_template_of_hydra_and_lightning_finds_all_that_its_configurations_name(
    world: World, box: Box, tmp_path: Path
) -> None:
    for name in _HYDRA:
        pack(world.wheels, name)
    for (name, version), files in HYDRA_PACKAGES.items():
        write_wheel(world.wheels, name, version, files)
    laptop = Laptop(make_python(tmp_path / "python", "venv"), tmp_path, box.store, world.url)
    project = laptop.repository("project", HYDRA)
    geometry = write_project(project.folder / "libs" / "geometry", "geometry", "0.1", "furlong")
    project.commit({})
    names = (name for name, _ in HYDRA_PACKAGES)
    install(laptop, world.wheels, *_HYDRA, *names, "--editable", str(geometry))
    meter = HYDRA["configs/callbacks/default.yaml"].replace("every: 2", "every: 5")
    project.write(  # an untracked file and an edited one
        {"configs/experiment/late.yaml": _LATE, "configs/callbacks/default.yaml": meter}
    )
    words = ("src/train.py", "experiment=late", "data.module.count=9")

    here = printed(run(laptop, project, *words))
    assert here[:2] == ["unit furlong tags ['late']", "logs logs"]
    assert [line.partition(" ")[0] for line in here[2:]] == [
        "epoch",
        "measured",
        *["epoch"] * 5,
        "measured",
    ]
    task = laptop.send(project.folder, *words, SEND="1")
    assert printed(box.end(task)) == here

    changes = ("model.optimizer.lr=0.05", "trainer.max_epochs=3", "model.degree=3")
    changed = printed(run(laptop, project, *words, *changes))
    assert changed != here
    edits = [word for change in changes for word in ("--set", f"Hydra/{change}")]
    assert printed(box.run(clone(laptop, box, task, *edits))) == changed

    other = ("src/train.py", "model=curve", "callbacks.meter.every=1")
    changed = printed(run(laptop, project, *other))
    assert changed != here
    assert printed(box.run(clone(laptop, box, task, "--args", " ".join(other[1:])))) == changed


def test_a_trainer_whose_globals_are_its_settings_brings_its_checkpoint_back(
    laptop: Laptop, box: Box
) -> None:
    project = laptop.repository("project", GLOBALS)
    project.write({"config/own.py": "max_iters = 15\n", "data/letters/input.txt": "an edited text"})
    checkpoint = project.folder / "out" / "ckpt.pt"

    run_here = run(laptop, project, "train.py", "--lr=0.1")
    here, weights = printed(run_here), checkpoint.read_bytes()
    assert here[0] == "Overriding: lr = 0.1"
    assert here[-2].startswith("step 20")
    task = laptop.send(project.folder, "train.py", "--lr=0.1", SEND="1")
    assert printed(box.end(task)) == here
    assert scalars(task) == scalars(laptop.task(run_here))
    assert fetched(laptop, task, "first") == weights

    words = ("config/own.py", "--lr=0.2", "--out_dir=out")
    run_here = run(laptop, project, "train.py", *words)
    changed = printed(run_here)
    assert changed[-2].startswith("step 15")
    other = clone(laptop, box, task, "--args", " ".join(words))
    assert printed(box.run(other)) == changed
    assert scalars(other) == scalars(laptop.task(run_here))
    assert fetched(laptop, other, "second") == checkpoint.read_bytes() != weights
    assert fetched(laptop, task, "again") == weights


def test_two_ranks_reduce_elsewhere_to_what_they_reduce_here(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {**RANKS, "reduction.py": SOCKETS})
    task = check_ranks(laptop, box, project)
    longer = ranks(run(laptop, project, *_LAUNCH, "train.py", "--steps", "4"))
    assert len(longer) == 6
    assert ranks(box.run(clone(laptop, box, task, "--args", "--steps 4"))) == longer


@pytest.mark.skipif(not _HAS_TORCH, reason="PyTorch's build for CPUs is not installed")
@pytest.mark.timeout(300)  # most of a gigabyte is packed, and installed twice
def test_two_ranks_of_pytorch_reduce_elsewhere_to_what_they_reduce_here(
    world: World, box: Box, tmp_path: Path
) -> None:
    for name in _TORCH:
        pack(world.wheels, name)
    laptop = Laptop(make_python(tmp_path / "python", "venv"), tmp_path, box.store, world.url)
    torch = f"torch=={importlib.metadata.version('torch')}"  # the index has the stand-in, too
    install(laptop, world.wheels, torch, *_TORCH[1:])
    check_ranks(laptop, box, laptop.repository("project", {**RANKS, "reduction.py": GLOO}))


def check_ranks(laptop: Laptop, box: Box, project: Repository) -> Task:
    """Sends a pair of ranks, then a clone with an edit. Gives the first one's task."""
    words = (*_LAUNCH, "train.py", "--lr", "0.2")
    here = ranks(run(laptop, project, *words))
    assert len(here) == 5  # a line for each step, and one for each rank
    task = laptop.send(project.folder, *words, SEND="1")
    ended = box.end(task)
    assert ranks(ended) == here
    for rank in range(2):
        assert f"rank {rank} is of task {task.id}" in ended.output

    changed = ranks(run(laptop, project, *words, "--lr", "0.5"))
    assert sum(line.startswith("rank ") and "lr 0.5" in line for line in changed) == 2
    assert ranks(box.run(clone(laptop, box, task, "--set", "Args/lr=0.5"))) == changed
    return task


def install(laptop: Laptop, wheels: Path, *words: str) -> None:
    """Installs packages of the box's index into the laptop's environment, as uv is asked to."""
    options = ("--quiet", "--offline", "--no-config", "--no-cache", "--compile-bytecode")
    places = ("--find-links", str(wheels), "--python", str(laptop.bin / "python"))
    subprocess.run([find_uv(), "pip", "install", *options, *places, *words], check=True)


def run(laptop: Laptop, project: Repository, *words: str) -> Printed:
    """Runs the program here."""
    ended = laptop.run(project.folder, *words)
    assert ended.code == 0, ended
    return ended


def command(laptop: Laptop, *words: str) -> str:
    """What `elsewhere` prints on the laptop."""
    printed = laptop.run(laptop.folder, "-c", _COMMAND, *words)
    assert printed.code == 0, printed
    return printed.output.decode()


def test_with_another_command_line_what_the_earlier_one_gave_does_not_count(
    laptop: Laptop, box: Box
) -> None:
    program = (
        "import argparse, sys\n"
        "from elsewhere import Task\n"
        "config = {'lr': float(sys.argv[1]), 'depth': 2}\n"
        "task = Task.init('repositories', 'connected', reuse_last_task_id=False)\n"
        "task.connect(config)\n"
        "task.execute_remotely('default')\n"
        "print('config', config['lr'], config['depth'])\n"
    )
    project = laptop.repository("project", {"train.py": program})
    task = laptop.send(project.folder, "train.py", "0.1")
    assert printed(box.end(task)) == ["config 0.1 2"]
    other = clone(laptop, box, task, "--args", "0.2", "--set", "General/depth=5")
    ended = box.run(other)
    assert printed(ended) == ["config 0.2 5"]
    assert other.get_parameters()["General/lr"] == 0.2
    assert printed(box.run(clone(laptop, box, other))) == ["config 0.2 5"]


def clone(laptop: Laptop, box: Box, task: Task, *words: str) -> Task:
    """A draft of the task with these changes, as `elsewhere clone` makes it."""
    return Task(command(laptop, "clone", task.id, *words).strip(), box.store)


def fetched(laptop: Laptop, task: Task, to: str) -> bytes:
    """The checkpoint of a task, as `elsewhere fetch` brings it."""
    assert "out/ckpt.pt" in command(laptop, "fetch", task.id)
    command(laptop, "fetch", task.id, "*.pt", "--to", to)
    return (laptop.folder / to / "files" / "out" / "ckpt.pt").read_bytes()


def scalars(task: Task) -> object:
    return task.get_reported_scalars()["loss"]


def printed(ended: Printed | Ended) -> list[str]:
    """The lines that the program printed; elsewhere, those between the set-up and the end."""
    if isinstance(ended, Printed):
        return ended.output.decode().splitlines()
    assert ended.status == "completed", ended
    *_, output = _STEP.split(ended.output)
    ours = ("[elsewhere] ", "Elsewhere: ")  # the runner's, and what the SDK says on stderr
    return [line for line in output.splitlines() if not line.startswith(ours)]


def ranks(ended: Printed | Ended) -> list[str]:
    """What ranks print in any order, without the task's id, which each run has its own of."""
    ours = (line for line in printed(ended) if line.startswith(("step ", "rank ")))
    return sorted(line for line in ours if " is of task " not in line)

"""The overrides of a run: read once by its process, and those of the task that it is just then."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.codec import to_plain
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.params import as_edit, to_parameter
from elsewhere.core.records import Parameter
from elsewhere.run import membership
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import make_record

#: before a program: `reads` has an item for each time that the process reads the task's file
COUNTING: Final = """
reads = []

def count(event, given):
    if event == "open" and given[1] is None and str(given[0]).endswith("spec.json"):
        reads.append(given)

sys.addaudithook(count)
"""

#: programs with thirty options `--x0` ..., which print the last one's value; the section is theirs
PROGRAMS: Final = {
    "argparse": """
import argparse
parser = argparse.ArgumentParser()
command = parser.add_subparsers(dest="command").add_parser("train")
for n in range(30):
    command.add_argument(f"--x{n}", type=int, default=1)
print(parser.parse_args().x29)
""",
    "click": """
import click
def train(**given):
    print(given["x29"])
for n in range(30):
    train = click.option(f"--x{n}", default=1)(train)
click.command()(train)(standalone_mode=False)
""",
    "fire": """
import fire
exec("def train(" + ", ".join(f"x{n}=1" for n in range(30)) + "): print(x29)")
fire.Fire(train)
""",
    "absl": """
from absl import flags
for n in range(30):
    flags.DEFINE_integer(f"x{n}", 1, "")
flags.FLAGS(sys.argv)
print(flags.FLAGS.x29)
""",
    "hydra": """
import hydra
Path("config.yaml").write_text("".join(f"x{n}: 1\\n" for n in range(30)))
@hydra.main(version_base=None, config_path=".", config_name="config")
def train(config):
    print(config.x29)
train()
""",
    "jsonargparse": """
import jsonargparse
parser = jsonargparse.ArgumentParser()
for n in range(30):
    parser.add_argument(f"--x{n}", type=int, default=1)
print(parser.parse_args().x29)
""",
    "environment": """
task = Task.init()
print(os.environ["x29"])
""",
}
SECTIONS: Final = {"absl": "TF_DEFINE", "hydra": "Hydra", "environment": "Environment"}


def run_folder(home: Path, **parameters: object) -> Path:
    """The folder of a remote run of a task with these parameters; `__` stands for `/`."""
    named = {
        name.replace("__", "/"): as_edit(to_parameter(value), None)
        for name, value in parameters.items()
    }
    record = make_record(parameters=named)
    folder = Home(home).run(record.id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    return folder.path


@pytest.mark.parametrize("library", PROGRAMS)
def test_a_process_reads_its_overrides_once(
    library: str, scripts: Scripts, elsewhere_home: Path
) -> None:
    section = SECTIONS.get(library, "Args")
    folder = run_folder(elsewhere_home, **{f"{section}__x{n}": 2 for n in range(30)})
    ends = "task = Task.init()\nprint(len(reads))\n"
    for program in (PROGRAMS[library] + ends, ends + PROGRAMS[library] + "print(len(reads))\n"):
        argv = ["train"] if library == "argparse" else []
        ran = scripts.run(COUNTING + program, argv=argv, ELSEWHERE_RUN_FOLDER=str(folder))
        assert ran.status == 0, ran.errors
        assert "2" in ran.lines
        assert ran.lines[-1] == "1"


def test_another_run_folder_has_overrides_of_its_own(
    elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (run_folder(elsewhere_home, x=value) for value in (1, 2))
    for folder, value in ((one, 1), (other, 2), (one, 1)):
        monkeypatch.setenv("ELSEWHERE_RUN_FOLDER", str(folder))
        assert (membership.overrides() or {})["x"].value == value
    monkeypatch.delenv("ELSEWHERE_RUN_FOLDER")
    assert membership.overrides() is None


PARSE: Final = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=int, default=1)

def parse():
    return parser.parse_known_args()[0].x
"""
FORKING: Final = """
def child():
    print(parse(), len(reads), flush=True)
    Task.init()
    print(parse(), len(reads), flush=True)
    os._exit(0)

for is_begun in (False, True):
    if is_begun:
        Task.init()
    print(parse(), len(reads), flush=True)
    if not (pid := os.fork()):
        child()
    assert os.waitpid(pid, 0)[1] == 0
"""
SIMULATING: Final = """
print(parse())
for task_id in (sys.argv[1:2], [], sys.argv[2:]):
    if task_id:
        Task.debug_simulate_remote_task(task_id[0])
    task = Task.init("examples", "local", reuse_last_task_id=False)
    print(parse())
    task.close()
    print(parse())
"""
AGAIN: Final = """
for _ in range(2):
    task = Task.init()
    task.set_parameter("Args/x", 5)
    print(parse())
    task.close()
    print(parse())
"""


def test_a_fork_has_the_overrides_of_its_run_and_does_not_read_them_again(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    folder = run_folder(elsewhere_home, Args__x=2)
    ran = scripts.run(COUNTING + PARSE + FORKING, ELSEWHERE_RUN_FOLDER=str(folder))
    assert ran.status == 0, ran.errors
    assert ran.lines == ["2 1"] * 6


def test_overrides_are_those_of_the_task_that_the_process_is_just_then(
    scripts: Scripts, store: RedisStore
) -> None:
    ids = []
    for value in (2, 3):
        record = make_record(parameters={"Args/x": Parameter(value=value, type="int")})
        store.create(record)
        ids.append(record.id)
    ran = scripts.run(PARSE + SIMULATING, argv=ids)
    assert ran.status == 0, ran.errors
    assert ran.lines == ["1", "2", "1", "1", "1", "3", "1"]


def test_a_run_that_is_closed_and_begun_again_has_the_same_overrides(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    folder = run_folder(elsewhere_home, Args__x=2)
    ran = scripts.run(PARSE + AGAIN, ELSEWHERE_RUN_FOLDER=str(folder))
    assert ran.status == 0, ran.errors
    assert ran.lines == ["2"] * 4

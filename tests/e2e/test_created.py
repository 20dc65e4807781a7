"""Tasks that are described rather than run: made on the laptop, run on the box."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere import Task
from tests.e2e.world import Box, Laptop, World

#: it knows nothing of us
PLAIN = """
import argparse, multiprocessing, os, random, sys

def child():
    print("child", "elsewhere.task.task" in sys.modules, flush=True)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--verbose", action=argparse.BooleanOptionalAction, default=False)
    print("given", parser.parse_args(), sys.argv)
    print("drawn", random.random())
    multiprocessing.get_context("spawn").Process(target=child).start()
"""


def create(laptop: Laptop, box: Box, folder: Path, arguments: str, before: str = "") -> Task:
    """What `Task.create` makes of these arguments on the laptop, where no task is running."""
    code = f"from elsewhere import Task\n{before}\nprint(Task.create('made', {arguments}).id)\n"
    printed = laptop.run(folder, "-c", code)
    assert printed.code == 0, printed
    return Task(printed.output.decode().split()[-1], box.store)


def test_a_script_that_never_calls_init_is_a_task_all_the_same(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": PLAIN})
    given = "script='train.py', argparse_args=[('lr', 0.5), ('verbose', True)]"
    task = create(laptop, box, project.folder, given, "Task.set_random_seed(7)")
    ended = box.run(task)
    assert ended.status == "completed", ended
    assert "given Namespace(lr=0.5, verbose=True) ['train.py']" in ended.output
    drawn = next(line for line in ended.output.splitlines() if line.startswith("drawn"))
    assert drawn == "drawn 0.32383276483316237"
    assert "child False" in ended.output, "only the program itself is begun for"
    assert task.get_parameters() == {"Args/lr": 0.5, "Args/verbose": True}
    assert task.get_parameter("Args/lr") == 0.5

    left_alone = create(laptop, box, project.folder, f"{given}, add_task_init_call=False")
    ended = box.run(left_alone)
    assert ended.status == "completed", ended
    assert "given Namespace(lr=0.1, verbose=False)" in ended.output


def test_a_program_that_fails_before_its_first_line_has_failed(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": "import not_there\n"})
    ended = box.run(create(laptop, box, project.folder, "script='train.py', packages=[]"))
    assert ended.outcome.sentence == "program_failed: exit code 1", ended


def test_a_script_that_calls_init_says_itself_what_is_connected(laptop: Laptop, box: Box) -> None:
    code = """
import argparse, elsewhere
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
task = elsewhere.Task.init("made", "own", auto_connect_arg_parser={"lr": False})
print("given", parser.parse_args().lr, task.id)
"""
    project = laptop.repository("project", {"train.py": code})
    given = "script='train.py', argparse_args=[('lr', 0.5)]"
    task = create(laptop, box, project.folder, given)
    ended = box.run(task)
    assert f"given 0.1 {task.id}" in ended.output, ended


@pytest.mark.parametrize("how", ["repo={path!r}, module='package.train'", "script={script!r}"])
def test_local_code_travels_with_all_that_was_not_committed(
    laptop: Laptop, box: Box, how: str
) -> None:
    code = "import gauge\nfrom pathlib import Path\n"
    project = laptop.repository("project", {"package/train.py": code})
    code += "print('changed', Path(__file__).with_name('word.txt').read_text(), gauge.UNIT)\n"
    project.write({"package/train.py": code, "package/word.txt": "untracked"})
    script = str(project.folder / "package" / "train.py")
    given = how.format(path=str(project.folder), script=script)
    ended = box.run(create(laptop, box, laptop.folder, given))
    assert "changed untracked furlong" in ended.output, ended


def test_a_script_outside_git_and_one_of_another_language(laptop: Laptop, box: Box) -> None:
    (laptop.folder / "beside.py").write_text("WORD = 'beside'\n")
    (laptop.folder / "loose.py").write_text("import beside\nprint('word', beside.WORD)\n")
    (laptop.folder / "run.sh").write_text(
        "declare -A words=([a]=bash); python -c \"print('${words[a]}', 6 * 7)\"\n"
    )
    ended = box.run(create(laptop, box, laptop.folder, "script='loose.py'"))
    assert "word beside" in ended.output, ended
    ended = box.run(create(laptop, box, laptop.folder, "script='run.sh', packages=[]"))
    assert "bash 42" in ended.output, ended


def test_a_template_is_filled_cloned_exported_and_run(
    laptop: Laptop, box: Box, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", world.url)
    remote = laptop.remote("origin")
    laptop.repository("project", {"train.py": "print('from', __file__)\n"}, remote=remote)
    task = create(laptop, box, laptop.folder, "'template', docker='python:3.11'")
    task.set_script(repository=str(remote), branch="main", entry_point="train.py")
    task.set_packages("")
    copy = Task.clone(task)
    again = Task.import_task(copy.export_task())
    assert again is not None
    ended = box.run(again)
    assert ended.status == "completed", ended
    assert "The image python:3.11 is not used: this agent runs no containers" in ended.output

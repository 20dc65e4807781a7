"""The ways to get a task onto the box, beside a script that sends itself."""

from __future__ import annotations

from elsewhere import Task
from tests.e2e.world import Box, Laptop


def test_a_copy_is_sent_and_the_script_goes_on(laptop: Laptop, box: Box) -> None:
    code = """
from elsewhere import Task
task = Task.init("sending", "both")
copy = task.execute_remotely("default", clone=True, exit_process=False)
if copy is None:
    print("I am the copy")
else:
    print("here", copy.id)
    print("waited", copy.wait_for_status(within_s=60))
"""
    project = laptop.repository("project", {"train.py": code})
    printed = laptop.run(project.folder, "train.py")
    assert printed.code == 0, printed
    here, waited = printed.output.decode().splitlines()
    assert waited == "waited completed"
    copy = Task(here.split()[1], box.store)
    assert "I am the copy" in box.output(copy)
    own = laptop.task(printed)
    assert own.get_status() == "completed"
    assert copy.id != own.id


def test_without_a_queue_it_becomes_a_draft(laptop: Laptop, box: Box) -> None:
    code = """
from elsewhere import Task
task = Task.init("sending", "later")
task.execute_remotely()
print("ran")
"""
    project = laptop.repository("project", {"train.py": code})
    printed = laptop.run(project.folder, "train.py")
    assert printed.code == 0, printed
    assert b"ran" not in printed.output
    draft = laptop.task(printed)
    assert draft.get_status() == "created"
    ended = box.run(draft)
    assert ended.status == "completed", ended
    assert "ran" in ended.output


def test_a_run_that_ended_here_is_cloned_there(laptop: Laptop, box: Box) -> None:
    """No call in the script is needed: what ran here runs there."""
    code = """
from elsewhere import Task
import gauge
task = Task.init("sending", "unchanged")
print("word", open("word.txt").read(), gauge.UNIT)
"""
    project = laptop.repository("project", {"train.py": code})
    project.write({"word.txt": "untracked"})
    printed = laptop.run(project.folder, "train.py")
    assert printed.output == b"word untracked furlong\n", printed
    assert "Traceback" not in printed.errors
    ended = box.run(Task.clone(laptop.task(printed)))
    assert ended.status == "completed", ended
    assert "word untracked furlong" in ended.output


def test_a_draft_made_by_hand_gets_the_repository_s_requirements(laptop: Laptop, box: Box) -> None:
    """The script need not know of us."""
    remote = laptop.remote("origin")
    code = "import sys, gauge\nprint('by hand', sys.argv[1:], gauge.UNIT)\n"
    laptop.repository(
        "project",
        {"jobs/train.py": code, "requirements.txt": "gauge >= 2\n"},
        remote=remote,
    )
    make = (
        "from elsewhere import Task\n"
        f"draft = Task.create('sending', 'by hand', repo={str(remote)!r}, branch='main',\n"
        "    script='jobs/train.py', argv=['--lr', '1'])\n"
        "Task.enqueue(draft)\nprint(draft.id)\n"
    )
    printed = laptop.run(laptop.folder, "-c", make)
    assert printed.code == 0, printed
    ended = box.end(Task(printed.output.decode().strip(), box.store))
    assert ended.status == "completed", ended
    assert "by hand ['--lr', '1'] furlong" in ended.output


def test_two_functions_of_one_script(laptop: Laptop, box: Box) -> None:
    code = """
from elsewhere import Task

def first(word="?"):
    print("first", word)

def second(number, flag):
    print("second", repr(number), repr(flag))
    if flag:
        raise RuntimeError("asked to fail")

task = Task.init("sending", "functions")
one = task.create_function_task(first, word="a")
two = task.create_function_task(second, func_name="other", task_name="named", number=3, flag=False)
print(one.id, two.id)
"""
    project = laptop.repository("project", {"train.py": code})
    printed = laptop.run(project.folder, "train.py")
    assert printed.code == 0, printed
    one, two = (Task(task_id, box.store) for task_id in printed.output.decode().split())
    assert (one.name, two.name) == ("functions <first>", "named")
    assert "first a" in box.run(one).output
    failing = Task.clone(two)
    ended = box.run(two)
    assert ended.status == "completed", ended
    assert "second 3 False" in ended.output
    assert "first" not in ended.output

    failing.set_parameter("Function/flag", True)
    ended = box.run(failing)
    assert ended.outcome.sentence == "program_failed: exit code 1", ended
    assert "RuntimeError: asked to fail" in ended.output


def test_arguments_parsed_before_init_are_overridden(laptop: Laptop, box: Box) -> None:
    code = """
import argparse
from elsewhere import Task
parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command")
train = commands.add_parser("train")
train.add_argument("--lr", type=float, default=0.1)
train.add_argument("--steps", type=int, nargs="+", default=[1])
given = parser.parse_args()
task = Task.init("sending", "parsed early")
task.execute_remotely("default")
print("given", given.command, repr(given.lr), given.steps)
"""
    project = laptop.repository("project", {"train.py": code})
    task = laptop.send(project.folder, "train.py", "train", "--steps", "3", "4")
    ended = box.end(task)
    assert "given train 0.1 [3, 4]" in ended.output, ended
    clone = Task.clone(task)
    names = {name.rpartition("/")[2]: name for name in clone.get_parameters()}
    clone.set_parameter(names["lr"], 0.5)
    clone.set_parameter(names["steps"], [7])
    ended = box.run(clone)
    assert "given train 0.5 [7]" in ended.output, ended


def test_a_secret_of_the_command_line_is_named_here_and_refused_there(
    laptop: Laptop, box: Box
) -> None:
    code = """
from elsewhere import Task
task = Task.init("sending", "secret")
task.execute_remotely("default")
print("ran")
"""
    project = laptop.repository("project", {"train.py": code})
    printed = laptop.run(project.folder, "train.py", "--api-key", "abc", "--lr", "1")
    assert printed.code == 0, printed
    assert "The value of --api-key is a secret and does not travel." in printed.errors
    assert 'agent.pass_environment = ["API_KEY"]' in printed.errors
    ended = box.end(laptop.task(printed))
    assert ended.status == "failed"
    assert "Set the environment variable API_KEY for the agent" in ended.output
    assert "ran" not in ended.output.splitlines()

"""The page that describes `Task`, where it speaks of an agent.

section of the page                 test
Remote Execution                    test_a_script_moves_to_the_agent_with_all_that_it_does
all blocks inside a script          the same: they are what it does behind execute_remotely
Remote Function Execution           test_a_function_runs_with_its_arguments_as_they_are_by_then
Empty Task Creation                 test_what_was_made_without_running_it_runs
Cloning & Executing Tasks           test_what_was_made_without_running_it_runs
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from elsewhere import Task
from elsewhere.core.errors import UsageError
from tests.e2e.world import Box, Ended, Laptop

_TRAIN: Final = """
import json
from pathlib import Path
from elsewhere import OutputModel, Task

class Person:
    def __init__(self, name, age):
        self.name = name
        self.age = age

def run_me_remotely(some_argument):
    print("called with", repr(some_argument))

me = Person('Erik', 5)
params_dictionary = {'epochs': 3, 'lr': 0.4}
model_config_dict = {
   'value': 13.37,  'dict': {'sub_value': 'string'},  'list_of_ints': [1, 2, 3, 4],
}
task = Task.init(project_name='examples', task_name='remote')
task.connect(me)
task.connect(params_dictionary)
model_config_dict = task.connect_configuration(
  name='dictionary', configuration=model_config_dict
)
config_file_yaml = task.connect_configuration(
  name="yaml file", configuration='file.yaml'
)
a_func_task = task.create_function_task(
    func=run_me_remotely,  # type: Callable
    func_name='func_id_run_me_remotely',  # type:Optional[str]
    task_name='a func task',  # type:Optional[str]
    # everything below will be passed directly to our function as arguments
    some_argument=123
)
Path("function_task").write_text(a_func_task.id if a_func_task is not None else "")
print("before execute_remotely")
task.execute_remotely(
    queue_name='default',  # type: Optional[str]
    clone=False,  # type: bool
    exit_process=True  # type: bool
)
print("behind execute_remotely")
task.set_progress(0)
task.set_progress(50)
print("progress", float(task.get_progress()))
task.set_parameter(name='decay',value=0.001)
print("parameters", json.dumps(task.get_parameters(), sort_keys=True))
print("connected", me.name, me.age, json.dumps(params_dictionary))
print("configured", json.dumps(model_config_dict), repr(Path(config_file_yaml).read_text()))
task.set_user_properties(
  {"name": "backbone", "description": "network type", "value": "great"}
)
person_dict = {'name': 'Erik', 'age': 30}
task.upload_artifact(name='person dictionary json', artifact_object=person_dict)
task.upload_artifact(name='folder', artifact_object=Path('folder'))
Path("weights.pt").write_bytes(b"weights")
output_model = OutputModel(task=task, framework="PyTorch")
output_model.update_weights("weights.pt")
Path("more.pt").write_bytes(b"more weights")
task.update_output_model(model_path='more.pt')
a_task = Task.get_task(task_id=task.id)
print("itself", a_task.id == task.id == Task.current_task().id)
"""
_FILES: Final = {
    "train.py": _TRAIN,
    "file.yaml": "a: [1,   2]  # kept\n",
    "folder/one.txt": "one",
    "examples/reporting/html_reporting.py": "import gauge\nprint('reported a', gauge.UNIT)\n",
}


def _line(ended: Ended, word: str) -> str:
    found = re.search(rf"^{word} (.*)$", ended.output, re.MULTILINE)
    assert found is not None, ended.output
    return found[1]


def _send(laptop: Laptop) -> tuple[Task, Path]:
    """The task of the script, and the folder where it was."""
    project = laptop.repository("project", _FILES, remote=laptop.remote("origin"))
    return laptop.send(project.folder, "train.py"), project.folder


def test_a_script_moves_to_the_agent_with_all_that_it_does(laptop: Laptop, box: Box) -> None:
    task, _ = _send(laptop)
    here = box.store.output(task.id, attempt=1).data
    assert b"before execute_remotely" in here
    assert b"behind execute_remotely" not in here
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert ended.state.worker == "box"
    assert task.get_executed_queue(return_name=True) == "default"
    assert "behind execute_remotely" in ended.output

    assert _line(ended, "progress") == "50.0"
    connected: dict[str, Any] = {"name": "Erik", "age": 5, "epochs": 3, "lr": 0.4, "decay": 0.001}
    parameters = {f"General/{name}": value for name, value in connected.items()}
    assert json.loads(_line(ended, "parameters")) == parameters
    assert task.get_parameters() == parameters
    assert _line(ended, "connected") == 'Erik 5 {"epochs": 3, "lr": 0.4}'
    config = {"value": 13.37, "dict": {"sub_value": "string"}, "list_of_ints": [1, 2, 3, 4]}
    text = _FILES["file.yaml"]
    assert _line(ended, "configured") == f"{json.dumps(config)} {text!r}"
    assert task.get_user_properties(value_only=True) == {"backbone": "great"}
    assert _line(ended, "itself") == "True"

    artifacts = task.artifacts
    assert artifacts["person dictionary json"].get() == {"name": "Erik", "age": 30}
    folder = Path(artifacts["folder"].get_local_copy())
    assert (folder / "one.txt").read_text() == "one"
    snapshots = [Path(str(one.get_local_copy())).read_text() for one in task.models["output"]]
    assert snapshots == ["weights", "more weights"], "they outlive the folder of the run"
    assert task.models["output"][-1].name == "remote - more"


def test_a_function_runs_with_its_arguments_as_they_are_by_then(laptop: Laptop, box: Box) -> None:
    task, folder = _send(laptop)
    a_func_task = Task((folder / "function_task").read_text(), box.store)
    assert (a_func_task.name, a_func_task.get_status()) == ("a func task", "created")
    assert a_func_task.get_parameter("Function/some_argument") == 123
    with pytest.raises(UsageError, match="the task that a script is"):
        a_func_task.create_function_task(print)
    changed = Task.clone(a_func_task)
    changed.set_parameter("Function/some_argument", "456")
    for one in (a_func_task, changed):
        Task.enqueue(task=one, queue_name="default", queue_id=None)
    for one, argument in ((a_func_task, "123"), (changed, "456")):
        ended = box.end(one)
        assert ended.status == "completed", ended
        assert _line(ended, "called with") == argument
        assert "execute_remotely" not in ended.output
    box.end(task)


_MAKING: Final = """
from elsewhere import Task
task = Task.create(
    project_name='example',
    task_name='task template',
    repo={repo!r},
    branch='main',
    script='examples/reporting/html_reporting.py',
    working_directory='.',
    packages=['gauge==2.5'],
    docker=None,
)
cloned = Task.clone(
    source_task=task,  # type: Optional[Union[Task, str]]
    # override default name
    name='newly created task',  # type: Optional[str]
    comment=None,  # type: Optional[str]
    # insert cloned task into a different project
    project=None,  # type: Optional[str]
)
for one in (task, cloned):
    print(one.id, one.get_status(), one.name)
    Task.enqueue(
        task=one,  # type: Union[Task, str]
        queue_name='default',  # type: Optional[str]
        queue_id=None  # type: Optional[str]
    )
"""


def test_what_was_made_without_running_it_runs(laptop: Laptop, box: Box) -> None:
    origin = laptop.remote("origin")
    laptop.repository("project", _FILES, remote=origin)
    printed = laptop.run(laptop.folder, "-c", _MAKING.format(repo=f"file://{origin}"))
    assert printed.code == 0, printed
    lines = [line.split(" ", 2) for line in printed.output.decode().splitlines()]
    assert [line[1:] for line in lines] == [
        ["created", "task template"],
        ["created", "newly created task"],
    ]
    for task_id, *_ in lines:
        ended = box.end(Task(task_id, box.store))
        assert ended.status == "completed", ended
        assert _line(ended, "reported") == "a furlong"

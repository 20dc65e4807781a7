"""The scripts whose tasks are kept. `make.py` ran them with the code of the commit before; those
that wait in a queue or on an agent's disk are run, and run to their end, by the code of today."""

from __future__ import annotations

from typing import Final

PROJECT: Final = "kept/all"

#: a module that travels with the scripts that import it
BESIDE: Final = "WORD = 'beside'\n"

#: all that a script can say of its task, ended as completed
SAYS_ALL: Final = """
import argparse
import logging
import time
from enum import Enum
from pathlib import Path
from elsewhere import InputModel, OutputModel, Task, TaskParameters, param


class Color(Enum):
    RED = "r"


class Search(TaskParameters):
    rate = param(default=0.1, type=float, range=(0, 1), desc="how fast")


task = Task.init(
    "kept/all", "says all", task_type="data_processing", tags=["kept", "gr\u00fc\u00dfe"],
    output_uri=True, auto_resource_monitoring={"first_report_sec": 0.2},
)
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--label", default="plain")
parser.add_argument("--seed", type=int)
parser.parse_args()
values = {
    "int": 1, "float": 0.5, "bool": True, "str": "5", "none": None, "list": [1, 2],
    "tuple": (1, 2), "dict": {"deep": {"er": 1.5}}, "empty": {}, "enum": Color.RED,
    "path": Path("a/b"),
}
task.connect(values, name="Dict")
task.connect(Search(), name="Search")
task.set_parameter("described", 3, description="by hand")
task.connect_configuration({"a": 1, "deep": {"b": 2.5}}, name="dict", description="as JSON")
Path("notes.yaml").write_text("a: 1   # kept\\n")
task.connect_configuration("notes.yaml", name="file")
task.set_configuration_object("text", config_text="x = 1\\n")
task.connect_label_enumeration({"cat": 1, "dog": 2})
score = {"value": 0.5, "type": "float", "description": "of judges"}
task.set_user_properties({"score": score}, room="b7")
task.add_tags("late")
task.set_comment("A comment\\nof two lines.")

base = InputModel.import_model(
    "s3://bucket/base.bin", name="base", project="kept/all", tags=["b", "m"],
    comment="from outside", framework="pytorch", config_dict={"layers": 2},
    label_enumeration={"cat": 1},
)
base.set_metadata("epochs", "3", "int")
base.connect(task, "start")
net = OutputModel(
    task, name="net", tags=["m"], framework="own", base_model_id=base.id, config_text="two layers",
    comment="the best one", label_enumeration={"cat": 1, "dog": 2},
)
net.set_metadata("share", 0.25)
Path("net.bin").write_bytes(b"weights\\x00\\xff")
net.update_weights("net.bin", iteration=2)

task.upload_artifact("numbers", {"best": 3}, metadata={"from": "a test"}, wait_on_upload=True)
Path("table.csv").write_text("a,b\\n1,2\\n")
task.upload_artifact("table", Path("table.csv"), wait_on_upload=True)
task.upload_artifact("removed", [1], wait_on_upload=True)
task.delete_artifacts(["removed"])

said = task.get_logger()
for step, value in enumerate([1.5, float("nan"), -0.25, float("inf")]):
    said.report_scalar("loss", "train", value, step)
said.report_scalar("loss", "valid", 2, 10)
said.report_single_value("best", 0.875)
said.report_text("a warning", level=logging.WARNING)
task.set_progress(40)
print("one line\\n 10%\\r 20%\\r done")
print("gr\u00fc\u00dfe")
while not any(title.startswith(":") for title in task.get_reported_scalars()):
    time.sleep(0.01)
print("no end", end="")
"""

#: what is drawn from it is a function task, a draft
HAS_CHILDREN: Final = """
from elsewhere import Task

def train(rate, layers, name="none"):
    print("train", rate, layers, name)
    task.get_logger().report_scalar("loss", "train", rate, 1)

task = Task.init("kept/all", "has children")
made = task.create_function_task(train, rate=0.1, layers=(1, 2))
"""

FAILS: Final = """
from elsewhere import Task

task = Task.init("kept/all", "fails")
raise ValueError("my reason")
"""

#: nothing but its own end
ENDS: Final = """
import os
from elsewhere import Task

Task.init("kept/all", os.environ["CALLED"], auto_resource_monitoring=False)
"""

STOPS: Final = """
from elsewhere import Task

task = Task.init("kept/all", "stops", task_type="testing")
task.mark_stopped(status_message="enough")
"""

#: what it is called is a variable of its environment, which is not recorded
WAITS: Final = """
import os
import beside
from elsewhere import Task

task = Task.init("kept/all", os.environ.get("CALLED"), reuse_last_task_id=False)
values = task.connect({"rate": 0.5, "steps": 2})
task.execute_remotely("default")
for step in range(values["steps"]):
    task.get_logger().report_scalar("loss", "train", values["rate"] / (step + 1), step)
task.get_logger().report_text("a text")
task.upload_artifact("result", {"rate": values["rate"]})
print("here with what lies", beside.WORD, values)
"""

#: an agent began it and died; its runner brought it to its end
OUTLIVES: Final = """
import os
import time
from pathlib import Path
from elsewhere import Task

task = Task.init("kept/all", "outlives its agent", tags=["kept"])
task.execute_remotely("default")
print("while the agent lives")
task.get_logger().report_scalar("loss", "train", 1.0, 1)
task.upload_artifact("early", [1])
go = Path(os.environ["ELSEWHERE_RUN_FOLDER"], "go")
while not go.exists():
    time.sleep(0.01)
print("after its death")
task.get_logger().report_scalar("loss", "train", 0.5, 2)
task.upload_artifact("late", {"step": 2})
task.set_progress(80)
"""

#: an agent began it; then the machine lost its power
REBOOTS: Final = """
import os
import time
from elsewhere import Task

task = Task.init("kept/all", "its machine reboots")
task.execute_remotely("default")
first = os.environ["ELSEWHERE_RUN_FOLDER"].endswith(".2")  # .1 was that of the script here
print("the first time" if first else "again", flush=True)
task.get_logger().report_scalar("loss", "train", 1.0, 1)
while first:
    time.sleep(0.01)
"""

#: offline, all the same
OFFLINE: Final = """
import os
import signal
from pathlib import Path
import beside
from elsewhere import OutputModel, Task

task = Task.init("kept/offline", os.environ["CALLED"], tags=["early"])
task.connect({"rate": 0.5})
for step in range(3):
    task.get_logger().report_scalar("loss", "train", 1 / (step + 1), step)
task.upload_artifact("numbers", {"best": 3})
print("said offline", beside.WORD, flush=True)
task.flush()
if "killed" in task.name:
    os.kill(os.getpid(), signal.SIGKILL)
task.connect_configuration({"a": 1}, name="dict")
task.connect_label_enumeration({"cat": 1})
task.set_user_properties(room="b7")
task.add_tags("late")
task.set_comment("said to the end")
Path("net.bin").write_bytes(b"weights")
OutputModel(task, name="net offline").update_weights("net.bin", iteration=2)
task.get_logger().report_single_value("best", 0.875)
task.get_logger().report_text("a text")
task.set_progress(40)
task.publish_on_completion()
"""

#: It is told when the store has gone away, says something of every kind, and is killed. The names
#: of modules are those of the commit before: it is run no more.
KILLED: Final = """
import os
import signal
from pathlib import Path
from elsewhere import Task
from elsewhere.events import *
from elsewhere.journal import JournalWriter
from elsewhere.records import *

task = Task.init(
    "kept/all", "is killed", tags=["kept"], auto_resource_monitoring=False, output_uri=True
)
task.connect({"rate": 0.5, "gone": 1})
task.get_logger().report_scalar("loss", "train", 1.0, 1)
task.upload_artifact("gone", [1], wait_on_upload=True)
print("while the store is there", flush=True)
assert task.flush(wait_for_uploads=True)
print("delivered", flush=True)
input()

folder = Path(os.environ["ELSEWHERE_HOME"], "sessions", f"{task.id}.1")
(folder / "files" / "staged").mkdir(parents=True)
(folder / "files" / "staged" / "numbers.json").write_text('{"best": 3}')
(folder / "files" / "staged" / "net.bin").write_bytes(b"weights")
mine, base, other = "a" * 32, "b" * 32, "c" * 32
numbers = Artifact(
    name="numbers", type="dict", size_bytes=11, content_type="application/json",
    digest="ee2c49974471ff1fa35e6df5351db795794221c37f255e38203701e688e217ef",
    preview="{best: 3}", metadata={"from": "a test"}, uploaded_at=3.0,
)
link = Artifact(name="link", type="custom", url="s3://bucket/table.csv")
events = [
    Scalar(title="loss", series="train", value=0.5, iteration=2, at=3.0),
    Scalar(title="loss", series="train", value=float("nan"), iteration=3, at=4.0),
    Progress(percent=40.0, at=3.0),
    Parameters(
        values={"Args/lr": Parameter(value=0.1, type="float", description="how fast")},
        removed=("General/gone",),
    ),
    Configurations(
        values={"net": Configuration(text="a: 1\\n", type="yaml", description="of the net")}
    ),
    Configurations(removed=("nothing",)),
    Labels(values={"cat": 1, "dog": 2}),
    Edited(fields={"name": "was killed", "comment": "said late", "type": "testing"}),
    ArtifactAdded(artifact=numbers, file="files/staged/numbers.json"),
    ArtifactAdded(artifact=link),
    ArtifactsRemoved(names=("gone",)),
    ModelSaved(
        model=mine,
        fields={
            "name": "net of the killed", "task": task.id, "iteration": 5, "labels": {"cat": 1},
            "framework": "own", "metadata/share": {"value": 0.25, "type": "float"},
        },
        file="files/staged/net.bin",
    ),
    ModelUsed(use=ModelUse(name="net", model=mine, is_output=True, at=3.0)),
    ModelUsed(
        use=ModelUse(name="base", model=base, is_output=False, at=3.0),
        found={"url": "s3://bucket/other.bin", "name": "other"},
    ),
    ModelUsed(
        use=ModelUse(name="not after all", model=other, is_output=False, at=3.0),
        found={"url": "s3://bucket/third.bin", "name": "third"},
    ),
    ModelsUnused(names=("not after all",)),
    Text(message="a late text", level=30, at=3.0),
    Resources(title=":monitor:machine", values={"cpu": 1.0, "gpu": 0.5}, at=3.0, elapsed_s=7.0),
    Tags(added=("late",), removed=("kept",)),
    Tags(added=("archived",), are_system=True),
    Properties(values={"room": Parameter(value="b7", type="str", description="whose")}),
    Phase(name="run", at=3.0),
    Phase(name="run", at=3.0, seconds=1.5, detail="a detail"),
    PublishAtEnd(is_wanted=True),
    Verdict(status=Status.COMPLETED, message="by its own word", at=4.0),
]
missing = {kind.__name__ for kind in Event.__args__} - {type(event).__name__ for event in events}
assert not missing, missing
JournalWriter(folder / "journal").append(events)
print("while it is away\\nhalf a li", end="", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

#: whoever comes next on the machine: `{folder}` are the sessions that it finds
NEXT: Final = """
import time
from pathlib import Path
from elsewhere import Task

task = Task.init("kept/next", "comes next", auto_resource_monitoring=False)
while len(list(Path({folder!r}).iterdir())) > 1:
    time.sleep(0.01)
"""

"""On an agent the processes of a task see what the others record, with no store between them."""

from __future__ import annotations

from pathlib import Path

from elsewhere.core.codec import to_plain
from elsewhere.core.events import Parameters, Scalar, Tags
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.records import Parameter
from elsewhere.run.other_journals import OtherJournals
from tests.sdk.scripts import Ran, Scripts
from tests.stores import make_record

RECORDS = """
def record(number):
    task = Task.init()
    task.set_parameter("Workers/last", number)
    task.add_tags([f"tag{number}"])
    task.set_user_properties(worker=number)
    task.set_name(f"number {number}")
    task.get_logger().report_scalar("loss", "train", number, 1)
    task.flush()
def seen(task):
    print(task.get_parameter("Workers/last"), task.get_tags(), task.name,
          task.get_user_properties()["worker"]["value"], flush=True)
"""


def run_on_agent(scripts: Scripts, home: Path, script: str) -> Ran:
    record = make_record()
    folder = Home(home).run(record.id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    (scripts.folder / "records.py").write_text("from elsewhere import Task\n" + RECORDS)
    return scripts.run("from records import *\n" + script, ELSEWHERE_RUN_FOLDER=str(folder.path))


def test_a_parent_sees_what_its_children_record(scripts: Scripts, elsewhere_home: Path) -> None:
    ran = run_on_agent(
        scripts,
        elsewhere_home,
        """
import subprocess
task = Task.init()
for number in (1, 2):
    code = f"import records; records.record({number})"
    subprocess.run([sys.executable, "-c", code], check=True)
    seen(task)
if not os.fork():
    record(3)
    os._exit(0)
os.wait()
seen(task)
task.set_parameter("Workers/last", 4)
seen(task)
""",
    )
    assert (ran.status, ran.lines) == (
        0,
        [
            "1 ['tag1'] number 1 1",
            "2 ['tag1', 'tag2'] number 2 2",
            "3 ['tag1', 'tag2', 'tag3'] number 3 3",
            "4 ['tag1', 'tag2', 'tag3'] number 3 3",
        ],
    ), ran.errors


def test_a_child_sees_what_its_parent_records(scripts: Scripts, elsewhere_home: Path) -> None:
    ran = run_on_agent(
        scripts,
        elsewhere_home,
        """
import subprocess
record(1)
task = Task.init()
if not os.fork():
    seen(Task.current_task())
    Task.current_task().set_parameter("Workers/last", 2)
    seen(Task.current_task())
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-c", "from records import *; seen(Task.init())"], check=True)
""",
    )
    assert (ran.status, ran.lines) == (
        0,
        ["1 ['tag1'] number 1 1", "2 ['tag1'] number 1 1", "2 ['tag1'] number 1 1"],
    ), ran.errors


def test_only_what_changes_the_record_is_read_and_once(tmp_path: Path) -> None:
    others = OtherJournals(tmp_path)
    writer = JournalWriter(tmp_path)
    writer.path.rename(other := tmp_path / "1-aa.events")
    rate = Parameters(values={"rate": Parameter(value=1)})
    writer.append([Scalar(title="t", series="s", value=1.0, iteration=1, at=1.0), rate])
    assert others.news() == [rate]
    assert others.news() == []
    with other.open("ab") as file:
        file.write(b"a line that is still being writ")
    assert others.news() == []
    other.unlink()
    other.symlink_to("/etc/passwd")
    (tmp_path / "2-bb.events").mkdir()
    assert others.news() == []
    writer.close()
    own = JournalWriter(tmp_path)
    own.append([Tags(added=("mine",))])
    own.close()
    assert others.news() == []

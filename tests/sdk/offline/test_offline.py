"""Offline mode, as scripts use it: without a store, and imported afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import RunFolder, write_beside
from elsewhere.core.settings import load
from elsewhere.offline.importing import import_session
from elsewhere.storage import local_path
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere.task import stored
from elsewhere.task.handle import Handle
from tests.sdk.offline.sessions import home
from tests.sdk.scripts import Ran, Scripts
from tests.stores import find, make_record

NO_STORE = "redis://127.0.0.1:1"

REPORTS = """
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=0.5)
    arguments = parser.parse_args(["--rate", "0.25"])
    task.connect({"depth": 3}, name="Net")
    logger = task.get_logger()
    for iteration in range(3):
        logger.report_scalar("loss", "train", 1 / (1 + iteration), iteration)
    logger.report_single_value("best", 0.9)
    logger.report_text("reported")
    task.set_progress(50)
    task.add_tags(["late"])
    task.upload_artifact("data", {"a": [1, 2]})
    print("printed")
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path, NO_STORE)


@pytest.fixture(autouse=True)
def _switched_back() -> Iterator[None]:
    yield
    Handle._offline = None


def the_zip() -> Path:
    (archive,) = home().offline.iterdir()
    assert archive.suffix == ".zip"
    return archive


def was_fine(ran: Ran) -> list[str]:
    assert ran.status == 0, ran.errors
    return ran.lines


# a script


def test_a_script_that_runs_offline_needs_no_store_and_leaves_a_zip_file(scripts: Scripts) -> None:
    ran = scripts.run(
        """
        task_id, folder = Task.set_offline(offline_mode=True)
        task = Task.init("examples", "offline", auto_resource_monitoring=False)
        assert task.id == task_id and Task.is_offline()
        assert task.get_offline_mode_folder() == Path(folder) and Path(folder).is_dir()
        print(json.dumps([task_id, folder]))
        """
    )
    task_id, folder = json.loads(was_fine(ran)[0])
    archive = the_zip()
    assert (str(archive), task_id) == (f"{folder}.zip", archive.stem)
    assert f"elsewhere import-offline-session {archive}\n" in ran.errors
    assert f"Task.import_offline_session({str(archive)!r})" in ran.errors


def test_the_reports_of_a_script_are_the_same_offline_and_online(
    scripts: Scripts, store: RedisStore, redis_url: str
) -> None:
    init = 'task = Task.init("examples", "one", tags=["early"], auto_resource_monitoring=False)\n'
    script = init + "\n".join(line[4:] for line in REPORTS.splitlines())
    was_fine(scripts.run(script, ELSEWHERE_OFFLINE_MODE="1"))
    offline = import_session(store, load(), the_zip())
    was_fine(Scripts(scripts.folder, redis_url).run(script))
    (online,) = set(find(store)) - {offline}
    assert seen(store, offline) == seen(store, online)
    clone = stored.clone(store, offline)
    Queues(store).enqueue(clone, "default")
    source = store.read(clone).source
    assert not source.missing
    assert all(store.get_blob(digest) for digest in source.digests)


def seen(store: RedisStore, task_id: str) -> dict[str, Any]:
    """All that does not differ from run to run."""
    record, state = to_plain(store.read(task_id)), store.state(task_id)
    for name in ("id", "created_at", "output_uri"):
        record.pop(name)
    artifact = store.artifacts(task_id)["data"]
    return {
        "record": record,
        "state": (state.status, state.progress, state.last_iteration, state.outcome, state.attempt),
        "series": store.series(task_id),
        "points": [(n, value) for n, _, value in store.points(task_id, "loss", "train")],
        "texts": [text.message for text in store.texts(task_id)],
        # each stream has an order of its own
        "output": sorted(store.output(task_id).data.replace(task_id.encode(), b"ID").splitlines()),
        "artifact": (artifact.digest, artifact.type, artifact.preview, artifact.metadata),
    }


def test_a_script_reads_its_own_task_offline(scripts: Scripts) -> None:
    lines = was_fine(
        scripts.run(
            """
            Task.set_offline(True)
            task = Task.init("examples", "offline", auto_resource_monitoring=False)
            task.connect({"rate": 0.5})
            task.upload_artifact("data", [1, 2])
            task.flush(wait_for_uploads=True)
            print(task.get_parameters(), task.status, Task.get_task(task_id=task.id) is task)
            print(task.artifacts["data"].get(), task.artifacts["data"].url[:7])
            """
        )
    )
    assert lines == ["{'General/rate': 0.5} in_progress True", "[1, 2] file://"]


def test_weights_travel_with_the_session_wherever_they_were_saved(
    scripts: Scripts, store: RedisStore
) -> None:
    lines = was_fine(
        scripts.run(
            """
            from elsewhere import OutputModel
            Task.set_offline(True)
            task = Task.init("examples", "offline", auto_resource_monitoring=False)
            model = OutputModel(task, name="net")
            Path("net.bin").write_bytes(b"weights")
            model.update_weights("net.bin")
            task.flush(wait_for_uploads=True)
            print(model.id, task.models["output"]["net"].id == model.id)
            """
        )
    )
    model_id, is_known = lines[0].split()
    assert is_known == "True"
    (scripts.folder / "net.bin").unlink(missing_ok=True)
    task_id = import_session(store, load(), the_zip())
    model = store.model(model_id)
    assert (model.name, model.task) == ("net", task_id)
    assert local_path(model.url).read_bytes() == b"weights"


def test_input_models_that_are_registered_offline_are_there_after_the_import(
    scripts: Scripts, store: RedisStore
) -> None:
    lines = was_fine(
        scripts.run(
            """
            from elsewhere import InputModel
            task = Task.init("examples", "offline", auto_resource_monitoring=False)
            new = InputModel.import_model("s3://bucket/new.bin", name="new", tags=["good"],
                                          label_enumeration={"cat": 1}, create_as_published=True)
            new.connect(task)
            new.set_metadata("width", 5)
            InputModel.import_model("s3://bucket/known.bin", name="mine").connect(task)
            InputModel.empty(config_text="layers: 3").connect(task, name="empty")
            InputModel.import_model("s3://bucket/unused.bin")
            print(new.id)
            """,
            ELSEWHERE_OFFLINE_MODE="1",
        )
    )
    known = {"name": "known", "url": "s3://bucket/known.bin", "machine": ""}
    store.save_model("a" * 32, known)
    task_id = import_session(store, load(), the_zip())
    uses = {use.name: use.model for use in store.task_models(task_id)}
    assert (uses["new"], uses["mine"]) == (lines[0], "a" * 32)
    new = store.model(uses["new"])
    assert (new.name, new.tags, new.labels, new.is_published) == (
        "new",
        ("good",),
        {"cat": 1},
        True,
    )
    assert (new.url, new.metadata["width"].value) == ("s3://bucket/new.bin", 5)
    assert store.model(uses["empty"]).design == "layers: 3"
    assert store.model("a" * 32).name == "known"
    assert store.model_at("s3://bucket/unused.bin") is not None


def test_a_script_that_fails_offline_has_failed_where_it_is_imported(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        Task.set_offline(True)
        task = Task.init("examples", "offline", auto_resource_monitoring=False)
        raise ValueError("bad data")
        """
    )
    assert ran.status == 1
    state = store.state(import_session(store, load(), the_zip()))
    assert (state.status, state.message) == (Status.FAILED, "ValueError: bad data")


def test_tasks_one_after_the_other_leave_a_zip_file_each(scripts: Scripts) -> None:
    lines = was_fine(
        scripts.run(
            """
            first, _ = Task.set_offline(True)
            for name in ("one", "two"):
                task = Task.init("examples", f"task {name}", auto_resource_monitoring=False)
                print(task.id)
                task.close()
                assert task.get_offline_mode_folder().with_suffix(".zip").exists()
            print(first)
            """
        )
    )
    assert {path.name for path in home().offline.iterdir()} == {f"{one}.zip" for one in lines[:2]}
    assert lines[0] == lines[2]


def test_processes_that_a_script_starts_report_into_its_session(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import multiprocessing, subprocess

        def report(series):
            Task.current_task().get_logger().report_scalar("loss", series, 1.0, 0)

        if __name__ == "__main__":
            Task.set_offline(True)
            task = Task.init("examples", "offline", auto_resource_monitoring=False)
            for method in ("fork", "spawn"):
                child = multiprocessing.get_context(method).Process(target=report, args=(method,))
                child.start()
                child.join()
                assert child.exitcode == 0
            code = '''
        from elsewhere import Task
        task = Task.init("examples", "another")
        assert Task.is_offline() and task.get_parameters() == {}
        task.get_logger().report_scalar("loss", "program", 1.0, 0)
        '''
            subprocess.run([sys.executable, "-c", code.replace(" " * 8, "")], check=True)
        """
    )
    was_fine(ran)
    task_id = import_session(store, load(), the_zip())
    assert [one.series for one in store.series(task_id)] == ["fork", "program", "spawn"]


def test_a_script_that_is_killed_leaves_a_folder_that_can_be_imported(
    tmp_path: Path, store: RedisStore
) -> None:
    (tmp_path / "train.py").write_text(
        """
import time
from elsewhere import Task
Task.set_offline(True)
task = Task.init("examples", "offline", auto_resource_monitoring=False)
for iteration in range(1000):
    task.get_logger().report_scalar("loss", "train", 1.0, iteration)
task.upload_artifact("data", [1, 2])
print("said", flush=True)
time.sleep(600)
"""
    )
    environment = {**os.environ, "ELSEWHERE_REDIS_URL": NO_STORE}
    command = [sys.executable, "train.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == b"said\n"
        (folder,) = home().offline.iterdir()
        with pytest.raises(UsageError, match="still runs"):
            import_session(store, load(), folder)
        script.send_signal(signal.SIGKILL)
    task_id = import_session(store, load(), folder)
    state = store.state(task_id)
    assert state.outcome is not None
    assert (state.status, state.outcome.reason) == (Status.FAILED, Reason.LOST)
    assert store.series(task_id)[0].count == 1000
    assert store.artifacts(task_id)["data"].url
    assert store.output(task_id).data.splitlines().count(b"said") == 1


def test_a_session_that_cannot_be_zipped_stays_a_folder_and_prints_that(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        task_id, folder = Task.set_offline(True)
        Path(f"{folder}.zip", "in the way").mkdir(parents=True)
        task = Task.init("examples", "offline", auto_resource_monitoring=False)
        print(folder)
        """
    )
    (folder,) = was_fine(ran)
    assert "could not be zipped" in ran.errors
    assert f"elsewhere import-offline-session {folder}\n" in ran.errors
    assert [path.name for path in home().offline.glob(".*")] == []
    assert import_session(store, load(), folder) == Path(folder).name


# the switch


def test_an_open_task_keeps_its_mode(scripts: Scripts) -> None:
    lines = was_fine(
        scripts.run(
            """
            Task.set_offline(True)
            task = Task.init("examples", "offline", auto_resource_monitoring=False)
            for is_on in (True, False):
                try:
                    Task.set_offline(is_on)
                except ValueError as error:
                    print(error)
            task.close()
            print(Task.set_offline(False), Task.is_offline())
            """
        )
    )
    assert ["while task" in line and "close the task first" in line for line in lines[:2]] == [
        True,
        True,
    ]
    assert lines[2] == "None False"


def test_the_mode_is_switched_on_and_off_before_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Task.is_offline()
    given = Task.set_offline(True)
    assert given is not None
    assert given == Task.set_offline(True) == (given[0], f"{home().offline}/{given[0]}")
    assert Task.is_offline()
    assert Task.set_offline(False) is None
    assert not Task.is_offline()
    assert not home().offline.exists()
    monkeypatch.setenv("ELSEWHERE_OFFLINE_MODE", "1")
    assert not Task.is_offline(), "what the script says wins"
    Handle._offline = None
    assert Task.is_offline()


def test_on_an_agent_the_mode_is_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = make_record()
    folder = RunFolder(tmp_path / f"{record.id}.1").create()
    write_beside(folder.spec, {"record": to_plain(record)})
    monkeypatch.setenv("ELSEWHERE_RUN_FOLDER", str(folder.path))
    monkeypatch.setenv("ELSEWHERE_OFFLINE_MODE", "1")
    assert Task.set_offline(True) == (record.id, str(folder.path))
    assert not Task.is_offline()
    task = Task.init("examples", "train")
    assert (task.id, task.get_offline_mode_folder()) == (record.id, None)
    task.close()


def test_a_session_is_imported_by_the_script_that_made_it(
    scripts: Scripts, store: RedisStore, redis_url: str
) -> None:
    ran = scripts.run(
        """
        Task.set_offline(True)
        task = Task.init("examples", "offline", auto_resource_monitoring=False)
        task.close()
        Task.set_offline(False)
        print(Task.import_offline_session(task.get_offline_mode_folder()) == task.id)
        print(Task.get_task(task_id=task.id).status, task.id)
        """,
        ELSEWHERE_REDIS_URL=redis_url,
    )
    is_same, said = was_fine(ran)
    assert (is_same, said.split()[0]) == ("True", "completed")
    assert store.state(said.split()[1]).status is Status.COMPLETED


# what cannot be done offline


REFUSED = {
    "create": 'Task.create("examples", "draft", script="train.py")',
    "clone": "Task.clone(task)",
    "get_task": 'Task.get_task(task_id="0" * 32)',
    "get_tasks": "Task.get_tasks()",
    "query_tasks": "Task.query_tasks()",
    "enqueue": 'Task.enqueue(task, queue_name="default")',
    "execute_remotely": 'task.execute_remotely("default")',
    "a clone elsewhere": 'task.execute_remotely("default", clone=True, exit_process=False)',
    "function task": "task.create_function_task(print)",
    "get_num_enqueued_tasks": "Task.get_num_enqueued_tasks()",
    "import": 'Task.import_offline_session("x.zip")',
}


def test_what_needs_the_store_is_refused_with_a_sentence(
    scripts: Scripts, store: RedisStore
) -> None:
    calls = ",\n".join(f"{name!r}: lambda: {call}" for name, call in REFUSED.items())
    ran = scripts.run(
        f"""
Task.set_offline(True)
task = Task.init("examples", "offline", auto_resource_monitoring=False)
calls = {{{calls}}}
said = {{}}
for name, call in calls.items():
    try:
        said[name] = f"no error: {{call()}}"
    except ValueError as error:
        said[name] = str(error)
print(json.dumps(said))
"""
    )
    said = json.loads(was_fine(ran)[-1])
    assert said.keys() == REFUSED.keys()
    for name, sentence in said.items():
        assert "offline" in sentence, name
        assert "import" in sentence, name
    state = store.state(import_session(store, load(), the_zip()))
    assert state.status is Status.COMPLETED, "nothing of it had begun"


@pytest.mark.parametrize(
    "argument", ["continue_last_task=True", "continue_last_task='0' * 32", "reuse_last_task_id='a'"]
)
def test_a_task_of_the_store_does_not_go_on_offline(scripts: Scripts, argument: str) -> None:
    ran = scripts.run(
        f"""
        Task.set_offline(True)
        Task.init("examples", "offline", {argument})
        """
    )
    assert ran.status == 1
    assert "runs offline" in ran.last_error
    assert not home().offline.exists()

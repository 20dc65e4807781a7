"""The page that describes `Task`, where it speaks of the offline mode: a script without a store,
whose session is brought into one by the call, by the command, and into an earlier task.

    section of the page                 test
    Offline Mode                        test_all_that_a_script_said_offline_is_imported
                                        test_a_session_goes_on_with_an_earlier_task
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from elsewhere import Task
from elsewhere.command.main import main
from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts

#: nobody answers there
_NOWHERE: Final = "redis://127.0.0.1:1"
_OFFLINE: Final = """
    from argparse import ArgumentParser
    from elsewhere import OutputModel
    # Use the set_offline class method before initializing a Task
    session = Task.set_offline(offline_mode=True)
    # Initialize a Task
    task = Task.init(project_name="examples", task_name="my_task")

    # Rest of code is executed. All data is logged locally and not onto the server
    parser = ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.parse_args()
    for iteration in range(3):
        task.get_logger().report_scalar("loss", "train", 1.0 / (iteration + 1), iteration)
    task.upload_artifact('data', {'a': 1})
    Path("weights.pt").write_bytes(b"weights")
    task.update_output_model(model_path="weights.pt")
    task.set_user_properties(backbone="great")
    print("said offline")
    print(json.dumps([task.id, session[0], str(session[1])]))
"""


def offline(scripts: Scripts) -> tuple[str, Path]:
    """The id of a task that a script was offline, and its zip file."""
    ran = scripts.run(_OFFLINE, ELSEWHERE_REDIS_URL=_NOWHERE)
    task_id, session_id, folder = ran.said
    assert task_id == session_id
    session = Path(folder).with_suffix(".zip")
    assert session.is_file(), ran.errors
    assert not Path(folder).exists()
    assert str(session) in ran.errors, "how to go on is said"
    return task_id, session


@pytest.mark.parametrize("by", ["call", "command"])
def test_all_that_a_script_said_offline_is_imported(
    scripts: Scripts,
    store: RedisStore,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by: str,
) -> None:
    task_id, session = offline(scripts)
    assert store.look_up([task_id], ["name"]) == []
    if by == "call":
        script = f"""
            done = Task.import_offline_session(session_folder_zip={str(session)!r})
            print(json.dumps(done))
        """
        assert scripts.run(script, name="importing.py").said == task_id
    else:
        monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
        assert main(["import-offline-session", str(session)]) == 0
        assert task_id in capsys.readouterr().out

    record, state = store.read(task_id), store.state(task_id)
    assert (record.project, record.name) == ("examples", "my_task")
    assert (state.status, state.last_iteration) == (Status.COMPLETED, 2)
    assert record.source.entry_point == "train.py"
    assert record.source.patch
    assert {name: one.value for name, one in record.parameters.items()} == {"Args/lr": 0.1}
    assert {name: one.value for name, one in record.properties.items()} == {"backbone": "great"}
    points = store.points(task_id, "loss", "train")
    assert [iteration for iteration, *_ in points] == [0, 1, 2]
    assert [value for *_, value in points] == [1 / (n + 1) for n in range(3)]
    assert b"said offline\n" in store.output(task_id).data
    task = Task(task_id, store)
    assert task.artifacts["data"].get() == {"a": 1}
    (model,) = task.models["output"]
    assert Path(str(model.get_local_copy())).read_bytes() == b"weights"


def test_a_session_goes_on_with_an_earlier_task(scripts: Scripts, store: RedisStore) -> None:
    first, session = offline(scripts)
    _, later = offline(scripts)
    script = f"""
        Task.import_offline_session(session_folder_zip={str(session)!r})
        done = Task.import_offline_session(
            session_folder_zip={str(later)!r},
            previous_task_id="{first}",
            iteration_offset=1500
        )
        print(json.dumps(done))
    """
    assert scripts.run(script, name="importing.py").said == first
    points = store.points(first, "loss", "train")
    assert [iteration for iteration, *_ in points] == [0, 1, 2, 1500, 1501, 1502]
    assert set(store.artifacts(first)) == {"data"}
    assert [item.number for item in store.attempts(first)] == [1, 2]

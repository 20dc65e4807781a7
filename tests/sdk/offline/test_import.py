"""Importing offline sessions: all arrives once, and the store goes on with it as with any task."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.command.main import main
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import NotFoundError, StoreUnavailableError, TransitionError, UsageError
from elsewhere.core.events import (
    Configurations,
    Edited,
    Event,
    ModelSaved,
    ModelUsed,
    Parameters,
    Progress,
    Properties,
    Resources,
    Scalar,
    Tags,
    Text,
    single_value,
)
from elsewhere.core.folders import Home
from elsewhere.core.records import Configuration, Environment, ModelUse, Outcome, Parameter, Source
from elsewhere.core.settings import load
from elsewhere.offline import OfflineSession
from elsewhere.offline.importing import import_session
from elsewhere.storage import local_path
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere.task import stored
from tests.sdk.offline.sessions import (
    COMPLETED,
    PATCH,
    begun,
    end,
    ended,
    home,
    report,
    report_artifact,
)
from tests.stores import begin, opened, running
from tests.waiting import wait_until


def imported(store: RedisStore, given: object, *arguments: Any) -> str:
    task_id = import_session(store, load(), given, *arguments)
    assert [path.name for path in home().offline.glob(".*")] == [], "nothing unpacked is left"
    return task_id


def point(iteration: int, value: float = 0.5) -> Scalar:
    return Scalar(title="loss", series="train", value=value, iteration=iteration, at=3.0)


SINGLE = single_value("best", 0.9, at=3.0)
RESOURCES = Resources(title=":monitor:machine", values={"cpu": 1.0}, at=3.0, elapsed_s=7.0)
REPORTS: list[Event] = [
    point(1),
    point(2, 0.25),
    SINGLE,
    RESOURCES,
    Progress(percent=40.0, at=3.0),
    Parameters(values={"General/lr": Parameter(value=0.1, type="float")}),
    Configurations(values={"net": Configuration(text="a: 1\n", type="yaml")}),
    Properties(values={"room": Parameter(value="b7", type="str")}),
    Tags(added=("late",)),
    Text(message="hello", level=20, at=3.0),
    Edited(fields={"name": "renamed"}),
]


# what arrives


@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "folder"])
def test_all_reports_arrive(store: RedisStore, is_zipped: bool) -> None:
    environment = Environment(python="3.11.7", packages=("numpy==1.0",))
    session = begun(environment=environment, tags=("early",))
    report(session, *REPORTS)
    report_artifact(session, "data", {"a": 1})
    session.run.output.write_bytes(b"one\n10%\r20%\ntwo")
    failed = Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3, message="It broke.")
    end(session, failed, is_zipped=is_zipped)
    assert session.path.exists() is not is_zipped
    task_id = imported(store, session.archive if is_zipped else session.path)
    assert task_id == session.task_id
    record, state = store.read(task_id), store.state(task_id)
    assert (state.status, state.outcome, state.message) == (Status.FAILED, failed, "It broke.")
    assert (state.progress, state.last_iteration, state.attempt) == (40.0, 2, 1)
    assert (record.name, record.tags, record.created_at) == ("renamed", ("early", "late"), 5.0)
    assert record.environment == environment
    assert record.parameters == {"General/lr": Parameter(value=0.1, type="float")}
    assert record.configurations["net"].text == "a: 1\n"
    assert record.properties["room"].value == "b7"
    assert store.points(task_id, "loss", "train") == [(1, 3.0, 0.5), (2, 3.0, 0.25)]
    assert store.points(task_id, SINGLE.title, "best")[0][2] == 0.9
    assert [text.message for text in store.texts(task_id)] == ["hello"]
    assert store.output(task_id).data == b"one\n20%\ntwo"
    artifact = store.artifacts(task_id)["data"]
    assert artifact.url.startswith(f"file://{home().storage}/examples/train.{task_id}/")
    assert ArtifactHandle(artifact, home().cache).get() == {"a": 1}
    assert not home().sessions.exists()


def test_an_imported_task_can_be_cloned_and_enqueued(store: RedisStore) -> None:
    task_id = imported(store, ended([point(1)]).archive)
    clone = stored.clone(store, task_id)
    Queues(store).enqueue(clone, "default")
    assert store.state(clone).status is Status.QUEUED
    assert store.get_blob(store.read(clone).source.patch) == PATCH


def test_artifacts_go_to_the_place_that_the_task_names(store: RedisStore, tmp_path: Path) -> None:
    session = begun(output_uri=f"file://{tmp_path}/mine")
    report_artifact(session, "data", [1])
    end(session)
    artifact = store.artifacts(imported(store, session.archive))["data"]
    assert artifact.url.startswith(f"file://{tmp_path}/mine/examples/")


@pytest.mark.parametrize("is_further", [False, True], ids=["own task", "previous task"])
def test_models_arrive_with_their_weights(store: RedisStore, is_further: bool) -> None:
    session = begun()
    weights = session.run.files / "w" / "net.bin"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    fields: dict[str, Any] = {"name": "net", "iteration": 5, "task": session.task_id}
    report(
        session,
        ModelSaved(model="a" * 32, fields=fields, file="files/w/net.bin"),
        ModelUsed(use=ModelUse(name="net", model="a" * 32, is_output=True, at=1.0)),
        ModelUsed(
            use=ModelUse(name="base", model="b" * 32, is_output=False, at=1.0),
            found={"url": "s3://bucket/base.bin", "name": "base"},
        ),
    )
    end(session)
    task_id = imported(store, session.archive, earlier_task(store) if is_further else None, 100)
    model = store.model("a" * 32)
    assert (model.name, model.task, model.iteration) == ("net", task_id, 105)
    assert local_path(model.url).read_bytes() == b"weights"
    assert local_path(model.url).is_relative_to(home().storage)
    uses = {use.name: (use.is_output, use.model) for use in store.task_models(task_id)}
    assert uses == {"net": (True, "a" * 32), "base": (False, "b" * 32)}


def test_a_session_whose_script_was_killed_is_lost_with_all_its_reports(
    store: RedisStore,
) -> None:
    session = ended([point(1), point(2)], output=b"half a li", outcome=None, is_zipped=False)
    task_id = imported(store, session.path)
    state = store.state(task_id)
    assert state.outcome is not None
    assert (state.status, state.outcome.reason) == (Status.FAILED, Reason.LOST)
    assert store.series(task_id)[0].count == 2
    assert store.output(task_id).data == b"half a li"


def test_a_folder_that_was_imported_is_still_whole(store: RedisStore) -> None:
    session = begun()
    report_artifact(session, "data", [1, 2])
    for _ in range(2):
        task_id = imported(store, session.path)
        artifact = store.artifacts(task_id)["data"]
        assert ArtifactHandle(artifact, home().cache).get() == [1, 2]
        store.delete(task_id)


@pytest.mark.parametrize("form", ["text", "path", "the folder that it was", "without .zip"])
def test_a_session_is_found_by_what_the_script_named(store: RedisStore, form: str) -> None:
    session = ended()
    given = {
        "text": str(session.archive),
        "path": session.archive,
        "the folder that it was": session.path,
        "without .zip": str(session.path),
    }[form]
    assert imported(store, given) == session.task_id


def test_a_folder_that_is_there_in_parts_beside_its_zip_is_not_looked_at(store: RedisStore) -> None:
    session = ended([point(1)])
    session.path.mkdir()
    session.about.write_text("{}")
    assert store.series(imported(store, session.path))[0].count == 1


def test_a_session_that_still_runs_is_not_imported(store: RedisStore) -> None:
    from elsewhere.core.folders import write_beside
    from elsewhere.core.process import ProcessIdentity

    session = begun()
    write_beside(session.run.runner, ProcessIdentity.of())
    with pytest.raises(UsageError, match="still runs"):
        imported(store, session.path)
    session.leave()
    assert imported(store, session.archive), "the process has gone on after its task's end"


# once


def test_a_session_is_imported_once_unless_its_task_was_deleted(store: RedisStore) -> None:
    session = ended([point(1)])
    task_id = imported(store, session.archive)
    before = store.state(task_id)
    with pytest.raises(UsageError, match=f"{task_id}.*twice"):
        imported(store, session.archive)
    assert store.state(task_id) == before
    store.delete(task_id)
    assert imported(store, session.archive) == task_id
    assert store.series(task_id)[0].count == 1


@pytest.mark.parametrize("status", ["reset", "running", "draft"])
def test_a_task_of_that_id_which_is_another_one_is_left_alone(
    store: RedisStore, status: str
) -> None:
    session = ended([point(1)])
    task_id = begin(store, id=session.task_id, name="another")
    if status != "running":
        store.finish(task_id, 1, COMPLETED)
        store.reset(task_id, allowed=tuple(Status))
    if status == "draft":
        store.delete(task_id)
        store.create(replace(store_record(session), name="another"))
    before = store.read(task_id), store.state(task_id)
    with pytest.raises(UsageError, match=f"Task {task_id} is in the store already"):
        imported(store, session.archive)
    assert (store.read(task_id), store.state(task_id)) == before


def store_record(session: OfflineSession) -> Any:
    from tests.stores import make_record

    return make_record(id=session.task_id)


def test_an_import_that_failed_in_the_middle_is_completed_by_the_same_call(
    store: RedisStore, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.write_text("a file where a folder should be")
    session = begun(output_uri=f"file://{place}")
    report(session, point(1))
    report_artifact(session, "data", [1])
    report(session, point(2))
    end(session)
    with pytest.raises(StoreUnavailableError, match=r"imported in part.*again goes on"):
        imported(store, session.archive)
    assert store.state(session.task_id).status is Status.IN_PROGRESS
    place.unlink()
    task_id = imported(store, session.archive)
    assert sorted(n for n, _, _ in store.points(task_id, "loss", "train")) == [1, 2]
    assert store.artifacts(task_id)["data"].url
    assert (store.state(task_id).status, store.state(task_id).attempt) == (Status.COMPLETED, 1)


def test_an_import_that_counts_as_lost_is_completed_too(store: RedisStore) -> None:
    session = ended([point(1)])
    store.create(begun_record(session))
    worker = f"offline:{session.task_id}"
    store.claim(session.task_id, worker=worker, token="t", lease_s=0, allowed=(Status.CREATED,))
    store.reap(session.task_id, lost_after_s=0, outcome=Outcome(reason=Reason.LOST))
    task_id = imported(store, session.archive)
    assert store.state(task_id).status is Status.COMPLETED
    assert [one.outcome for one in store.attempts(task_id)] == [COMPLETED]


def begun_record(session: OfflineSession) -> Any:
    """As the session has it, which is zipped: unpacked for a look."""
    folder = session.path.with_name("look")
    shutil.unpack_archive(session.archive, folder)
    record = OfflineSession(folder, session.task_id).store().read(session.task_id)
    shutil.rmtree(folder)
    return record


def test_an_import_that_was_cut_off_before_its_attempt_goes_on(store: RedisStore) -> None:
    session = ended([point(1)])
    store.create(begun_record(session))
    assert store.series(imported(store, session.archive))[0].count == 1


def test_an_import_that_is_killed_is_completed_by_the_next(
    store: RedisStore, redis_url: str
) -> None:
    session = begun()
    for _ in range(3):
        report(session, *(point(n) for n in range(20_000)))
    end(session)
    child = multiprocessing.get_context("fork").Process(
        target=import_elsewhere, args=(redis_url, session.archive)
    )
    child.start()
    wait_until(lambda: store.series(session.task_id), within_s=30)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(30)
    for path in home().offline.glob(".import-*"):
        shutil.rmtree(path)
    task_id = imported(store, session.archive)
    assert store.series(task_id)[0].count == 60_000
    assert len(store.attempts(task_id)) == 1


def test_what_killed_ones_left_is_gone_a_day_later(store: RedisStore) -> None:
    session = ended([point(1)])
    folder, file, fresh = (session.path.with_name(name) for name in (".import-a", ".b.zip.1", ".c"))
    for path in (folder, fresh):
        path.mkdir()
    file.touch()
    for path in (folder, file):
        os.utime(path, (1, 1))
    import_session(store, load(), session.archive)
    assert [path.exists() for path in (folder, file, fresh)] == [False, False, True]


def import_elsewhere(url: str, archive: Path) -> None:
    with opened(url) as store:
        import_session(store, load(), archive)


# added to another task


def earlier_task(store: RedisStore) -> str:
    task_id = begin(
        store,
        name="earlier",
        source=Source(repository="https://example.org/r.git", commit="c0ffee"),
        parameters={"General/lr": Parameter(value=1.0), "General/kept": Parameter(value=1)},
    )
    store.apply(task_id, 1, "j", 0, 1, [point(0, 9.0), SINGLE, Text(message="a", level=1, at=1.0)])
    store.finish(task_id, 1, COMPLETED)
    return task_id


def test_a_session_goes_on_with_a_previous_task(store: RedisStore) -> None:
    task_id = earlier_task(store)
    session = begun(tags=("early",))
    report(session, *REPORTS, Parameters(values={"Args/x": Parameter(value=1)}, is_whole=True))
    report_artifact(session, "data", [1])
    end(session)
    assert imported(store, session.archive, task_id, 1500) == task_id
    record, state = store.read(task_id), store.state(task_id)
    assert (state.status, state.attempt, state.last_iteration) == (Status.COMPLETED, 2, 1502)
    assert [n for n, _, _ in store.points(task_id, "loss", "train")] == [0, 1501, 1502]
    singles = store.points(task_id, SINGLE.title, "best")
    assert [n for n, _, _ in singles] == [SINGLE.iteration] * 2
    assert [n for n, _, _ in store.points(task_id, ":monitor:machine", "cpu")] == [7]
    assert [text.message for text in store.texts(task_id)] == ["a", "hello"]
    assert {name: one.value for name, one in record.parameters.items()} == {
        "General/lr": 0.1,
        "General/kept": 1,
        "Args/x": 1,
    }
    assert (record.name, record.tags) == ("earlier", ("early", "late"))
    assert record.source.patch
    assert record.continues_at is None
    assert store.artifacts(task_id)["data"].url.startswith(
        f"file://{home().storage}/examples/earlier.{task_id}/"
    )
    with pytest.raises(NotFoundError):
        store.state(session.task_id)


def test_a_session_without_its_code_leaves_that_of_the_previous_task(store: RedisStore) -> None:
    task_id = earlier_task(store)
    imported(store, ended(source=Source(missing="It was not captured.")).archive, task_id)
    assert store.read(task_id).source.commit == "c0ffee"


def test_a_session_is_added_to_a_task_once(store: RedisStore) -> None:
    task_id, session = earlier_task(store), ended([point(1)])
    imported(store, session.archive, task_id)
    imported(store, ended([point(2)]).archive, task_id)
    with pytest.raises(UsageError, match=f"{session.task_id}.*{task_id}.*twice"):
        imported(store, session.archive, task_id)
    assert [n for n, _, _ in store.points(task_id, "loss", "train")] == [0, 1, 2]


def test_an_offset_shifts_a_task_of_its_own_too(store: RedisStore) -> None:
    task_id = imported(store, ended(REPORTS).archive, None, -1)
    assert [n for n, _, _ in store.points(task_id, "loss", "train")] == [0, 1]
    assert store.points(task_id, SINGLE.title, "best")[0][0] == SINGLE.iteration


def test_a_task_that_runs_or_is_published_takes_no_session(store: RedisStore) -> None:
    session, busy, published = ended(), running(store), earlier_task(store)
    store.move(published, Status.PUBLISHED, allowed=(Status.COMPLETED,))
    for task_id in (busy, published):
        before = store.read(task_id), store.state(task_id)
        with pytest.raises(TransitionError, match=r"without previous_task_id"):
            imported(store, session.archive, task_id)
        assert (store.read(task_id), store.state(task_id)) == before
    with pytest.raises(NotFoundError):
        imported(store, session.archive, "0" * 32)


def test_a_session_is_closed_to_other_users(tmp_path: Path) -> None:
    session = OfflineSession.new(Home(tmp_path / "home"))
    session.begin()
    folders = [session.path, session.path.parent, session.path.parent.parent]
    assert [folder.stat().st_mode & 0o077 for folder in folders] == [0, 0, 0]


# arguments


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((7,), "path of its zip file, not 7"),
        (("nowhere.zip",), "is not there"),
        (("/tmp",), "holds no offline session"),
        ((".",), "holds no offline session"),
        (("/",), "holds no offline session"),
        (("nowhere.zip", 7), "previous_task_id must be a task's id"),
        (("nowhere.zip", None, 1.5), "iteration_offset must be a whole number"),
        (("nowhere.zip", None, True), "iteration_offset must be a whole number"),
    ],
)
def test_a_wrong_argument_is_answered_with_a_sentence(
    store: RedisStore, arguments: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        imported(store, *arguments)


# the command


def test_the_command_prints_the_id_alone(
    store: RedisStore,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    previous, session = earlier_task(store), ended([point(1)])
    capsys.readouterr()
    assert main(["import-offline-session", str(session.archive)]) == 0
    assert capsys.readouterr().out == f"{session.task_id}\n"
    options = ["--previous-task", previous[:8], "--iteration-offset", "10"]
    assert main(["import-offline-session", str(ended([point(1)]).archive), *options]) == 0
    assert capsys.readouterr().out == f"{previous}\n"
    assert [n for n, _, _ in store.points(previous, "loss", "train")] == [0, 11]
    assert main(["import-offline-session", str(session.archive)]) == 2
    assert "twice" in capsys.readouterr().err

"""Models that tasks make: on this machine, on an agent, and on a handle of another task."""

from __future__ import annotations

import hashlib
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere import Model, OutputModel, Task
from elsewhere.artifacts import uploader
from elsewhere.core.choices import Status
from elsewhere.core.errors import (
    NotFoundError,
    StorageError,
    StoreUnavailableError,
    TransitionError,
    UsageError,
)
from elsewhere.core.records import ModelRecord, Parameter
from elsewhere.delivery.delivery import Delivery
from elsewhere.storage import file_url, local_path
from elsewhere.store.api import SharedStore
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts
from tests.stores import begin, find, make_record, opened

INIT = "task = Task.init('examples', 'train net')\n"
IMPORTS = "from elsewhere import InputModel, Model, OutputModel\n"
WEIGHTS = b"weights" * 1000


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def scripts(tmp_path: Path, redis_url: str) -> Scripts:
    (tmp_path / "net.bin").write_bytes(WEIGHTS)
    (tmp_path / "parts" / "sub").mkdir(parents=True)
    (tmp_path / "parts" / "a.bin").write_bytes(b"a")
    (tmp_path / "parts" / "sub" / "b.bin").write_bytes(b"b")
    return Scripts(tmp_path, redis_url)


@pytest.fixture
def agents(scripts: Scripts, store: SharedStore, redis_url: str, tmp_path: Path) -> Agents:
    return Agents(scripts, store, redis_url, tmp_path / "of the agent")


def locally(scripts: Scripts, store: SharedStore, script: str, uri: str = "") -> str:
    """The id of the task that ran it here."""
    ran = scripts.run(IMPORTS + INIT + textwrap.dedent(script), ELSEWHERE_OUTPUT_URI=uri)
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    return task_id


def only(store: SharedStore, task_id: str) -> tuple[str, ModelRecord]:
    """What the task calls its one output model, and that."""
    (use,) = store.task_models(task_id)
    assert use.is_output
    return use.name, store.model(use.model)


def lies_whole(record: ModelRecord, place: Path, task_id: str) -> bytes:
    """The weights, where they must be."""
    path = local_path(record.url)
    tree = f"examples/train=20net.{task_id}/models/{record.id}"
    assert path.parent == place / tree
    block = path.read_bytes()
    assert record.digest == hashlib.sha256(block).hexdigest()
    assert record.size_bytes == len(block)
    return block


SAVING = """
model = OutputModel(framework="PyTorch", tags=["a", "b"], comment="first", config_dict={"d": 1})
print(model.update_weights("net.bin", iteration=7))
model.set_metadata("acc", 0.5)
model.update_labels({"cat": 1})
print(model.name, model.url, model.get_metadata("acc"), model.labels, model.iteration)
"""


# as the seed page has it


def test_the_blocks_of_the_seed_page_run(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    ran = scripts.run(
        IMPORTS
        + """
task = Task.init(project_name="myProject", task_name="myTask", output_uri="place")
output_model = OutputModel(task=task, framework="PyTorch")
print(len(task.models["output"]))
print(task.update_output_model(model_path="net.bin"))
print(task.connect(output_model, name="other") is output_model, task.models.output.keys())
task.close()

prev_task = Task.get_task(task_id=task.id)
last_snapshot = prev_task.models["output"][-2]
local_weights_path = last_snapshot.get_local_copy()
print(Path(local_weights_path).read_bytes()[:7], last_snapshot.original_task == task.id)
"""
    )
    assert ran.status == 0, ran.errors
    count, url, keys, loaded = ran.lines
    assert count == "1"
    assert url.startswith(file_url(tmp_path / "place"))
    assert keys == "True ['net', 'other']"
    assert loaded == "b'weights' True"


def test_processes_of_one_task_keep_models_at_the_same_time(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    task_id = locally(
        scripts,
        store,
        """
        import multiprocessing

        def keep(n):
            Path(f"net{n}.bin").write_bytes(b"%d" % n)
            Task.current_task().update_output_model(f"net{n}.bin")

        fork = multiprocessing.get_context("fork")
        workers = [fork.Process(target=keep, args=(n,)) for n in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        """,
        str(tmp_path / "place"),
    )
    models = {use.name: store.model(use.model) for use in store.task_models(task_id)}
    assert sorted(models) == [f"net{n}" for n in range(8)]
    for n in range(8):
        assert lies_whole(models[f"net{n}"], tmp_path / "place", task_id) == b"%d" % n


# without a place


def test_weights_of_a_local_run_stay_where_they_are_unless_there_is_a_place(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    task_id = locally(scripts, store, SAVING)
    name, record = only(store, task_id)
    assert name == "net"
    assert (record.url, record.digest) == (file_url(tmp_path / "net.bin"), "")
    assert (record.name, record.project, record.task) == ("train net - net", "examples", task_id)
    assert record.size_bytes == len(WEIGHTS)
    assert record.machine
    assert (tmp_path / "net.bin").read_bytes() == WEIGHTS
    assert Model(record.id).get_local_copy() == tmp_path / "net.bin"


def test_a_model_is_listed_as_soon_as_it_is_made(scripts: Scripts, store: SharedStore) -> None:
    task_id = locally(
        scripts,
        store,
        """
        first, second = OutputModel(task=task), OutputModel(task, name="named")
        print(len(task.models["output"]), second == task.models.output["named"])
        """,
    )
    uses = store.task_models(task_id)
    assert [store.model(use.model).name for use in uses] == ["train net", "named"]
    assert uses[1].name == "named"


def test_an_offline_session_takes_the_weights_along_and_the_original_stays(
    scripts: Scripts, store: SharedStore, tmp_path: Path, elsewhere_home: Path
) -> None:
    ran = scripts.run(
        IMPORTS
        + INIT
        + "print(task.id, OutputModel().update_weights('net.bin'))\n"
        + "print(Path(task.models.output[0].get_local_copy()).read_bytes()[:7])",
        ELSEWHERE_OFFLINE_MODE="1",
    )
    assert ran.status == 0, ran.errors
    task_id, url = ran.lines[0].split()
    assert local_path(url).is_relative_to(elsewhere_home / "offline" / task_id)
    assert ran.lines[1] == "b'weights'"
    assert (tmp_path / "net.bin").read_bytes() == WEIGHTS
    Task.import_offline_session(elsewhere_home / "offline" / f"{task_id}.zip")
    assert lies_whole(only(store, task_id)[1], elsewhere_home / "storage", task_id) == WEIGHTS


# with one


@pytest.mark.parametrize("where", ["local", "agent", "agent that lends nothing"])
def test_weights_are_uploaded_with_their_record(
    scripts: Scripts, store: SharedStore, agents: Agents, tmp_path: Path, where: str
) -> None:
    if where == "local":
        place = tmp_path / "place"
        task_id = locally(scripts, store, SAVING, str(place))
    else:
        place = agents.place
        task_id = agents.run(INIT + SAVING, name="train net", lends=where == "agent")
    name, record = only(store, task_id)
    assert lies_whole(record, place, task_id) == WEIGHTS
    assert (name, record.name, record.project) == ("net", "train net - net", "examples")
    assert (record.framework, record.tags, record.labels) == ("PyTorch", ("a", "b"), {"cat": 1})
    assert record.comment == f"first\nsnapshot: {tmp_path / 'net.bin'}"
    assert record.design == '{\n    "d": 1\n}'
    assert record.metadata == {"acc": Parameter(value=0.5, type="float")}
    assert record.iteration == 7
    assert not (tmp_path / "net.bin").exists(), "auto_delete_file"
    if where != "local":
        assert agents.ran.lines[0] == record.url
        assert agents.ran.lines[1] == f"train net - net {record.url} 0.5 {{'cat': 1}} 7"
        assert not list(agents.folder.files.rglob("*.bin")), "it would fill the disk twice"


def test_an_agent_whose_storage_is_not_known_gives_no_url(
    agents: Agents, store: SharedStore
) -> None:
    script = INIT + "print(repr(task.update_output_model('net.bin')))"
    task_id = agents.run(script, name="train net", knows_place=False)
    assert agents.ran.lines == ["''"]
    assert lies_whole(only(store, task_id)[1], agents.place, task_id) == WEIGHTS


def test_the_bytes_are_those_of_the_call(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    task_id = locally(
        scripts,
        store,
        """
        model = OutputModel(name="net")
        model.update_weights("net.bin", auto_delete_file=False, target_filename="first.bin")
        Path("net.bin").write_bytes(b"other")
        """,
        str(tmp_path / "place"),
    )
    name, record = only(store, task_id)
    assert (name, record.name) == ("net", "net")
    assert record.url.endswith("/first.bin")
    assert lies_whole(record, tmp_path / "place", task_id) == WEIGHTS
    assert (tmp_path / "net.bin").read_bytes() == b"other"


def test_two_models_of_one_file_name_do_not_overwrite_each_other(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    task_id = locally(
        scripts,
        store,
        """
        for content in (b"one", b"two"):
            Path("net.bin").write_bytes(content)
            print(task.update_output_model("net.bin", tags=["t"], comment="c"))
        """,
        str(tmp_path / "place"),
    )
    name, newest = only(store, task_id)
    assert (name, newest.tags, newest.comment) == ("net", ("t",), "c")
    found = {record.id: record for record in map(store.model, all_of(store))}
    assert {lies_whole(one, tmp_path / "place", task_id) for one in found.values()} == {
        b"one",
        b"two",
    }
    assert lies_whole(newest, tmp_path / "place", task_id) == b"two"


def all_of(store: SharedStore) -> list[str]:
    from elsewhere.store.model_records import ModelFilter

    return [record.id for record in store.find_models(ModelFilter())]


@pytest.mark.parametrize("how", ["folder", "files", "package", "zip"])
def test_several_files_are_a_package(
    scripts: Scripts, store: SharedStore, tmp_path: Path, how: str
) -> None:
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.writestr("a.bin", "a")
        archive.writestr("sub/b.bin", "b")
    calls = {
        "folder": 'update_weights("parts")',
        "files": 'update_weights_package(["parts/a.bin", Path("parts/sub/b.bin")])',
        "package": 'update_weights_package(weights_path="parts", async_enable=False)',
        "zip": 'update_weights("own.zip", is_package=True)',
    }
    task_id = locally(scripts, store, f"OutputModel().{calls[how]}", str(tmp_path / "place"))
    record = only(store, task_id)[1]
    assert record.is_package
    model = Model(record.id)
    files = model.get_weights_package()
    assert isinstance(files, list)
    assert {path.name: path.read_text() for path in files} == {"a.bin": "a", "b.bin": "b"}
    folder = model.get_local_copy()
    assert folder == model.get_weights_package(return_path=True)
    assert folder is not None
    assert (folder / "sub" / "b.bin").is_file()
    weights = model.get_weights()
    assert weights is not None
    assert zipfile.is_zipfile(weights)
    if how == "files":
        assert list((tmp_path / "parts").rglob("*.bin")) == []
    elif how != "zip":
        assert not (tmp_path / "parts").exists()


def test_a_folder_without_a_place_stays_where_it_is(
    scripts: Scripts, store: SharedStore, tmp_path: Path
) -> None:
    task_id = locally(scripts, store, "OutputModel().update_weights('parts')")
    assert Model(only(store, task_id)[1].id).get_local_copy() == tmp_path / "parts"
    assert (tmp_path / "parts" / "a.bin").is_file()


def test_a_url_is_registered_as_it_is(scripts: Scripts, store: SharedStore) -> None:
    script = "print(OutputModel().update_weights(register_uri='s3://bucket/big.pt?x'))"
    record = only(store, locally(scripts, store, script))[1]
    assert (record.url, record.digest) == ("s3://bucket/big.pt?x", "")
    assert (record.machine, record.name) == ("", "train net - big")


def test_a_name_that_is_set_before_the_weights_stays(scripts: Scripts, store: SharedStore) -> None:
    script = "m = OutputModel(); m.name = 'mine'; m.update_weights('net.bin')"
    assert only(store, locally(scripts, store, script))[1].name == "mine"


def test_a_place_of_its_own_wins(scripts: Scripts, store: SharedStore, tmp_path: Path) -> None:
    task_id = locally(
        scripts,
        store,
        f"""
        model = OutputModel()
        model.set_upload_destination({str(tmp_path / "set")!r})
        model.update_weights("net.bin", auto_delete_file=False)
        print(model.wait_for_uploads(), Path(model.get_local_copy()).read_bytes()[:7])
        other = OutputModel()
        other.update_weights("net.bin", upload_uri={str(tmp_path / "given")!r})
        """,
        str(tmp_path / "place"),
    )
    (use, *_) = store.task_models(task_id)
    places = [
        local_path(store.model(one).url).relative_to(tmp_path).parts[0] for one in all_of(store)
    ]
    assert sorted(places) == ["given", "set"]
    assert use.is_output


def test_a_place_that_is_not_reached_keeps_the_bytes_and_names_their_file(
    agents: Agents, store: SharedStore, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    script = INIT + f"OutputModel(name='m').update_weights('net.bin', {str(tmp_path / 'file')!r})"
    task_id = begin(store)
    with pytest.raises(StoreUnavailableError, match=r"The model .* is not uploaded yet"):
        agents.run_as(task_id, script)
    delivery = Delivery(store, agents.folder, uploader(str(agents.place)))
    for _ in range(4):
        with pytest.raises(StoreUnavailableError, match="is not uploaded yet"):
            delivery.pump()
    assert delivery.pump()
    assert delivery.has_kept_files
    record = only(store, task_id)[1]
    assert record.url == ""
    (kept,) = agents.folder.files.rglob("*.bin")
    assert f"is kept in {kept}" in record.preview
    with pytest.raises(StorageError, match=r"has no weights yet.*is kept in"):
        Model(record.id).get_local_copy(raise_on_error=True)


def test_what_the_program_writes_of_its_files_is_not_trusted(
    agents: Agents, store: SharedStore
) -> None:
    script = (
        INIT
        + """
from elsewhere.core.events import ModelSaved
task.access.run.record(ModelSaved(model="a" * 32, fields={"name": "x"}, file="spec.json"))
task.access.run.record(ModelSaved(model="b" * 32, fields={"name": "x"}, file="../../secret"))
"""
    )
    agents.run(script)
    for model in ("a" * 32, "b" * 32):
        record = store.model(model)
        assert record.url == ""
        assert record.preview.startswith("It was not uploaded")


# what it is


def test_a_published_model_keeps_what_it_is(store: SharedStore, tmp_path: Path) -> None:
    model = OutputModel(Task.get_task(task_id=begin(store)), name="net")
    with pytest.raises(UsageError, match="it has no weights"):
        model.publish()
    model.update_weights(register_uri="s3://bucket/net.pt")
    model.publish()
    for change in (
        lambda: model.update_weights(register_uri="s3://bucket/other.pt"),
        lambda: model.update_design("x"),
        lambda: model.update_labels({}),
    ):
        with pytest.raises(UsageError, match="it is published"):
            change()
    model.tags = ["good"]
    assert (model.published, model.tags) == (True, ["good"])


# on another task


def test_on_another_task_all_is_done_at_once(store: SharedStore, tmp_path: Path) -> None:
    task_id = begin(store, name="train net", output_uri=str(tmp_path / "place"), labels={"cat": 1})
    handle = Task.get_task(task_id=task_id)
    (tmp_path / "net.bin").write_bytes(WEIGHTS)
    model = OutputModel(handle, framework="f")
    url = model.update_weights(tmp_path / "net.bin")
    record = only(store, task_id)[1]
    assert lies_whole(record, tmp_path / "place", task_id) == WEIGHTS
    assert record.url == url == model.url
    assert (record.name, record.labels, record.task) == ("train net - net", {"cat": 1}, task_id)
    assert not (tmp_path / "net.bin").exists()
    assert model.wait_for_uploads()


def test_update_output_model_of_another_task_uploads_always(
    store: SharedStore, tmp_path: Path, elsewhere_home: Path
) -> None:
    task_id = begin(store, name="train net")
    handle = Task.get_task(task_id=task_id)
    assert handle is not None
    (tmp_path / "net.bin").write_bytes(WEIGHTS)
    url = handle.update_output_model(
        tmp_path / "net.bin", name="best", model_name="my net", iteration=3, auto_delete_file=False
    )
    name, record = only(store, task_id)
    assert (name, record.name, record.iteration) == ("best", "my net", 3)
    assert record.url == url
    assert lies_whole(record, elsewhere_home / "storage", task_id) == WEIGHTS
    assert (tmp_path / "net.bin").exists()
    assert handle.output_models_id == {"best": record.id}


def test_a_model_can_be_one_of_another_task_too(store: SharedStore) -> None:
    first, second = (Task.get_task(task_id=begin(store)) for _ in range(2))
    assert first is not None
    assert second is not None
    model = OutputModel(first, name="net")
    model.connect(second)
    model.connect(first, "best")
    assert (first.output_models_id, second.output_models_id) == (
        {"best": model.id},
        {"net": model.id},
    )


def test_a_published_task_takes_no_more_models(store: SharedStore, tmp_path: Path) -> None:
    task_id = begin(store)
    store.move(task_id, Status.COMPLETED, allowed=())
    handle = Task.get_task(task_id=task_id)
    assert handle is not None
    made = OutputModel(handle, name="net")
    store.move(task_id, Status.PUBLISHED, allowed=())
    (tmp_path / "net.bin").write_bytes(WEIGHTS)
    with pytest.raises(TransitionError, match="it is published"):
        handle.update_output_model(tmp_path / "net.bin")
    with pytest.raises(TransitionError, match="it is published"):
        OutputModel(handle, name="another")
    assert handle.output_models_id == {"net": made.id}
    assert (tmp_path / "net.bin").exists()


def test_a_task_that_is_gone_is_an_error(store: SharedStore) -> None:
    record = make_record()
    store.create(record)
    model = OutputModel(Task.get_task(task_id=record.id))
    store.delete(record.id)
    with pytest.raises(NotFoundError):
        model.update_weights(register_uri="s3://bucket/net.pt")

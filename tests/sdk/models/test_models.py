"""Models, as anybody reads and changes them who has their ids, and as tasks begin from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere import InputModel, Model, OutputModel, Task
from elsewhere.artifacts import upload_url
from elsewhere.core.choices import Status
from elsewhere.core.errors import NotFoundError, StorageError, TransitionError, UsageError
from elsewhere.core.events import ModelUsed
from elsewhere.core.records import ModelUse
from elsewhere.core.uploads import Upload
from elsewhere.storage import file_url, local_path
from elsewhere.store.api import TaskStore
from tests.sdk.artifacts.places import serving
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts
from tests.stores import begin, brought_to, opened

INIT = "task = Task.init('examples', 'train net')\n"
A, B, C = (letter * 32 for letter in "abc")


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def agents(store: TaskStore, redis_url: str, tmp_path: Path) -> Agents:
    return Agents(Scripts(tmp_path, redis_url), store, redis_url, tmp_path / "of the agent")


def handle(task_id: str) -> Task:
    found = Task.get_task(task_id=task_id)
    assert found is not None
    return found


def kept(store: TaskStore, tmp_path: Path, content: bytes = b"weights") -> tuple[Model, Task]:
    """A model with uploaded weights, and its task."""
    task = handle(begin(store, output_uri=str(tmp_path / "place")))
    (tmp_path / "net.bin").write_bytes(content)
    model = OutputModel(task, name="net")
    model.update_weights(tmp_path / "net.bin")
    return Model(model.id), task


# what it is


def test_a_model_has_what_was_saved(store: TaskStore) -> None:
    store.save_model(
        A,
        {
            "name": "net",
            "project": "examples",
            "task": "t" * 32,
            "parent": B,
            "url": "s3://bucket/net",
            "framework": "f",
            "comment": "c",
            "tags": ["x"],
            "labels": {"cat": 1},
            "design": '{"layers": 3}',
            "iteration": 5,
            "size_bytes": 6,
            "digest": "d",
            "is_package": True,
        },
    )
    model = Model(A)
    assert (model.id, model.name, model.project, model.comment) == (A, "net", "examples", "c")
    assert (model.task, model.original_task, model.parent) == ("t" * 32, "t" * 32, B)
    assert (model.url, model.framework, model.tags) == ("s3://bucket/net", "f", ["x"])
    assert (model.labels, model.config_dict) == ({"cat": 1}, {"layers": 3})
    assert (model.iteration, model.size, model.digest, model.is_package) == (5, 6, "d", True)
    assert (model.published, model.archived, model.system_tags) == (False, False, [])
    model.name, model.comment, model.framework, model.tags = "new", "", "g", ["y", "z", "y"]
    model.archive()
    changed = store.model(A)
    assert (changed.name, changed.comment, changed.framework) == ("new", "", "g")
    assert (changed.tags, changed.is_archived) == (("y", "z"), True)
    assert model.system_tags == ["archived"]
    model.unarchive()
    model.publish()
    assert (model.published, model.archived) == (True, False)


@pytest.mark.parametrize("text", ["layers: 3", "[1]"])
def test_a_design_that_is_no_dict_is_read_as_text(store: TaskStore, text: str) -> None:
    store.save_model(A, {"design": text})
    assert Model(A).config_text == text
    with pytest.raises(UsageError, match="read config_text"):
        Model(A).config_dict  # noqa: B018 - a property that raises


def test_metadata_keep_their_types(store: TaskStore) -> None:
    store.save_model(A, {"name": "net"})
    model = Model(A)
    model.set_metadata("acc", 0.5)
    model.set_metadata("epoch", "7", "int")
    model.set_metadata("size", (1, 2))
    assert model.get_all_metadata_casted() == {"acc": 0.5, "epoch": 7, "size": (1, 2)}
    assert model.get_all_metadata()["acc"] == {"value": 0.5, "type": "float"}
    assert (model.get_metadata("acc"), model.get_metadata("none", 3)) == (0.5, 3)
    model.set_all_metadata({"a": 1, "b": {"value": "2", "type": "int"}}, replace=False)
    assert model.get_metadata("b") == 2
    model.set_all_metadata({"c": {"value": 1, "other": 2}})
    assert model.get_all_metadata_casted() == {"c": {"value": 1, "other": 2}}


# its weights


def test_weights_of_another_machine_are_fetched_once_and_checked(
    store: TaskStore, tmp_path: Path
) -> None:
    model, _ = kept(store, tmp_path)
    path = local_path(model.url)
    assert model.get_local_copy() == path, "a file of this machine is given directly"
    with serving(tmp_path / "place") as served:
        url = model.url.replace(file_url(tmp_path / "place"), served.url)
        store.save_model(model.id, {"url": url, "digest": model.digest})
        copy = model.get_local_copy()
        assert copy is not None
        assert copy.read_bytes() == b"weights"
        assert Model(model.id).get_weights() == copy
        assert len(served.requests) == 1
        path.write_bytes(b"changed")
        with pytest.raises(StorageError, match="The model 'net' is not what was uploaded"):
            model.get_local_copy(raise_on_error=True, force_download=True)


def test_weights_that_are_not_there_are_a_warning_or_an_error(
    store: TaskStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = kept(store, tmp_path)
    local_path(model.url).unlink()
    with caplog.at_level(logging.WARNING):
        assert model.get_local_copy() is None
    assert "The model 'net' is gone" in caplog.text
    with pytest.raises(StorageError, match="The model 'net' is gone"):
        model.get_weights(raise_on_error=True)
    store.save_model(model.id, {"machine": "faraway"})
    with pytest.raises(StorageError, match="faraway"):
        model.get_local_copy(raise_on_error=True)
    with pytest.raises(UsageError, match="is not a package"):
        model.get_weights_package()
    store.save_model(A, {"name": "bare"})
    with pytest.raises(StorageError, match="has no weights yet"):
        Model(A).get_local_copy(raise_on_error=True)


# the models of a task


def test_a_task_lists_its_models_by_index_and_by_name(store: TaskStore) -> None:
    task = handle(begin(store))
    for name in ("first", "second"):
        OutputModel(task, name=name)
    store.save_model(A, {"name": "start"})
    task.set_input_model(A)
    models = task.models
    assert [model.name for model in models["output"]] == ["first", "second"]
    assert models["output"][-1] == models.output["second"] == models["output"].get("second")
    assert models.input["start"] == models["input"][0] == Model(A)
    assert (models.output.keys(), models.output.get("none")) == (["first", "second"], None)
    assert len(models["output"][:1]) == 1
    with pytest.raises(NotFoundError, match="Did you mean 'second'"):
        models["output"]["secnod"]
    with pytest.raises(IndexError):
        models["output"][2]
    store.delete_model(A)
    assert task.models["input"] == []


# finding


def test_models_are_queried(store: TaskStore) -> None:
    store.save_model(A, {"name": "net-a", "project": "one", "tags": ["x"]})
    store.save_model(B, {"name": "net-b", "project": "one", "is_published": True})
    store.save_model(C, {"name": "other", "is_archived": True, "metadata/acc": {"value": 1}})

    def found(**wanted: Any) -> list[str]:
        return [model.id for model in Model.query_models(**wanted)]

    assert found() == [B, A]
    assert found(model_name="^net", max_results=1) == [B]
    assert found(project_name="one", tags=["-x"]) == [B]
    assert found(only_published=True) == [B]
    assert found(include_archived=True, metadata={"acc": 1}) == [C]
    assert InputModel(name="net-a").id == A
    assert InputModel(project="one").id == B
    assert InputModel(project="one", tags=["x"]).id == A
    assert InputModel(B) == Model(B)
    for wanted, sentence in (
        ({"name": "net"}, r"no such model called 'net'. Did you mean 'net-[ab]'"),
        ({"name": "other"}, "no such model called 'other'"),
        ({"project": "two"}, "in project 'two'"),
        ({"name": "net-a", "only_published": True}, "Known: net-b"),
    ):
        with pytest.raises(NotFoundError, match=sentence):
            InputModel(**wanted)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Model("x"), "must be the id of a model"),
        (InputModel, "needs model_id, or a name"),
        (lambda: InputModel(name=5), "must be a text"),  # type: ignore[arg-type]
        (lambda: InputModel(name="a", tags=["__$x"]), "which is no operator"),
        (lambda: Model.query_models(model_name="("), "must be a regular expression"),
        (lambda: Model.query_models(max_results=0), "must be a whole number of 1 or more"),
        (lambda: Model.query_models(metadata=[1]), "must be a dict"),  # type: ignore[arg-type]
        (lambda: Model.remove("x"), "must be the id of a model"),
        (lambda: InputModel.import_model(""), "must be a URL"),
        (lambda: InputModel.import_model("ftp://x"), "There is no storage"),
        (lambda: InputModel.load_model("s3://me:pw@x"), "user name or password"),
    ],
)
def test_a_wrong_argument_is_one_sentence(store: TaskStore, call: Any, sentence: str) -> None:
    with pytest.raises((UsageError, StorageError), match=sentence) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_an_unknown_id_is_not_found(store: TaskStore) -> None:
    with pytest.raises(NotFoundError):
        Model(A)


# removing


def test_a_removed_model_takes_its_weights_along(store: TaskStore, tmp_path: Path) -> None:
    model, task = kept(store, tmp_path)
    path = local_path(model.url)
    other = handle(begin(store))
    other.set_input_model(model.id)
    with pytest.raises(UsageError, match="1 tasks began from it"):
        Model.remove(model)
    assert path.exists()
    assert Model.remove(model, force=True)
    assert not path.exists()
    assert task.models["output"] == []


def test_weights_on_another_machines_disk_are_left(store: TaskStore, tmp_path: Path) -> None:
    model, _ = kept(store, tmp_path)
    store.save_model(model.id, {"machine": "elsewhere-box"})
    path = local_path(model.url)
    assert not Model.remove(model)
    assert path.exists(), "this machine's file of that name is another one"


def test_weights_that_are_not_ours_or_not_wanted_gone_stay(
    store: TaskStore, tmp_path: Path
) -> None:
    model, _ = kept(store, tmp_path)
    path = local_path(model.url)
    assert Model.remove(model.id, delete_weights_file=False)
    assert path.exists()
    linked = InputModel.import_model(str(path))
    assert Model.remove(linked)
    assert path.exists()
    store.save_model(B, {"url": file_url(path.parent / ".." / path.name), "digest": "0" * 64})
    moved = path.rename(path.parent.parent / path.name)
    assert Model.remove(B)
    assert moved.exists(), "what a program records of its model leads to somebody's file"
    store.save_model(A, {"is_published": True})
    with pytest.raises(UsageError, match="it is published"):
        Model.remove(A)


# from outside


def test_a_url_is_imported_once(store: TaskStore, tmp_path: Path) -> None:
    url = "s3://bucket/net.pt"
    assert InputModel.load_model(url) is None
    model = InputModel.import_model(url, name="net", tags=["x"], framework="f", config_dict={})
    assert InputModel.import_model(url, name="other") == model == InputModel.load_model(url)
    assert (model.name, model.tags, model.task, model.config_dict) == ("net", ["x"], "", {})
    model.archive()
    assert InputModel.load_model(url) is None
    assert InputModel.load_model(url, load_archived=True) == model
    path = tmp_path / "local.bin"
    assert InputModel.import_model(str(path)).url == file_url(path)
    assert InputModel.load_model(file_url(path)) is not None


def test_an_uploaded_model_is_known_by_its_url(store: TaskStore, tmp_path: Path) -> None:
    model, _ = kept(store, tmp_path)
    assert InputModel.load_model(model.url) == model
    assert InputModel.load_model(str(local_path(model.url))) == model


# beginning from a model


def test_an_input_model_replaces_the_only_one(store: TaskStore) -> None:
    store.save_model(A, {"name": "a", "labels": {"cat": 1}, "design": "deep"})
    store.save_model(B, {"name": "b"})
    task = handle(brought_to(store, Status.CREATED))
    task.set_input_model(A)
    assert task.input_models_id == {"a": A}
    record = store.read(task.id)
    assert (record.labels, record.configurations["design"].text) == ({"cat": 1}, "deep")
    task.set_input_model(model_name="b")
    assert task.input_models_id == {"a": B}, "under the name that the program knows"
    task.set_input_model(A, name="second", update_task_design=False)
    assert task.input_models_id == {"a": B, "second": A}
    with pytest.raises(UsageError, match="give as name the one that this"):
        task.set_input_model(A)
    task.remove_input_models([Model(A)])
    task.remove_input_models("a")
    assert task.input_models_id == {}
    calls: list[tuple[Callable[[], None], str]] = [
        (task.set_input_model, "give one of them"),
        (lambda: task.set_input_model(A, "a"), "give one of them"),
        (lambda: task.set_input_model(model_name="none"), "There is no such model"),
        (lambda: task.set_input_model(C), "There is no model"),
        (lambda: task.remove_input_models("none"), "has no input model"),
    ]
    for call, sentence in calls:
        with pytest.raises((UsageError, NotFoundError), match=sentence):
            call()


def test_what_a_finished_task_began_from_is_history(store: TaskStore) -> None:
    store.save_model(A, {"name": "a"})
    task = handle(brought_to(store, Status.CREATED))
    task.set_input_model(A)
    store.move(task.id, Status.IN_PROGRESS, allowed=())
    store.move(task.id, Status.COMPLETED, allowed=())
    with pytest.raises(TransitionError):
        task.set_input_model(A)
    with pytest.raises(TransitionError):
        task.remove_input_models("a")


CONNECTING = """
model = InputModel(name="base")
model.connect(task, "start")
print(model.name, task.get_labels_enumeration())
"""


def test_the_model_that_a_clone_names_is_the_one_that_its_program_gets(
    agents: Agents, store: TaskStore, tmp_path: Path, redis_url: str
) -> None:
    store.save_model(A, {"name": "base", "labels": {"cat": 1}})
    store.save_model(B, {"name": "better"})
    imports = "from elsewhere import InputModel, Model, OutputModel\n"
    ran = Scripts(tmp_path, redis_url).run(imports + INIT + CONNECTING)
    assert ran.lines == ["base {'cat': 1}"], ran.errors
    (here,) = store.tasks_using(A)
    assert [(use.name, use.is_output) for use in store.task_models(here)] == [("start", False)]

    clone = begin(store, name="train net", labels={"cat": 1})
    store.edit(clone, *(ModelUsed(use=use) for use in store.task_models(here)))
    handle(clone).set_input_model(B)
    store.save_model(C, {"name": "another"})
    store.edit(clone, ModelUsed(use=ModelUse(name="an earlier one", model=C, is_output=False)))
    agents.run_as(clone, INIT + CONNECTING)
    assert agents.ran.lines == ["better {'cat': 1}"]
    assert (store.tasks_using(A), store.tasks_using(B)) == ([here], [clone])

    same = begin(store, name="train net")
    agents.run_as(same, INIT + CONNECTING)
    assert agents.ran.lines == ["base {'cat': 1}"], "it names none: the program's own counts"
    assert store.tasks_using(A) == sorted([here, same])

    script = CONNECTING.replace('"start")', '"start", ignore_remote_overrides=True)')
    other = begin(store, name="train net")
    store.edit(other, ModelUsed(use=ModelUse(name="start", model=B, is_output=False)))
    agents.run_as(other, INIT + script)
    assert agents.ran.lines == ["base {'cat': 1}"]
    assert handle(other).input_models_id == {"start": A}


def test_a_model_without_weights_gives_labels_and_design(store: TaskStore) -> None:
    task = handle(begin(store))
    model = InputModel.empty(config_text="deep", label_enumeration={"dog": 2})
    model.connect(task)
    record = store.read(task.id)
    assert (record.labels, record.configurations["design"].text) == ({"dog": 2}, "deep")
    assert task.input_models_id == {"design": model.id}


def test_artifacts_and_models_do_not_meet(store: TaskStore, tmp_path: Path) -> None:
    model, task = kept(store, tmp_path)
    upload = Upload(file=Path("f"), place=str(tmp_path / "place"), kind="artifact", name="a")
    of_artifact = local_path(upload_url(upload, store.read(task.id)))
    assert of_artifact.parents[1] == local_path(model.url).parents[1].with_name("artifacts")

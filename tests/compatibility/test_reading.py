"""A store that the commit before wrote: it is read as it was then, and what is in it is changed."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
import redis

from elsewhere import InputModel, Model, OutputModel, Task
from elsewhere.store.redis.keys import blob
from tests.compatibility import reading
from tests.compatibility.conftest import Kept
from tests.compatibility.insides import command
from tests.compatibility.kept import DATA
from tests.stores import opened

#: as `make.py` calls them
NAMES: Final = sorted(
    {*json.loads((DATA / "expected.json").read_text())["ids"]} - {"offline", "offline killed"}
)


def found(**asked: Any) -> list[str]:
    return [str(one) for one in Task.query_tasks(**asked)]


def indexes(kept: Kept, name: str) -> set[bytes]:
    """Keys of the sets that have the task's id."""
    with redis.Redis.from_url(kept.url) as client:
        read: Any = client  # its types are those of clients of both kinds
        has = {b"set": read.sismember, b"zset": read.zscore}
        keys = [(key, has.get(read.type(key))) for key in read.scan_iter("*")]
        return {key for key, look in keys if look and look(key, kept.id(name)) not in (0, None)}


# reading


def test_every_task_is_found(kept: Kept) -> None:
    assert sorted(reading.tasks()) == sorted(kept.expected["tasks"])


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_read_as_it_was(kept: Kept, name: str) -> None:
    task_id = kept.id(name)
    assert reading.task(task_id) == kept.expected["tasks"][task_id]


def test_models_are_read_as_they_were(kept: Kept) -> None:
    models = kept.expected["models"]
    assert {one: reading.model(one) for one in models} == models


def test_searches_find_what_they_found(kept: Kept) -> None:
    assert reading.searches() == kept.expected["searches"]


def test_the_command_shows_and_lists_them(kept: Kept) -> None:
    shown = command("show", kept.id("says all"))
    for text in (
        "says all",
        "x = 1",
        "a: 1   # kept",
        "cat",
        "of judges",
        "s3://bucket",
        "numbers",
    ):
        assert text in shown, text
    assert "one line\n done\ngrüße\nno end" in command("logs", kept.id("says all"))
    listed = command("list", "--status", "queued")
    assert "waits in a queue" in listed
    assert "says all" not in listed


def test_series_are_told_apart_by_their_kinds(kept: Kept) -> None:
    shown = json.loads(command("show", "--json", kept.id("says all")))
    assert {one["title"] for one in shown["resources"]} == {":monitor:machine"}
    assert {one["title"] for one in shown["scalars"]} >= {"loss", "Summary"}
    single = [line for line in command("show", kept.id("says all")).splitlines() if "best" in line]
    assert [line.split() for line in single if "Summary" in line] == [
        ["Summary", "/", "best", "0.875"]
    ]


def test_a_task_that_was_exported_is_imported(kept: Kept) -> None:
    exported = kept.expected["tasks"][kept.id("says all")]["exported"]
    task = Task.import_task({**exported, "name": "imported"})
    assert task is not None
    again = task.export_task()
    own = ("id", "created_at", "name")
    for field, value in exported.items():
        assert field in own or reading.trimmed(again[field]) == value, field


# changing


def test_a_clone_has_all_that_the_task_was_given(kept: Kept) -> None:
    task = kept.task("says all")
    clone = Task.clone(task, name="a clone", parent=task)
    before, after = task.export_task(), clone.export_task()
    own = {"id", "created_at", "name", "parent", "user"}  # whose it is: who clones it
    assert {k: v for k, v in after.items() if k not in own} == {
        k: v for k, v in before.items() if k not in own
    }
    assert (clone.get_status(), clone.parent) == ("created", task.id)
    assert clone.input_models_id == task.input_models_id
    assert clone.get_reported_scalars() == {}


def test_names_labels_and_tags_are_changed_and_found(kept: Kept) -> None:
    task = kept.task("says all")
    task.rename("renamed")
    task.move_to_project(new_project_name="kept/moved")
    task.set_tags(["new"])
    task.set_user_properties(room="c8")
    task.set_comment("another")
    task.archive()
    again = kept.task("says all").export_task()
    assert (again["name"], again["project"], again["tags"]) == ("renamed", "kept/moved", ["new"])
    assert again["comment"] == "another"
    assert again["properties"]["room"]["value"] == "c8"
    assert again["properties"]["score"]["value"] == 0.5
    assert found(project_name="kept/moved", task_name="^renamed$") == [task.id]
    assert found(tags=["new"]) == [task.id]
    assert task.id not in found(tags=["late"])
    assert task.id not in found(project_name="kept/all")
    assert task.id in found(task_filter={"system_tags": ["archived"]})
    kept.task("is archived").unarchive()
    assert kept.id("is archived") in found(task_filter={"system_tags": ["-archived"]})


def test_what_a_draft_is_to_run_is_changed(kept: Kept) -> None:
    draft = kept.task("draft")
    draft.set_parameter("Args/epochs", 7)
    draft.delete_parameter("Dict/int")
    draft.set_configuration_object("file", config_text="a: 2\n")
    draft.delete_configuration_object("text")
    draft.set_model_label_enumeration({"cow": 3})
    draft.set_packages(["numpy==2.0"])
    draft.remove_input_models(["start"])
    again = kept.task("draft")
    assert again.get_parameter("Args/epochs", cast=True) == 7
    assert again.get_parameter("Dict/int") is None
    assert again.get_parameter("Dict/float", cast=True) == 0.5
    assert again.get_configuration_object("file") == "a: 2\n"
    assert sorted(again.get_configuration_objects()) == ["design", "dict", "file"]
    assert again.get_labels_enumeration() == {"cow": 3}
    assert again.get_requirements()["pip"] == "numpy==2.0"
    assert again.input_models_id == {}


@pytest.mark.parametrize("name", ["says all", "fails", "ran on an agent", "killed"])
def test_a_task_is_reset(kept: Kept, name: str) -> None:
    task, given = kept.task(name), kept.task(name).export_task()
    task.reset()
    again = reading.task(task.id)
    for said in ("scalars", "artifacts", "output", "texts", "output models", "last_iteration"):
        assert not again.get(said), said
    assert kept.task(name).get_status() == "created"
    assert kept.task(name).export_task() == given
    assert task.id in found(task_filter={"status": ["created"]})


def test_the_code_of_every_task_stays_from_an_agents_first_look_on(kept: Kept) -> None:
    with opened(kept.url) as store:
        named = {one for task_id in reading.tasks() for one in store.read(task_id).digests}
        assert named
        assert all(store.redis.ttl(blob(one)) > 0 for one in named)
        store.name_blobs()
        assert {store.redis.ttl(blob(one)) for one in named} == {-1}
        kept.task("says all").delete()
        others = {one for task_id in reading.tasks() for one in store.read(task_id).digests}
        assert {one for one in named if store.redis.ttl(blob(one)) == -1} == others


@pytest.mark.parametrize("name", ["waits", "is taken"])
def test_a_task_is_taken_out_of_its_queue_and_put_into_it_again(kept: Kept, name: str) -> None:
    waited, indexed = Task.get_num_enqueued_tasks("default"), indexes(kept, name)
    assert Task.dequeue(kept.task(name))["dequeued"] == 1
    assert kept.task(name).get_status() == "created"
    assert Task.get_num_enqueued_tasks("default") == waited - (name == "waits")
    assert len(indexes(kept, name)) == len(indexed) - 1, "the one of those that wait has it no more"
    Task.enqueue(kept.task(name))
    assert Task.get_num_enqueued_tasks("default") == waited + (name == "is taken")
    assert indexes(kept, name) == indexed


@pytest.mark.parametrize("name", ["says all", "stops", "is archived", "draft"])
def test_nothing_is_left_of_a_task_that_is_deleted(kept: Kept, name: str) -> None:
    task, children = kept.task(name), {kept.id("draft"), kept.id("function")}
    assert task.delete()
    with redis.Redis.from_url(kept.url) as client:
        assert list(client.scan_iter(f"*{task.id}*")) == []
    assert indexes(kept, name) == {b"ew:deleted"}
    assert task.id not in reading.tasks()
    assert children - {task.id} <= set(reading.tasks())


def test_a_stop_is_asked_for_and_a_published_task_stays_as_it_is(kept: Kept) -> None:
    kept.task("outlives").mark_stop_request()
    shown = json.loads(command("show", "--json", kept.id("outlives")))
    assert shown["state"]["stop_requested_at"]
    kept.task("waits").mark_stop_request()
    assert kept.task("waits").get_status() == "stopped"
    published = kept.task("is published")
    with pytest.raises(Exception, match="published"):
        published.set_parameter("General/rate", 1)
    assert kept.task("says all").publish()
    (net,) = (one for one in Model.query_models(model_name="net"))
    assert net.published, "the last model that it made is published with it"


# models


def test_models_are_changed_and_used(kept: Kept) -> None:
    (base,) = Model.query_models(model_name="base")
    assert InputModel.import_model("s3://bucket/base.bin").id == base.id, "it is known by its place"
    assert base.set_metadata("epochs", 4)
    base.tags = ["c"]
    base.archive()
    again = InputModel(base.id)
    assert (again.get_metadata("epochs"), again.tags, again.archived) == (4, ["c"], True)
    assert [one.id for one in Model.query_models(tags=["c"], include_archived=True)] == [base.id]
    draft = kept.task("draft")
    draft.set_input_model(kept.model("net"), name="net")
    assert draft.input_models_id["net"] == kept.model("net")
    made = OutputModel(kept.task("draft"), name="made later", base_model_id=base.id)
    assert kept.task("draft").output_models_id["made later"] == made.id
    with pytest.raises(Exception, match="2 tasks began from it"):
        Model.remove(base.id)


def test_an_artifact_that_was_kept_is_deleted_with_its_bytes(kept: Kept) -> None:
    kept.task("says all").delete_artifacts(["table"])
    again = kept.task("says all").artifacts
    assert sorted(again) == ["numbers"]
    assert again["numbers"].get() == {"best": 3}
    assert not list(kept.home.glob("storage/**/table.csv"))

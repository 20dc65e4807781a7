"""`auto_connect_...`: which arguments, hooks, streams and monitors a task is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elsewhere.core.errors import UsageError
from elsewhere.core.notes import MonitorNote
from elsewhere.run.auto_connect import Connections
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import find, opened


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"arg_parser": 3}, "auto_connect_arg_parser must be True, False or a dict, not 3."),
        ({"arg_parser": {"rate": "yes"}}, "auto_connect_arg_parser['rate'] cannot be 'yes'."),
        ({"frameworks": {"pytorhc": True}}, "'pytorhc'. Did you mean 'pytorch'?"),
        ({"frameworks": {"pytorch": 3}}, "auto_connect_frameworks['pytorch'] cannot be 3."),
        ({"frameworks": {"tensorboard": {"hparams": True}}}, "auto_connect_frameworks['tensor"),
        ({"streams": {"stdin": True}}, "auto_connect_streams has the unknown name 'stdin'."),
        ({"resources": {"first_report_sec": -1}}, "auto_resource_monitoring['first_report_sec']"),
        ({"resources": {"report_global_mem_used": 1}}, "['report_global_mem_used'] cannot be 1."),
        (
            {"resources": {"report_global_mem_used": True, "report_mem_used_per_process": True}},
            "both True, and each is the opposite of the other: give one of them.",
        ),
    ],
)
def test_what_cannot_be_connected_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        Connections(**arguments)
    assert sentence in str(refused.value)


def test_the_example_of_the_seed_page_is_understood() -> None:
    given = {
        "matplotlib": True,
        "tensorflow": False,
        "tensorboard": False,
        "pytorch": True,
        "xgboost": False,
        "scikit": True,
        "fastai": True,
        "lightgbm": False,
        "hydra": True,
        "detect_repository": True,
        "tfdefines": True,
        "joblib": True,
        "megengine": True,
        "jsonargparse": True,
        "catboost": True,
    }
    connections = Connections(frameworks=given)
    assert {name: connections.is_on(name) for name in given} == given
    assert connections.is_on("gradio")


@pytest.mark.parametrize(
    ("frameworks", "is_on"),
    [
        (True, True),
        (False, False),
        ({}, False),
        ({"pytorch": "*.pt"}, True),
        ({"pytorch": ["*.pt", "*.bin"]}, True),
        ({"pytorch": False}, False),
        ({"tensorboard": {"report_hparams": False}}, True),
        ({"hydra": False}, True),
    ],
)
def test_frameworks_are_on_unless_they_are_switched_off(frameworks: object, is_on: bool) -> None:
    assert Connections(frameworks=frameworks).is_on("pytorch") is is_on


def test_the_repository_is_looked_for_unless_its_own_name_is_off() -> None:
    assert Connections(frameworks=False).finds_repository
    assert Connections(frameworks={"hydra": False}).finds_repository
    assert not Connections(frameworks={"detect_repository": False}).finds_repository


ON, OFF, OF_MACHINE = MonitorNote(), MonitorNote(is_on=False), MonitorNote(is_of_machine=True)


@pytest.mark.parametrize(
    ("resources", "note", "first_s"),
    [
        (True, ON, 2.0),
        (None, ON, 2.0),
        (False, OFF, 2.0),
        ({}, OFF, 2.0),
        ({"first_report_sec": 60}, ON, 60.0),
        ({"report_start_sec": 0.5}, ON, 0.5),
        ({"seconds_from_start": 0}, ON, 0.0),
        ({"first_report_sec": None, "seconds_from_start": 7}, ON, 7.0),
        ({"report_global_mem_used": True}, OF_MACHINE, 2.0),
        ({"report_mem_used_per_process": False}, OF_MACHINE, 2.0),
        ({"report_global_mem_used": False, "report_mem_used_per_process": True}, ON, 2.0),
        ({"report_global_mem_used": True, "report_mem_used_per_process": False}, OF_MACHINE, 2.0),
    ],
)
def test_resources_are_monitored_as_the_argument_says(
    resources: object, note: MonitorNote, first_s: float
) -> None:
    connections = Connections(resources=resources)
    assert (connections.monitor_note, connections.first_report_s) == (note, first_s)


def test_options_that_choose_another_axis_are_named(caplog: pytest.LogCaptureFixture) -> None:
    Connections(
        resources={
            "wait_for_first_iteration_to_start_sec": 180.0,
            "max_wait_for_first_iteration_to_start_sec": None,
        }
    )
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("auto_resource_monitoring['wait_for_first_iteration_to_start_sec']")


PARSES = """
import argparse, logging
task = Task.init("examples", "connected", reuse_last_task_id=False, {arguments})
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--depth", type=int, default=3)
parser.parse_args([])
print("printed")
sys.stderr.write("to the errors\\n")
logging.getLogger("mine").warning("logged")
task.flush(wait_for_uploads=True)
print(task.id)
"""


@pytest.mark.parametrize(
    ("argument", "recorded"),
    [
        ("True", {"Args/rate", "Args/depth"}),
        ("False", set()),
        ("{}", set()),
        ("{'rate': False}", {"Args/depth"}),
        ("{'rate': True, '*': False}", {"Args/rate"}),
    ],
)
def test_only_the_arguments_that_are_wanted_are_recorded(
    tmp_path: Path, redis_url: str, argument: str, recorded: set[str]
) -> None:
    script = PARSES.format(arguments=f"auto_connect_arg_parser={argument}")
    ran = Scripts(tmp_path, redis_url).run(script)
    assert ran.status == 0, ran.errors
    with opened(redis_url) as store:
        assert set(store.read(ran.lines[-1]).parameters) == recorded


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        ("True", ["printed", "to the errors", "logged"]),
        ("False", []),
        ("{'stdout': True}", ["printed"]),
        ("{'stderr': True}", ["to the errors", "logged"]),
        ("{'logging': True}", ["logged"]),
        ("{'stdout': True, 'logging': True}", ["printed", "logged"]),
    ],
)
def test_only_the_streams_that_are_wanted_are_kept(
    tmp_path: Path, redis_url: str, argument: str, kept: list[str]
) -> None:
    script = PARSES.format(arguments=f"auto_connect_streams={argument}")
    ran = Scripts(tmp_path, redis_url).run(script)
    assert ran.status == 0, ran.errors
    with opened(redis_url) as store:
        output = output_of(store, ran.lines[-1])
    found = [line for line in output if line in ("printed", "to the errors", "logged")]
    assert sorted(found) == sorted(kept)  # each stream has its own order


def output_of(store: RedisStore, task_id: str) -> list[str]:
    return store.output(task_id).data.decode().splitlines()


# where outputs go

PLACED = """
task = Task.init("examples", "placed", {arguments})
task.upload_artifact("a", {{"x": 1}}, wait_on_upload=True)
print(task.id)
"""


@pytest.mark.parametrize(
    ("argument", "setting", "place", "lies_in"),
    [
        ("None", "", "", "home"),
        ("None", "setting", "setting", "setting"),
        ("True", "setting", "setting", "setting"),
        ("True", "", "default", "home"),
        ("False", "setting", "", "setting"),
        ("str(Path('given').absolute())", "setting", "given", "given"),
        ("Path('given').absolute().as_uri()", "", "given", "given"),
    ],
)
def test_outputs_go_where_they_shall(
    tmp_path: Path,
    elsewhere_home: Path,
    redis_url: str,
    argument: str,
    setting: str,
    place: str,
    lies_in: str,
) -> None:
    folders = {"setting": tmp_path / "setting", "given": tmp_path / "given"}
    for folder in folders.values():
        folder.mkdir()
    script = PLACED.format(arguments=f"output_uri={argument}")
    variables = {"ELSEWHERE_OUTPUT_URI": str(folders["setting"])} if setting else {}
    ran = Scripts(tmp_path, redis_url).run(script, **variables)
    assert ran.status == 0, ran.errors
    with opened(redis_url) as store:
        found = store.read(ran.lines[0]).output_uri
        url = store.artifacts(ran.lines[0])["a"].url
    assert found.removeprefix("file://") == str(folders.get(place, place))
    assert url.startswith((folders.get(lies_in) or elsewhere_home / "storage").as_uri())


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("3", "output_uri cannot be 3"),
        ("''", "output_uri cannot be ''"),
        ("'ftp://host/x'", "ftp"),
        ("'/proc/nothing/here'", "/proc/nothing/here"),
        ("'http://127.0.0.1:1/x'", "http"),
    ],
)
def test_a_place_that_takes_nothing_is_refused_at_once(
    tmp_path: Path, redis_url: str, argument: str, sentence: str
) -> None:
    ran = Scripts(tmp_path, redis_url).run(PLACED.format(arguments=f"output_uri={argument}"))
    assert ran.status == 1
    assert sentence in ran.last_error
    assert "Error: " in ran.last_error
    with opened(redis_url) as store:
        assert find(store) == []

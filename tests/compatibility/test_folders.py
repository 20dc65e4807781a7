"""Folders that the commit before left on disk: sessions of scripts that ran offline, and of one
that was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere import Task
from tests.compatibility import reading
from tests.compatibility.conftest import Kept
from tests.compatibility.insides import command
from tests.compatibility.programs import NEXT
from tests.sdk.scripts import Scripts


@pytest.mark.parametrize(("name", "end"), [("offline", ".zip"), ("offline killed", "")])
def test_an_offline_session_is_imported(kept: Kept, name: str, end: str) -> None:
    path = kept.home / "offline" / f"{kept.id(name)}{end}"
    assert Task.import_offline_session(path) == kept.id(name)
    assert reading.lasting(reading.task(kept.id(name))) == kept.expected["afterwards"][name]


def test_the_model_of_an_offline_session_is_imported_with_its_weights(kept: Kept) -> None:
    assert command("import-offline-session", f"{kept.home}/offline/{kept.id('offline')}.zip")
    (model_id,) = kept.task("offline").output_models_id.values()
    made = reading.lasting(reading.model(model_id))
    assert made == kept.expected["afterwards"]["net offline"]


def test_an_offline_session_is_added_to_a_task_that_is_kept(kept: Kept) -> None:
    path, task = kept.home / "offline" / f"{kept.id('offline')}.zip", kept.task("says all")
    words = ["--previous-task", task.id, "--iteration-offset", "100"]
    assert command("import-offline-session", str(path), *words) == f"{task.id}\n"
    curve = task.get_reported_scalars()["loss"]["train"]["x"]
    assert curve == [0, 1, 2, 3, 100, 101, 102]
    assert task.get_parameter("General/rate", cast=True) == 0.5
    assert task.get_parameter("Dict/int", cast=True) == 1


def test_a_killed_script_is_delivered_by_the_next_one(kept: Kept, tmp_path: Path) -> None:
    """Its journal has an event of every kind, and has been delivered in part."""
    ran = Scripts(tmp_path, kept.url).run(NEXT.format(folder=str(kept.home / "sessions")))
    assert ran.status == 0, ran
    made = reading.lasting(reading.task(kept.id("killed")))
    assert made == kept.expected["afterwards"]["killed"]
    (model_id,) = kept.task("killed").output_models_id.values()
    made = reading.lasting(reading.model(model_id))
    assert made == kept.expected["afterwards"]["net of the killed"]
    assert not list(kept.home.glob("storage/**/gone.json")), "what was removed is deleted"


def test_a_killed_script_that_was_taken_away_says_nothing_more(kept: Kept, tmp_path: Path) -> None:
    """The attempt of its task is not its own any more: the number still fences it off."""
    task = kept.task("killed")
    task.reset()
    ran = Scripts(tmp_path, kept.url).run(NEXT.format(folder=str(kept.home / "sessions")))
    assert ran.status == 0, ran
    assert kept.task("killed").get_status() == "created"
    assert kept.task("killed").get_reported_scalars() == {}

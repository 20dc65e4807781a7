"""Every wrong argument of every public call gives one sentence: a table, and that it has them all.

A row is a call, as a script would write it, and a part of the sentence that it gives. What a new
public call says has its row here, or a reason in `NEVER_WRONG`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

import elsewhere
from elsewhere import (
    InputModel,
    Logger,
    Model,
    OutputModel,
    Task,
    TaskParameters,
    param,
    percent_param,
)
from elsewhere.core.choices import Status
from elsewhere.core.errors import ElsewhereError
from elsewhere.store.redis.store import RedisStore
from tests.reference import documented, members, public_names
from tests.sdk.scripts import Scripts
from tests.sdk.task.wrong_calls import BEFORE, OWN
from tests.sdk.task.wrong_calls_of_any import ANY
from tests.stores import begin, brought_to

#: public names that take nothing that could be wrong, beside flags, whose truth counts
NEVER_WRONG: Final = {
    "Task.DeleteError": "an error, not a call",
    "Task.TaskTypes": "an enum: Python's own ValueError",
    "StorageManager": "never made: its calls are its class's",
    "Logger": "Task.get_logger makes it",
    "Logger.SeriesInfo": "checked where it is reported",
    "OutputModel.SeriesInfo": "checked where it is reported",
    "Logger.set_flush_period": "it changes nothing, whatever it is given",
    "Logger.set_flush_threshold": "it changes nothing, whatever it is given",
    "WeightsFileHandler": "never made: its calls are its class's",
    "WeightsFileHandler.CallbackType": "an enum: Python's own ValueError",
    "WeightsFileHandler.ModelInfo": "what callbacks are given",
    "WeightsFileHandler.remove_pre_callback": "what is no handle removes nothing",
    "WeightsFileHandler.remove_post_callback": "what is no handle removes nothing",
    "Model": "Task.models and queries make it",
    "Task": "Task.init and Task.get_task make it",
}


@pytest.fixture
def names(
    store: RedisStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What the calls of the tables use."""
    monkeypatch.chdir(tmp_path)
    for file in ("net.bin", "known.bin"):
        Path(file).write_bytes(b"weights")

    class Settings(TaskParameters):
        rate = param(default=0.5, type=float, range=(0, 1))
        share = percent_param(default=50)

    task = Task(begin(store), store)
    net, removed = OutputModel(task, name="net"), OutputModel(task, name="removed")
    Model.remove(removed)
    InputModel.import_model("known.bin")
    yield {
        **{name: getattr(elsewhere, name) for name in elsewhere.__all__},
        "Path": Path,
        "Settings": Settings,
        "frame": pd.DataFrame({"a": [1]}),
        "task": task,
        "published": Task(brought_to(store, Status.PUBLISHED), store),
        "gone": Task("f" * 32, store),
        "net": net,
        "removed": removed,
        "given": InputModel(net.id),
    }
    if (begun := Task.current_task()) is not None:  # a call was taken that is wrong
        begun.close()


@pytest.fixture
def own(names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Task]:
    """This process is a task, of a script with nothing in it."""
    script = tmp_path / "script.py"
    script.touch()
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    monkeypatch.setattr(Task, "_seed", None)
    own = Task.init("examples", "own", auto_connect_streams=False, auto_resource_monitoring=False)
    names |= {"own": own, "log": own.get_logger()}
    yield own
    own.close()


def wrong(table: dict[str, list[tuple[str, str]]], names: dict[str, Any]) -> list[str]:
    """The rows of the table that do not give their sentence, with what they give, and the public
    names whose docstrings do not name that error under "Raises"."""
    found = []
    for name, call, sentence in ((name, *row) for name, rows in table.items() for row in rows):
        try:
            exec(call, names)
        except ElsewhereError as error:
            said = str(error)
            if sentence not in said or "\n" in said:
                found.append(f"{call}: {said}")
            if name and not names_error(name, error):
                found.append(f"{name}: {type(error).__name__} is not under 'Raises'")
        except Exception as error:  # noqa: BLE001 - all rows are looked at
            found.append(f"{call}: {error!r}")
        else:
            found.append(f"{call}: nothing")
    return found


def names_error(public: str, error: ElsewhereError) -> bool:
    """Whether the docstring of a public name tells of such an error."""
    raises = documented(public).partition("Raises")[2]
    kinds = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, ElsewhereError)]
    return any(kind in raises for kind in kinds)


def test_a_wrong_call_before_there_is_a_task_is_one_sentence(
    names: dict[str, Any], store: RedisStore
) -> None:
    assert wrong(BEFORE, names) == []
    assert Task.current_task() is None
    assert len(Task.get_tasks()) == 2, "none was made"


def test_a_wrong_call_of_any_task_or_of_none_is_one_sentence(names: dict[str, Any]) -> None:
    task = names["task"]
    before = task.export_task(), task.get_status(), names["net"].get_all_metadata()
    assert wrong(ANY, names) == []
    assert (task.export_task(), task.get_status(), names["net"].get_all_metadata()) == before


def test_a_wrong_call_of_this_scripts_task_is_one_sentence(
    names: dict[str, Any], own: Task
) -> None:
    before = own.get_parameters()  # of parsers that other tests have called in this process
    assert wrong(OWN, names) == []
    assert own.get_parameters() == before
    assert dict(own.artifacts) == {}


def test_every_public_call_that_can_be_wrong_is_in_the_table() -> None:
    calls = set(public_names())
    for name, found in public_names().items():
        if inspect.isclass(found):
            of_model = dict(members(Model)) if Model in found.__mro__[1:] else {}
            calls |= {
                f"{name}.{member}"
                for member, value in members(found)
                if of_model.get(member) is not value and takes_something(value)
            }
    listed = BEFORE.keys() | OWN.keys() | ANY.keys()
    assert calls - listed == NEVER_WRONG.keys()


def takes_something(value: Any) -> bool:
    """An argument that is no flag, or a value that is set."""
    if isinstance(value, property):
        return value.fset is not None
    if inspect.isclass(value):
        return True
    taken = [one for one in inspect.signature(value).parameters.values() if one.name[0] != "_"]
    taken = [one for one in taken if one.name not in ("self", "cls")]
    return any(one.annotation not in ("bool", "bool | None") for one in taken)


def test_a_removed_model_does_not_come_back(names: dict[str, Any], store: RedisStore) -> None:
    assert wrong({"": [("removed.tags = ['a']", "There is no model")]}, names) == []
    assert names["removed"].id not in [model.id for model in Model.query_models()]


def test_an_offset_leads_to_no_iteration_that_cannot_be_kept(own: Task) -> None:
    log = own.get_logger()
    own.set_initial_iteration(2**62)
    log.report_scalar("a", "b", 1, 0)
    with pytest.raises(ElsewhereError, match="of 64 bits at most"):
        log.report_scalar("a", "b", 1, 2**62)


def test_what_is_reported_after_the_end_is_lost_with_a_word(
    names: dict[str, Any], own: Task, caplog: pytest.LogCaptureFixture
) -> None:
    log: Logger = names["log"]
    own.close()
    log.report_scalar("a", "b", 1, 1)
    log.report_text("too late", print_console=False)
    assert [record.getMessage() for record in caplog.records] == [
        f"Task {own.id} is over: what is reported from now on is lost. Report before close()."
    ]


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_scripts_own_mistake_ends_its_traceback_with_the_sentence(
    tmp_path: Path, redis_url: str, is_begun: bool
) -> None:
    script = "task = Task.init('examples', 'mistaken')\n" if is_begun else ""
    ran = Scripts(tmp_path, redis_url).run(script + "Task.get_projects('(')")
    assert ran.status == 1
    assert ran.lines == []
    assert ran.errors.splitlines()[-1].startswith(
        "elsewhere.core.errors.UsageError: name must be a regular expression, not '('"
    )

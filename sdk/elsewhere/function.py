"""Function tasks: one function of a script, run elsewhere.

The script runs again, up to the line where the task was made. No code is pickled: the record holds
the function's name, its arguments are parameters of the section `Function`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from elsewhere import catalog
from elsewhere.connect import connect_dict
from elsewhere.errors import UsageError
from elsewhere.params import flatten, to_parameter
from elsewhere.records import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.run import Run

__all__ = ["call", "create", "is_called"]

_SECTION: Final = "Function"


def is_called(run: Run, name: str) -> bool:
    """True in the run that is to call the function of this name."""
    call = run.task_record.call
    return run.is_remote and call is not None and call.function == name


def call(run: Run, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Calls it with the record's arguments and ends the program; what it raises is its failure."""
    given = connect_dict(arguments, _SECTION, run.overrides(), run.record)
    function(**given.copy())
    sys.exit(0)


def create(run: Run, name: str, task_name: str | None, arguments: dict[str, Any]) -> str | None:
    """The id of a draft that will call the function; None in a run that calls another one."""
    if run.is_remote and run.task_record.call is not None:
        return None
    for key, value in arguments.items():
        _check(name, key, value)
    run.capture_whole()
    run.flush(wait=True)
    record = run.store.read(run.task_record.id)
    leaves = flatten(arguments, _SECTION)
    parameters = {key: to_parameter(value) for key, value in leaves.items()}
    return catalog.clone(
        run.store,
        record.id,
        name=task_name or f"{record.name} <{name}>",
        parent=record.id,
        call=Call(function=name),
        parameters={**record.parameters, **parameters},
    )


def _check(function: str, name: str, value: object) -> None:
    try:
        to_parameter(value)
    except UsageError as error:
        raise UsageError(
            f"The argument {name!r} of the function task {function!r} cannot travel. {error}"
        ) from error

"""Function tasks: one function of a script, run elsewhere.

The script runs again, up to the line where the task was made. No code is pickled: the record holds
the function's name, and its arguments are parameters of the section `Function`.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from elsewhere.connect import connect_dict
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.nesting import flatten
from elsewhere.core.params import to_parameter
from elsewhere.core.records import Call, Parameter
from elsewhere.core.secret_parameters import shown
from elsewhere.run.ranks import Rank
from elsewhere.task import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elsewhere.run.run import Run

_SECTION: Final = "Function"


def checked_name(run: Run, function: object, given: object, arguments: dict[str, Any]) -> str:
    """The name that `function` has in the task: `given`, or its own. Raises UsageError for a
    function, a name or arguments that cannot be used."""
    if not callable(function):
        raise UsageError(f"A function task needs a function, not {function!r:.80}.")
    name = getattr(function, "__name__", "") if given is None else given
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        what = f"{name!r:.80} is not one" if name else f"{function!r:.80} has none"
        raise UsageError(f"A function task needs a name, and {what}: give func_name.")
    called = run.task_record.call if run.is_remote else None
    if called is not None and called.function in run.function_names:
        raise UsageError(
            f"The function task {name!r} is made inside the function {called.function!r}, whose run"
            " ends with it, so that no run would reach that line: make it in the script itself."
        )
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(is_kind(function) for is_kind in kinds):
        raise UsageError(
            f"The function {name!r} does nothing when it is only called, since it is awaited or"
            " iterated over: give a function that does that."
        )
    if called is None:
        _check_arguments(function, name, arguments)
    return name.strip()


def is_called(run: Run, name: str) -> bool:
    """Whether this run was started to call the function `name`."""
    called = run.task_record.call
    return run.is_remote and called is not None and called.function == name


def call(run: Run, function: Callable[..., Any], name: str, arguments: dict[str, Any]) -> NoReturn:
    """Calls `function` with the record's arguments and ends the program; what it raises fails
    it."""
    run.function_names.add(name)
    overrides = run.overrides() or {}
    own = {**_defaults(function, name, overrides), **arguments}
    function(**connect_dict(own, _SECTION, overrides, run.record).copy())
    sys.exit(0)


def create(run: Run, name: str, task_name: str | None, arguments: dict[str, Any]) -> str | None:
    """The id of a draft that will call the function `name`; None in a run that calls another one.
    Raises UsageError, and CaptureError for code that cannot travel."""
    if run.is_remote and run.task_record.call is not None:
        return None
    if name in run.function_names:
        raise UsageError(
            f"There already is a function task {name!r} in this script: give each its own"
            " func_name."
        )
    parameters = {
        full_name: _parameter(name, full_name, value)
        for full_name, value in flatten(arguments, _SECTION).items()
    }
    rank = Rank.of_this_process()
    make = partial(_create, run, name, task_name, parameters)
    task_id = make() if rank is None else rank.share(make)
    run.function_names.add(name)
    return task_id


def _create(run: Run, name: str, task_name: str | None, parameters: Mapping[str, Parameter]) -> str:
    run.carrier.capture_whole()
    run.flush(wait=True)
    record = run.store.read(run.task_record.id)
    return stored.clone(
        run.store,
        record.id,
        name=task_name or f"{record.name} <{name}>"[:200],
        parent=record.id,
        call=Call(function=name),
        overrides=parameters,
    )


def _defaults(
    function: Callable[..., Any], name: str, overrides: Mapping[str, Parameter]
) -> dict[str, Any]:
    """The function's own defaults of the arguments with overrides. Raises UsageError for an
    override of an argument that the function does not have."""
    try:
        known = inspect.signature(function).parameters
    except ValueError:  # one written in C, without a signature
        return {}
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
    defaults: dict[str, Any] = {}
    for full_name in overrides:
        section, _, path = full_name.partition("/")
        argument = path.partition("/")[0]
        if section != _SECTION or takes_all:
            continue
        if argument not in known:
            raise UsageError(
                f"The task has the parameter {full_name!r}, and the function {name!r} has no such"
                f" argument. {known_choices(argument, known)}"
            )
        default = known[argument].default
        defaults[argument] = None if default is inspect.Parameter.empty else default
    return defaults


def _check_arguments(function: Callable[..., Any], name: str, arguments: dict[str, Any]) -> None:
    """Raises UsageError at once, rather than after a wait in a queue."""
    try:
        inspect.signature(function).bind(**arguments)
    except ValueError:  # one written in C, without a signature
        return
    except TypeError as error:
        raise UsageError(
            f"The function {name!r} cannot be called with these arguments: {error}."
        ) from error


def _parameter(function: str, name: str, value: object) -> Parameter:
    try:
        return shown(name, to_parameter(value))
    except UsageError as error:
        raise UsageError(
            f"The argument {name.partition('/')[2]!r} of the function task {function!r} cannot"
            f" travel. {error}"
        ) from error

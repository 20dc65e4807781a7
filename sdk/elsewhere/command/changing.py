"""`elsewhere clone`, `enqueue`, `dequeue` and `delete`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from elsewhere.capture.by_hand import argv_of
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.core import params
from elsewhere.core.errors import ElsewhereError, TransitionError, UsageError
from elsewhere.core.secret_parameters import is_a_secret
from elsewhere.core.secrets import variable_of
from elsewhere.core.wording import short
from elsewhere.store.queues import Queues
from elsewhere.task import stored

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from elsewhere.core.records import Parameter
    from elsewhere.store.redis.store import RedisStore


def clone_task(store: RedisStore, given: Namespace) -> int:
    """Clones a task and prints the new id, alone, on stdout."""
    task_id = find_task(store, given.id)
    record = store.read(task_id)
    known, overrides = record.parameters, _overrides(record.parameters, given.set)
    source = record.source
    if given.args is not None:
        source = source.with_words(argv_of(given.args))
        overrides = {**params.yielding(known, source.argv), **overrides}
    names = {"name": given.name, "project": given.project}
    clone_id = stored.clone(store, task_id, **names, overrides=overrides, source=source)
    say(f"Task {title(store, task_id)} is cloned as {title(store, clone_id)}.")
    for name in sorted(overrides.keys() - known.keys()):
        say(f"The parameter {name!r} is new: {title(store, task_id)} has none.")
    print(clone_id)
    return 0


def enqueue_task(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    queues = Queues(store)
    queues.enqueue(task_id, given.queue, given.priority)
    waiting = queues.length(given.queue)
    holds = f", which holds {waiting} now" if waiting else ""  # an idle agent has it already
    print(f"Task {title(store, task_id)} is queued in {given.queue!r}{holds}.")
    return 0


def dequeue_task(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    status = Queues(store).dequeue(task_id)
    print(f"Task {title(store, task_id)} is out of its queue and {status} again.")
    return 0


def delete_tasks(store: RedisStore, given: Namespace) -> int:
    """Deletes tasks; goes on after one that cannot be deleted, and returns 1 then."""
    names = {
        task_id: title(store, task_id) for task_id in (find_task(store, text) for text in given.id)
    }
    if not given.yes and not _is_sure(list(names.values())):
        say("Nothing is deleted.")
        return 1
    code = 0
    for task_id, name in names.items():
        try:
            store.delete(task_id)
        except TransitionError as error:
            say(f"{error} 'elsewhere abort {short(task_id)} --wait' stops it first.")
            code = 1
        except ElsewhereError as error:
            say(str(error))
            code = 1
        else:
            print(f"Task {name} is deleted.")
    return code


def _is_sure(names: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nothing is deleted: without a terminal to ask on, --yes is needed.")
    what = "with all that it reported" if len(names) == 1 else "with all that they reported"
    print(f"Delete {', '.join(names)} {what}? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _read(text: str, old: Parameter, name: str) -> Parameter:
    """The parameter that a text makes of `old`; a function of the program reads its own types."""
    if old.type not in ("", "NoneType") and not params.is_type_name(old.type):
        return replace(old, value=text)
    if old.type in ("bool", "int", "float", "str"):  # 0 may be the default of a float
        return replace(old, value=params.from_text(text, old.type, name))
    is_scalar = old.type in ("list", "tuple") and not isinstance(old.value, list)  # as a default
    value = params.cast(text, None if is_scalar else params.to_value(old), name)
    type_name = "" if is_scalar or old.type == "NoneType" else old.type
    new = params.to_parameter(value, old.description, type_name)
    return replace(new, description=old.description)


def _overrides(known: Mapping[str, Parameter], settings: Sequence[str]) -> dict[str, Parameter]:
    """Reads `settings`, `Section/name=value` each; a parameter in `known` keeps its type."""
    overrides = {}
    for setting in settings:
        written, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r} cannot be read: write Section/name=value.")
        name = params.full_name(written.strip())
        old = known.get(name)
        new = _read(text, old, name) if old else params.to_parameter(params.from_text(text))
        if is_a_secret(name, new.value):
            raise UsageError(
                f"The value of {name} is a secret, and everybody who sees a task sees its"
                f" parameters. Give it by the variable {variable_of(name)}, which the agent must"
                " have and pass on: agent.pass_environment."
            )
        overrides[name] = params.as_edit(new, old)
    return overrides

"""`elsewhere clone`: a draft of a task, with changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.capture.by_hand import argv_of
from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.command.overrides import read_overrides
from elsewhere.command.printing import say
from elsewhere.core import params
from elsewhere.task import stored

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    add_changes(parser)


def add_changes(parser: ArgumentParser) -> None:
    parser.add_argument("--name", help="name of the clone (default: Clone Of NAME)")
    parser.add_argument("--project", help="its project (default: that of the task)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION/NAME=VALUE",
        help="change or add a parameter; may be given several times",
    )
    parser.add_argument(
        "--args", metavar="WORDS", help="the script's arguments in place of the task's: '--lr 0.01'"
    )


def run(store: RedisStore, given: Namespace) -> int:
    """Clones a task and prints the new id, alone, on stdout."""
    task_id = find_task(store, given.id)
    clone_id = make_clone(store, task_id, given)
    say(f"Task {title(store, task_id)} is cloned as {title(store, clone_id)}.")
    print(clone_id)
    return 0


def make_clone(store: RedisStore, task_id: str, given: Namespace) -> str:
    """Makes a draft of the task with the changes of `add_changes`; returns its id."""
    record = store.read(task_id)
    known, overrides = record.parameters, read_overrides(record.parameters, given.set)
    source = record.source
    if given.args is not None:
        source = source.with_words(argv_of(given.args))
        overrides = {**params.yielding(known, source.argv), **overrides}
    names = {"name": given.name, "project": given.project}
    clone_id = stored.clone(store, task_id, **names, overrides=overrides, source=source)
    for name in sorted(overrides.keys() - known.keys()):
        say(f"The parameter {name!r} is new: {title(store, task_id)} has none.")
    return clone_id

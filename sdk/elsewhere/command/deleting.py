"""`elsewhere delete`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from elsewhere.command.arguments import add_ids
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.core.errors import ElsewhereError, TransitionError, UsageError
from elsewhere.core.wording import short

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_ids(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(store: RedisStore, given: Namespace) -> int:
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

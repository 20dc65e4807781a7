"""`elsewhere list`: tasks, the last changed one first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.command.arguments import add_json
from elsewhere.command.printing import clean, json_text, say
from elsewhere.command.tables import bar, open_console, status_text
from elsewhere.core.choices import Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError, RecordError, UsageError, known_choices
from elsewhere.core.wording import duration, short
from elsewhere.store import filters

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.core.records import TaskRecord, TaskState
    from elsewhere.store.redis.store import RedisStore

#: tasks that are listed without a given number
LIMIT: Final = 50

_COLUMNS: Final = ("id", "name", "project", "status", "progress", "where", "age")
#: the columns that give way on a narrow terminal
_FLEXIBLE: Final = ("name", "project", "where")
#: characters of each of them that are shown, also where there is no terminal
_WIDEST: Final = 60


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--project", default="", help="only tasks of this project")
    parser.add_argument(
        "--status",
        action="extend",
        nargs="+",
        default=[],
        choices=[str(status) for status in Status],
        metavar="STATUS",
        help="only tasks with one of these: %(choices)s",
    )
    parser.add_argument(
        "--tag",
        action="extend",
        nargs="+",
        default=[],
        help="only tasks with all of these tags",
    )
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"at most so many, 0 for all (default: {LIMIT})",
    )
    add_json(parser)


def run(store: RedisStore, given: Namespace) -> int:
    limit = LIMIT if given.limit is None else given.limit
    if limit < 0:
        raise UsageError(f"--limit {limit} cannot be: it is a number of tasks, 0 for all.")
    if given.project and given.project not in (known := store.projects()):
        raise NotFoundError(
            f"There is no project {given.project!r}. {known_choices(given.project, known)}"
        )
    wanted = filters.parse(
        {"status": given.status, "page_size": limit + 1 if limit else None},
        project_name=given.project or None,
        tags=["__$and", *given.tag] if given.tag else None,
    )
    found = list(store.search(wanted))
    tasks = []
    for one in store.read_many(found[: limit or None]):
        if isinstance(one, RecordError):
            say(f"A task is left out. {one}")
        else:
            tasks.append(one)
    if given.json:
        print(json_text([plain_task(record, state) for record, state in tasks]))
        return 0
    if tasks:
        _print(tasks, store.now())
    else:
        is_narrowed = given.project or given.status or given.tag
        say("There is no such task." if is_narrowed else "There are no tasks yet.")
    if given.limit is None and len(found) > LIMIT:
        say(f"There are more than these {LIMIT}: '--limit 0' lists all.")
    return 0


def plain_task(record: TaskRecord, state: TaskState) -> dict[str, Any]:
    """The record's fields, and below `state` those of its state."""
    return {**to_plain(record), "state": to_plain(state)}


def _print(tasks: list[tuple[TaskRecord, TaskState]], now: float) -> None:
    from rich.table import Table  # noqa: PLC0415 - weight
    from rich.text import Text  # noqa: PLC0415

    def flexible(text: str) -> Text:
        return Text(clean(text), no_wrap=True, overflow="ellipsis")

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in _COLUMNS:
        is_flexible = name in _FLEXIBLE
        table.add_column(name, no_wrap=not is_flexible, max_width=_WIDEST if is_flexible else None)
    for record, state in tasks:
        where = f"queue {state.queue}" if state.status is Status.QUEUED else state.worker
        if where.startswith("offline:"):  # and the id of the session that was imported
            where = "offline"
        table.add_row(
            short(record.id),
            flexible(record.name),
            flexible(record.project),
            status_text(state),
            bar(state.progress),
            flexible(where),
            duration(now - record.created_at),
        )
    open_console().print(table)

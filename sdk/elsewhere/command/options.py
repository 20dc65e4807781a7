"""The options of `elsewhere`, each command with the function that carries it out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from elsewhere.command.aborting import abort_task
from elsewhere.command.changing import clone_task, delete_tasks, dequeue_task, enqueue_task
from elsewhere.command.exporting import export_scalars
from elsewhere.command.fetching import fetch
from elsewhere.command.importing import import_offline_session
from elsewhere.command.listing import LIMIT, list_tasks
from elsewhere.command.logs import print_logs
from elsewhere.command.plotting import plot_graph
from elsewhere.command.program import add_command, add_version
from elsewhere.command.showing import show_task
from elsewhere.command.viewing import view
from elsewhere.core.choices import Status
from elsewhere.store.queues import DEFAULT_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.store.redis.store import RedisStore

    Command = Callable[[RedisStore, argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """Makes the parser; `run` of its result is the function to call."""
    program = argparse.ArgumentParser(
        prog="elsewhere",
        description="Lists, shows, follows and changes tasks.",
        epilog="An ID is the 32 hex digits of a task, or at least the first 4 of them.",
    )
    add_version(program)
    commands = program.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Command, what: str, example: str, *, has_id: bool = True
    ) -> argparse.ArgumentParser:
        one = add_command(commands, name, command, what, example=example)
        if has_id:
            one.add_argument("id", metavar="ID", help="id of the task, or how it begins")
        return one

    listed = add(
        "list",
        list_tasks,
        "list tasks, the last changed one first",
        "--project examples --status failed stopped --limit 10",
        has_id=False,
    )
    listed.add_argument("--project", default="", help="only tasks of this project")
    listed.add_argument(
        "--status",
        action="extend",
        nargs="+",
        default=[],
        choices=[str(status) for status in Status],
        metavar="STATUS",
        help="only tasks with one of these: %(choices)s",
    )
    listed.add_argument(
        "--tag",
        action="extend",
        nargs="+",
        default=[],
        help="only tasks with all of these tags",
    )
    listed.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"at most so many, 0 for all (default: {LIMIT})",
    )
    _add_json(listed)

    _add_json(add("show", show_task, "show all that is known about a task", "1a2b3c4d"))

    plot = add("plot", plot_graph, "draw the curves of a graph", "1a2b3c4d loss train validation")
    plot.add_argument("title", metavar="TITLE", help="title of the graph, as 'show' has it")
    plot.add_argument("series", nargs="*", metavar="SERIES", help="only these (default: all)")
    plot.add_argument(
        "--x",
        choices=("iteration", "time"),
        default="iteration",
        help="what goes to the right: %(choices)s (default: %(default)s)",
    )
    plot.add_argument("--html", metavar="FILE", help="write a page, by plotly, instead")

    export = add(
        "export",
        export_scalars,
        "write the scalars of tasks as a table, a row a point",
        "1a2b3c4d 5e6f7a8b --csv scalars.csv",
        has_id=False,
    )
    export.add_argument("id", nargs="+", metavar="ID", help="ids of tasks, or how they begin")
    kind = export.add_mutually_exclusive_group()
    kind.add_argument("--csv", metavar="FILE", help="as CSV (default: - for stdout)")
    kind.add_argument("--parquet", metavar="FILE", help="as Parquet, by pandas")

    logs = add("logs", print_logs, "print what a task has printed", "-f 1a2b3c4d")
    logs.add_argument(
        "-f", "--follow", action="store_true", help="go on until it ends; 4 when it failed"
    )
    logs.add_argument(
        "--attempt", type=int, metavar="N", help="this attempt (default: the newest one)"
    )
    logs.add_argument("--tail", type=int, metavar="N", help="begin with the last N lines")

    fetched = add(
        "fetch",
        fetch,
        "bring what a task made to a folder here, also from a machine without an object store and"
        " while it runs: its artifacts, its models, and the files that its run wrote",
        "1a2b3c4d '*.pt' 'artifacts/*' --to results",
    )
    fetched.add_argument(
        "pattern",
        nargs="*",
        metavar="PATTERN",
        help="only what a shell pattern fits: its name, or its path as listed (default: all)",
    )
    fetched.add_argument("--to", metavar="DIR", help="the folder (default: list what there is)")
    fetched.add_argument(
        "--force", action="store_true", help="replace files there that have other content"
    )
    fetched.add_argument(
        "--attempt", type=int, metavar="N", help="files of this attempt (default: the newest one)"
    )

    images = add(
        "images",
        view,
        "bring the images and other media that a task reported to a folder here, also from a"
        " machine without an object store and while it runs",
        "1a2b3c4d 'Validation' --out images",
    )
    images.add_argument(
        "title", nargs="?", metavar="TITLE", help="only those with this title (default: all)"
    )
    images.add_argument("--out", metavar="DIR", help="the folder (default: list what there is)")
    images.add_argument(
        "--force", action="store_true", help="replace files there that have other content"
    )

    clone = add(
        "clone",
        clone_task,
        "make a draft with a task's code, environment and parameters; print its id",
        "1a2b3c4d --name 'Slower' --set Args/lr=0.01 --set General/epochs=20",
    )
    clone.add_argument("--name", help="name of the clone (default: Clone Of NAME)")
    clone.add_argument("--project", help="its project (default: that of the task)")
    clone.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION/NAME=VALUE",
        help="change or add a parameter; may be given several times",
    )

    clone.add_argument(
        "--args", metavar="WORDS", help="the script's arguments in place of the task's: '--lr 0.01'"
    )

    enqueue = add("enqueue", enqueue_task, "put a task into a queue", "1a2b3c4d --queue default")
    enqueue.add_argument(
        "--queue", default=DEFAULT_QUEUE, help="name of the queue (default: %(default)s)"
    )
    enqueue.add_argument(
        "--priority",
        type=int,
        metavar="N",
        help="before tasks of a lower priority from now on (default: as it is)",
    )

    add("dequeue", dequeue_task, "take a task out of its queue", "1a2b3c4d")

    abort = add("abort", abort_task, "stop a task that runs or waits", "1a2b3c4d --grace 30 --wait")
    abort.add_argument(
        "--grace",
        type=float,
        metavar="SECONDS",
        help="from SIGTERM to SIGKILL (default: as the agent is set)",
    )
    abort.add_argument(
        "--wait", action="store_true", help="return when it has ended; 4 when it failed"
    )

    delete = add(
        "delete",
        delete_tasks,
        "delete tasks and all that they reported; their artifacts stay where they are",
        "1a2b3c4d 5e6f7a8b --yes",
        has_id=False,
    )
    delete.add_argument("id", nargs="+", metavar="ID", help="ids of tasks, or how they begin")
    delete.add_argument("--yes", action="store_true", help="do not ask")

    offline = add(
        "import-offline-session",
        import_offline_session,
        "import a session that a script recorded offline; print the task's id",
        "~/.elsewhere/offline/1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d.zip",
        has_id=False,
    )
    offline.add_argument(
        "session", metavar="PATH", help="the zip file, or the folder of a script that was killed"
    )
    offline.add_argument(
        "--previous-task",
        metavar="ID",
        help="add it to this task, as a further attempt (default: a task of its own)",
    )
    offline.add_argument(
        "--iteration-offset",
        type=int,
        default=0,
        metavar="N",
        help="add N to each iteration (default: %(default)s)",
    )
    return program


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")

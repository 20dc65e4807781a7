"""The options of the longer commands of `agent`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from elsewhere.command.program import add_command
from elsewhere_agent.scheduling import add_scheduling

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    Run = Callable[[argparse.Namespace], int]

#: settings that are options of the daemon, by the same name
OF_DAEMON: Final = (
    *("name", "slots", "services", "hours", "max_tasks", "exit_when_idle_s", "health", "log_json"),
    *("gpus", "share_gpus", "share_busy_gpus", "order_fairness", "user_fairness"),
    *("cpus", "memory_bytes", "disk_bytes", "time_limit_s"),
)
#: verb -> mode, help, description
_MODES: Final = {
    "drain": (
        "draining",
        "end the daemon when its tasks have ended",
        (
            "Lets an agent take no more tasks, finish those that run, and end. Its exit code is 0,"
            " so that systemd does not start it again."
        ),
    ),
    "pause": (
        "paused",
        "take no more tasks",
        (
            "Lets an agent take no more tasks, until 'agent resume', also when it is started again."
            " Those that run go on."
        ),
    ),
    "resume": (
        "working",
        "take tasks again",
        "Lets an agent that is paused, or drains and has not ended, take tasks again.",
    ),
}


def add_daemon_options(daemon: argparse.ArgumentParser) -> None:
    daemon.add_argument(
        "--queue",
        action="extend",
        nargs="+",
        metavar="NAME[=GPUS]",
        help="the queues to serve, each maybe with the GPUs of a task that names none; the first"
        " one that has a task goes first (default: default)",
    )
    daemon.add_argument(
        "--slots",
        type=int,
        metavar="N",
        help="how many tasks run at the same time (default: 1, or as many as fit on the GPUs where"
        " queues name some)",
    )
    add_scheduling(daemon)
    daemon.add_argument(
        "--services",
        type=int,
        metavar="N",
        help="for small tasks without GPUs: so many at the same time, in place of --slots",
    )
    daemon.add_argument("--name", help="the name of this agent (default: the host's name)")
    daemon.add_argument(
        "--hours",
        metavar="TEXT",
        help="when it takes tasks, such as 'Mon-Fri 18:00-08:00, Sat-Sun' (default: always)",
    )
    daemon.add_argument("--max-tasks", type=int, metavar="N", help="end after so many tasks")
    daemon.add_argument(
        "--exit-when-idle",
        dest="exit_when_idle_s",
        type=float,
        metavar="SECONDS",
        help="end after so long without a task",
    )
    daemon.add_argument(
        "--health",
        metavar="PLACE",
        help="serve /healthz, /status.json and /metrics at HOST:PORT, a port of 127.0.0.1, or the"
        " path of a socket",
    )
    daemon.add_argument(
        "--log-json", action="store_true", default=None, help="log a JSON object a line"
    )
    daemon.add_argument(
        "--docker",
        nargs=argparse.REMAINDER,
        metavar="IMAGE",
        help="run tasks in containers, of this image where nothing names another one; behind it"
        " stand arguments of `docker run`, so this option comes last",
    )
    where = daemon.add_mutually_exclusive_group()
    where.add_argument(
        "--foreground", action="store_true", help="stay here and log to stderr (the default)"
    )
    where.add_argument(
        "--detached",
        action="store_true",
        help="go on in the background, log to agent.log, return when it is up",
    )


def add_modes(commands: Commands, run: Run) -> None:
    """Adds `drain`, `pause` and `resume`."""
    for verb, (mode, summary, description) in _MODES.items():
        command = add_command(
            commands,
            verb,
            run,
            summary,
            f"{description} The agent may run here, where no store is needed for it, or on another"
            " machine. Exit code 1 when there is none.",
            "--name gpu-1 --wait",
        )
        command.add_argument("--name", help="the agent, if it is not the only one here")
        command.add_argument(
            "--wait", action="store_true", help="return when it is done; says what it waits for"
        )
        command.set_defaults(mode=mode)


def add_service(commands: Commands, run: Run) -> None:
    """Adds `install-service`."""
    service = add_command(
        commands,
        "install-service",
        run,
        "make the agent a service of systemd",
        "Writes a unit of systemd, as root one of the system, else one of your own, and says what"
        " to call next. Tasks go on when the service is stopped or upgraded.",
        "--user elsewhere --per-queue",
    )
    service.add_argument(
        "--user", help="who runs the agent and its tasks; only as root (default: who calls sudo)"
    )
    service.add_argument(
        "--per-queue", action="store_true", help="a template: elsewhere-agent@large serves large"
    )
    service.add_argument("--folder", help="where the unit is written (default: systemd's)")


def add_build(commands: Commands, run: Run) -> None:
    """Adds `build`."""
    build = add_command(
        commands,
        "build",
        run,
        "build a task's environment as a folder or an image",
        "Builds the environment that a run of the task would have here, without its code: as a"
        " virtual environment in a folder, or as an image, in which tasks then find all packages."
        " The image is the task's own, else that of the agent's settings, with the packages added.",
        "--id 1a2b3c4d --docker team/task:1",
    )
    build.add_argument("--id", required=True, metavar="ID", help="id of the task, or how it begins")
    what = build.add_mutually_exclusive_group(required=True)
    what.add_argument("--venv", default="", metavar="DIR", help="build a virtual environment here")
    what.add_argument("--docker", default="", metavar="TAG", help="build an image of this name")
    build.add_argument(
        "--base", default="", metavar="IMAGE", help="the image to add to, in place of the task's"
    )


def add_cache(commands: Commands, show: Run, collect: Run) -> None:
    """Adds the commands of `cache`: `list`, and `gc` and `clear`, which `collect` does."""
    cache = commands.add_parser("cache", help="show and remove what is kept for later tasks")
    parts = cache.add_subparsers(metavar="COMMAND", required=True, title="commands")
    listing = add_command(
        parts,
        "list",
        show,
        "show what is kept",
        "Shows the environments of packages, mirrors of repositories, data of tasks, folders of"
        " ended runs, checkpoints of tasks and pulled images that this machine keeps, with sizes,"
        " the last used first.",
        "--json",
    )
    listing.add_argument("--json", action="store_true", help="as JSON")
    collecting = add_command(
        parts,
        "gc",
        collect,
        "remove what is beyond the budgets",
        "Removes what was not used for longest, until each kind is within its budget, as the agent"
        " does every few minutes; never what a task uses, nor the only copy of a file.",
        "mirrors --budget 10000000000",
    )
    collecting.add_argument(
        "--budget",
        type=int,
        metavar="BYTES",
        help="what may stay of each kind (default: agent.<kind>_bytes)",
    )
    clearing = add_command(
        parts,
        "clear",
        collect,
        "remove all that is not in use",
        "Removes all that is kept, but for what a task uses and the only copies of files.",
        "runs",
    )
    clearing.set_defaults(budget=0)
    for parser_of_kinds in (collecting, clearing):
        parser_of_kinds.add_argument(
            "kinds",
            nargs="*",
            metavar="KIND",
            type=_kind,
            help="environments, mirrors, data, runs, checkpoints or images (default: all)",
        )


def _kind(word: str) -> str:
    from elsewhere_sandbox.caches import KINDS  # noqa: PLC0415 - `--help` is quick

    if word not in KINDS:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(KINDS)}")
    return word

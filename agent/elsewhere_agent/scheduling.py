"""Options of `agent daemon`: which parts of the machine its tasks get, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_scheduling(daemon: ArgumentParser) -> None:
    """Adds them to the parser `daemon`. Each stands for a setting, and is None if not given."""
    daemon.add_argument(
        "--gpus",
        metavar="WHICH",
        help="the GPUs to give out: all, none, or numbers or ids with commas between them, 0:1 for"
        " a part (MIG); those that others use are left alone (default: all)",
    )
    flag = {"action": "store_const", "const": True}
    for name, text in (
        ("--share-gpus", "give parts of a GPU to tasks that ask for less than one"),
        ("--share-busy-gpus", "also give out GPUs that others use"),
        ("--order-fairness", "the queues take turns"),
        ("--user-fairness", "within a queue it is the turn of who has least now"),
    ):
        daemon.add_argument(name, help=text, **flag)  # type: ignore[arg-type]
    daemon.add_argument("--cpus", type=int, metavar="N", help="cores that a task may use")
    for name, what in (("memory", "memory"), ("disk", "its run folder")):
        daemon.add_argument(
            f"--{name}",
            dest=f"{name}_bytes",
            metavar="SIZE",
            help=f"what a task may use of {what}, such as 32GB; one that needs more is not run",
        )
    daemon.add_argument(
        "--time-limit",
        dest="time_limit_s",
        type=float,
        metavar="SECONDS",
        help="how long a task may run",
    )

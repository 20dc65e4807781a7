"""The commands of `elsewhere`. Only the module of the one that is called is imported."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from elsewhere.command.program import add_command, add_commands

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(NamedTuple):
    """A command: `module` has `add_options`, which takes its parser, and `run`, which takes the
    store and what `add_options` has made of the command line."""

    module: str
    summary: str
    example: str


COMMANDS: Final = {
    "run": Command(
        "running",
        "send a program to a queue as it is here: its code with all changes, and its packages;"
        " print the task's id",
        "--queue default --watch python train.py --lr 0.1",
    ),
    "rerun": Command(
        "rerunning",
        "send a task again, maybe with changes, as a clone; print its id",
        "1a2b3c4d --set Args/lr=0.01 --watch",
    ),
    "list": Command(
        "listing",
        "list tasks, the last changed one first",
        "--project examples --status failed stopped --limit 10",
    ),
    "show": Command("showing", "show all that is known about a task", "1a2b3c4d"),
    "plot": Command(
        "plotting", "draw the curves of a graph", "1a2b3c4d loss train validation --x time"
    ),
    "export": Command(
        "exporting",
        "write the scalars of tasks as a table, a row a point",
        "1a2b3c4d 5e6f7a8b --csv scalars.csv",
    ),
    "logs": Command("logs", "print what a task has printed", "-f 1a2b3c4d"),
    "fetch": Command(
        "fetching",
        "bring what a task made to a folder here, also from a machine without an object store and"
        " while it runs: its artifacts, its models, and the files that its run wrote",
        "1a2b3c4d '*.pt' 'artifacts/*' --to results",
    ),
    "code": Command(
        "code",
        "lay out the exact code of a task in a new folder: its commit, also one that was never"
        " pushed, and its changes; print the folder",
        "1a2b3c4d --to /tmp/looked-at",
    ),
    "images": Command(
        "viewing",
        "bring the images and other media that a task reported to a folder here, also from a"
        " machine without an object store and while it runs",
        "1a2b3c4d 'Validation' --out images",
    ),
    "clone": Command(
        "cloning",
        "make a draft with a task's code, environment and parameters; print its id",
        "1a2b3c4d --name 'Slower' --set Args/lr=0.01 --set General/epochs=20",
    ),
    "enqueue": Command("enqueueing", "put a task into a queue", "1a2b3c4d --queue default"),
    "dequeue": Command("dequeueing", "take a task out of its queue", "1a2b3c4d"),
    "abort": Command("aborting", "stop a task that runs or waits", "1a2b3c4d --grace 30 --wait"),
    "delete": Command(
        "deleting",
        "delete tasks and all that they reported; their artifacts stay where they are",
        "1a2b3c4d 5e6f7a8b --yes",
    ),
    "import-offline-session": Command(
        "importing",
        "import a session that a script recorded offline; print the task's id",
        "~/.elsewhere/offline/1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d.zip",
    ),
}

#: options whose value may begin with a dash
_OF_WORDS: Final = ("--args",)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the command line: `run` of the result is the function to call, `opens_store` whether
    it takes the store. Raises SystemExit, as argparse does."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    words = words if words[:1] == ["run"] else _with_words(words)
    program = _parser(words)
    given, rest = program.parse_known_args(words)
    if not hasattr(given, "pattern") or any(word.startswith("-") for word in rest):
        return program.parse_args(words)  # which says what is wrong
    given.pattern += rest  # argparse leaves those behind an option: fetch ID --to DIR PATTERN
    return given


def _with_words(words: Sequence[str]) -> list[str]:
    """Joins an option that takes words of a program with what stands behind it, even where argparse
    would take that for an option: `--args --resume` as `--args=--resume`."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _OF_WORDS:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, with the options of the command that the `words` name."""
    program = argparse.ArgumentParser(
        prog="elsewhere",
        description="Lists, shows, follows and changes tasks.",
        epilog="An ID is the 32 hex digits of a task, or at least the first 4 of them.",
    )
    program.set_defaults(opens_store=False)
    commands = add_commands(program)
    called = next((word for word in words if not word.startswith("-")), "")
    for name, command in COMMANDS.items():
        module = import_module(f"elsewhere.command.{command.module}") if name == called else None
        run = module.run if module else None
        one = add_command(commands, name, run, command.summary, example=command.example)
        if module:
            module.add_options(one)
            one.set_defaults(opens_store=True)
    return program

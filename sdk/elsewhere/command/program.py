"""What the programs `elsewhere` and `agent` share: their version, and how they end on an error of
the system."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

__all__ = ["INTERRUPTED", "add_version", "drop_lost_output", "os_sentence"]

#: the exit code after Ctrl-C: 128 and the number of SIGINT
INTERRUPTED: Final = 130


def add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", nargs=0, action=_Version, help="print the version and leave")


def os_sentence(error: OSError) -> str:
    """Makes a sentence of an error: what could not be used, and why."""
    why = error.strerror or str(error)
    if drop_lost_output():
        return f"The output cannot be written: {why}."
    if error.filename is not None:
        return f"{error.filename} cannot be used: {why}."
    return f"The command could not go on: {why}."


def drop_lost_output() -> bool:
    """Whether stdout takes nothing any more; what it still holds then fails no second time, when
    this process ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - weight

        print(f"elsewhere {version('elsewhere')}")
        parser.exit()

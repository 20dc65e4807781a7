"""What the programs `elsewhere` and `agent` share: the form of a command's help, the version, and
how a command ends.

0    done
1    it cannot be done: the sentence on stderr explains why
2    the command line is wrong
130  Ctrl-C

A command may have further exit codes; its help names them.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Final

from elsewhere.command.printing import say
from elsewhere.core.errors import ElsewhereError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_ERROR: Final = 1
_USAGE: Final = 2
#: errors of a disk without room
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_INTERRUPTED: Final = 130

#: characters in a line of a description
_COLUMNS: Final = 78


def add_commands(
    program: argparse.ArgumentParser,
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """Gives `program` its option --version, and commands; alone it prints its help."""
    program.add_argument("--version", nargs=0, action=_Version, help="print the version and leave")

    def print_help(_: argparse.Namespace) -> int:
        program.print_help()
        return 0

    program.set_defaults(run=print_help)
    return program.add_subparsers(metavar="COMMAND", title="commands")


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[..., int] | None,
    summary: str,
    description: str = "",
    example: str = "",
) -> argparse.ArgumentParser:
    """Adds the command `name`; `run` of its parsed options is the function to call. Without a
    `description` the summary is it."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=fill(description or f"{summary[0].upper()}{summary[1:]}.", _COLUMNS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.epilog = f"example:\n  {parser.prog} {example}".rstrip()
    parser.set_defaults(run=run)
    return parser


def exit_code(run: Callable[[], int], program: str) -> int:
    """Runs a command of `program` and returns its exit code; an error is a sentence on stderr.

    Raises SystemExit where argparse ends it, and what else is a fault of ours.
    """
    if sys.stdout is None:  # closed by who started it (`>&-`)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    try:
        code = run()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough (`| head`)
        _drop_lost_output()
        return 0
    except (ElsewhereError, OSError) as error:
        say(sentence_of(error), program)
        return _USAGE if isinstance(error, UsageError) else _ERROR


def sentence_of(error: ElsewhereError | OSError) -> str:
    return _os_sentence(error) if isinstance(error, OSError) else str(error)


def _os_sentence(error: OSError) -> str:
    """Makes a sentence of an error: what could not be used, and why."""
    why = error.strerror or str(error)
    if _drop_lost_output(is_full=error.errno in _FULL and error.filename is None):
        return f"The output cannot be written: {why}."
    if error.filename is not None:
        return f"{error.filename} cannot be used: {why}."
    return f"The command could not go on: {why}."


def _drop_lost_output(*, is_full: bool = False) -> bool:
    """Returns True if stdout takes nothing any more. What it still holds is then dropped, so
    that it does not fail again when this process ends. With `is_full` some disk is: a long text
    that stdout did not take is held by nobody, so it is given one more line's end."""
    try:
        sys.stdout.flush()
        if is_full:
            os.write(sys.stdout.fileno(), b"\n")
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

"""The command `elsewhere`: it opens the store for its commands.

Beside the exit codes of `program` it has 4: the task that was waited for has failed.
"""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from elsewhere.command.program import exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code. Raises SystemExit where argparse ends it."""
    return exit_code(lambda: _run(arguments), "elsewhere")


def _run(arguments: Sequence[str] | None) -> int:
    # Imported here: it takes longest, and Ctrl-C may come meanwhile.
    from elsewhere.command.options import parser  # noqa: PLC0415
    from elsewhere.core.settings import load  # noqa: PLC0415
    from elsewhere.store import open_store  # noqa: PLC0415

    program = parser()
    given, rest = program.parse_known_args(arguments)
    if not hasattr(given, "pattern") or any(word.startswith("-") for word in rest):
        given = program.parse_args(arguments)  # which says what is wrong
    else:
        given.pattern += rest  # argparse leaves those behind an option: fetch ID --to DIR PATTERN
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stand-in that a test or a notebook has put there
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    settings = load()
    given.home = settings.home
    with closing(open_store(settings)) as store:
        code: int = given.run(store, given)
    return code

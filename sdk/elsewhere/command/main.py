"""The command `elsewhere`: it opens the store for its commands.

Beside the exit codes of `program` it has 4: the task that was waited for has failed.
"""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from elsewhere.command.program import exit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code. Raises SystemExit where argparse ends it."""
    return exit_code(lambda: _run(arguments), "elsewhere")


def _run(arguments: Sequence[str] | None) -> int:
    # Imported here: it takes longest, and Ctrl-C may come meanwhile.
    from elsewhere.command.options import parse  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stand-in that a test or a notebook has put there
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    given = parse(arguments)
    run: Callable[..., int] = given.run
    if not given.opens_store:
        return run(given)
    from elsewhere.core.settings import load  # noqa: PLC0415
    from elsewhere.store import open_store  # noqa: PLC0415

    given.settings = load()
    with closing(open_store(given.settings)) as store:
        return run(store, given)

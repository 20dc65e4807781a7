"""The command line of `elsewhere`: its commands, and how each of them ends.

0    done; what was waited for has completed, or was stopped
1    it cannot be done: the sentence on stderr explains why
2    the command line is wrong
4    the task that was waited for has failed
130  Ctrl-C
"""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from elsewhere.command.printing import say
from elsewhere.command.program import INTERRUPTED, drop_lost_output, os_sentence
from elsewhere.core.errors import ElsewhereError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_ERROR: Final = 1
_USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code. Raises SystemExit where argparse ends it."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough (`| head`)
        drop_lost_output()
        return 0
    except UsageError as error:
        return _refuse(str(error), _USAGE)
    except ElsewhereError as error:
        return _refuse(str(error), _ERROR)
    except OSError as error:
        return _refuse(os_sentence(error), _ERROR)


def _run(arguments: Sequence[str] | None) -> int:
    # Imported here: it takes longest, and Ctrl-C may come meanwhile.
    from elsewhere.command.options import parser  # noqa: PLC0415
    from elsewhere.core.settings import load  # noqa: PLC0415
    from elsewhere.store import open_store  # noqa: PLC0415

    given = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stand-in that a test or a notebook has put there
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    settings = load()
    given.home = settings.home
    with closing(open_store(settings)) as store:
        code: int = given.command(store, given)
    sys.stdout.flush()
    return code


def _refuse(sentence: str, code: int) -> int:
    say(sentence)
    return code

"""`python -m elsewhere_sandbox RUN_FOLDER` runs one attempt.

`python -m elsewhere_sandbox --serve` is the fork server of an agent: it has everything imported and
forks a runner for each folder whose path comes as a line on its standard input, so that no start
pays for imports. It ends with its input; its runners go on.
"""

from __future__ import annotations

import gc
import logging
import mimetypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from elsewhere.core.choices import Reason
from elsewhere.core.codec import from_plain
from elsewhere.core.errors import RecordError
from elsewhere.core.folders import RunFolder, append_plain
from elsewhere.core.notes import write_outcome
from elsewhere.core.records import Outcome
from elsewhere_sandbox.git import program
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_sandbox.runner import Runner
from elsewhere_sandbox.spec import RunSpec

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    path = _served() if arguments == ["--serve"] else arguments[0]
    if not path:
        return 0
    folder = RunFolder(Path(path))
    _settle_into(folder)
    if folder.acked.exists():
        logger.warning("this runner comes too late: its attempt was given up")
        return 0
    try:
        Runner(folder, RunSpec.take(folder)).execute()
    except Exception as error:  # the outermost seam: after any error the attempt still has an end
        logger.exception("the runner failed")
        message = f"The runner itself failed: {error!r}. {folder.runner_log} has the details."
        write_outcome(folder, Outcome(reason=Reason.SETUP_FAILED, phase="runner", message=message))
        return 1
    return 0


def _served() -> str:
    """The path of the folder in each runner that is forked; empty at the end of the input."""
    _warm_up()
    gc.freeze()  # what is shared stays so
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing is left of a runner that ends
    for line in sys.stdin:
        path = line.strip()
        try:
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                return path
        except OSError as error:
            message = f"The run cannot be prepared on this machine: {error}."
            outcome = Outcome(reason=Reason.SETUP_FAILED, phase="runner", message=message)
            write_outcome(RunFolder(Path(path)), outcome)
    return ""


def _warm_up() -> None:
    """Does once what each runner would do at the first use of a module."""
    with suppress(ImportError):  # without a git a run that needs it says so
        program()
    find_uv()
    mimetypes.init()
    with suppress(RecordError):  # nothing is no spec, but how one is read is known then
        from_plain(RunSpec, {})


def _settle_into(folder: RunFolder) -> None:
    """Turns the standard streams to the folder's log, so that none of the launcher's stays open."""
    log = append_plain(folder.runner_log)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.chdir("/")
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

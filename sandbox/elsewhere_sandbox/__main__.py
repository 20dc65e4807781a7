"""`python -m elsewhere_sandbox RUN_FOLDER` runs one attempt.

`python -m elsewhere_sandbox --wait` imports everything, then waits for the folder's path on its
standard input: a warm start does not pay for imports. It ends if its input ends before that.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from elsewhere.core.choices import Reason
from elsewhere.core.folders import RunFolder, append_plain
from elsewhere.core.notes import write_outcome
from elsewhere.core.records import Outcome
from elsewhere_sandbox.runner import Runner
from elsewhere_sandbox.spec import RunSpec

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    path = sys.stdin.readline().strip() if arguments == ["--wait"] else arguments[0]
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

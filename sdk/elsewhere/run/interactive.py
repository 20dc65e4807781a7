"""A run in a notebook or at IPython's prompt: cells end where a script would, the process goes on.

Nothing of it happens in a script: that IPython is not there costs a look at `sys.modules`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from elsewhere.core.choices import Reason
from elsewhere.core.records import Outcome
from elsewhere.core.say import say

if TYPE_CHECKING:
    from elsewhere.run.run import Run


class CodeSent(BaseException):
    """Ends a cell whose code goes on elsewhere, as SystemExit ends a script: no `except Exception`
    takes it."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return [str(self)]


def find_shell() -> Any:
    """See `capture.notebook.shell`; None where IPython is not."""
    if "IPython" not in sys.modules:
        return None
    from elsewhere.capture.notebook import shell  # noqa: PLC0415 - in notebooks only

    return shell.find_shell()


def leave() -> NoReturn:
    """Ends the program: the process of a script, or the cell of a notebook."""
    if find_shell() is None:
        sys.exit(0)
    raise CodeSent(
        "The code up to this cell's end goes on elsewhere. What you run here now is of no task,"
        " until the next Task.init."
    )


def follow(run: Run, streams: object) -> None:
    """Makes the local `run` of a notebook record what cells show, if `streams` are recorded, and
    keep the notebook itself at its end."""
    shell = find_shell()
    if shell is None:
        return
    from elsewhere.capture.notebook.shell import is_kernel  # noqa: PLC0415 - in notebooks only

    if is_kernel(shell):
        run.when_over(lambda: _keep(run))
        if streams:
            from elsewhere.report.displays import Displays  # noqa: PLC0415 - in notebooks only

            session, redact = shell.displayhook.session, run.known_secrets.redact
            run.when_over(Displays(session, run.folder.output, redact).detach)


def stop_cell(run: Run, why: str) -> bool:
    """Ends the `run` of a notebook as stopped, and interrupts the cell that is running; returns
    False in a script. The kernel, which has the work of hours in its memory, lives on."""
    if find_shell() is None:
        return False
    say(f"this task is being stopped, and the cell that is running: {why}")
    outcome = Outcome(reason=Reason.STOPPED, message=f"It was stopped: {why}.")
    # Not in the session's own thread, which calls this and ends with the run.
    threading.Thread(target=run.end, args=(outcome,), name="elsewhere-stop", daemon=True).start()
    os.kill(os.getpid(), signal.SIGINT)
    return True


def _keep(run: Run) -> None:
    """Records the notebook, as its file was saved last, as an artifact."""
    from pathlib import Path  # noqa: PLC0415 - weight
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from elsewhere.capture.notebook.notebook import Notebook  # noqa: PLC0415 - in notebooks only

    notebook = Notebook.running()
    if notebook is None:
        return
    with TemporaryDirectory(prefix="elsewhere-") as folder:
        file = Path(folder, notebook.path.stem)
        file.write_text(notebook.document, "utf-8")
        run.upload_artifact("notebook", file)

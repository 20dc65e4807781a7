"""A run in a notebook or at IPython's prompt: cells end where a script would, the process goes on.

Nothing of it happens in a script: that IPython is not there costs a look at `sys.modules`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

from elsewhere.core.choices import Reason
from elsewhere.core.records import Outcome
from elsewhere.core.say import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.run.run import Run


#: marks the artifact that is the notebook itself
OF_NOTEBOOK: Final = {"role": "the notebook of this run"}


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
    from elsewhere.capture.notebook.cells import CodeSent  # noqa: PLC0415 - in notebooks only

    raise CodeSent(
        "The code up to this cell's end goes on elsewhere. What you run here now is of no task,"
        " until the next Task.init."
    )


def follow(run: Run, streams: tuple[str, ...]) -> tuple[str, ...]:
    """Makes the `run` of a notebook keep the notebook at its end, and record what it shows of the
    `streams`; returns those that are still to be recorded, all of them in a script."""
    shell = find_shell()
    if shell is None:
        return streams
    run.when_over(lambda: _keep(run))
    from elsewhere.capture.notebook.shell import is_kernel  # noqa: PLC0415 - in notebooks only

    if not is_kernel(shell):
        return streams
    from elsewhere.report.shown import Shown  # noqa: PLC0415

    run.when_over(_end_at_shutdown(run, shell))
    session, redact = shell.displayhook.session, run.known_secrets.redact
    run.when_over(Shown(session, run.folder.output, streams, redact).detach)
    return tuple(name for name in streams if name == "logging" and "stderr" not in streams)


def stop_cell(run: Run, why: str) -> bool:
    """Ends the `run` of a notebook as stopped, then interrupts the cell that is running; returns
    False in a script. The kernel, which has the work of hours in its memory, lives on."""
    shell = find_shell()
    if shell is None:
        return False
    from elsewhere.capture.notebook.cells import Cells  # noqa: PLC0415 - in notebooks only

    cells = Cells.of(shell)
    is_running, number = cells.is_running, len(cells.runs)

    def stop() -> None:
        run.end(Outcome(reason=Reason.STOPPED, message=f"It was stopped: {why}."))
        if is_running and cells.is_running and len(cells.runs) == number:  # no later cell
            os.kill(os.getpid(), signal.SIGINT)

    say(f"this task is being stopped{', and the cell that is running' * is_running}: {why}")
    # Not in the thread of the session, which calls this, and which the end waits for.
    threading.Thread(target=stop, name="elsewhere-stop", daemon=True).start()
    return True


def _end_at_shutdown(run: Run, shell: Any) -> Callable[[], None]:
    """Ends the `run` as soon as the kernel is asked to shut down or to restart, since it is killed
    some seconds later if a cell or a process of it goes on; returns the undo."""
    from elsewhere.capture.notebook.cells import Cells  # noqa: PLC0415 - in notebooks only

    kernel, original = shell.kernel, shell.kernel.do_shutdown

    def shut_down(*given: Any, **named: Any) -> Any:
        outcome = Outcome(reason=Reason.COMPLETED, exit_code=0)
        if Cells.of(shell).is_running:
            message = "Its kernel was shut down while a cell was running."
            outcome = Outcome(reason=Reason.STOPPED, message=message)
        run.end_with_process(outcome)
        return original(*given, **named)

    def put_back() -> None:
        if kernel.do_shutdown is shut_down:
            kernel.do_shutdown = original

    kernel.do_shutdown = shut_down
    return put_back


def _keep(run: Run) -> None:
    """Records the notebook, as its file was saved last, as an artifact."""
    from pathlib import Path  # noqa: PLC0415 - weight
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from elsewhere.capture.notebook.notebook import Notebook  # noqa: PLC0415 - in notebooks only

    most = run.settings.capture_limit_bytes
    try:
        notebook = Notebook.running()
        if notebook is None:
            return
        if len(notebook.document) > most:
            say(f"the notebook is larger than {most >> 20} MiB, so it is not kept: clear outputs.")
            return
        with TemporaryDirectory(prefix="elsewhere-") as folder:
            file = Path(folder, notebook.path.stem)
            file.write_text(notebook.document, "utf-8")
            run.upload_artifact("notebook", file, metadata=OF_NOTEBOOK)
    except Exception as error:  # noqa: BLE001 - the run ends without it
        say(f"the notebook could not be kept: {error}")

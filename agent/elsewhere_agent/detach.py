"""Detaching: a daemon that outlives the terminal it was started from."""

from __future__ import annotations

import json
import os
import select
import sys
from typing import TYPE_CHECKING, Final, TextIO

from elsewhere_agent.errors import AgentError, UnresponsiveError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: seconds that a daemon has to come up: it waits five for the store, and five for an own server
_UP_S: Final = 30.0


def detach(run: Callable[[Callable[[str], None]], str | None], log: Path) -> tuple[int, str]:
    """Calls `run` in a process of its own; returns its pid, and what `run` first calls its argument
    with, once it does.

    `run` returns when the daemon has ended: None, or a sentence with the cause of a failure. Raises
    AgentError with that sentence when it failed before it was up, and OSError for the log. When
    this process ends before that, the daemon does not come up.
    """
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(reader)
            _become_daemon(run, output, writer)
        os._exit(0)
    os.close(output)
    os.close(writer)
    os.wait()
    try:
        return _when_up(reader, log)
    finally:
        os.close(reader)


def _become_daemon(
    run: Callable[[Callable[[str], None]], str | None], output: int, writer: int
) -> None:
    """Never returns, since the frames above on the stack belong to the parent process."""
    code = 1
    try:
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.close(nothing)
        os.close(output)
        parent = os.fdopen(writer, "w", encoding="utf-8")
        failure = run(lambda notice: _send(parent, {"pid": os.getpid(), "notice": notice}))
        if failure is None:
            code = 0
        elif not parent.closed:
            _send(parent, {"failure": failure})
    except BaseException:  # noqa: BLE001 - the outermost seam of this process
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _send(parent: TextIO, message: dict[str, object]) -> None:
    if not parent.closed:  # only the first message counts
        with parent:
            parent.write(f"{json.dumps(message)}\n")


def _when_up(reader: int, log: Path) -> tuple[int, str]:
    received = b""
    while not received.endswith(b"\n"):
        readable, _, _ = select.select([reader], [], [], _UP_S)
        if not readable:
            raise UnresponsiveError(
                f"The daemon is not up after {_UP_S:.0f} s. Look into {log} for the reason."
            )
        piece = os.read(reader, 65536)
        if not piece:
            raise UnresponsiveError(
                f"The daemon ended before it was up. Look into {log} for the reason."
            )
        received += piece
    message = json.loads(received)
    if "failure" in message:
        raise AgentError(message["failure"])
    return int(message["pid"]), str(message["notice"])

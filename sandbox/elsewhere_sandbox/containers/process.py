"""A command in a container of its own, followed from this machine.

Its output does not go through the engine, which may be restarted, keeps no order between standard
output and error, and would write it to the disk once more: a shell of the image opens a pipe in the
run folder, and becomes the command. An image without a shell is attached to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docker.errors import NotFound

from elsewhere.core.clock import monotonic_s
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.wording import size
from elsewhere.report.usage.host import HostUse
from elsewhere_sandbox import tree
from elsewhere_sandbox.containers.engine import ENGINE_ERRORS, answers, reason
from elsewhere_sandbox.runtimes.api import Exit
from elsewhere_sandbox.runtimes.host import enlarge, python_version

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from elsewhere.core.events import Machine
    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.containers.image import Image

logger = logging.getLogger(__name__)

#: becomes the command, with both its outputs in the pipe `$0`
_INTO_PIPE: Final = 'exec "$@" > "$0" 2>&1'
#: an exit code above it is, by the engine's convention, that of a signal
_SIGNALLED: Final = 128
#: seconds between two looks at what is awaited
_LOOK_S: Final = 0.02
#: seconds between two questions to an engine that does not answer
_AGAIN_S: Final = 0.25
#: seconds that an engine may be away after the end of a container, before that end is given up
_AWAY_S: Final = 300.0
#: seconds that a container which has ended waits for its engine, to be removed
_BACK_S: Final = 30.0
#: seconds that killed processes have to be gone
_GONE_S: Final = 10.0
_REMOVED: Final = "Its container was removed by somebody else."
_RESTARTED: Final = (
    "The container engine was stopped, and its containers with it: with `live-restore` in its"
    " daemon.json they go on."
)


class ContainerProcess:
    """A `Process` in a container of the engine at `url`, which `client` speaks to. `parameters` are
    the SDK's for it, and `pipe` is a path for the pipe of its output, which the container sees."""

    def __init__(
        self,
        url: str,
        client: DockerClient,
        image: Image,
        command: Command,
        pipe: Path,
        parameters: dict[str, Any],
    ) -> None:
        self._url = url
        self._command = command
        self._pipe = pipe
        self._has_shell = image.has_shell
        self._exit: Exit | None = None
        self._began_s = monotonic_s()
        words = command.argv
        if image.has_shell:
            words = ("/bin/sh", "-c", _INTO_PIPE, str(pipe), *words)
        try:
            self._container: Container = client.containers.create(
                image.id,
                list(words[1:]),
                entrypoint=list(words[:1]),
                working_dir=str(command.folder),
                **parameters,
            )
        except ENGINE_ERRORS as error:
            raise OSError(f"{command.argv[0]}: {reason(error)}") from error
        os.mkfifo(pipe, 0o600)
        self.output = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        # Until the end there is a writer, or what comes before the first one would be the end.
        self._writing = os.open(pipe, os.O_WRONLY)
        os.set_blocking(self.output, True)
        enlarge(self._writing)

    def begin(self) -> None:
        """Starts it, once. Raises OSError."""
        try:
            if not self._has_shell:
                self._attach()
            self._container.start()
            self._container.reload()
        except ENGINE_ERRORS as error:
            os.close(self.output)
            os.close(self._writing)
            self._exit = Exit(code=127)
            raise OSError(f"{self._command.argv[0]}: {reason(error)}") from error
        self.identity = ProcessIdentity.of(self._container.attrs["State"]["Pid"])
        name = f"container {self._container.short_id}"
        self._waiting = threading.Thread(target=self._wait, name=name, daemon=True)
        self._waiting.start()

    def poll(self) -> Exit | None:
        return self._exit

    def usage(self) -> dict[str, float]:
        return self._use.usage()

    def machine(self) -> Machine:
        return self._use.machine()

    def signal(self, number: int) -> None:
        """Sends a signal to all its processes; SIGKILL to the first, with which all end."""
        if self._exit is not None or not self.identity.is_alive():
            return
        pid, is_sent = self.identity.pid, False
        if number == signal.SIGKILL:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
                is_sent = True
        else:
            is_sent = bool(tree.signal_below(pid, number))
        if not is_sent:  # another user's, or not begun yet: the first process passes it on
            with contextlib.suppress(*ENGINE_ERRORS):
                self._container.kill(number)

    def end(self, grace_s: float) -> None:
        """Ends it by SIGTERM, and after the grace by SIGKILL. Returns when it has ended."""
        for number, limit_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _GONE_S)):
            if self._exit is None:
                self.signal(number)
                logger.info("container %s: %s", self._container.short_id, number.name)
                self._wait_for_exit(limit_s)

    def remove(self) -> None:
        """Removes the container, and the pipe. Waits a while for an engine that is restarted."""
        self._pipe.unlink(missing_ok=True)
        until = monotonic_s() + _BACK_S
        while True:
            try:
                self._container.remove(force=True)
            except NotFound:
                return
            except ENGINE_ERRORS as error:
                if monotonic_s() > until:  # the agent's next start removes it
                    logger.warning("container %s: %s", self._container.short_id, reason(error))
                    return
                time.sleep(_AGAIN_S)
            else:
                return

    def _wait_for_exit(self, limit_s: float) -> None:
        until = monotonic_s() + limit_s
        while self._exit is None and monotonic_s() < until:
            time.sleep(_LOOK_S)

    def _attach(self) -> None:
        """Copies what the engine passes on; what is printed while it is restarted is lost."""
        frames = self._container.attach(stream=True)
        writing = os.dup(self._writing)

        def copy() -> None:
            with os.fdopen(writing, "wb", buffering=0) as pipe, contextlib.suppress(OSError):
                try:
                    for frame in frames:
                        pipe.write(frame)
                except ENGINE_ERRORS:
                    pipe.write(b"\n[elsewhere] The engine ended: further output is not recorded.\n")

        threading.Thread(target=copy, name="container output", daemon=True).start()

    def _wait(self) -> None:
        """Waits for the end, also while the engine is away."""
        is_restarted, gone_at = False, 0.0
        while self._exit is None:
            try:
                self._container.wait(timeout=None)
                self._container.reload()
                ended = _exit_of(self._container.attrs)
                is_ended = ended.signal in (signal.SIGTERM, signal.SIGKILL)
                if self._container.status in ("removing", "dead"):
                    ended = replace(ended, cause=_REMOVED)
                elif is_ended and not ended.is_out_of_memory:
                    is_restarted = is_restarted or not answers(self._url)
                    ended = replace(ended, cause=_RESTARTED if is_restarted else "")
            except NotFound:
                ended = Exit(signal=signal.SIGKILL, cause=_REMOVED)
            except ENGINE_ERRORS as error:
                if not is_restarted:
                    logger.warning("the engine does not answer: %s", reason(error))
                is_restarted = True
                if self.identity.is_alive():
                    gone_at = monotonic_s()
                elif monotonic_s() - (gone_at or self._began_s) > _AWAY_S:
                    self._finish(Exit(signal=signal.SIGKILL, cause=_RESTARTED))
                time.sleep(_AGAIN_S)
                continue
            self._finish(ended)

    def _finish(self, ended: Exit) -> None:
        os.close(self._writing)
        self._exit = ended

    @cached_property
    def _use(self) -> HostUse:
        venv = Path(self._command.environment.get("VIRTUAL_ENV", "/usr"))
        return HostUse(
            self.identity.pid,
            lambda: self._command.environment.get("CUDA_VISIBLE_DEVICES"),
            with_root=False,
            own_limits=True,
            python_exec=str(venv / "bin" / "python"),
            python_version=python_version(venv),
        )


def _exit_of(facts: dict[str, Any]) -> Exit:
    """The exit that the engine has recorded. To it, an exit code of 143 is that of SIGTERM."""
    state = facts["State"]
    code = state["ExitCode"]
    number = code - _SIGNALLED
    if not 0 < number < signal.NSIG:
        return Exit(code=code)
    is_out_of_memory = number == signal.SIGKILL and bool(state.get("OOMKilled"))
    limit_bytes = facts["HostConfig"].get("Memory", 0)
    cause = f"Its container had no memory left of its {size(limit_bytes)}."
    return Exit(
        signal=number,
        is_out_of_memory=is_out_of_memory,
        cause=cause if is_out_of_memory else "",
    )

"""The ranks of a launch: processes that a launcher such as torchrun starts beside each other.

    rank 0                        makes the task, or is the one of the agent's run
    the others on its machine     wait for that, and join the task
    those on other machines       belong to no task: what they report goes nowhere

Rank 0 leaves notes for the others in <home>/launches/<launcher>/, which the next launch on this
machine removes once the launcher has ended:

    launcher.json       the launcher's process
    task-0-1.json       the folder of the first task that rank 0 has begun; 1-1 after a restart
    made-0-1.json       the id of the first task that it has sent, or made, for all; or why not
    over.json           the launch goes on elsewhere: all ranks end
    joins-0-1-PID.json  written by the others: this process joins that task, and then, closed-...,
                        reports to it no more
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.capture.launcher import Launcher
from elsewhere.core.clock import monotonic_s
from elsewhere.core.codec import from_plain, to_plain
from elsewhere.core.errors import CaptureError, ElsewhereError, RecordError
from elsewhere.core.folders import RunFolder, make_folder, read_json, write_beside
from elsewhere.core.other_processes import children_of, variables_of
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.say import say
from elsewhere.core.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: seconds between two looks for a note
_LOOK_S: Final = 0.1
#: seconds that the ranks wait for the task of rank 0: it may load much before
_TASK_S: Final = 120.0
#: seconds after which they print that they wait
_SLOW_S: Final = 5.0
#: seconds that they wait for what rank 0 makes for all: it may capture a large repository
_MADE_S: Final = 660.0
#: seconds after the begin of a task within which the others join it, or not at all: until then
#: rank 0 does not end it without them
_JOIN_S: Final = 3.0
#: seconds that rank 0 waits for the others to end, before it ends them
_END_S: Final = 5.0


class Rank:
    """This process as a rank of a launch; `number` 0 is the first of all machines.

    Every rank runs the same program: the second task of one is the second of all.
    """

    def __init__(self, launcher: Launcher) -> None:
        read = os.environ.get
        self.number = int(read("RANK") or 0)
        #: 0 is the machine of rank 0
        self.machine = int(read("GROUP_RANK") or read("CROSS_RANK") or 0)
        self._launcher = launcher
        self._restart = int(read("TORCHELASTIC_RESTART_COUNT") or 0)
        self._tasks = self._made = 0
        self._others_join_until_s = 0.0
        identity = ProcessIdentity.of(launcher.pid)
        name = f"{launcher.pid}-{identity.started}-{identity.boot}"
        self._folder = load().home.launches / hashlib.sha256(name.encode()).hexdigest()[:32]

    @staticmethod
    def of_this_process() -> Rank | None:
        """The rank that this process is; None where no launcher has started it."""
        launcher = Launcher.of_this_process()
        return None if launcher is None else _rank_of(launcher)

    @property
    def is_first(self) -> bool:
        return self.number == 0

    def announce(self, folder: RunFolder) -> None:
        """Names the `folder` of the task that this rank, the first, has begun."""
        self._tasks += 1
        self._others_join_until_s = monotonic_s() + _JOIN_S
        self._note(f"task-{self._turn}", {"folder": str(folder.path)})

    def previous(self) -> str | None:
        """The id of the task that this rank, the first, began here before its launcher has started
        all ranks anew; None at the first start."""
        found = self._read(f"task-{self._restart - 1}-{self._tasks + 1}")
        return RunFolder(Path(found["folder"])).task_id if found else None

    def await_task(self) -> RunFolder | None:
        """The folder of the next task of rank 0; None where it begins none in time, or is on
        another machine."""
        self._tasks += 1
        if self.machine:
            return None
        self._note(self._own("joins"), {})
        slow = threading.Timer(_SLOW_S, say, (f"rank {self.number} waits for the task of rank 0",))
        slow.daemon = True
        slow.start()

        found = _await(lambda: self._read(f"task-{self._turn}"), _TASK_S)
        slow.cancel()
        folder = RunFolder(Path(found["folder"])) if found else None
        return folder if folder is not None and folder.spec.exists() else None

    def close(self) -> None:
        """Lets rank 0 end the task that this rank, another one, has joined."""
        self._note(self._own("closed"), {})

    def await_others(self, *, is_process_over: bool) -> None:
        """Waits in rank 0, for some seconds, for the other ranks of this machine that still report
        to the task: those that have joined it or, when it has just begun or this process is over,
        may still do so."""

        def are_ready() -> bool | None:
            may_join = is_process_over or monotonic_s() < self._others_join_until_s
            return None if any(self._reports(pid, may_join) for pid in self._others()) else True

        if not self.machine and _await(are_ready, _END_S) is None:
            say(f"other ranks of this launch still run after {_END_S:.0f} s: the task ends now")

    def _reports(self, pid: int, may_join: bool) -> bool:
        if (self._folder / f"{self._own('closed', pid)}.json").exists():
            return False
        return may_join or (self._folder / f"{self._own('joins', pid)}.json").exists()

    @property
    def _turn(self) -> str:
        return f"{self._restart}-{self._tasks}"

    def _own(self, what: str, pid: int = 0) -> str:
        """The name of the note of a process, by default this one, on the task of this turn."""
        return f"{what}-{self._turn}-{pid or os.getpid()}"

    def share(self, make: Callable[[], str | None]) -> str | None:
        """The id that `make` gives, which rank 0 alone calls; the others get it from there, or the
        error. Raises what `make` does, and CaptureError where the launch cannot travel, or rank 0
        has not called it in time."""
        self._made += 1
        name = f"made-{self._restart}-{self._made}"
        if self.is_first:
            try:
                made = make()
            except ElsewhereError as error:
                self._note(name, {"error": str(error)})
                raise
            self._note(name, {"task": made})
            return made
        self._launcher.check()  # rank 0 may be on another machine, and refuses it as well
        found = _await(lambda: self._read(name), _MADE_S)
        if found is None or "error" in found:
            why = found["error"] if found else "Rank 0 has not sent the task."
            raise CaptureError(str(why))
        return str(found["task"]) if found["task"] else None

    def end_others(self) -> None:
        """Makes the other ranks of this machine end, before the first hands the task over. They
        have not failed, so their launcher does not fail, either. Waits some seconds for that."""
        self._note("over", {})
        _await(lambda: None if self._others() else True, _END_S)

    def stop_others(self) -> None:
        """Stops the ranks that have not ended, after the task has been sent: their launcher then
        stops this one, too."""
        for pid in self._others():
            say(
                f"process {pid} of the launch is stopped, since the launch goes on elsewhere."
                " Import elsewhere in every rank, and it ends by itself."
            )
            with contextlib.suppress(OSError):  # it has just ended
                os.kill(pid, signal.SIGTERM)

    def watch(self) -> None:
        """Ends this process when rank 0 has sent the task elsewhere, whatever it waits for."""
        threading.Thread(target=self._end_when_over, name="elsewhere-rank", daemon=True).start()

    def _end_when_over(self) -> None:
        while not (self._folder / "over.json").exists():
            time.sleep(_LOOK_S)
        if "multiprocessing" in sys.modules:
            for child in sys.modules["multiprocessing"].active_children():
                child.terminate()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(0)  # not an exception: the main thread may wait for rank 0 in a library

    def _others(self) -> list[int]:
        """The processes of the other ranks that the launcher has started here."""
        pids = set(children_of(self._launcher.pid)) - {self._launcher.child}
        found = {pid: variables_of(pid) for pid in pids}
        return [pid for pid, variables in found.items() if variables and "RANK" in variables]

    def _note(self, name: str, value: dict[str, Any]) -> None:
        try:
            if not self._folder.is_dir():
                _sweep(self._folder.parent)
                make_folder(self._folder)
                identity = ProcessIdentity.of(self._launcher.pid)
                write_beside(self._folder / "launcher.json", to_plain(identity))
            write_beside(self._folder / f"{name}.json", value)
        except OSError as error:
            say(f"the other ranks of this launch cannot join its task: {error}")

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = read_json(self._folder / f"{name}.json")
        except (OSError, RecordError) as error:
            logger.debug("%s", error)
            return None
        return found if isinstance(found, dict) else None


def watch() -> None:
    """Begins to watch for the end of the launch, in a rank that is not the first."""
    try:
        rank = Rank.of_this_process()
    except ElsewhereError:  # a wrong setting, which Task.init names
        return
    if rank is not None and not rank.is_first and not rank.machine:
        rank.watch()


@lru_cache(maxsize=1)
def _rank_of(launcher: Launcher) -> Rank:
    return Rank(launcher)


def _sweep(launches: Path) -> None:
    """Removes the notes of launches that are over."""
    for folder in launches.iterdir() if launches.is_dir() else ():
        try:
            plain = read_json(folder / "launcher.json")
            is_over = plain is not None and not from_plain(ProcessIdentity, plain).is_alive()
        except (OSError, RecordError):
            is_over = True
        if is_over:
            shutil.rmtree(folder, ignore_errors=True)


def _await(look: Callable[[], Any], within_s: float) -> Any:
    """What `look` returns, once that is not None; None after `within_s` seconds."""
    until = monotonic_s() + within_s
    while (found := look()) is None and monotonic_s() < until:
        time.sleep(_LOOK_S)
    return found

"""The runner: prepares one attempt, runs its program, and records all that happens.

A process of its own that outlives the agent and has no connection to anything: it reads `spec.json`
and `stop` of its run folder and writes `output.log`, its journal and, last of all, `exit.json`.

Stopping is a ladder: `stop` appears -> the program's abort callback, where it has one -> SIGTERM to
every process of the program's tree -> the grace -> SIGKILL to all that is left. Each step is a line
in `runner.log`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason
from elsewhere.core.clock import monotonic_s, now_at
from elsewhere.core.events import Phase
from elsewhere.core.folders import write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.notes import (
    MonitorNote,
    abort_callback_s,
    grace_s,
    write_outcome,
    write_runner,
)
from elsewhere.core.records import Outcome
from elsewhere.core.wording import size
from elsewhere.report.resources import Monitor
from elsewhere_sandbox.errors import CommandError, SetupError, StopRequestedError
from elsewhere_sandbox.given import take_back
from elsewhere_sandbox.hooks import Hooks
from elsewhere_sandbox.limits import Limits
from elsewhere_sandbox.manifest import manifest
from elsewhere_sandbox.missed import missed_file
from elsewhere_sandbox.prepare import prepare, secrets_of
from elsewhere_sandbox.redact import Redactor
from elsewhere_sandbox.results import Results
from elsewhere_sandbox.runtimes import RUNTIMES
from elsewhere_sandbox.runtimes.api import signal_name
from elsewhere_sandbox.spool import Spool
from elsewhere_sandbox.written import begin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.prepare import Prepared
    from elsewhere_sandbox.runtimes.api import Exit, Process
    from elsewhere_sandbox.spec import RunSpec

logger = logging.getLogger(__name__)

#: seconds between two looks at the stop file while nothing is printed
_LOOK_S: Final = 0.1
#: seconds between two tries to write on a full disk
_RETRY_S: Final = 1.0
#: seconds that processes which the program left behind have to end by themselves
_LEFTOVER_GRACE_S: Final = 2.0
#: seconds that an ended program's pipe may stay open, held by a process that is not ours
_DRAIN_S: Final = 1.0
_READ_BYTES: Final = 1 << 18


class Runner:
    """Runs one attempt. It is the `Setup` of every step that prepares it."""

    def __init__(self, folder: RunFolder, spec: RunSpec) -> None:
        self._folder = folder
        self._spec = spec
        self._runtime = RUNTIMES[spec.policy.runtime](folder, spec)
        self._journal = JournalWriter(folder.journal)
        self._spool = Spool(folder.output, Redactor(secrets_of(spec)))
        self._hooks = Hooks(spec, folder, self)
        self._phase = ""
        self._stop_at: float | None = None
        self._terminated_at: float | None = None
        self._is_awaiting_callback = False
        self._must_end = False
        self._limits: Limits | None = None
        self._breach: Outcome | None = None

    def execute(self) -> Outcome:
        """Runs the attempt, from the empty folder to `exit.json`."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        write_runner(self._folder)
        if self._spec.slot.cores:  # of this thread, which starts all others
            with contextlib.suppress(OSError):  # they may be off by now
                os.sched_setaffinity(0, self._spec.slot.cores)
        try:
            outcome = self._outcome()
        except Exception:  # of any kind: nothing goes on running without its runner
            self._runtime.end(_LEFTOVER_GRACE_S)
            raise
        finally:
            take_back(self._folder)
        outcome = self._with_lost_output(outcome)
        self._spool.say(f"ended: {outcome.sentence}")
        self._spool.close()
        self._journal.close()
        self._write_exit(outcome)
        logger.info("ended: %s", outcome)
        return outcome

    def _with_lost_output(self, outcome: Outcome) -> Outcome:
        self._spool.settle()
        if not self._spool.lost_bytes:
            return outcome
        lost = f"{self._spool.lost_bytes} bytes of its output were not kept: the disk was full."
        return replace(outcome, message=f"{outcome.message} {lost}".strip())

    def _write_exit(self, outcome: Outcome) -> None:
        """Writes `exit.json`; waits for room on a disk that keeps no reserve."""
        is_logged = False
        while True:
            try:
                write_outcome(self._folder, outcome)
                return
            except OSError as error:
                if not is_logged:
                    logger.error("exit.json cannot be written: %s", error)  # noqa: TRY400
                is_logged = True
                self._look_for_stop()
                if self._stop_at is not None or not self._folder.path.exists():
                    return
                time.sleep(_RETRY_S)

    def _note(self, event: Event) -> None:
        try:
            self._journal.append([event])
        except OSError as error:
            logger.error("an event cannot be written: %s", error)  # noqa: TRY400 - not our bug

    # what the steps of the set-up use

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.check_stop()
        self._hooks.before(name)
        self._phase, started, began_at = name, monotonic_s(), now_at()
        self._note(Phase(name=name, at=began_at))
        yield
        seconds = monotonic_s() - started
        self._note(Phase(name=name, at=began_at, seconds=seconds))
        self._spool.say(f"{name}: {seconds:.3f} s")
        self._phase = ""
        self._hooks.after(name)

    def say(self, line: str) -> None:
        self._spool.say(line)

    def run(self, command: Command) -> str:
        self.check_stop()
        self._spool.tail = b""
        ended = self._follow(self._runtime.start(command))
        self._spool.settle()
        printed = self._spool.tail.decode(errors="replace")
        self.check_stop()
        if ended.code != 0:
            raise CommandError(command.argv, str(ended), printed)
        return printed

    def check_stop(self) -> None:
        self._look_for_stop()
        if self._stop_at is not None:
            raise StopRequestedError("A stop was asked for.")

    # the attempt

    def _outcome(self) -> Outcome:
        try:
            with self._watch():
                prepared = prepare(self._spec, self._folder, self, self._runtime)
            return self._judge(self._run_program(prepared))
        except (StopRequestedError, SetupError, CommandError, OSError) as error:
            self._runtime.end(_LEFTOVER_GRACE_S)
            if self._stop_at is not None:
                return self._stopped(None)
            phase, message = self._phase or "prepare", str(error)
            if isinstance(error, OSError):
                message = f"The run cannot be prepared on this machine: {error}."
            self._spool.say(f"{phase} failed. {message}")
            return Outcome(reason=Reason.SETUP_FAILED, phase=phase, message=message)

    def _run_program(self, prepared: Prepared) -> Exit:
        self._hooks.before("run")
        self._phase, began_at, started = "run", now_at(), monotonic_s()
        self._note(Phase(name="run", at=began_at))
        self.check_stop()
        begin(self._folder)
        slot = self._spec.slot
        scope = self._runtime.confine(slot.memory_bytes) if slot.memory_bytes else None
        try:
            process = self._runtime.start(prepared.command)
        except OSError as error:  # the command line or a variable may be too long
            raise SetupError(f"The program cannot be started: {error}.") from error
        write_beside(self._folder.child, process.identity)
        options = partial(MonitorNote.read, self._folder)
        monitor = Monitor(self._note, process, options=options)
        monitor.start()
        limits = (self._spec.record.time_limit_s, self._spec.policy.time_limit_s)
        limit_s = min(filter(None, limits), default=0.0)
        self._limits = Limits(slot, self._folder.path, limit_s, scope)
        ended = self._follow(process)
        self._limits.stop()
        monitor.stop()
        self._note(Phase(name="run", at=began_at, seconds=monotonic_s() - started))
        results = Results(self._folder, self._spec, self._note, self.say)
        results.list_written()
        results.add_manifest(manifest(self._spec, prepared, process.machine()))
        self._hooks.after("run")
        return ended

    def _follow(self, process: Process) -> Exit:
        """Spools the output until the program has ended and nothing of its tree is left."""
        ended: Exit | None = None
        is_open, drain_until = True, 0.0
        while ended is None or is_open:
            if is_open:
                is_open = self._read(process.output, _LOOK_S if ended is None else 0.02)
            else:
                time.sleep(0.005)
            if ended is None:
                self._climb(process)
                ended = process.poll()
                if ended is not None:
                    is_stopped = self._terminated_at is not None
                    self._runtime.end(0.0 if is_stopped else _LEFTOVER_GRACE_S)
                    drain_until = monotonic_s() + _DRAIN_S
            elif monotonic_s() > drain_until:
                break
        os.close(process.output)
        return ended

    def _read(self, output: int, wait_s: float) -> bool:
        """Spools one piece of the output. False at the end of the pipe."""
        readable, _, _ = select.select([output], [], [], wait_s)
        if not readable:
            return True
        chunk = os.read(output, _READ_BYTES)
        self._spool.write(chunk)
        return bool(chunk)

    # the ladder

    @contextlib.contextmanager
    def _watch(self) -> Iterator[None]:
        """Watches for a stop, which also ends what the set-up waits for, such as a hanging git."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(_LOOK_S):
                self._look_for_stop()
                if self._stop_at is not None:
                    is_late = monotonic_s() > self._stop_at + self._grace_s()
                    self._runtime.signal(signal.SIGKILL if is_late else signal.SIGTERM)

        watcher = threading.Thread(target=watch, name="set-up watcher", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()

    def _climb(self, process: Process) -> None:
        self._look_for_stop()
        now, pid = monotonic_s(), process.identity.pid
        breach = self._limits.breach if self._limits else None
        if breach is not None and self._stop_at is None:
            self._breach, self._stop_at = breach, now
            logger.info("pid %d: %s", pid, breach.message)
        if breach is not None and breach.reason is Reason.OUT_OF_MEMORY:
            self._runtime.signal(signal.SIGKILL)  # in a grace it might take all that there is
            return
        if self._stop_at is None:
            return
        if self._terminated_at is None:
            if self._awaits_callback(pid, now - self._stop_at):
                return
            self._terminated_at = now
            self._runtime.signal(signal.SIGTERM)
            logger.info("pid %d: SIGTERM, grace %.1f s", pid, self._grace_s())
        elif now >= self._terminated_at + self._grace_s():
            self._runtime.signal(signal.SIGKILL)
            logger.info("pid %d: SIGKILL after the grace", pid)

    def _awaits_callback(self, pid: int, seconds: float) -> bool:
        """True while the program's abort callback, which it has asked for, may still run."""
        limit_s = abort_callback_s(self._folder)
        if limit_s and not self._is_awaiting_callback:
            self._is_awaiting_callback = True
            logger.info("pid %d: %.1f s for its abort callback", pid, limit_s)
        if self._folder.aborted.exists():
            logger.info("pid %d: its abort callback ended after %.1f s", pid, seconds)
            return False
        if self._is_awaiting_callback and seconds >= limit_s:
            logger.info("pid %d: its abort callback is not waited for any more", pid)
        return seconds < limit_s

    def _look_for_stop(self) -> None:
        if self._stop_at is None and (self._must_end or self._folder.stop.exists()):
            self._stop_at = monotonic_s()

    def _grace_s(self) -> float:
        """The grace, read anew each time: a later stop may shorten it."""
        return grace_s(self._folder, self._spec.policy.stop_grace_s)

    def _on_sigterm(self, _number: int, _frame: object) -> None:
        self._must_end = True

    # the verdict

    def _judge(self, ended: Exit) -> Outcome:
        if self._breach is not None:
            return replace(self._breach, exit_code=ended.code, signal=ended.signal)
        if self._terminated_at is not None or self._is_awaiting_callback:
            return self._stopped(ended)
        breach = self._limits.breach if self._limits else None
        if breach is not None:  # its end was quicker than the watch
            return replace(breach, exit_code=ended.code, signal=ended.signal)
        if ended.signal is not None:
            reason, message = Reason.KILLED, f"It was ended by {signal_name(ended.signal)}."
            if ended.is_out_of_memory:
                peak = size(self._limits.peak_bytes if self._limits else 0)
                used = f"The machine had no memory left. Its processes used up to {peak}."
                reason, message = Reason.OUT_OF_MEMORY, ended.cause or used
            elif ended.cause:
                message = f"{message} {ended.cause}"
            return Outcome(reason=reason, signal=ended.signal, message=message)
        if ended.code:
            message = f"It ended with exit code {ended.code}. {self._missed()}".rstrip()
            return Outcome(reason=Reason.PROGRAM_FAILED, exit_code=ended.code, message=message)
        return Outcome(reason=Reason.COMPLETED, exit_code=0)

    def _missed(self) -> str:
        """What the program did not find because it stayed at home; also a line of the output."""
        code, printed = self._folder.code, self._spool.tail.decode(errors="replace")
        working = code / self._spec.record.source.working_dir
        if sentence := missed_file(printed, code, working, self):
            self._spool.say(sentence)
        return sentence

    def _stopped(self, ended: Exit | None) -> Outcome:
        reason, message = Reason.STOPPED, "It was stopped on request."
        if self._must_end and not self._folder.stop.exists():
            reason, message = Reason.KILLED, "A signal ended its runner."
        return Outcome(
            reason=reason,
            exit_code=ended.code if ended else None,
            signal=ended.signal if ended else None,
            message=message,
        )

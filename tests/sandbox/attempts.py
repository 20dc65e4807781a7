"""Attempts for tests of the runner: a folder made by hand, a small program outside git, and the
runner as the process that it is. Packages: none, so that one environment serves all tests."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from elsewhere.capture.loose import LooseFile, as_patch, tree_of
from elsewhere.core.events import Event, Phase
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.notes import Stop, read_outcome
from elsewhere.core.records import Environment, Outcome, Source
from elsewhere_sandbox.spec import RunPolicy, RunSpec
from elsewhere_sandbox.tree import marked
from tests.stores import make_record
from tests.waiting import wait_until

#: seconds for what takes one or two on a quiet machine
PATIENCE_S: Final = 60.0


class Attempt:
    """One run folder and its runner."""

    def __init__(self, folder: RunFolder, spec: RunSpec) -> None:
        self.folder = folder
        self.spec = spec
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, wrapper: Sequence[str] = (), **environment: str) -> None:
        """The runner, as a process; `wrapper` is a command that starts it."""
        self.spec.write(self.folder)
        runner = [sys.executable, "-P", "-m", "elsewhere_sandbox", str(self.folder.path)]
        self._process = subprocess.Popen(
            [*wrapper, *runner], env={**os.environ, **environment}, start_new_session=True
        )

    def wait(self) -> Outcome:
        """Until the runner has ended."""
        assert self.wait_exit() == 0, self.log
        return self.outcome

    def wait_exit(self) -> int:
        """The same; the exit code of its process."""
        assert self._process is not None
        process = self._process
        wait_until(
            lambda: process.poll() is not None, within_s=PATIENCE_S, what="the runner has ended"
        )
        return process.returncode

    def run(self, **environment: str) -> Outcome:
        self.start(**environment)
        return self.wait()

    def wait_for(self, text: bytes) -> None:
        """Until the program has printed this."""
        wait_until(lambda: text in self.printed, within_s=PATIENCE_S, what=f"{text!r} is printed")

    def stop(self, grace_s: float | None = None) -> None:
        Stop(grace_s=grace_s).write(self.folder)

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def outcome(self) -> Outcome:
        outcome = read_outcome(self.folder)
        assert outcome is not None, self.log
        return outcome

    @property
    def output(self) -> bytes:
        return self.folder.output.read_bytes() if self.folder.output.exists() else b""

    @property
    def printed(self) -> bytes:
        """What the program printed: without the lines of ours before and behind it."""
        lines = self.output.splitlines(keepends=True)
        return b"".join(line for line in lines if not line.startswith(b"[elsewhere] "))

    @property
    def log(self) -> str:
        log = self.folder.runner_log
        return (
            log.read_text() + self.output[-2000:].decode(errors="replace") if log.exists() else ""
        )

    @property
    def events(self) -> list[Event]:
        return [
            event
            for path in journal_files(self.folder.journal)
            for event in read_events(path, 0, 1 << 24)[0]
        ]

    @property
    def phases(self) -> list[str]:
        """Those that were gone through to their end."""
        return [e.name for e in self.events if isinstance(e, Phase) and e.seconds is not None]

    def left(self) -> list[psutil.Process]:
        """Processes of the program that still live."""
        return marked("ELSEWHERE_RUN_FOLDER", str(self.folder.path))

    def end(self) -> None:
        """Whatever a test that failed has left."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        for process in self.left():
            process.kill()


class Attempts:
    """Makes attempts in one home whose environments are in `shared`."""

    def __init__(self, home: Path, shared: Path) -> None:
        self.home = Home(home)
        shared.mkdir(exist_ok=True)
        self.home.environments.symlink_to(shared)
        self._made: list[Attempt] = []

    def make(
        self, program: str, *, setup: Sequence[str] = (), number: int = 1, **fields: Any
    ) -> Attempt:
        """`fields` are those of the policy or the spec, or else of the record."""
        file = LooseFile(path="main.py", mode="100644", content=textwrap.dedent(program).encode())
        patch = as_patch([file])
        digest = hashlib.sha256(patch).hexdigest()
        policy, of_spec = _taken(RunPolicy, fields), _taken(RunSpec, fields)
        variables, argv = fields.pop("variables", {}), fields.pop("argv", ())
        record = make_record(
            source=Source(
                patch=digest,
                tree=tree_of([file]),
                entry_point="main.py",
                argv=tuple(argv),
                launcher=tuple(fields.pop("launcher", ())),
                needs_init=fields.pop("needs_init", False),
            ),
            environment=Environment(packages=(), setup=tuple(setup), variables=variables),
            **fields,
        )
        folder = self.home.run(record.id, number).create()
        folder.inputs.mkdir()
        (folder.inputs / digest).write_bytes(patch)
        spec = RunSpec(
            record=record,
            home=str(self.home.path),
            policy=RunPolicy(**policy),
            **of_spec,
        )
        self._made.append(Attempt(folder, spec))
        return self._made[-1]

    def run(self, program: str, **fields: Any) -> Attempt:
        attempt = self.make(program, **fields)
        attempt.run()
        return attempt

    @contextmanager
    def started(self, program: str, **fields: Any) -> Iterator[Attempt]:
        attempt = self.make(program, **fields)
        attempt.start()
        yield attempt

    def end(self) -> None:
        for attempt in self._made:
            attempt.end()


def _taken(kind: type, fields: dict[str, Any]) -> dict[str, Any]:
    """Those of `fields` that `kind` has, taken out of them."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: fields.pop(name) for name in tuple(fields) if name in names}

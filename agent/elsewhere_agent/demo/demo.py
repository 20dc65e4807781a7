"""The demo: one machine plays laptop and GPU box, and tasks go all the way between the two.

    <folder>/
    ├── home/         ELSEWHERE_HOME of both: the embedded server, the agent, the runs
    ├── laptop/       see demo_laptop.py
    └── agent.log     of the daemon

Nothing of it is left when all is well, nor after Ctrl-C. When something is wrong the folder stays.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.text import Text

from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import ElsewhereError
from elsewhere.core.wording import short
from elsewhere.store import connect_store, store_url
from elsewhere.store.filters import parse
from elsewhere_agent.demo.checks import checks
from elsewhere_agent.demo.facts import Facts
from elsewhere_agent.demo.laptop import Laptop
from elsewhere_agent.demo.machine import Machine
from elsewhere_agent.demo.table import table
from elsewhere_agent.demo.view import follow, quote
from elsewhere_agent.errors import AgentError

if TYPE_CHECKING:
    from elsewhere.store.redis.store import RedisStore

_PROJECT: Final = "examples"
_STAGES: Final = 8
#: the learning rate that the clone is given
_CHANGED: Final = 0.2


def demo() -> int:
    """Runs the demo. Returns 0 if all checks hold, else 1; 128 + n if signal n ended it."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    console = _console()
    began = monotonic_s()
    failures: list[str] = []
    with _Signals() as signals:
        machine = Machine(Path(tempfile.mkdtemp(prefix="elsewhere-demo-")))
        try:
            signals.arm()
            failures = _Demo(machine, console).run()
            signals.disarm()
        except KeyboardInterrupt:
            console = _console()  # one that is interrupted as it begins to print prints no more
            console.print("\nInterrupted: the demo ends.", style="yellow")
        except (ElsewhereError, OSError) as error:
            signals.disarm()
            failures = [str(error)]
        finally:
            machine.end()
            if not failures:
                shutil.rmtree(machine.folder)
    if failures:
        for failure in failures:
            console.print(failure, style="red", soft_wrap=True)
        kept = "The agent and the server have ended. The folder is kept"
        console.print(f"{kept}: {machine.folder}", soft_wrap=True)
        return 1
    console.print("The agent and the server have ended, and the folder is removed.")
    if signals.number:
        return 128 + signals.number
    took_s = monotonic_s() - began
    console.print(f"All is as it should be, after {took_s:.1f} s.", style="bold green")
    return 0


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


class _Signals:
    """The signals that ask this process to end. The first one while armed is a KeyboardInterrupt;
    others are only counted, so that they cannot disturb the cleaning up."""

    def __init__(self) -> None:
        self.number = 0
        self._is_armed = False

    def __enter__(self) -> Self:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def arm(self) -> None:
        self._is_armed = True
        if self.number:
            self._note(self.number, None)

    def disarm(self) -> None:
        self._is_armed = False

    def _note(self, number: int, _frame: object) -> None:
        self.number = self.number or number
        if self._is_armed:
            self._is_armed = False
            raise KeyboardInterrupt


class _Demo:
    def __init__(self, machine: Machine, console: Console) -> None:
        self._machine = machine
        self._console = console
        self._stage = 0

    def run(self) -> list[str]:
        """Runs all steps; returns the checks that failed."""
        self._print("This machine plays both the laptop and the GPU box. All happens in")
        self._quote(str(self._machine.folder))
        self._announce("No Redis is configured, so an embedded server starts.")
        url = store_url(self._machine.settings)
        self._quote(url)
        store = connect_store(url)
        try:
            return self._run(store)
        finally:
            store.close()

    def _run(self, store: RedisStore) -> list[str]:
        machine = self._machine
        self._announce("The agent takes tasks from the queue 'default'.")
        self._command("agent daemon --queue default")
        self._quote(machine.start_agent(store))

        self._announce("The laptop has a Python environment of its own.")
        laptop = Laptop(machine.folder / "laptop", machine.environment)
        packages = laptop.make_environment(machine.settings.home)
        self._quote(packages)

        self._announce("Its repository has a commit, files and changes that nobody else has.")
        self._command("git status --short --branch")
        self._quote(laptop.make_repository())

        self._announce("The training starts on the laptop, and leaves for the queue.")
        self._command("python train.py")
        output_here = laptop.python("train.py")
        self._quote(output_here)
        train = self._follow(store, self._id_of(store, "train"))

        self._announce("A clone runs with another learning rate.")
        train_id = train.record.id
        change = f"Args/lr={_CHANGED}"
        self._command(f"elsewhere clone {short(train_id)} --set {change}")
        output = laptop.elsewhere("clone", train_id, "--set", change)
        self._quote(output)
        clone_id = output.split()[-1]
        self._command(f"elsewhere enqueue {short(clone_id)}")
        self._quote(laptop.elsewhere("enqueue", clone_id))
        clone = self._follow(store, clone_id)

        self._announce("A function of another script runs as a task, on what the training made.")
        self._command(f"python evaluate.py --training {short(train_id)}")
        self._quote(laptop.python("evaluate.py", "--training", train_id))
        function = self._follow(store, self._id_of(store, "evaluate <evaluate>"))

        self._announce("What is known about the three:")
        self._console.print(table({"train": train, "clone": clone, "function": function}))
        self._print("")
        found = checks(
            laptop,
            machine.settings.home,
            train,
            clone,
            function,
            packages=packages,
            output_here=output_here,
            changed=_CHANGED,
        )
        return [sentence for sentence in map(self._check, found) if sentence]

    def _follow(self, store: RedisStore, task_id: str) -> Facts:
        seen = follow(store, task_id, self._console)
        return Facts.read(store, task_id, self._machine.settings.home.cache, seen)

    def _id_of(self, store: RedisStore, name: str) -> str:
        found = next(store.search(parse(project_name=_PROJECT, exact_name=name)), None)
        if found is None:
            raise AgentError(f"The script has made no task {name!r} in project {_PROJECT!r}.")
        return found

    # what people see

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    def _announce(self, sentence: str) -> None:
        self._stage += 1
        self._console.print(f"\n{self._stage}/{_STAGES} {sentence}", style="bold", soft_wrap=True)

    def _command(self, words: str) -> None:
        self._console.print(f"   $ {words}", style="cyan", soft_wrap=True)

    def _quote(self, text: str) -> None:
        for line in text.splitlines():
            quote(self._console, line)

    def _check(self, check: tuple[str, bool, object]) -> str:
        """Prints a check. Returns a line for the end if the check does not hold."""
        sentence, holds, found = check
        mark = ("   ✓ ", "green") if holds else ("   ✗ ", "bold red")
        self._console.print(Text.assemble(mark, sentence), soft_wrap=True)
        return "" if holds else f"Not as it should be: {sentence} Found: {found!r:.400}"

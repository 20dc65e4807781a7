"""The demo's view of a running task: its output, above a line with its status."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.text import Text

from elsewhere.command.printing import clean, safe_for_terminal
from elsewhere.command.tables import bar
from elsewhere.command.watching import watch
from elsewhere.core.choices import ScalarKind, Status
from elsewhere.core.clock import monotonic_s
from elsewhere.core.wording import number, short, sparkline
from elsewhere_agent.errors import AgentError

if TYPE_CHECKING:
    from rich.console import Console

    from elsewhere.core.events import Phase
    from elsewhere.core.records import TaskState
    from elsewhere.store.redis.store import RedisStore

#: what stands before a line that another program has printed
_MARGIN: Final = "   │ "
#: seconds that a task of the demo may take
_LIMIT_S: Final = 180.0
#: percent between two lines of progress on an output that cannot redraw a line
_STEP: Final = 25


def follow(store: RedisStore, task_id: str, console: Console) -> list[float]:
    """Follows the task until it has ended in any way; returns the progress seen before that.

    Raises AgentError when it takes too long.
    """
    view = _View(store, task_id, console)
    until = monotonic_s() + _LIMIT_S

    def look(state: TaskState) -> bool:
        if monotonic_s() > until:
            raise AgentError(
                f"Task {short(task_id)} is still {state.status} after {_LIMIT_S:.0f} s."
            )
        view.look(state)
        return state.status.is_final

    with Live(
        view, console=console, refresh_per_second=12, transient=True, auto_refresh=view.is_live
    ):
        watch(store, task_id, look, lambda sentence: console.print(f"   {sentence}"))
        view.is_live = False
    return view.seen


def quote(console: Console, line: str) -> None:
    """Prints a line of another program. Wraps it only if the output is a terminal."""
    text = Text.from_ansi(safe_for_terminal(line), end="")
    if line.startswith(("[elsewhere]", "Elsewhere:")):
        text.stylize("dim")
    width = console.width - len(_MARGIN)
    for piece in text.wrap(console, width) if console.is_terminal else [text]:
        console.print(Text.assemble((_MARGIN, "dim"), piece), soft_wrap=True)


class _View:
    """Shows a task. With `is_live` it keeps redrawing the last lines."""

    def __init__(self, store: RedisStore, task_id: str, console: Console) -> None:
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self._store = store
        self._task_id = task_id
        self._console = console
        self.seen: list[float] = []
        self._attempt = 0
        self._at = 0
        self._begun = b""
        self._pending = ""
        self._state: TaskState | None = None
        self._phase: Phase | None = None
        self._shown_percent = 0.0
        self._curves: dict[str, list[float]] = {}

    def look(self, state: TaskState) -> None:
        self._state = state
        self._phase = next((p.phase for p in reversed(self._store.phases(self._task_id))), None)
        self._curves = {  # a new dict: the drawing thread may be reading the old one
            f"{item.title}/{item.series}": [
                value for _, _, value in self._store.points(self._task_id, item.title, item.series)
            ]
            for item in self._store.series(self._task_id)
            if item.kind is not ScalarKind.RESOURCE
        }
        self._print_output(state)
        percent = state.progress or 0.0
        if not state.status.is_final:
            self.seen.append(percent)
        if not self.is_live and percent >= self._shown_percent + _STEP:
            self._shown_percent = percent
            self._print_line(f"({self._standing()})")

    def __rich__(self) -> Group:
        if not self.is_live or self._state is None:
            return Group()
        lines = [self._status_line()]
        if self._pending:
            lines.insert(0, Text(_MARGIN + clean(self._pending), style="cyan"))
        for line in lines:
            line.truncate(self._console.width, overflow="ellipsis")
        return Group(*lines)

    def _status_line(self) -> Text:
        assert self._state is not None
        what = str(self._state.status)
        if self._phase is not None:
            took = self._phase.seconds
            took = time.time() - self._phase.at if took is None else took
            what = f"{self._phase.name} {took:.1f} s"
        return Text.assemble("   ", (f"{what:<15}", "bold blue"), " ", self._standing())

    def _standing(self) -> str:
        """The progress and curves in short."""
        assert self._state is not None
        words = [bar(self._state.progress)] if self._state.progress else []
        for name, values in self._curves.items():
            drawn = f" {sparkline(values)}" if self.is_live else ""
            words.append(f"{clean(name)} {number(values[-1])}{drawn}")
        return ", ".join(words)

    def _print_output(self, state: TaskState) -> None:
        """Prints new output; none while the task waits, as the laptop has shown that attempt's."""
        if state.status is Status.QUEUED:
            return
        if state.attempt != self._attempt:
            self._attempt, self._at, self._begun = state.attempt, 0, b""
        while True:
            found = self._store.output(self._task_id, attempt=self._attempt, start=self._at)
            self._pending = found.pending
            if found.next == self._at:
                return
            self._at = found.next
            *lines, self._begun = (self._begun + found.data).split(b"\n")
            for line in lines:
                self._print_line(line.decode(errors="replace"))

    def _print_line(self, line: str) -> None:
        quote(self._console, line)

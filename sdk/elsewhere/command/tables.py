"""Drawing for lists and single tasks: a console, and a task's status in its colour."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from elsewhere.core.records import TaskState

#: columns where there is no terminal whose width would count: nothing is cut
_UNLIMITED: Final = 10_000
_CELLS: Final = 8
_STYLES: Final = {
    Status.CREATED: "dim",
    Status.QUEUED: "cyan",
    Status.IN_PROGRESS: "bold blue",
    Status.STOPPED: "yellow",
    Status.COMPLETED: "green",
    Status.FAILED: "bold red",
    Status.PUBLISHED: "magenta",
    Status.CLOSED: "dim",
}


def open_console() -> Console:
    """Opens a console, with colours on a terminal only, and not with NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - weight, as all imports of rich

    width = None if sys.stdout.isatty() else _UNLIMITED
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def grid() -> Table:
    """Makes a table without lines and headings."""
    from rich.table import Table  # noqa: PLC0415

    return Table.grid(padding=(0, 2))


def status_text(state: TaskState) -> Text:
    """The status in its colour; of a running task also its troubles."""
    from rich.text import Text  # noqa: PLC0415

    text = Text(str(state.status), style=_STYLES[state.status])
    if state.is_unreachable:
        text.append(" unreachable", style="bold red")
    elif state.status is Status.IN_PROGRESS and state.stop_requested_at:
        text.append(" stopping", style="yellow")
    return text


def bar(percent: float | None) -> str:
    """`####---- 50 %`, in blocks; empty where there is no progress."""
    if percent is None:
        return ""
    full = int(min(max(percent, 0.0), 100.0) / 100 * _CELLS)
    return f"{'█' * full}{'░' * (_CELLS - full)} {percent:.0f} %"

"""The demo's final table: its tasks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from elsewhere.command.tables import status_text
from elsewhere.core.params import split_name, to_text
from elsewhere.core.wording import short, size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elsewhere_agent.demo.facts import Facts

#: characters of a task's id
_ID: Final = 32


def table(tasks: Mapping[str, Facts]) -> Table:
    """Makes a column for each task, under its heading."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    drawn.add_column("   ", style="cyan", no_wrap=True)
    for heading in tasks:
        drawn.add_column(heading)
    rows: dict[str, Callable[[Facts], str | Text]] = {
        "task": lambda one: short(one.record.id),
        "status": lambda one: status_text(one.state),
        "seed": lambda one: str(one.record.seed),
        "parameters": _parameters,
        "scalars": _scalars,
        "artifacts": _artifacts,
        "resources": _resources,
        "start": _start,
    }
    for name, row in rows.items():
        drawn.add_row(f"   {name}", *(row(one) for one in tasks.values()))
    for name in dict.fromkeys(name for one in tasks.values() for name in one.phases):
        drawn.add_row(f"   - {name}", *(_phase(one, name) for one in tasks.values()))
    return drawn


def _parameters(one: Facts) -> str:
    rows = []
    for full_name, parameter in one.record.parameters.items():
        text = to_text(parameter.value)
        rows.append(f"{split_name(full_name)[1]} {short(text) if len(text) == _ID else text}")
    return "\n".join(dict.fromkeys(rows))


def _scalars(one: Facts) -> str:
    return "\n".join(f"{name} {values[-1]:.4g}" for name, values in one.scalars.items())


def _artifacts(one: Facts) -> str:
    found = one.artifacts.values()
    return "\n".join(f"{item.name}: {item.type}, {size(item.size)}" for item in found)


def _resources(one: Facts) -> str:
    used = one.resources
    rows = []
    if memory := used.get("memory_used_gb"):
        rows.append(f"memory {max(memory) * 1024:.0f} MB")
    if cpu := used.get("cpu_usage"):
        rows.append(f"cpu {max(cpu):.0f} %")
    return "\n".join(rows)


def _start(one: Facts) -> str:
    if one.start_s is None:
        return "never"
    return f"{'warm' if one.is_warm else 'cold'}, {one.start_s:.2f} s"


def _phase(one: Facts, name: str) -> str:
    return f"{one.phases[name]:.3f} s" if name in one.phases else ""

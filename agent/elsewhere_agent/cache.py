"""The environments that this machine keeps: shown, and removed beyond a budget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.table import Table

from elsewhere.command.printing import clean, json_text
from elsewhere.command.tables import open_console
from elsewhere.core.wording import duration, size
from elsewhere_sandbox.environments import collect, environments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings
    from elsewhere_sandbox.environments import Built

#: how many requirements a row names
_NAMED = 4


def show_cache(settings: Settings, agent: AgentSettings, *, as_json: bool) -> None:
    """Prints the environments, the one that was used last first."""
    found = environments(settings.home)
    if as_json:
        print(json_text([_plain(one) for one in found]))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("environment", "python", "size", "last used", "packages"):
        table.add_column(column, no_wrap=column != "packages", overflow="ellipsis")
    for one in found:
        used = "in use" if one.is_in_use else f"{duration(max(time.time() - one.used_at, 0))} ago"
        beyond = len(one.requirements) - _NAMED
        names = ", ".join(one.requirements[:_NAMED]) + (f" and {beyond} more" if beyond > 0 else "")
        row = (one.path.name[:12], one.python, size(one.size_bytes), used, names or "none")
        table.add_row(*map(clean, row))
    if found:
        open_console().print(table)
    total = sum(one.size_bytes for one in found)
    print(
        f"{_count(found)}, {size(total)} of the {size(agent.environments_bytes)} that"
        " agent.environments_bytes allows."
    )


def collect_cache(settings: Settings, budget_bytes: int) -> None:
    """Removes what is beyond the budget, but nothing that is in use, and prints what went."""
    removed = collect(settings.home, budget_bytes)
    for one in removed:
        print(f"{one.path.name[:12]} is removed: {size(one.size_bytes)}.")
    left = environments(settings.home)
    freed = size(sum(one.size_bytes for one in removed))
    rest = size(sum(one.size_bytes for one in left))
    print(f"Removed {_count(removed)}, {freed}; left {_count(left)}, {rest}.")


def _count(found: Sequence[Built]) -> str:
    return f"{len(found)} environment{'' if len(found) == 1 else 's'}"


def _plain(one: Built) -> dict[str, object]:
    return {
        "digest": one.path.name,
        "path": str(one.path),
        "python": one.python,
        "size_bytes": one.size_bytes,
        "used_at": one.used_at,
        "is_in_use": one.is_in_use,
        "requirements": list(one.requirements),
    }

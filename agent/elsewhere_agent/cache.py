"""What this machine keeps for later tasks: shown, and removed beyond the budgets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.table import Table

from elsewhere.command.printing import clean, json_text
from elsewhere.command.tables import open_console
from elsewhere.core.wording import duration, size
from elsewhere_sandbox.caches import collect, kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elsewhere.core.settings import Settings
    from elsewhere_sandbox.caches import Kept


def show_cache(settings: Settings, budgets: Mapping[str, int], *, as_json: bool) -> None:
    """Prints what is kept, by kind, and how much of its budget each kind takes."""
    found = kept(settings.home)
    if as_json:
        print(json_text([_plain(one) for one in found]))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("kind", "name", "size", "last used", "what"):
        table.add_column(column, no_wrap=column != "what", overflow="ellipsis")
    for one in found:
        used = "in use" if one.is_in_use else f"{duration(max(time.time() - one.used_at, 0))} ago"
        row = (one.kind, one.path.name[:12], size(one.size_bytes), used, one.what)
        table.add_row(*map(clean, row))
    if found:
        open_console().print(table)
    for kind, budget_bytes in budgets.items():
        print(
            f"{kind}: {_summed([one for one in found if one.kind == kind])} of the"
            f" {size(budget_bytes)} that agent.{kind}_bytes allows."
        )


def collect_cache(settings: Settings, budgets: Mapping[str, int]) -> None:
    """Removes what is beyond the budgets, but nothing that is in use, and prints what went."""
    removed = collect(settings.home, budgets)
    for one in removed:
        what = clean(f"{one.kind} {one.path.name[:12]}: {one.what}")
        print(f"Removed {what}, {size(one.size_bytes)}.")
    left = [one for one in kept(settings.home) if one.kind in budgets]
    print(f"Removed {_summed(removed)}; left {_summed(left)}.")


def _summed(found: Sequence[Kept]) -> str:
    return f"{len(found)}, {size(sum(one.size_bytes for one in found))}"


def _plain(one: Kept) -> dict[str, object]:
    return {
        "kind": one.kind,
        "name": one.path.name,
        "path": str(one.path),
        "what": one.what,
        "size_bytes": one.size_bytes,
        "used_at": one.used_at,
        "is_in_use": one.is_in_use,
    }

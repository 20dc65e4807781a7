"""The settings in use, each with its origin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from elsewhere.command.printing import clean
from elsewhere.command.tables import open_console
from elsewhere_agent.configuration import shown
from elsewhere_agent.data_table import shown_data
from elsewhere_agent.secrets_table import shown_secrets

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings


def show_configuration(settings: Settings, agent: AgentSettings, *, as_json: bool) -> None:
    """Prints the settings to the standard output, without secrets."""
    found = shown(settings, agent)
    found |= shown_data(settings.config) | shown_secrets(settings.config)
    if as_json:
        plain = {
            name: {"value": value, "origin": origin} for name, (value, origin) in found.items()
        }
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold")
    for name, (value, origin) in found.items():
        text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
        table.add_row(name, clean(str(text)), clean(origin))
    open_console().print(table)

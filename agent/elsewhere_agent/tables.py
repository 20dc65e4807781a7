"""The tables of config.toml that are the agent's: [agent], [data] and [secrets]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomllib

from elsewhere.core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def read_table(config: Path, name: str) -> dict[str, Any]:
    """The table `name` in the file `config`, of which `elsewhere.core.settings` has checked that it
    can be read; empty without it. Raises ConfigurationError for what is no table."""
    try:
        table = tomllib.loads(config.read_text(encoding="utf-8")).get(name, {})
    except FileNotFoundError:
        return {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"The setting {name} in {config} must be a table: [{name}].")
    return table

"""The table [data] of config.toml: folders and files of this machine, by the names that tasks use.

[data]
corpus = "/mnt/corpus"
"""

from __future__ import annotations

from pathlib import Path

from elsewhere.core.errors import ConfigurationError
from elsewhere_agent.tables import read_table


def load_data(config: Path) -> dict[str, str]:
    """Maps the names in the file `config` to absolute paths. Raises ConfigurationError."""
    table = read_table(config, "data")
    return {name: _path(name, given, config) for name, given in table.items()}


def shown_data(config: Path) -> dict[str, tuple[object, str]]:
    """Maps the name of each setting in the table to (its value, its origin)."""
    return {f"data.{name}": (path, str(config)) for name, path in load_data(config).items()}


def _path(name: str, given: object, config: Path) -> str:
    path = Path(given).expanduser() if isinstance(given, str) else None
    if path is None or not path.is_absolute():
        raise ConfigurationError(
            f"The setting data.{name} in {config} must be the absolute path of a folder or file of"
            f' this machine, {name} = "/mnt/{name}", and is {given!r:.80}.'
        )
    return str(path)

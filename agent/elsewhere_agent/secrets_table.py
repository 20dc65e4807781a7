"""The table [secrets] of config.toml: a table for each secret, by the name that tasks ask for.

[secrets.HF_TOKEN]
file = "~/.config/hf-token"
projects = ["nlp/*"]
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from elsewhere.core.errors import ConfigurationError
from elsewhere.core.secrets import hide_arguments
from elsewhere_agent.tables import read_table
from elsewhere_worker.secret_sources import SecretSource

if TYPE_CHECKING:
    from pathlib import Path

#: of secrets, which are names of variables
_NAME: Final = re.compile(r"(?!ELSEWHERE_)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def load_secrets(config: Path) -> dict[str, SecretSource]:
    """The secrets in the file `config`. Raises ConfigurationError, without a value in it."""
    table = read_table(config, "secrets")
    return {name: _source(name, plain, config) for name, plain in table.items()}


def shown_secrets(config: Path) -> dict[str, tuple[object, str]]:
    """Maps the name of each table in `config` to (what it says, its origin): no value."""
    found: dict[str, tuple[object, str]] = {}
    for name, source in load_secrets(config).items():
        plain = source.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if source.command:
            plain["command"] = list(hide_arguments(source.command))
        found[f"secrets.{name}"] = (plain, str(config))
    return found


def _source(name: str, plain: Any, config: Path) -> SecretSource:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"The table [secrets.{name}] in {config} has a name that no variable can have: use"
            " letters, digits and _, and do not begin with ELSEWHERE_."
        )
    try:
        return SecretSource.model_validate_json(json.dumps(plain, default=str), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, (name, *first["loc"])))
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"The setting secrets.{where} in {config} cannot be used: {problem.lower()}. Write one"
            ' of env, file and command, perhaps as = "file", always, tasks, queues, projects.'
        ) from None

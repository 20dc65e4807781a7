"""Folders and files of the machine at those places of the code where a task expects them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.core.errors import known_choices
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping


def mount(mounts: Mapping[str, str], data: Mapping[str, str], code: Path) -> None:
    """Links each path of `mounts`, relative to `code`, to what its name stands for in `data`, the
    operator's. Raises SetupError for an unknown name, what is not there, and a path that is taken
    or leads out of the code."""
    for path, name in mounts.items():
        if name not in data:
            raise SetupError(
                f"The task wants {name!r} at {path}, and this agent has no data of that name: add"
                f" it to [data] in its config.toml. {known_choices(name, data)}"
            )
        if not Path(data[name]).exists():
            raise SetupError(
                f"The task wants {name!r} at {path}, and {data[name]} is not there on this agent's"
                " machine: is its disk mounted? Correct [data] in the agent's config.toml."
            )
        place = code / path
        if ".." in place.parts or not place.parent.resolve().is_relative_to(code.resolve()):
            raise SetupError(f"The task wants {name!r} at {path}, which leads out of its code.")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.symlink_to(data[name])
        except FileExistsError:
            raise SetupError(
                f"The task wants {name!r} at {path}, and its code has something else there: take it"
                " out of the repository, or name another path."
            ) from None

"""The wishes of a script for the packages of its task, set before `Task.init`."""

from __future__ import annotations

from typing import Final, NamedTuple


class Wishes(NamedTuple):
    """Changes of the captured packages. `added` are names with versions (None: the installed one,
    empty: any) or files of lines; `ignored` are names. With `is_frozen` all that is installed, or
    the lines of `file`, replace the packages of the imports."""

    added: tuple[tuple[str, str | None], ...] = ()
    ignored: frozenset[str] = frozenset()
    is_frozen: bool = False
    file: str = ""


NO_WISHES: Final = Wishes()

"""The wishes of a script for the packages that travel with its task, said before `Task.init`."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["NO_WISHES", "Wishes"]


class Wishes(NamedTuple):
    """`added` are names with versions (None: the installed one, empty: any) or files of lines;
    `ignored` are names. `is_frozen`: all that is installed, or `file` instead, in place of what the
    imports tell."""

    added: tuple[tuple[str, str | None], ...] = ()
    ignored: frozenset[str] = frozenset()
    is_frozen: bool = False
    file: str = ""


NO_WISHES: Final = Wishes()

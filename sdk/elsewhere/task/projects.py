"""Projects: names that tasks share. One comes to be with its first task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elsewhere.core.errors import UsageError

if TYPE_CHECKING:
    from elsewhere.store.api import Store

__all__ = ["Project", "find"]


@dataclass(frozen=True, slots=True)
class Project:
    """Its id is its name; `a/b` is a project inside `a`."""

    name: str

    @property
    def id(self) -> str:
        return self.name


def find(store: Store, pattern: object) -> list[Project]:
    """All whose name this regular expression is found in, the last used one first; None is all."""
    if pattern is None:
        return [Project(name) for name in store.projects()]
    if not isinstance(pattern, str):
        raise UsageError(f"name is a regular expression, not {pattern!r:.80}.")
    try:
        wanted = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"The regular expression {pattern!r:.80} for the names of projects cannot be read:"
            f" {error}."
        ) from error
    return [Project(name) for name in store.projects() if wanted.search(name)]

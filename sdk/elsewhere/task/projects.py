"""Projects: names that tasks share. A project exists from its first task on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.checks import checked_pattern
from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from elsewhere.store.api import SharedStore


@dataclass(frozen=True, slots=True)
class Project:
    """A project; its id is its name, and `a/b` is a project inside `a`."""

    name: str

    @property
    def id(self) -> str:
        return self.name


def find(store: SharedStore, pattern: object) -> list[Project]:
    """The projects in whose names the regular expression `pattern` is found, or all for None, the
    last used one first. Raises UsageError."""
    if pattern is None:
        return [Project(name) for name in store.projects()]
    wanted = checked_pattern("name", pattern)
    return [Project(name) for name in store.projects() if wanted.search(name)]

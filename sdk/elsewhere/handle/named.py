"""What a task is called: names, tags, and other labels that no run reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.handle.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Named"]


class Named(Handle):
    """All of this can be changed at any time, whatever the status."""

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def project(self) -> str:
        return self._record.project

    def get_tags(self) -> list[str]:
        return list(self._record.tags)

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """One tag, several in a text separated by spaces, or a list."""
        from elsewhere.events import Tags  # noqa: PLC0415

        self._say(Tags(added=tuple(tags.split() if isinstance(tags, str) else tags)))

"""The artifacts of a task, as `task.artifacts` gives them."""

from __future__ import annotations

from typing import NoReturn

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.errors import NotFoundError, known_choices

__all__ = ["TaskArtifacts"]


class _NoArtifactError(NotFoundError, KeyError):
    """Both, since it is a key of a dict."""

    # KeyError would show the sentence in quotes.
    __str__ = Exception.__str__


class TaskArtifacts(dict[str, ArtifactHandle]):
    """By name, sorted. An unknown name is a NotFoundError, which also is a KeyError."""

    def __missing__(self, name: str) -> NoReturn:
        raise _NoArtifactError(
            f"The task has no artifact {name!r}. {known_choices(str(name), self)}"
        )

"""The artifacts of a task, as `task.artifacts` returns them."""

from __future__ import annotations

from typing import NoReturn

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.errors import NotFoundError, known_choices


class _NoArtifactError(NotFoundError, KeyError):
    """An unknown name; also a KeyError, since the name is the key of a dict."""

    # KeyError would show the message in quotes.
    __str__ = Exception.__str__


class TaskArtifacts(dict[str, ArtifactHandle]):
    """Artifacts by name, sorted. An unknown name raises NotFoundError, which is a KeyError, too."""

    def __missing__(self, name: str) -> NoReturn:
        raise _NoArtifactError(
            f"The task has no artifact {name!r}. {known_choices(str(name), self)}"
        )

"""Uploads: files that a task made, on their way from its run folder to storage.

    line of a journal -> FileEvent -upload-> Upload -an uploader-> Placed -placed-> event of a store

Another event with bytes is one more `FileEvent`: whoever delivers it does not know its class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, and what makes its URL: see `artifacts.places`.

    `file` lies within the run folder, as a journal has it, or is absolute, as an uploader gets it.
    `place` is an output_uri, empty for the task's. `kind` is a noun in the singular, such as
    `artifact`; `name`, for those with a history together with the file's, is unique among the
    task's uploads of one kind.
    """

    file: Path
    place: str = ""
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The place of an upload: `url`, on the disk of `machine` if that is a path. Without a URL,
    `problem` is the reason."""

    url: str = ""
    machine: str = ""
    uploaded_at: float = 0.0
    problem: str = ""


class FileEvent(ABC):
    """An event whose bytes lie in the run folder until its journal is delivered."""

    __slots__ = ()

    @abstractmethod
    def upload(self) -> Upload | None:
        """Gives the file to upload, None if the event has no file."""

    @abstractmethod
    def placed(self, placed: Placed | None) -> Self:
        """Gives the event as a store keeps it; `placed` is None if the event has no file."""

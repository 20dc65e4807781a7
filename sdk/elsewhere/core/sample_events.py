"""What a running task reports of its samples: images and other media, with a history.

`core/events.py` passes it on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from elsewhere.core import kept
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import HistoryEvent, declare
from elsewhere.core.uploads import FileEvent, Placed, Upload


@declare("sample", kept.History("samples"), free=("title", "series", "url"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(HistoryEvent, FileEvent):
    """A sample of the series `series` in `title`; `history` of its series stay.

    `file`: where its bytes lie in the run folder when it has no URL yet, and `place` below which
    output_uri they shall; empty for the task's. Without a file it is a link. `machine` reported it,
    or has it on its disk. `problem`: why it has no URL.
    """

    title: str
    series: str
    iteration: int
    at: float
    history: int
    url: str = ""
    machine: str = ""
    digest: str = ""
    size_bytes: int = 0
    content_type: str = ""
    file: str = ""
    place: str = ""
    problem: str = ""

    @property
    def bytes_at(self) -> tuple[str, str]:
        return (self.url, self.machine) if self.digest else ("", "")

    def upload(self) -> Upload | None:
        if not self.file:
            return None
        return Upload(file=Path(self.file), place=self.place, kind=self.word, name=self.name)

    def placed(self, placed: Placed | None) -> Sample:
        if placed is None:
            # A link. With a digest, which the program wrote, its bytes would be deleted as ours.
            return replace(self, digest="")
        if placed.problem:
            return replace(self, problem=placed.problem, url="", file="", place="")
        return replace(self, url=placed.url, machine=placed.machine, file="", place="")

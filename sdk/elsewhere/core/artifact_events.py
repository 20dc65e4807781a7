"""What a running task reports of its artifacts.

`core/events.py` passes them on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from elsewhere.core import kept
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import RESET, Event, declare
from elsewhere.core.records import Artifact
from elsewhere.core.uploads import FileEvent, Placed, Upload


@declare("artifact", kept.ByName("artifacts", Artifact, cleared_by=RESET), free=("artifact",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactAdded(Event, FileEvent):
    """An artifact. `file`: where its bytes lie in the run folder when it has no URL yet."""

    artifact: Artifact
    file: str = ""

    @property
    def values(self) -> dict[str, Artifact]:
        return {self.artifact.name: self.artifact}

    def upload(self) -> Upload | None:
        if not self.file:
            return None
        return Upload(file=Path(self.file), kind="artifact", name=self.artifact.name)

    def placed(self, placed: Placed | None) -> ArtifactAdded:
        if placed is None:
            # A link. With a digest, which the program wrote, its bytes would be deleted as ours.
            artifact = replace(self.artifact, digest="")
        elif placed.problem:
            artifact = replace(self.artifact, url="", preview=placed.problem)
        else:
            at, machine = placed.uploaded_at, placed.machine
            artifact = replace(self.artifact, url=placed.url, uploaded_at=at, machine=machine)
        return ArtifactAdded(artifact=artifact)


@declare("artifacts_removed", kept.ByName("artifacts", removed="names"))
@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactsRemoved(Event):
    """Artifacts that the task has no more. `keeps_bytes`: what was uploaded stays where it is."""

    names: tuple[str, ...]
    keeps_bytes: bool = False

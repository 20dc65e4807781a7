"""A sample as its user reads it: the report, and the way to its bytes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from elsewhere.artifacts.far import of_item
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.errors import StorageError
from elsewhere.core.records import Artifact

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.events import Sample
    from elsewhere.store.api import TaskStore


class SampleHandle(ArtifactHandle):
    """An image, or other media, that the task reported at an iteration, and the way to its bytes,
    with local copies in `cache`."""

    _noun = "sample"

    def __init__(self, store: TaskStore, task_id: str, sample: Sample, cache: Path) -> None:
        artifact = Artifact(
            name=f"{sample.name} at {sample.iteration}",
            type="file",
            url=sample.url,
            size_bytes=sample.size_bytes,
            digest=sample.digest,
            content_type=sample.content_type,
            preview=sample.problem,
            machine=sample.machine,
        )
        super().__init__(artifact, cache, far=of_item(store, task_id, sample))
        self._sample = sample

    def __repr__(self) -> str:
        return f"<Sample {self.title!r} {self.series!r} at {self.iteration}: {self.url!r}>"

    @property
    def title(self) -> str:
        """The title under which it was reported."""
        return self._sample.title

    @property
    def series(self) -> str:
        """The series within the title."""
        return self._sample.series

    @property
    def iteration(self) -> int:
        """The iteration at which it was reported."""
        return self._sample.iteration

    @property
    def timestamp(self) -> datetime:
        """The time of the report, in UTC."""
        return datetime.fromtimestamp(self._sample.at, timezone.utc)

    def _check_uploaded(self) -> None:
        if self._sample.problem:
            raise StorageError(f"The sample {self.name!r} is not there. {self._sample.problem}")
        super()._check_uploaded()

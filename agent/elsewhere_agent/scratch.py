"""A folder for a look at a task that is no attempt of it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.core.folders import RunFolder
from elsewhere_worker.inputs import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.records import TaskRecord
    from elsewhere.store.redis.store import RedisStore


@contextmanager
def scratch_of(store: RedisStore, record: TaskRecord) -> Iterator[RunFolder]:
    """Yields a folder as that of a run, with the inputs of the task; it goes at the end. Raises
    NotFoundError and OSError."""
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as scratch:
        folder = RunFolder(Path(scratch, f"{record.id}.0"))
        folder.path.mkdir()
        for digest in record.digests:
            fetch(store, folder, digest)
        yield folder

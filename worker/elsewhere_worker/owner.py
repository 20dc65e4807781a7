"""The owner of a run folder: an agent, by name, in a store. Others leave the folder alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import read_record, write_beside
from elsewhere.core.notes import reserve_notes
from elsewhere_sandbox.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.core.folders import RunFolder
    from elsewhere.store.redis.store import RedisStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An agent, by the name that it has alone in its home; `store` is the store's identity. `slot`
    is what the attempt has while it runs."""

    worker: str
    store: str
    slot: Slot = field(default=Slot(), compare=False)

    @classmethod
    def of(cls, folder: RunFolder) -> Owner | None:
        """The owner of a folder; None if it is damaged or nothing came after its claim."""
        try:
            return read_record(cls, folder.owner)
        except (RecordError, OSError) as error:
            logger.warning("%s is left alone. %s", folder.path, error)
            return None

    def lost_by(self, store: RedisStore, folders: Sequence[RunFolder]) -> list[RunFolder]:
        """Those of the `folders` of this owner whose attempts the `store` has lost, or their ends,
        since it was restored with older data: of each task the newest. Raises
        StoreUnavailableError."""
        by_number = sorted(folders, key=lambda folder: folder.attempt)
        newest = {one.task_id: one for one in by_number if Owner.of(one) == self}
        ours = list(newest.values())
        attempts = [(folder.task_id, folder.attempt) for folder in ours]
        behind = store.behind(attempts, worker=self.worker)
        return [folder for folder, is_behind in zip(ours, behind, strict=True) if is_behind]

    def take(self, folder: RunFolder) -> RunFolder:
        """Makes the run folder, with room for its last notes, and records its owner. Raises
        OSError."""
        reserve_notes(folder.create())
        write_beside(folder.owner, self)
        return folder

"""The owner of a run folder: an agent, by name, in a store. Others leave the folder alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import read_record, write_beside
from elsewhere.core.notes import reserve_notes

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An agent, by the name that it has alone in its home; `store` is the store's identity."""

    worker: str
    store: str

    @classmethod
    def of(cls, folder: RunFolder) -> Owner | None:
        """The owner of a folder; None if it is damaged or nothing came after its claim."""
        try:
            return read_record(cls, folder.owner)
        except (RecordError, OSError) as error:
            logger.warning("%s is left alone. %s", folder.path, error)
            return None

    def take(self, folder: RunFolder) -> RunFolder:
        """Makes the run folder, with room for its last notes, and records its owner. Raises
        OSError."""
        reserve_notes(folder.create())
        write_beside(folder.owner, self)
        return folder

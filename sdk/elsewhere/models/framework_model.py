"""A model that a framework saves: an output model of this process's task."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import ElsewhereError
from elsewhere.core.events import ModelsUnused
from elsewhere.models.output_model import OutputModel
from elsewhere.models.weights import ChangedError, Originals

if TYPE_CHECKING:
    from elsewhere.core.records import Json
    from elsewhere.models.saved_file import SavedFile
    from elsewhere.report.recorder import OwnRun
    from elsewhere.report.task_access import TaskAccess

logger = logging.getLogger(__name__)

#: how often weights that are being written to are copied at the end
_TRIES: Final = 5


@dataclass(slots=True)
class Save:
    """One saving of weights by a program: where, and what is recorded of it."""

    file: SavedFile
    framework: str
    iteration: int | None
    saved_at_s: float
    upload_filename: str = ""
    #: the version at the last look
    seen: object = None


class FrameworkModel(OutputModel):
    """The model of one file or folder, which a program may save again and again."""

    def __init__(self, owner: TaskAccess[OwnRun], entry: str, file: SavedFile) -> None:
        """The task of `owner` calls it `entry`, and `file` has its weights."""
        self.file = file
        #: the program has deleted it
        self.is_gone = False
        self._waiting: Save | None = None
        #: the last copy, as long as it is not uploaded
        self._staged: Path | None = None
        record = owner.known_record
        self._begin(owner, entry, {"project": record.project, "labels": dict(record.labels)})

    @property
    def is_path_only(self) -> bool:
        """Whether its bytes were neither uploaded nor shall be."""
        return self._waiting is None and not self._kept.digest

    def take(self, save: Save, entry: str, *, is_uploaded: bool) -> None:
        """Records the `save`, as `entry`. Its bytes wait for `stage` if it `is_uploaded`."""
        self.file, self.last, self.is_gone = save.file, save, False
        if entry != self._entry:
            self._call(entry)
        fields: dict[str, Json] = {
            "name": f"{self._owner.known_record.name} - {entry}",
            "framework": save.framework,
            "iteration": save.iteration,
        }
        self._save(fields)
        self._waiting = save if is_uploaded else None
        if not is_uploaded:
            self.update_weights(
                save.file.path,
                auto_delete_file=False,
                iteration=save.iteration,
                update_comment=False,
            )

    def stage(self, *, is_last: bool) -> bool:
        """Copies the bytes that wait, for their upload. False if that is to be tried again: while
        the copy before is not uploaded, and while the program is writing, unless it `is_last`.

        So of saves that follow each other faster than their uploads, the last one travels.
        """
        save = self._waiting
        if save is None:
            return True
        if not is_last and not self._is_ready(save):
            return False
        for _ in range(_TRIES if is_last else 1):
            try:
                self._copy(save)
            except ChangedError:
                continue
            except ElsewhereError as error:
                logger.warning("Weights are not uploaded. %s", error)
            break
        else:
            if not is_last:
                return False
            logger.warning("%s is not uploaded: it is written to all the time.", save.file.path)
        if self._waiting is save:
            self._waiting = None
            save.file.release()
        return self._waiting is None

    def withdraw(self) -> None:
        """Takes it off the task's list: there is nothing any more that it could be read from."""
        self._save({"is_archived": True})
        self._record_events(ModelsUnused(names=(self._entry,), are_output=True))

    def _is_ready(self, save: Save) -> bool:
        version = save.file.version()
        is_still, save.seen = version == save.seen, version
        return is_still and not (self._staged is not None and self._staged.exists())

    def _copy(self, save: Save) -> None:
        file = save.file
        originals = Originals(
            file.path,
            file.members() if file.is_folder else None,
            is_package=file.is_folder,
            bytes_at=file.bytes_at,
            version=file.version,
        )
        self._keep(
            originals,
            target_filename=save.upload_filename or None,
            is_deleted=False,
            iteration=save.iteration,
        )

    def _report(
        self, fields: dict[str, Json], *, file: str = "", output_uri: str = "", use: str = ""
    ) -> None:
        if file and self._owner.run is not None:
            self._staged = self._owner.run.folder.path / file
        super()._report(fields, file=file, output_uri=output_uri, use=use)

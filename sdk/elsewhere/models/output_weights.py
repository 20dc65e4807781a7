"""The weights of an output model, on their way from the program to where the task keeps models."""

from __future__ import annotations

import socket
import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts import bring, upload_url
from elsewhere.core.checks import checked_whole, is_number
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.uploads import Upload
from elsewhere.models import checks, weights
from elsewhere.models.model import Model
from elsewhere.models.naming import stem_of, url_fields
from elsewhere.models.owners import place_for
from elsewhere.storage import file_url, refuse_credentials, storage_for

if TYPE_CHECKING:
    from elsewhere.core.records import Json
    from elsewhere.models.weights import Originals
    from elsewhere.report.recorder import OwnRun
    from elsewhere.report.task_access import TaskAccess

#: seconds that `wait_for_uploads` waits by default
_UPLOADS_S: Final = 3600.0
#: seconds between two looks whether uploads are over
_LOOK_S: Final = 0.1
#: begins the line of the comment with the path at which the program had the weights
_SNAPSHOT: Final = "snapshot: "


class OutputWeights(Model):
    """The part of an output model that sets its weights."""

    _owner: TaskAccess[OwnRun]
    #: where weights go by default; empty: where the task's models go
    _upload_uri = ""

    def update_weights(
        self,
        weights_filename: str | Path | None = None,
        upload_uri: str | None = None,
        target_filename: str | None = None,
        auto_delete_file: bool = True,
        register_uri: str | None = None,
        iteration: int | None = None,
        update_comment: bool = True,
        is_package: bool = False,
        async_enable: bool = True,
    ) -> str:
        """Sets the weights of the model and returns their URL, empty if only the agent knows it.

        `weights_filename` is a file, or a folder, which becomes a package. Its bytes are taken at
        once and uploaded to `upload_uri`, by default the task's output_uri; then the original is
        deleted, if `auto_delete_file`. Without either place the path alone is recorded, and nothing
        is copied or deleted; but the weights of an agent's run are always uploaded, since its
        folder is deleted, and those of an offline session are copied into it. `register_uri`,
        instead of a file, is the URL of weights that stay there.

        `target_filename` is the name of the uploaded file, by default the original's. `iteration`
        is the one that made the weights. `update_comment` adds their path to the comment.
        `is_package`: the file is the zip file of a package. `async_enable` False waits for the
        upload.

        Raises UsageError, also for a published model, StorageError if the weights cannot be kept,
        TransitionError for a published task, and NotFoundError.
        """
        if (weights_filename is None) == (register_uri is None):
            raise UsageError(
                "update_weights takes weights_filename, a file, or register_uri, a URL: give one of"
                " them."
            )
        if register_uri is not None:
            fields = url_fields("register_uri", register_uri)
            return self._point_to(fields, str(register_uri), iteration, update_comment)
        originals = weights.one("weights_filename", weights_filename, is_package=is_package)
        uri, run = self._uri(upload_uri), self._owner.run
        has_place = bool(uri or self._owner.known_record.output_uri)
        is_uploaded = has_place or (run is not None and run.is_remote)
        if not is_uploaded and not (run is not None and run.is_offline):
            path = originals.path.absolute()
            fields = {
                **url_fields("weights_filename", path),
                "size_bytes": path.stat().st_size if path.is_file() else 0,
                "is_package": originals.is_package,
            }
            return self._point_to(fields, str(path), iteration, update_comment)
        return self._keep(
            originals,
            uri,
            target_filename=target_filename,
            is_deleted=auto_delete_file and is_uploaded,
            iteration=iteration,
            has_comment=update_comment,
            waits=not async_enable,
        )

    def update_weights_package(
        self,
        weights_filenames: Sequence[str | Path] | None = None,
        weights_path: str | Path | None = None,
        upload_uri: str | None = None,
        target_filename: str | None = None,
        auto_delete_file: bool = True,
        iteration: int | None = None,
        async_enable: bool = True,
    ) -> str:
        """Uploads several files as one package, in every case, and returns its URL.

        They are those of the list `weights_filenames`, or all below the folder `weights_path`.
        `upload_uri`, `target_filename`, `auto_delete_file`, `iteration` and `async_enable` are
        those of `update_weights`. Raises the errors that it raises, such as UsageError.
        """
        if (weights_filenames is None) == (weights_path is None):
            raise UsageError(
                "update_weights_package takes weights_filenames, a list, or weights_path, a folder:"
                " give one of them."
            )
        if weights_filenames is not None:
            originals = weights.several("weights_filenames", weights_filenames)
        else:
            originals = weights.one("weights_path", weights_path)
            if not originals.is_package:
                raise UsageError(f"weights_path must be a folder, and {weights_path} is not one.")
        return self._keep(
            originals,
            self._uri(upload_uri),
            target_filename=target_filename,
            is_deleted=auto_delete_file,
            iteration=iteration,
            waits=not async_enable,
        )

    def set_upload_destination(self, uri: str) -> None:
        """Sets where weights go by default: `uri`, a folder or a URL.

        Raises UsageError, and StorageError for a URL that weights cannot be written to.
        """
        self._upload_uri = self._uri(uri)

    def wait_for_uploads(
        self, timeout: float | None = None, max_num_uploads: int | None = None
    ) -> bool:
        """Waits until no upload of this process's task is pending; False if that takes too long.

        `timeout` is in seconds, by default an hour. `max_num_uploads` has no effect. Raises
        UsageError.
        """
        if timeout is not None and not is_number(timeout):
            raise UsageError(f"timeout is a number of seconds, or None, not {timeout!r:.80}.")
        until = monotonic_s() + (_UPLOADS_S if timeout is None else timeout)
        if self._owner.run is not None:
            self._owner.run.settle_models(are_copied=True)
        while self._owner.run is not None and not self._owner.run.flush(wait=True):
            if monotonic_s() > until:
                return False
            time.sleep(_LOOK_S)
        return True

    @abstractmethod
    def _report(self, fields: dict[str, Json], *, file: str = "", output_uri: str = "") -> None:
        """Records `fields`; the URL is that of `file`, a path in the run folder, once uploaded."""

    @abstractmethod
    def _name_after(self, stem: str, fields: dict[str, Json]) -> None:
        """Puts a name from the weights' `stem` into `fields`, for a model without its own."""

    def _keep(
        self,
        originals: Originals,
        upload_uri: str = "",
        *,
        target_filename: str | None = None,
        is_deleted: bool,
        iteration: int | None,
        has_comment: bool = False,
        waits: bool = False,
    ) -> str:
        """Uploads the weights, or leaves that to the delivery of this process's journal."""
        self._refuse_final({"url": ""})
        name = checks.checked_text("target_filename", target_filename)
        if name and (Path(name).name != name or name in (".", "..") or "\0" in name):
            raise UsageError(f"target_filename must be the name of a file, not {name!r:.80}.")
        origin = str(originals.path.absolute())
        more = self._about(origin, iteration, has_comment=has_comment)
        run, place = self._owner.run, upload_uri or place_for(self._owner)
        upload_of = partial(Upload, place=place, kind="model", name=self.id)
        if run is not None:
            staged, file = originals.stage(run.folder.files, name, may_move=is_deleted)
            # The URL that the delivery will upload to, as far as this process knows the place.
            url = upload_url(upload_of(file=file), self._owner.known_record) if place else ""
            url = file_url(file) if run.is_offline else url
            fields = {**staged, **more, "url": url, "machine": socket.gethostname()}
            self._name_after(originals.stem, fields)
            inside = file.relative_to(run.folder.path).as_posix()
            self._report(fields, file=inside, output_uri=upload_uri)
            # Before the original goes: a copy that is in no journal yet would be lost by a crash.
            run.flush(wait=waits)
        else:
            with TemporaryDirectory(prefix="elsewhere-") as folder:
                staged, file = originals.stage(Path(folder), name, may_move=is_deleted)
                placed = bring(upload_of(file=file), self._owner.known_record)
            fields = {**staged, **more, "url": placed.url, "machine": placed.machine}
            self._name_after(originals.stem, fields)
            self._report(fields)
        if run is not None:
            run.model_paths[origin] = self.id
        if is_deleted:
            originals.delete()
        return str(fields["url"])

    def _point_to(
        self, fields: dict[str, Json], origin: str, iteration: int | None, has_comment: bool
    ) -> str:
        """Records weights that stay at their URL."""
        self._refuse_final(fields)
        fields |= self._about(origin, iteration, has_comment=has_comment)
        self._name_after(stem_of(origin), fields)
        self._report(fields)
        if self._owner.run is not None:
            self._owner.run.model_paths[origin] = self.id
        return str(fields["url"])

    def _about(self, origin: str, iteration: int | None, *, has_comment: bool) -> dict[str, Json]:
        """The iteration, and with `has_comment` a comment that names `origin`."""
        if iteration is not None:
            iteration = checked_whole("iteration", iteration)
        fields: dict[str, Json] = {"iteration": iteration}
        if has_comment:
            lines = self._read().comment.splitlines()
            kept = [line for line in lines if not line.startswith(_SNAPSHOT)]
            fields["comment"] = "\n".join([*kept, f"{_SNAPSHOT}{origin}"])
        return fields

    def _uri(self, given: object) -> str:
        """The place `given`, else the model's own; empty for the task's. Raises UsageError and
        StorageError."""
        uri = checks.checked_text("upload_uri", given).strip() or self._upload_uri
        if not uri:
            return ""
        refuse_credentials(uri, is_kept=True)
        storage_for(uri)
        if uri.lower().startswith(("http://", "https://")):
            raise StorageError(
                f"Weights cannot be uploaded to {uri}: web servers are read only. Use a folder, or"
                " an s3, gs or az URL."
            )
        return uri

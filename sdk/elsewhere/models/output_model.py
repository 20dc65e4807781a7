"""A model that a task makes: its weights are kept, and all that is said of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts import bring, upload_url
from elsewhere.core.checks import checked_labels, checked_whole, is_number
from elsewhere.core.clock import monotonic_s, now_at
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.events import ModelSaved, ModelsUnused, ModelUsed
from elsewhere.core.records import ModelRecord, ModelUse
from elsewhere.core.uploads import Upload
from elsewhere.models import checks, weights
from elsewhere.models.model import Model
from elsewhere.models.naming import new_model_id, stem_of, url_fields
from elsewhere.models.owners import UNPUBLISHED, keeps_models, owner_of, place_for
from elsewhere.storage import file_url, refuse_credentials, storage_for
from elsewhere.store.model_records import changed

if TYPE_CHECKING:
    from elsewhere.core.events import Event
    from elsewhere.core.records import Json
    from elsewhere.models.weights import Originals
    from elsewhere.report.recorder import OwnRun
    from elsewhere.report.task_access import TaskAccess

__all__ = ["OutputModel", "made_by"]

#: seconds that `wait_for_uploads` waits at most where it is told no other number
_UPLOADS_S: Final = 3600.0
#: seconds between two looks whether uploads are over
_LOOK_S: Final = 0.1
#: the line of the comment that says what the weights were called where they were made
_SNAPSHOT: Final = "snapshot: "


class OutputModel(Model):
    """A model of a task, listed among its output models from now on.

    On the task that this process is, all goes through its journal, so that nothing waits and nobody
    needs a connection; weights are uploaded by whoever delivers it. On another task all is done at
    once.
    """

    def __init__(
        self,
        task: Any = None,
        config_text: str | None = None,
        config_dict: Mapping[str, Any] | None = None,
        label_enumeration: Mapping[str, int] | None = None,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        comment: str | None = None,
        framework: str | None = None,
        base_model_id: str | None = None,
    ) -> None:
        """`task` is a handle; None for the task that this process is.

        `config_text` or `config_dict` is the design of the network. The labels are the task's where
        none are given. Without a name it is called after its first weights: `<task> - <file>`.
        `base_model_id` is the model that training began from. Raises UsageError.
        """
        owner = owner_of(task, "OutputModel")
        fields = _first_fields(owner, name, tags, comment)
        fields["framework"] = checks.checked_text("The framework of a model", framework)
        fields["design"] = checks.checked_design(config_text, config_dict) or ""
        if label_enumeration is not None:
            fields["labels"] = checked_labels(label_enumeration)
        if base_model_id is not None:
            fields["parent"] = checks.checked_id("base_model_id", base_model_id)
        self._begin(owner, name or "", fields)

    def _begin(self, owner: TaskAccess[OwnRun], entry: str, fields: dict[str, Json]) -> None:
        self._id, self._given_store, self._local = new_model_id(), None, None
        self._owner = owner
        self._kept = ModelRecord(id=self._id, task=owner.id)
        self._is_named = bool(entry)
        #: what the task calls it; its id until there is something better
        self._entry = entry or self._id
        self._upload_uri = ""
        self._say(fields, use=self._entry)

    # its weights

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
        """Gives the model these weights, and says their URL.

        `weights_filename` is a file, or a folder, which becomes a package. Its bytes are taken when
        this is called and go to `upload_uri`, else to the task's output_uri; then, with
        `auto_delete_file`, the original is deleted. Where neither is there, the path alone is
        recorded and nothing is copied or deleted; but an agent's run is always uploaded, since its
        folder goes, and an offline session takes a copy along. `register_uri` instead is a URL that
        weights already lie at: they stay there.

        `target_filename` is another name for the uploaded file; `is_package`: the file is the zip
        file of a package. `async_enable` False waits for the upload. The URL is empty where only
        the agent knows its storage.

        Raises UsageError, also for a published model, and StorageError.
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
        uri = self._uri(upload_uri)
        is_asked = bool(uri) or keeps_models(self._owner)
        is_offline = self._owner.run is not None and self._owner.run.is_offline
        if not is_asked and not is_offline:
            path = originals.path.absolute()
            size = path.stat().st_size if path.is_file() else 0
            fields = {
                "url": file_url(path),
                "machine": socket.gethostname(),
                "size_bytes": size,
                "digest": "",
                "preview": "",
                "is_package": originals.is_package,
            }
            return self._point_to(fields, str(path), iteration, update_comment)
        return self._keep(
            originals,
            uri,
            target_filename=target_filename,
            is_deleted=auto_delete_file and is_asked,
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
        """Several files, or all of a folder, as one package; always uploaded. See
        `update_weights`."""
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
                raise UsageError(f"weights_path must be a folder, and {weights_path} is none.")
        return self._keep(
            originals,
            self._uri(upload_uri),
            target_filename=target_filename,
            is_deleted=auto_delete_file,
            iteration=iteration,
            waits=not async_enable,
        )

    def set_upload_destination(self, uri: str) -> None:
        """Where weights go that name no other place. Raises UsageError and StorageError."""
        self._upload_uri = self._uri(uri)

    def wait_for_uploads(
        self, timeout: float | None = None, max_num_uploads: int | None = None
    ) -> bool:
        """All weights that were given before have arrived, or could not; False when not in time: an
        hour, or `timeout` seconds."""
        if timeout is not None and not is_number(timeout):
            raise UsageError(f"timeout is a number of seconds, or None, not {timeout!r:.80}.")
        until = monotonic_s() + (_UPLOADS_S if timeout is None else timeout)
        while self._owner.run is not None and not self._owner.run.flush(wait=True):
            if monotonic_s() > until:
                return False
            time.sleep(_LOOK_S)
        return True

    # what it is

    def update_design(
        self, config_text: str | None = None, config_dict: Mapping[str, Any] | None = None
    ) -> bool:
        """A text, or a dict, kept as JSON. Raises UsageError, also for a published model."""
        design = checks.checked_design(config_text, config_dict)
        if design is None:
            raise UsageError("update_design takes config_text or config_dict: give one of them.")
        self._save({"design": design})
        return True

    def update_labels(self, labels: Mapping[str, int]) -> None:
        """The classes that it tells apart; they replace all. Raises UsageError."""
        self._save({"labels": checked_labels(labels)})

    def connect(
        self,
        task: Any,
        name: str | None = None,
        ignore_remote_overrides: bool = False,
    ) -> None:
        """An output model of `task` as well, or called `name` there. Raises UsageError."""
        owner = owner_of(task, "connect")
        entry = checks.checked_text("The name of a model", name) or self._entry
        use = ModelUsed(use=ModelUse(name=entry, model=self.id, is_output=True, at=now_at()))
        if owner.id != self._owner.id:
            owner.record_event(use, allowed=UNPUBLISHED)
        elif entry != self._entry:
            self._record(ModelsUnused(names=(self._entry,), are_output=True), use)
            self._entry, self._is_named = entry, True

    # helpers

    def _read(self) -> ModelRecord:
        return (
            self._kept if self._owner.run is not None else self._owner.settled_store.model(self.id)
        )

    def _arrived(self) -> ModelRecord:
        return self._owner.settled_store.model(self.id)

    def _save(self, fields: dict[str, Json]) -> None:
        self._refuse_final(fields)
        self._is_named |= "name" in fields
        self._say(fields)

    def _say(
        self, fields: dict[str, Json], *, file: str = "", output_uri: str = "", use: str = ""
    ) -> None:
        """`use`: what the task calls it from now on."""
        if self._owner.run is not None:
            self._kept = changed(self._kept, fields)
        said = {name: value for name, value in fields.items() if name != "url" or not file}
        saved = ModelSaved(
            model=self.id,
            fields={**said, "task": self._owner.id},
            file=file,
            output_uri=output_uri,
        )
        named = ModelUse(name=use, model=self.id, is_output=True, at=now_at())
        self._record(saved, *([ModelUsed(use=named)] if use else []))

    def _record(self, *events: Event) -> None:
        self._owner.record_event(*events, allowed=UNPUBLISHED)

    def _keep(
        self,
        originals: Originals,
        upload_uri: str,
        *,
        target_filename: str | None,
        is_deleted: bool,
        iteration: int | None,
        has_comment: bool = False,
        waits: bool,
    ) -> str:
        """Brings the bytes away, wherever they are."""
        self._refuse_final({"url": ""})
        name = checks.checked_text("target_filename", target_filename)
        if name and (Path(name).name != name or name in (".", "..") or "\0" in name):
            raise UsageError(f"target_filename must be the name of a file, not {name!r:.80}.")
        more = self._about(str(originals.path.absolute()), iteration, has_comment=has_comment)
        run, place = self._owner.run, upload_uri or place_for(self._owner)
        upload_of = partial(Upload, place=place, kind="model", name=self.id)
        if run is not None:
            staged, file = originals.stage(run.folder.files, name, may_move=is_deleted)
            # Where whoever delivers the journal will bring it, as far as this process knows.
            url = upload_url(upload_of(file=file), self._owner.known_record) if place else ""
            url = file_url(file) if run.is_offline else url
            fields = {**staged, **more, "url": url, "machine": socket.gethostname()}
            self._name_after(originals.stem, fields)
            inside = file.relative_to(run.folder.path).as_posix()
            self._say(fields, file=inside, output_uri=upload_uri)
            run.flush(wait=waits)  # a copy that no journal names would be lost
        else:
            with TemporaryDirectory(prefix="elsewhere-") as folder:
                staged, file = originals.stage(Path(folder), name, may_move=is_deleted)
                placed = bring(upload_of(file=file), self._owner.known_record)
            fields = {**staged, **more, "url": placed.url, "machine": placed.machine}
            self._name_after(originals.stem, fields)
            self._say(fields)
        if is_deleted:
            originals.delete()
        elif run is not None:
            run.model_paths[str(originals.path.absolute())] = self.id
        return str(fields["url"])

    def _point_to(
        self, fields: dict[str, Json], origin: str, iteration: int | None, has_comment: bool
    ) -> str:
        """Weights that stay where they are."""
        self._refuse_final(fields)
        fields |= self._about(origin, iteration, has_comment=has_comment)
        self._name_after(stem_of(origin), fields)
        self._say(fields)
        if self._owner.run is not None:
            self._owner.run.model_paths[origin] = self.id
        return str(fields["url"])

    def _about(self, origin: str, iteration: int | None, *, has_comment: bool) -> dict[str, Json]:
        if iteration is not None:
            checked_whole("iteration", iteration)
        fields: dict[str, Json] = {"iteration": iteration}
        if has_comment:
            lines = self._read().comment.splitlines()
            kept = [line for line in lines if not line.startswith(_SNAPSHOT)]
            fields["comment"] = "\n".join([*kept, f"{_SNAPSHOT}{origin}"])
        return fields

    def _name_after(self, stem: str, fields: dict[str, Json]) -> None:
        """A model without a name of its own has that of its first weights."""
        if self._is_named or not stem:
            return
        self._is_named = True
        fields["name"] = f"{self._owner.known_record.name} - {stem}"
        old, self._entry = self._entry, stem
        use = ModelUse(name=stem, model=self.id, is_output=True, at=now_at())
        self._record(ModelsUnused(names=(old,), are_output=True), ModelUsed(use=use))

    def _uri(self, given: object) -> str:
        """Empty for None. Raises UsageError and StorageError."""
        uri = checks.checked_text("upload_uri", given).strip() or self._upload_uri
        if not uri:
            return ""
        refuse_credentials(uri, is_kept=True)
        storage_for(uri)
        if uri.lower().startswith(("http://", "https://")):
            raise StorageError(
                f"Weights cannot go to {uri}: a web server only gives files out. Use a folder, or"
                " an s3, gs or az URL."
            )
        return uri


def made_by(
    task: Any,
    path: object,
    *,
    name: str | None,
    entry: str | None,
    comment: str | None,
    tags: Sequence[str] | None,
    iteration: int | None,
    is_deleted: bool,
) -> str:
    """A new one with these weights, always uploaded; where to. `entry` is what the task calls
    it, else the file's name."""
    owner, originals = owner_of(task, "update_output_model"), weights.one("model_path", path)
    checks.checked_text("name", entry)
    fields = _first_fields(owner, name, tags, comment)
    if not name:
        fields["name"] = f"{owner.known_record.name} - {originals.stem}"
    model = OutputModel.__new__(OutputModel)
    model._begin(owner, entry or originals.stem, fields)
    return model._keep(
        originals,
        "",
        target_filename=None,
        is_deleted=is_deleted,
        iteration=iteration,
        waits=False,
    )


def _first_fields(
    owner: TaskAccess[OwnRun], name: object, tags: object, comment: object
) -> dict[str, Json]:
    record = owner.known_record
    return {
        "name": checks.checked_text("The name of a model", name) or record.name,
        "project": record.project,
        "tags": checks.checked_tags(tags),
        "comment": checks.checked_text("The comment of a model", comment),
        "labels": dict(record.labels),
    }

"""The artifacts of a task: uploaded, registered to be kept again when they change, and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.choices import Status
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import (
    DeleteError,
    NotFoundError,
    StorageError,
    StoreUnavailableError,
    UsageError,
    known_choices,
)
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from elsewhere.artifacts.listed import TaskArtifacts
    from elsewhere.artifacts.register import Register
    from elsewhere.core.errors import ElsewhereError
    from elsewhere.core.records import Artifact
    from elsewhere.run.run import Run

logger = late_logger(__name__)

#: seconds that `wait_on_upload` waits at most
_UPLOAD_S: Final = 3600.0
#: what may lose artifacts
_DELETABLE: Final = frozenset(set(Status) - {Status.PUBLISHED})


class ArtifactsAspect(Handle):
    """Uploading and registering belong to this script's own task; the rest works on any task."""

    _register: Register | None = None
    #: names that this process has uploaded, and not deleted since
    _uploaded: frozenset[str] = frozenset()

    @property
    def checkpoint_folder(self) -> Path:
        """A folder for what the task's next attempt on the same machine goes on from; it is made
        here. On an agent it is also the variable ELSEWHERE_CHECKPOINTS of all of its processes.
        Raises UsageError on another task."""
        from os import environ  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        from elsewhere.core.folders import CHECKPOINTS, make_folder  # noqa: PLC0415
        from elsewhere.core.settings import load  # noqa: PLC0415

        run = self.access.own_run("checkpoint_folder")
        given = environ.get(CHECKPOINTS) if run.is_remote else None  # a container has another home
        folder = Path(given) if given else load().home.checkpoints / self.id
        make_folder(folder)
        return folder

    @property
    def artifacts(self) -> TaskArtifacts:
        """The artifacts by name; the bytes are fetched when they are used, and registered frames
        are saved before. Raises NotFoundError, which is also a KeyError, for an unknown name, and
        NotFoundError for a deleted task."""
        from elsewhere.artifacts.far import of_artifact  # noqa: PLC0415
        from elsewhere.artifacts.handle import ArtifactHandle  # noqa: PLC0415
        from elsewhere.artifacts.listed import TaskArtifacts  # noqa: PLC0415
        from elsewhere.core.settings import load  # noqa: PLC0415

        self._look_at_registered()
        self.reload()
        cache = load().home.cache
        store = self.access.store
        return TaskArtifacts(
            {
                name: ArtifactHandle(artifact, cache, far=of_artifact(store, self.id, artifact))
                for name, artifact in store.artifacts(self.id).items()
            }
        )

    def upload_artifact(
        self,
        name: str,
        artifact_object: object,
        metadata: Mapping[str, object] | None = None,
        delete_after_upload: bool = False,
        auto_pickle: bool | None = None,
        preview: str | None = None,
        wait_on_upload: bool = False,
        extension_name: str | None = None,
        serialization_function: Callable[[Any], bytes | bytearray] | None = None,
        retries: int = 0,
        sort_keys: bool = True,
    ) -> bool:
        """Keeps files or an object under `name`; an artifact of that name is replaced.

        `artifact_object` is the path of a file, of a folder (zipped), or with a wildcard (all that
        matches, zipped); a list of Paths (zipped); a URL (kept as a link); or an object. Formats,
        by `extension_name`, the default first, the dot may be left out:

            dict                        .json .yaml
            pandas.DataFrame            .csv.gz .parquet .feather .pickle
            numpy.ndarray               .npz .csv.gz
            PIL.Image                   .png and all that Pillow writes
            list, tuple, number, bool   .json
            str                         .txt
            anything                    .pkl; needs no extension_name unless auto_pickle is False

        `serialization_function` makes the bytes of any object instead. `sort_keys` sorts those of
        dicts. `preview` replaces the text that is shown; `metadata` is a dict, kept as text.
        `delete_after_upload` deletes the original of a single file as soon as its bytes are kept.
        `retries` is the number of further attempts when the disk fails.

        The bytes are taken when this is called. Returns True; with `wait_on_upload` False if the
        upload failed or took more than an hour, or within seconds if the store cannot be reached.
        Raises UsageError for what cannot be kept, for the name of a registered artifact, and on the
        handle of another task; StorageError when the disk cannot take the bytes.
        """
        run = self.access.own_run("upload_artifact")
        if self._register is not None and _is_among(name, self._register.frames):
            raise UsageError(
                f"The artifact {name!r} is registered, so nothing can be uploaded under its name:"
                " choose another one, or call unregister_artifact first."
            )
        run.upload_artifact(
            name,
            artifact_object,
            is_deleted=delete_after_upload,
            metadata=metadata,
            preview=preview,
            extension_name=extension_name,
            serialization_function=serialization_function,
            auto_pickle=auto_pickle,
            sort_keys=sort_keys,
            retries=retries,
        )
        self._uploaded |= {name}
        if not wait_on_upload:
            return run.flush()
        return _has_arrived(run) and run.is_uploaded(name)

    def register_artifact(
        self,
        name: str,
        artifact: Any,
        metadata: Mapping[str, object] | None = None,
        uniqueness_columns: bool | Sequence[Any] = True,
    ) -> None:
        """Keeps the pandas.DataFrame `artifact` under `name`, and again whenever it has changed.

        Its values, without the index, are compared now, about every 5 minutes, and at `flush`,
        `artifacts`, `unregister_artifact` and the end. The artifact has the type data-audit-table;
        its preview counts the different values in `uniqueness_columns`: True for all columns, False
        for none, or a list of names. `metadata` is a dict, kept as text. A frame of the same name
        is replaced.

        Raises UsageError for anything else than a frame, for columns that it does not have, for the
        name of an uploaded artifact, in a forked process, and on the handle of another task.
        """
        from elsewhere.artifacts.register import Register  # noqa: PLC0415

        run = self.access.own_run("register_artifact")
        _check_not_forked(run)
        if _is_among(name, self._uploaded):
            raise UsageError(
                f"The artifact {name!r} is uploaded, so nothing can be registered under its name:"
                " choose another one, or call delete_artifacts first."
            )
        if self._register is None:
            self._register = Register(run.folder, run.record)
            run.when_over(self._register.close)
        self._register.add(name, artifact, metadata, uniqueness_columns)

    def unregister_artifact(self, name: str) -> None:
        """Keeps the registered frame `name` a last time; the artifact stays. Raises NotFoundError
        for a name that is not registered, and UsageError in a forked process and on another
        task."""
        _check_not_forked(self.access.own_run("unregister_artifact"))
        if self._register is None:
            raise NotFoundError(f"There is no registered artifact {name!r}: there are none.")
        self._register.remove(name)

    def get_registered_artifacts(self) -> dict[str, Any]:
        """The registered frames by name, as a live dict: a frame that is exchanged there is
        registered. Raises UsageError on the handle of another task."""
        self.access.own_run("get_registered_artifacts")
        return self._register.frames if self._register is not None else {}

    def delete_artifacts(
        self,
        artifact_names: str | Iterable[str],
        raise_on_errors: bool = True,
        delete_from_storage: bool = True,
        silent_on_errors: bool = False,
    ) -> bool:
        """Deletes the bytes of the artifacts `artifact_names`, one name or several, and then the
        artifacts; registered ones are unregistered.

        With `delete_from_storage` False the bytes stay, as those of links do in any case. An
        artifact whose bytes cannot be deleted stays. An agent deletes what its run cannot reach.

        Returns True when all is done. Raises UsageError for what are not names; NotFoundError for
        an unknown name and TransitionError for a published task, before anything is deleted; and
        DeleteError for bytes that are left, such as a file on another machine's disk. With
        `raise_on_errors` False the last three are warnings, which `silent_on_errors` leaves out,
        and the rest is deleted; then False is returned.
        """
        from elsewhere.core.events import ArtifactsRemoved  # noqa: PLC0415

        names = _checked_names(artifact_names)
        self.access.settle()
        known = self._known()
        refusals = {name: why for name in names if (why := self._refusal(name, known))}
        if refusals and raise_on_errors:
            raise next(iter(refusals.values()))
        wanted = [name for name in names if name not in refusals]
        if self._own_register is not None and {*wanted} & {*self._own_register.frames}:
            _check_not_forked(self.access.own_run("delete_artifacts"))
            for name in wanted:
                self._own_register.forget(name)
        left = self._delete_bytes(wanted, known or {}) if delete_from_storage else {}
        if gone := tuple(name for name in wanted if name not in left):
            event = ArtifactsRemoved(names=gone, keeps_bytes=not delete_from_storage)
            self.access.record_event(event, allowed=_DELETABLE)
            self._uploaded -= set(gone)
        if left and raise_on_errors:
            raise DeleteError(" ".join(map(str, left.values())))
        if not silent_on_errors:
            for error in (*refusals.values(), *left.values()):
                logger.warning("%s", error)
        return not refusals and not left

    @property
    def _own_register(self) -> Register | None:
        return self._register if self.access.run is not None else None

    def _look_at_registered(self) -> None:
        if self._own_register is not None:
            self._own_register.look()

    def _known(self) -> dict[str, Artifact] | None:
        """The artifacts in the store, by name; None where this process cannot read them."""
        if self.access.run is not None and not self.access.run.carrier.can_read:
            return None
        return self.access.store.artifacts(self.id)

    def _refusal(self, name: str, known: Mapping[str, Artifact] | None) -> ElsewhereError | None:
        """The error for an artifact that cannot be deleted; None for one that can."""
        from elsewhere.store.refusals import refused  # noqa: PLC0415

        names = {*(known or ())}
        if self.access.run is not None:
            names |= self._uploaded
            names.update(self._own_register.frames if self._own_register is not None else ())
        elif (status := self.access.store.state(self.id).status) not in _DELETABLE:
            return refused(self.id, status, "changed", _DELETABLE)
        if known is None or name in names:
            return None
        return NotFoundError(
            f"Task {self.id} has no artifact {name!r}. {known_choices(name, names)}"
        )

    def _delete_bytes(
        self, names: list[str], known: Mapping[str, Artifact]
    ) -> dict[str, DeleteError]:
        """Deletes bytes; returns the errors of those that are left, by the artifacts' names."""
        from elsewhere.storage import delete  # noqa: PLC0415

        left: dict[str, DeleteError] = {}
        for name in names:
            artifact = known.get(name)
            if artifact is None or not artifact.url or not artifact.digest:
                continue
            try:
                delete(artifact.url, artifact.machine)
            except StorageError as error:
                # The agent does what its run cannot, as soon as it has the event.
                if self.access.run is None or not self.access.run.is_remote:
                    left[name] = DeleteError(f"The artifact {name!r} is not deleted. {error}")
        return left


def _check_not_forked(run: Run) -> None:
    if run.is_forked:
        raise UsageError(
            "Registered artifacts belong to the process that the task is, and this is one that it"
            " has forked: register, unregister and delete them there."
        )


def _has_arrived(run: Run) -> bool:
    """Waits as long as the upload goes on; False at once when the store cannot be reached."""
    until = monotonic_s() + _UPLOAD_S
    while not run.flush(wait=True):
        try:
            run.store.identity()
        except StoreUnavailableError:
            return False
        if monotonic_s() > until:
            return False
    return True


def _is_among(name: object, names: Collection[str]) -> bool:
    return isinstance(name, str) and name in names


def _checked_names(names: object) -> list[str]:
    given = [names] if isinstance(names, str) else names
    if not isinstance(given, (list, tuple, set, frozenset, dict)) or not all(
        isinstance(name, str) for name in given
    ):
        raise UsageError(
            f"delete_artifacts takes the names of artifacts, a list of texts, not {names!r:.80}."
        )
    return list(dict.fromkeys(given))

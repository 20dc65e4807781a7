"""Everything that a running task says. Each is one line of its journal.

Events describe the one attempt in whose folder they lie. Times are Unix seconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import RecordError
from elsewhere.core.records import (
    Artifact,
    Configuration,
    Json,
    ModelUse,
    Parameter,
    Status,
    TaskRecord,
    TaskType,
)
from elsewhere.core.uploads import FileEvent, Placed, Upload

__all__ = [
    "ArtifactAdded",
    "ArtifactsRemoved",
    "Configurations",
    "Edited",
    "Event",
    "Labels",
    "ModelSaved",
    "ModelUsed",
    "ModelsUnused",
    "Parameters",
    "Phase",
    "Progress",
    "Properties",
    "PublishAtEnd",
    "Resources",
    "Scalar",
    "Tags",
    "Text",
    "Verdict",
    "allowed_fields",
    "applied",
    "decode_event",
    "encode_event",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One point of the series `series` in the graph `title`."""

    title: str
    series: str
    value: float
    iteration: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """0 to 100."""

    percent: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """`Section/name` to parameter. `is_whole`: these replace all that there are."""

    values: dict[str, Parameter] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    is_whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Configurations:
    """Configuration objects by name."""

    values: dict[str, Configuration] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The classes that the task's models tell apart, all of them."""

    values: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What the task is called from now on: `name`, `project`, `comment`, `type`, `parent`."""

    fields: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactAdded(FileEvent):
    """An artifact. `file`: where its bytes lie in the run folder when it has no URL yet."""

    artifact: Artifact
    file: str = ""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactsRemoved:
    """Artifacts that the task has no more. `keeps_bytes`: what was uploaded stays where it is."""

    names: tuple[str, ...]
    keeps_bytes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSaved(FileEvent):
    """Fields of a `ModelRecord` of the task, or of a new one; the others stay. `metadata/<key>` is
    one of its metadata, None where it goes. `file`: where its bytes lie in the run folder when they
    are not at its URL yet, and `output_uri` below which place they shall; empty for the task's."""

    model: str
    fields: dict[str, Json] = field(default_factory=dict)
    file: str = ""
    output_uri: str = ""

    def upload(self) -> Upload | None:
        if not self.file:
            return None
        return Upload(file=Path(self.file), place=self.output_uri, kind="model", name=self.model)

    def placed(self, placed: Placed | None) -> ModelSaved:
        if placed is None:
            return self
        fields = {**self.fields, "url": placed.url, "machine": placed.machine}
        if placed.problem:
            fields["preview"] = placed.problem
        return ModelSaved(model=self.model, fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsed:
    """The task made this model, or began from it.

    `found` is what a program knows of weights that it loaded without asking the store whose they
    are, a `url` first: the model that lies there is used, else this one is made of these fields.
    """

    use: ModelUse
    found: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsUnused:
    """Models that the task did not begin from after all, by the names that it gave them; with
    `are_output`, that it does not call its own any more."""

    names: tuple[str, ...]
    are_output: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A line that was reported rather than printed."""

    message: str
    level: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the task's process tree and devices used: `title` is the monitor's name."""

    title: str
    values: dict[str, float]
    at: float
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Tags added to and removed from the task; `are_system`: those that people do not see."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    are_system: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """User properties by name: labels that do not influence the run."""

    values: dict[str, Parameter] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A named part of the set-up or the run. `seconds` is None while it is going on."""

    name: str
    at: float
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAtEnd:
    """Whether the task shall be published as soon as it is completed."""

    is_wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The status that the program gave itself: it wins over what its exit would say."""

    status: Status
    message: str = ""
    at: float = 0.0


Event: TypeAlias = (
    Scalar
    | Progress
    | Parameters
    | Configurations
    | Labels
    | Edited
    | ArtifactAdded
    | ArtifactsRemoved
    | ModelSaved
    | ModelUsed
    | ModelsUnused
    | Text
    | Resources
    | Tags
    | Properties
    | Phase
    | PublishAtEnd
    | Verdict
)

_KINDS: Final[dict[str, type[Event]]] = {
    "scalar": Scalar,
    "progress": Progress,
    "parameters": Parameters,
    "configurations": Configurations,
    "labels": Labels,
    "edited": Edited,
    "artifact": ArtifactAdded,
    "artifacts_removed": ArtifactsRemoved,
    "model": ModelSaved,
    "model_used": ModelUsed,
    "models_unused": ModelsUnused,
    "text": Text,
    "resources": Resources,
    "tags": Tags,
    "properties": Properties,
    "phase": Phase,
    "publish_at_end": PublishAtEnd,
    "verdict": Verdict,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


#: what a program may call its own task
_CALLED: Final = ("name", "project", "comment", "parent")


def applied(record: TaskRecord, event: Event) -> TaskRecord:
    """The record as it is after the event; the same where the event is about something else."""
    if isinstance(event, Parameters):
        old = {} if event.is_whole else record.parameters
        return replace(record, parameters=_changed(old, event.values, event.removed))
    if isinstance(event, Properties):
        properties = _changed(record.properties, event.values, event.removed)
        return replace(record, properties=properties)
    if isinstance(event, Configurations):
        configurations = _changed(record.configurations, event.values, event.removed)
        return replace(record, configurations=configurations)
    if isinstance(event, Labels):
        return replace(record, labels=dict(event.values))
    if isinstance(event, Tags) and not event.are_system:
        tags = {*record.tags, *event.added} - set(event.removed)
        return replace(record, tags=tuple(sorted(tags)))
    if isinstance(event, Edited):
        return replace(record, **allowed_fields(event))  # type: ignore[arg-type]
    return record


def allowed_fields(event: Edited) -> dict[str, Json]:
    """Those of the fields that are what they must be: the program wrote them."""
    fields: dict[str, Json] = {
        name: value.encode(errors="replace").decode()  # half characters: a store's JSON has none
        for name, value in event.fields.items()
        if name in _CALLED and isinstance(value, str)
    }
    if (kind := event.fields.get("type")) in list(map(str, TaskType)):
        fields["type"] = TaskType(kind)
    return fields


def encode_event(event: Event) -> bytes:
    """`kind {json}`, one line without its end."""
    return f"{_NAMES[type(event)]} {encode(event)}".encode(errors="backslashreplace")


T = TypeVar("T")


def _changed(old: dict[str, T], values: dict[str, T], removed: tuple[str, ...]) -> dict[str, T]:
    return {**{name: item for name, item in old.items() if name not in removed}, **values}


def decode_event(line: bytes) -> Event:
    """The inverse. Raises RecordError; a kind that a newer SDK wrote is one, too."""
    name, _, text = line.partition(b" ")
    kind = _KINDS.get(name.decode(errors="replace"))
    if kind is None:
        raise RecordError(f"An event of the unknown kind {name[:40]!r} cannot be read.")
    return decode(kind, text)

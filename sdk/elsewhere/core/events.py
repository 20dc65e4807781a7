"""Everything that a running task reports. Each event is one line of its journal.

Events describe the one attempt in whose folder they lie. Times are Unix seconds UTC.

A new kind is one more class here, declared with the way in which stores keep it (`core/kept.py`);
`Store.kept` reads it. Its fields are not called `word`, `way` or `points`, as those of an Event.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core import kept
from elsewhere.core.artifact_events import ArtifactAdded, ArtifactsRemoved
from elsewhere.core.choices import Status, TaskType
from elsewhere.core.codec import decode
from elsewhere.core.errors import RecordError
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import (
    CLAIM,
    EVENTS,
    OF_RECORD,
    RESET,
    RESTART,
    Event,
    cleared,
    declare,
    history_kinds,
    kept_parts,
)
from elsewhere.core.machine_events import Machine
from elsewhere.core.model_events import ModelReported, ModelSaved, ModelsUnused, ModelUsed
from elsewhere.core.plot_events import Plot
from elsewhere.core.records import Configuration, Json, Parameter, TaskRecord
from elsewhere.core.sample_events import Sample
from elsewhere.core.scalars import (
    MONITOR,
    Resources,
    Scalar,
    Scalars,
    kind_of,
    single_value,
    whole,
)

if TYPE_CHECKING:
    pass

__all__ = [
    "EVENTS",
    "MONITOR",
    "ArtifactAdded",
    "ArtifactsRemoved",
    "Configurations",
    "Edited",
    "Event",
    "FilesWritten",
    "Labels",
    "Machine",
    "ModelReported",
    "ModelSaved",
    "ModelUsed",
    "ModelsUnused",
    "Parameters",
    "Phase",
    "Plot",
    "Progress",
    "Properties",
    "PublishAtEnd",
    "Resources",
    "Sample",
    "Scalar",
    "Scalars",
    "Tags",
    "Text",
    "Verdict",
    "applied",
    "cleared",
    "declare",
    "decode_event",
    "encode_event",
    "history_kinds",
    "kept_parts",
    "kind_of",
    "single_value",
    "whole",
]

#: what a program may call its own task
_CALLED: Final = ("name", "project", "comment", "parent")


@declare("progress", kept.StateFields(names={"progress": "percent"}, cleared_by=CLAIM | RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """The progress of the task, from 0 to 100."""

    percent: float
    at: float


@declare("parameters", kept.ByName("parameters"), free=("values",))
@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Event):
    """Parameters by `Section/name`. `is_whole`: these replace all that there are."""

    values: dict[str, Parameter] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    is_whole: bool = False


@declare("configurations", kept.ByName("configurations"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Configurations(Event):
    """Configuration objects by name."""

    values: dict[str, Configuration] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@declare("labels", kept.RecordFields(values=lambda labels: {"labels": labels.values}))
@dataclass(frozen=True, slots=True, kw_only=True)
class Labels(Event):
    """All classes that the task's models distinguish."""

    values: dict[str, int]


@declare("edited", kept.RecordFields(values=lambda edited: edited.allowed()), free=("fields",))
@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(Event):
    """A change of the task's own `name`, `project`, `comment`, `type` or `parent`."""

    fields: dict[str, Json]

    def allowed(self) -> dict[str, Json]:
        """Returns the valid fields only, since the program wrote them."""
        fields: dict[str, Json] = {
            # half characters: a store's JSON has none
            name: value.encode(errors="replace").decode()
            for name, value in self.fields.items()
            if name in _CALLED and isinstance(value, str)
        }
        if (kind := self.fields.get("type")) in list(map(str, TaskType)):
            fields["type"] = TaskType(kind)
        return fields


@declare("text", kept.Recent("texts", last=1000, cleared_by=CLAIM | RESET), free=("message",))
@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Event):
    """A line that was reported rather than printed."""

    message: str
    level: int
    at: float


@declare("files_written", kept.Recent("files_written", last=1, cleared_by=CLAIM | RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class FilesWritten(Event):
    """What an attempt has written below its code folder, which `machine` keeps in `folder`. `files`
    are the first of them, path to bytes; `count` and `total_bytes` are of all."""

    files: dict[str, int]
    count: int
    total_bytes: int
    machine: str
    folder: str


@declare("tags", kept.Tagged(indexes={"tags": "tag", "system_tags": "system_tag"}))
@dataclass(frozen=True, slots=True, kw_only=True)
class Tags(Event):
    """Tags added to and removed from the task; `are_system`: those that people do not see."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    are_system: bool = False

    @property
    def part(self) -> str:
        return "system_tags" if self.are_system else "tags"


@declare("properties", kept.ByName("properties"), free=("values",))
@dataclass(frozen=True, slots=True, kw_only=True)
class Properties(Event):
    """User properties by name: labels that do not influence the run."""

    values: dict[str, Parameter] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@declare("phase", kept.Recent("phases", last=200, by_attempt=True, cleared_by=RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Event):
    """A named part of the set-up or the run. `seconds` is None while it is going on."""

    name: str
    at: float
    seconds: float | None = None
    detail: str = ""


@declare("publish_at_end", kept.StateFields(names={"publishes": "is_wanted"}, cleared_by=RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAtEnd(Event):
    """Whether the task shall be published as soon as it is completed."""

    is_wanted: bool


@declare(
    "verdict",
    kept.StateFields(
        names={"verdict": "status", "verdict_message": "message"},
        holds=lambda verdict: verdict.status.is_verdict,
        cleared_by=RESET | RESTART,
    ),
    free=("message",),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Event):
    """The status that the program gave itself: it wins over that of its exit."""

    status: Status
    message: str = ""
    at: float = 0.0


def _is_of_record(way: kept.Kept) -> bool:
    return isinstance(way, kept.RecordFields) or not OF_RECORD.isdisjoint(way.parts)


#: the words of the events that change a task's record
WORDS_OF_RECORD: Final = frozenset(word for word, kind in EVENTS.items() if _is_of_record(kind.way))


def applied(record: TaskRecord, event: Event) -> TaskRecord:
    """The record as it is after the event; the same where the event is about something else."""
    way, part = event.way, event.way.part_of(event)
    if isinstance(way, kept.RecordFields):
        return replace(record, **way.values(event))
    if part in OF_RECORD and isinstance(way, (kept.ByName, kept.Tagged)):
        changes: dict[str, Any] = {part: way.changed(getattr(record, part), event)}
        return replace(record, **changes)
    return record


def encode_event(event: Event) -> bytes:
    """Encodes an event as `kind {json}`, one line without its end."""
    return f"{event.word} {event.encoded()}".encode(errors="backslashreplace")


def decode_event(line: bytes) -> Event:
    """Decodes `encode_event`. Raises RecordError, also for a kind that a newer SDK wrote."""
    name, _, text = line.partition(b" ")
    kind = EVENTS.get(name.decode(errors="replace"))
    if kind is None:
        raise RecordError(f"An event of the unknown kind {name[:40]!r} cannot be read.")
    return decode(kind, text)

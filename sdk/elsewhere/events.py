"""Everything that a running task says. Each is one line of its journal.

Events describe the one attempt in whose folder they lie. Times are Unix seconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from elsewhere.codec import decode, encode
from elsewhere.errors import RecordError
from elsewhere.records import Artifact, Parameter, Status

__all__ = [
    "ArtifactAdded",
    "Event",
    "Parameters",
    "Phase",
    "Progress",
    "Property",
    "Resources",
    "Scalar",
    "Tags",
    "Text",
    "Verdict",
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

    values: dict[str, Parameter]
    is_whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactAdded:
    """An artifact. `file`: where its bytes lie in the run folder when it has no URL yet."""

    artifact: Artifact
    file: str = ""


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
    """Tags added to and removed from the task."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A user property: a label that does not influence the run."""

    name: str
    value: str
    type: str = "str"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A named part of the set-up or the run. `seconds` is None while it is going on."""

    name: str
    at: float
    seconds: float | None = None
    detail: str = ""


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
    | ArtifactAdded
    | Text
    | Resources
    | Tags
    | Property
    | Phase
    | Verdict
)

_KINDS: Final[dict[str, type[Event]]] = {
    "scalar": Scalar,
    "progress": Progress,
    "parameters": Parameters,
    "artifact": ArtifactAdded,
    "text": Text,
    "resources": Resources,
    "tags": Tags,
    "property": Property,
    "phase": Phase,
    "verdict": Verdict,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def encode_event(event: Event) -> bytes:
    """`kind {json}`, one line without its end."""
    return f"{_NAMES[type(event)]} {encode(event)}".encode(errors="backslashreplace")


def decode_event(line: bytes) -> Event:
    """The inverse. Raises RecordError; a kind that a newer SDK wrote is one, too."""
    name, _, text = line.partition(b" ")
    kind = _KINDS.get(name.decode(errors="replace"))
    if kind is None:
        raise RecordError(f"An event of the unknown kind {name[:40]!r} cannot be read.")
    return decode(kind, text)

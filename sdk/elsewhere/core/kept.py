"""How a store keeps what a task reports: each class of events is declared with one of these ways.

    way            what is kept                                       read by
    Points         series of scalars, each with a summary             Store.series, Store.points
    Recent         the last events of the class, oldest first         Store.kept
    ByName         values by name                                     Store.kept, Store.read
    Tagged         sets of words, indexed: which tasks have a word?   Store.search, Store.look_up
    RecordFields   fields of the task's record                        Store.read
    StateFields    fields of the task's state                         Store.kept
    OfModels       models, and which of them the task uses            Store.model, Store.task_models
    History        items by series and iteration, the newest of each  Store.histories, Store.history

A *part* is one key of a task in Redis (`store/redis/keys.py`) and one field of its file in a folder
(`store/folder/disk.py`); those in OF_RECORD are fields of the record. Both stores and the scripts
of Redis follow the declarations alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field, fields, replace
from enum import Flag, auto
from typing import Any, ClassVar, Final, TypeVar, cast

from elsewhere.core.codec import encode
from elsewhere.core.frozen import dataclass
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.records import Artifact, Parameter, TaskRecord
from elsewhere.core.secret_parameters import with_value

#: parts that are fields of a task's record: no claim and no reset clears them
OF_RECORD: Final = frozenset(item.name for item in fields(TaskRecord))
#: items of a series that are kept at most, whatever its events ask for
MOST_ITEMS: Final = 10_000


class Cleared(Flag):
    """The times at which an event's data is cleared; it is always deleted with its task."""

    #: the next attempt begins, unless it continues the last one
    CLAIM = auto()
    #: the task becomes a draft again
    RESET = auto()
    #: the task leaves its end: it is enqueued, claimed even if it is continued, or moved back
    RESTART = auto()


CLAIM, RESET, RESTART = Cleared.CLAIM, Cleared.RESET, Cleared.RESTART


@dataclass(frozen=True, slots=True)
class Kept:
    """A way to keep events. It writes `parts`, and `fields` of the state."""

    part: str = ""
    cleared_by: Cleared = field(default=Cleared(0), kw_only=True)

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.part,) if self.part else ()

    @property
    def fields(self) -> tuple[str, ...]:
        return ()

    def part_of(self, event: Any) -> str:
        """Returns the part that this event changes."""
        return self.part


@dataclass(frozen=True, slots=True)
class Points(Kept):
    """Series of points, from the method `points` of an event."""

    part: str = "scalars"
    fields = ("last_iteration",)


@dataclass(frozen=True, slots=True)
class Recent(Kept):
    """The `last` events, so many; `by_attempt`: each with the number of its attempt."""

    last: int = field(kw_only=True)
    by_attempt: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ByName(Kept):
    """Values, each a record `of` this class or plain data. `removed`: the field of an event that
    names those that it removes."""

    of: type[Any] = object
    removed: str = field(default="removed", kw_only=True)

    def change(self, event: Any) -> tuple[Mapping[str, Any], Collection[str] | None]:
        """Returns the event's `values`, and the names to remove before: None for all."""
        is_whole = getattr(event, "is_whole", False)
        return getattr(event, "values", {}), None if is_whole else getattr(event, self.removed, ())

    def changed(self, old: Mapping[str, Any], event: Any) -> dict[str, Any]:
        values, gone = self.change(event)
        left = {} if gone is None else {n: one for n, one in old.items() if n not in gone}
        return {**left, **values}


@dataclass(frozen=True, slots=True)
class Tagged(Kept):
    """Sets of words. An event names the set as its `part`, and words `added` and then `removed`.
    `indexes`: set -> its index."""

    indexes: Mapping[str, str] = field(kw_only=True)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.indexes)

    def part_of(self, event: Any) -> str:
        return str(event.part)

    def changed(self, old: Collection[str], event: Any) -> tuple[str, ...]:
        return tuple(sorted({*old, *event.added}.difference(event.removed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFields(Kept):
    """Fields of the task's record; `values` gives field -> value."""

    values: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFields(Kept):
    """Fields of the state. `names`: field of the state -> field of the event, where it `holds`. A
    reset clears the whole state."""

    names: Mapping[str, str]
    holds: Callable[[Any], bool] = lambda _: True

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self.names)

    def values(self, event: Any) -> dict[str, Any]:
        names = self.names.items() if self.holds(event) else ()
        return {name: getattr(event, attribute) for name, attribute in names}


@dataclass(frozen=True, slots=True)
class OfModels(Kept):
    """Models, as in `store/model_records.py`. A reset removes those that the task made."""

    part: str = "models"


@dataclass(frozen=True, slots=True)
class History(Kept):
    """Items by title, series and iteration, of which a later report replaces an earlier one.

    Of each series the newest reports stay, as many as its event's `history`: 0 for all, as far as
    MOST_ITEMS. Where bytes lie that no item names any more is noted, until they are deleted
    (Store.dropped). The events are a `HistoryEvent`. A CLAIM and a RESET clear it, as all of them.
    """

    cleared_by: Cleared = field(default=CLAIM | RESET, init=False)

    def last(self, event: HistoryEvent) -> int:
        """Returns how many items of its series stay after this event."""
        return event.history if 0 < event.history < MOST_ITEMS else MOST_ITEMS


class Event:
    """What a running task reports: a line of its journal. The classes are in `core/events.py`."""

    __slots__ = ()
    #: what the line begins with
    word: ClassVar[str]
    way: ClassVar[Kept]
    #: its fields that a program writes freely: texts, parameters, previews of artifacts, dicts
    free: ClassVar[tuple[str, ...]] = ()

    def encoded(self) -> str:
        """Returns the event's JSON."""
        return encode(self)

    def points(self) -> Iterable[Any]:
        """Returns the event's columns of points, for the way Points."""
        return ()

    def hidden(self, known: KnownSecrets) -> Event:
        """The event without the `known` secrets in its free fields."""
        if not self.free:
            return self
        found = {name: _hidden(getattr(self, name), known) for name in self.free}
        event: Event = replace(cast("Any", self), **found)
        return event


class HistoryEvent(Event):
    """An item that is kept as a History. `at`, the time of its report, orders those of an attempt,
    whichever way they come, and tells whether it is the same report once more."""

    __slots__ = ()
    title: str
    series: str
    iteration: int
    at: float
    history: int

    @property
    def name(self) -> str:
        """The name of its upload, and of what its agent sends of it: the kind is its word."""
        return f"{self.title}/{self.series}"

    @property
    def bytes_at(self) -> tuple[str, str]:
        """URL and machine of the bytes in storage that go with the item; no URL without such."""
        return "", ""


def _hidden(value: Any, known: KnownSecrets) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(item, known) for key, item in value.items()}
    if isinstance(value, Artifact):
        metadata = {known.hide(key): known.hide(item) for key, item in value.metadata.items()}
        return replace(value, preview=known.hide(value.preview), metadata=metadata)
    if isinstance(value, Parameter):
        hidden = with_value(value, known.hide_values(value.value))
        return replace(hidden, description=known.hide(value.description))
    return known.hide(value) if isinstance(value, str) else value


E = TypeVar("E", bound=Event)

#: word -> class of events
EVENTS: Final[dict[str, type[Event]]] = {}


def declare(word: str, way: Kept, *, free: tuple[str, ...] = ()) -> Callable[[type[E]], type[E]]:
    """Declares a class of events: its lines begin with `word`, and are kept in this `way`. Secrets
    are hidden in the fields `free`, which a program writes freely."""

    def declared(kind: type[E]) -> type[E]:
        kind.word, kind.way, kind.free = word, way, free
        EVENTS[word] = kind
        return kind

    return declared


def kept_parts() -> dict[str, Kept]:
    """Maps each part that events write to the way in which it is kept."""
    return {part: kind.way for kind in EVENTS.values() for part in kind.way.parts}


def history_parts() -> list[str]:
    """Returns the parts that are kept as a History."""
    return [part for part, way in kept_parts().items() if isinstance(way, History)]


def history_kinds() -> dict[str, type[HistoryEvent]]:
    """Maps the words of the events that are kept as a History to their classes."""
    return {word: kind for word, kind in EVENTS.items() if issubclass(kind, HistoryEvent)}


def cleared(when: Cleared) -> tuple[list[str], list[str]]:
    """Returns the parts, and the fields of the state, that are cleared at the time `when`."""
    ways = [kind.way for kind in EVENTS.values() if when in kind.way.cleared_by]
    parts = dict.fromkeys(part for way in ways for part in way.parts)
    return list(parts), [name for way in ways for name in way.fields]

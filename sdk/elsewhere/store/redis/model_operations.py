"""The changes of an event about models in Redis, as operations of the scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.codec import encode
from elsewhere.core.events import ModelReported, ModelSaved, ModelUsed
from elsewhere.store import curves
from elsewhere.store.model_records import (
    checked,
    checked_id,
    field_of,
    left_out,
    of_found,
    of_task,
    place_of,
    storable,
)
from elsewhere.store.redis.histories import of_item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.events import ModelsUnused
    from elsewhere.core.records import Json
    from elsewhere.store.redis.scripts import Word

#: words of one operation: Lua hands over fewer than 8000
_MOST: Final = 2000
#: the place of a model stays
_SAME: Final = "="


def of_event(
    task_id: str, event: ModelSaved | ModelUsed | ModelsUnused | ModelReported, *, is_own: bool
) -> list[list[Word]]:
    """Operations of an event about models; `is_own`: it comes from the task's own journal."""
    with left_out(task_id, is_own=is_own):
        if isinstance(event, ModelSaved):
            fields = of_task(task_id, event) if is_own else event.fields
            owner = task_id if is_own else ""
            return [
                ["MODEL", event.model, owner, *words] for words in of_fields(event.model, fields)
            ]
        if isinstance(event, ModelUsed):
            return [_use(event)]
        if isinstance(event, ModelReported):
            return [["REPORT", checked_id(event.model), *words] for words in _reports(event)]
        return [["UNUSE", field_of(name, is_output=event.are_output)] for name in event.names]
    return []


def of_fields(model_id: str, fields: Mapping[str, Json]) -> list[list[Word]]:
    """Operations that set place and fields, in pieces of a size for Lua. Raises RecordError."""
    words: list[Word] = []
    for name, value in checked(model_id, fields).items():
        is_gone = value is None and name.startswith("metadata")
        words += [name, "" if is_gone else encode(value)]
    place = place_of(fields)
    first: Word = _SAME if place is None else place
    pieces = [words[at : at + _MOST] for at in range(0, max(len(words), 1), _MOST)]
    return [[_SAME if at else first, *piece] for at, piece in enumerate(pieces)]


def _reports(event: ModelReported) -> list[list[Word]]:
    columns = () if event.scalars is None else event.scalars.columns
    # The iterations of the task are counted by what it reports itself.
    points = [one._replace(is_counted=0) for one in curves.pieces(columns)]
    found: list[list[Word]] = [["POINTS", *piece] for piece in points]
    return found if event.plot is None else [*found, *of_item(event.plot)]


def _use(event: ModelUsed) -> list[Word]:
    use = event.use
    field = field_of(use.name, is_output=use.is_output)
    words: list[Word] = [field, checked_id(use.model), repr(use.at)]
    if not event.found:
        return ["USE", *words]
    (place, *fields), *_ = of_fields(use.model, of_found(event))
    return ["LOAD", *words, place, storable(str(event.found.get("url"))), *fields]

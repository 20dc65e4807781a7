"""Models as every store has them: their writable fields, the keys of their places, filters."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.codec import compact, encode, from_plain, to_plain
from elsewhere.core.errors import NotFoundError, RecordError
from elsewhere.core.frozen import dataclass
from elsewhere.core.records import Json, ModelRecord, ModelUse
from elsewhere.store.tags import Expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from elsewhere.core.events import ModelSaved, ModelUsed

logger = logging.getLogger(__name__)

#: before the key, in the name of a field that is one of a model's metadata
METADATA: Final = "metadata/"
#: before the id of a model, in what stands for it where reports are read
OF_MODEL: Final = "model-"
_ID: Final = re.compile("[0-9a-f]{32}")
_FIELDS: Final = frozenset(item.name for item in fields(ModelRecord)) - {"id", "updated_at"}
#: what a program does not decide about its own models
_NOT_OF_A_PROGRAM: Final = ("task", "created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """A query for models; empty fields do not narrow it. `name` is exact, `pattern` a regular
    expression that is searched for in the name."""

    project: str = ""
    name: str = ""
    pattern: str = ""
    tags: Expression = field(default_factory=Expression)
    is_published: bool = False
    are_archived_too: bool = False
    metadata: Mapping[str, Json] = field(default_factory=dict)
    limit: int | None = None

    def holds(self, record: ModelRecord) -> bool:
        return (
            self.project in ("", record.project)
            and self.name in ("", record.name)
            and re.search(self.pattern, record.name) is not None
            and self.tags.holds(record.tags)
            and record.is_published >= self.is_published
            and (self.are_archived_too or not record.is_archived)
            and all(
                key in record.metadata and record.metadata[key].value == value
                for key, value in self.metadata.items()
            )
        )


def reports_of(model_id: str) -> str:
    """What the readers of reports (`series`, `curves`, `histories`, ...) take in place of a task's
    id for those of a model. Raises RecordError if it is not an id."""
    return OF_MODEL + checked_id(model_id)


def model_of(holder: str) -> str:
    """The id of the model whose reports the `holder` holds; empty for a task."""
    return holder.removeprefix(OF_MODEL) if holder.startswith(OF_MODEL) else ""


def checked_id(model_id: str) -> str:
    """Returns `model_id`, which goes into keys and paths. Raises RecordError if it is not an id."""
    if not _ID.fullmatch(model_id):
        raise RecordError(f"{model_id!r:.80} is no id of a model: that has 32 hex digits.")
    return model_id


def checked(model_id: str, given: Mapping[str, Json]) -> dict[str, Any]:
    """Returns the fields `given` as plain data for a ModelRecord; unknown ones are dropped.

    `metadata` becomes None, for what there was, and then each by its `metadata/<key>`; one of them
    that goes is None as well. Raises RecordError.
    """
    whole_text: dict[str, Any] = json.loads(storable(encode(dict(given))))
    known = {name: value for name, value in whole_text.items() if name in _FIELDS}
    single = _split(whole_text)
    whole = known.get("metadata") or {}
    kept = {key: value for key, value in single.items() if value is not None}
    if not isinstance(whole, dict):
        raise RecordError(f"The metadata of model {model_id} are {whole!r:.80}, and not by name.")
    record = from_plain(
        ModelRecord, {**known, "id": checked_id(model_id), "metadata": {**whole, **kept}}
    )
    plain: dict[str, Any] = {
        name: compact(getattr(record, name)) for name in known if name != "metadata"
    }
    if "metadata" in known:
        plain["metadata"] = None
    plain |= {f"{METADATA}{key}": None for key in single}
    return plain | {f"{METADATA}{key}": compact(one) for key, one in record.metadata.items()}


def changed(record: ModelRecord, given: Mapping[str, Json]) -> ModelRecord:
    """Returns the record with the fields `given`. Raises RecordError."""
    new = checked(record.id, given)
    keeps = {} if "metadata" in new else to_plain(record)["metadata"]
    metadata = {**keeps, **_split(new)}
    kept = {key: one for key, one in metadata.items() if one is not None}
    flat = {name: one for name, one in new.items() if not name.startswith("metadata")}
    return from_plain(ModelRecord, {**to_plain(record), **flat, "metadata": kept})


def of_task(task_id: str, event: ModelSaved) -> dict[str, Json]:
    """The fields that a task's journal may set of a model, which belongs to the task."""
    fields = {name: item for name, item in event.fields.items() if name not in _NOT_OF_A_PROGRAM}
    return {**fields, "task": task_id}


def of_found(event: ModelUsed) -> dict[str, Json]:
    """The fields that a task may set of an unknown model that it loaded: it comes from outside."""
    return {name: item for name, item in event.found.items() if name not in _NOT_OF_A_PROGRAM}


@contextlib.contextmanager
def left_out(task_id: str, *, is_own: bool) -> Iterator[None]:
    """Leaves out an invalid report where the journal `is_own`, so that its delivery goes on."""
    try:
        yield
    except RecordError as error:
        if not is_own:
            raise
        logger.warning("What task %s reports of a model is left out. %s", task_id, error)


def record_of(model_id: str, fields: Mapping[str, Any]) -> ModelRecord:
    """The record of a model from the fields that a store keeps of it."""
    return from_plain(ModelRecord, {**fields, "id": model_id, "metadata": _split(fields)})


def uses_of(found: Iterable[tuple[str, Any, str]]) -> list[ModelUse]:
    """Makes a task's uses of models of (name by `field_of`, time, model) each."""
    uses = [
        ModelUse(name=name, model=model, is_output=kind == "output", at=float(at))
        for (kind, _, name), at, model in ((one[0].partition("/"), *one[1:]) for one in found)
    ]
    return sorted(uses, key=lambda use: (use.at, use.name))


def place_of(fields: Mapping[str, Any]) -> str | None:
    """A key unique to the place of the weights, or None if the fields name none.

    A path without a digest is one of its machine, since other machines can have the same path.
    """
    url = fields.get("url")
    if not isinstance(url, str) or not url:
        return url if url == "" else None
    is_path = url.lower().startswith("file://") and not fields.get("digest")
    return storable(f"{fields.get('machine', '')} {url}" if is_path else url)


def _split(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Maps each key to the value of its `metadata/<key>`."""
    return {
        name.removeprefix(METADATA): value
        for name, value in fields.items()
        if name.startswith(METADATA)
    }


def field_of(name: str, *, is_output: bool) -> str:
    """`input/<name>` or `output/<name>`: how a task names its use of a model."""
    return storable(f"{'output' if is_output else 'input'}/{name}")


def storable(text: str) -> str:
    """Replaces half characters, which no store's JSON holds, by question marks."""
    return text.encode(errors="replace").decode()


def unknown(model_id: str) -> NotFoundError:
    return NotFoundError(f"There is no model with the id {model_id!r} in the store.")

"""A task as plain data, with all that is needed to make it again, and the way back.

{"format": 1, "name": ..., "project": ..., "source": {...}, "parameters": {"Args/lr": {...}}, ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from elsewhere.capture import by_hand
from elsewhere.core import names
from elsewhere.core.codec import encode, from_plain
from elsewhere.core.errors import RecordError, UsageError, known_choices
from elsewhere.core.events import Configurations, Parameters, Properties, Tags
from elsewhere.core.params import split_name
from elsewhere.core.records import TaskRecord
from elsewhere.run import seed

if TYPE_CHECKING:
    from elsewhere.core.events import Event

#: a higher number once data of the old form cannot be read any more
_FORMAT: Final = 1
#: fields of one task only, which a copy must not have
_OWN: Final = ("id", "created_at", "continues_at")
#: fields for people, which may change whatever the status
_LABELS: Final = {"name", "project", "type", "comment", "parent"}
_IN_EVENTS: Final = {"parameters", "configurations", "properties", "tags"}


def to_data(record: TaskRecord) -> dict[str, Any]:
    """The record as plain dicts, lists, texts and numbers; code is named by its digests."""
    return {"format": _FORMAT, **json.loads(encode(record))}


def to_record(data: object, like: TaskRecord | None = None) -> TaskRecord:
    """A new task of the data; or the task `like`, with all other fields from the data. Raises
    UsageError for what is not a task's data, or of a task that could not be made."""
    plain = _plain(data)
    ids = {"id": names.new_id()}
    own = ids if like is None else {name: getattr(like, name) for name in _OWN}
    try:
        record = from_plain(TaskRecord, {**plain, **own})
    except RecordError as error:
        raise UsageError(f"This is not a task: {error} Take what export_task gave.") from error
    for name in (*record.parameters, *record.properties):
        split_name(name)
    by_hand.check_no_password(record.source.repository, *(record.environment.packages or ()))
    return replace(
        record,
        name=names.checked_name("task", record.name),
        project=names.checked_name("project", record.project),
        tags=tuple(sorted(set(names.checked_tags(record.tags)))),
        seed=seed.normalise(record.seed),
    )


def merged(record: TaskRecord, data: object) -> TaskRecord:
    """The task with what the data has in place of its own, nested dicts too. Raises UsageError."""
    return to_record(_over(to_data(record), _plain(data, is_whole=False)), record)


def changes(
    before: TaskRecord, after: TaskRecord
) -> tuple[list[Event], dict[str, Any], dict[str, Any]]:
    """The difference of two records: events, fields that a run reads, and fields for people."""
    events: list[Event] = []
    if after.parameters != before.parameters:
        events.append(Parameters(values=after.parameters, is_whole=True))
    if after.configurations != before.configurations:
        gone = tuple(before.configurations.keys() - after.configurations.keys())
        events.append(Configurations(values=after.configurations, removed=gone))
    if after.properties != before.properties:
        gone = tuple(before.properties.keys() - after.properties.keys())
        events.append(Properties(values=after.properties, removed=gone))
    if after.tags != before.tags:
        old, new = set(before.tags), set(after.tags)
        events.append(Tags(added=tuple(sorted(new - old)), removed=tuple(sorted(old - new))))
    changed = {
        item.name: getattr(after, item.name)
        for item in fields(TaskRecord)
        if item.name not in _IN_EVENTS and getattr(after, item.name) != getattr(before, item.name)
    }
    labels = {name: value for name, value in changed.items() if name in _LABELS}
    return events, {n: v for n, v in changed.items() if n not in _LABELS}, labels


def _plain(data: object, *, is_whole: bool = True) -> dict[str, Any]:
    """The data as JSON returns it, without the fields of one task only. Raises UsageError."""
    if not isinstance(data, Mapping):
        raise UsageError(f"A task is imported from the dict of export_task, not {data!r:.80}.")
    try:
        text = json.dumps(dict(data), ensure_ascii=False)
        plain: dict[str, Any] = json.loads(text.encode(errors="replace"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"This is not a task: {error}. Take what export_task gave.") from error
    form = plain.pop("format", _FORMAT)
    if form != _FORMAT:
        raise UsageError(
            f"This task has the format {form!r:.80}, and {_FORMAT} is the one that can be read"
            " here: import it with the version that exported it."
        )
    known = {item.name for item in fields(TaskRecord)}
    for name in plain:
        if name not in known:
            raise UsageError(f"A task has no field {name!r:.80}. {known_choices(name, known)}")
    missing = {"name", "project"} - plain.keys()
    if is_whole and missing:
        raise UsageError(f"This is not a task: it has no {' and no '.join(sorted(missing))}.")
    return {name: value for name, value in plain.items() if name not in _OWN}


def _over(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for name, value in new.items():
        has = result.get(name)
        if isinstance(has, dict) and isinstance(value, dict):
            value = _over(has, value)
        result[name] = value
    return result

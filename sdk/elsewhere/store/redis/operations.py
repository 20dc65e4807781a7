"""What an event or an edit changes in Redis, as plain commands for the scripts to run.

A point of a series is 24 bytes, little endian: iteration (int64), time (float64), value (float64).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from elsewhere.core.codec import compact, encode
from elsewhere.core.events import (
    ArtifactAdded,
    ArtifactsRemoved,
    Configurations,
    Edited,
    Labels,
    ModelSaved,
    ModelsUnused,
    ModelUsed,
    Parameters,
    Phase,
    Progress,
    Properties,
    PublishAtEnd,
    Resources,
    Scalar,
    Tags,
    Text,
    Verdict,
    allowed_fields,
)
from elsewhere.store.redis import keys, model_operations
from elsewhere.store.states import is_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from elsewhere.core.events import Event
    from elsewhere.store.redis.scripts import Word

__all__ = ["PHASES", "POINT", "TEXTS", "flat", "of_event", "of_events", "of_fields"]

#: iteration, time (Unix seconds), value
POINT: Final = struct.Struct("<qdd")
#: iterations lie within plus and minus this, a double's own last whole number before int64 ends
_MOST: Final = (1 << 63) - 1024
#: how many reported texts and phases a task keeps
TEXTS: Final = 1000
PHASES: Final = 200


def flat(operations: Iterable[Sequence[Word]]) -> list[Word]:
    """The form that `run_operations` of the scripts reads: each behind its number of words."""
    words: list[Word] = []
    for operation in operations:
        words.append(len(operation))
        words.extend(operation)
    return words


def of_events(task_id: str, attempt: int, events: Iterable[Event]) -> list[list[Word]]:
    """The commands for a piece of a journal. Points of one series become one command."""
    operations: list[list[Word]] = []
    points: dict[str, list[tuple[int, float, float]]] = {}
    for event in events:
        if isinstance(event, Scalar):
            series = f"{event.title}{keys.UNIT_SEPARATOR}{event.series}"
            points.setdefault(series, []).append((_int64(event.iteration), event.at, event.value))
        elif isinstance(event, Resources):
            for name, value in event.values.items():
                series = f"{event.title}{keys.UNIT_SEPARATOR}{name}"
                points.setdefault(series, []).append((_int64(event.elapsed_s), event.at, value))
        else:
            operations += of_event(task_id, event, attempt)
    return operations + [_points(series, of_one) for series, of_one in points.items()]


def of_event(task_id: str, event: Event, attempt: int = 0) -> list[list[Word]]:
    """The commands for anything but a point."""
    task = keys.TaskKeys(task_id)
    if isinstance(event, Progress):
        return [["HSET", task.state, "progress", repr(event.percent)]]
    if isinstance(event, Parameters):
        gone: list[list[Word]] = [["DEL", task.parameters]] if event.is_whole else []
        return gone + _in_hash(task.parameters, event.values, event.removed)
    if isinstance(event, Properties):
        return _in_hash(task.properties, event.values, event.removed)
    if isinstance(event, Configurations):
        return _in_hash(task.configurations, event.values, event.removed)
    if isinstance(event, Labels):
        return of_fields({"labels": event.values})
    if isinstance(event, Edited):
        return of_fields(allowed_fields(event))
    if isinstance(event, ArtifactAdded):
        return [["HSET", task.artifacts, event.artifact.name, encode(event.artifact)]]
    if isinstance(event, ArtifactsRemoved):
        return [["HDEL", task.artifacts, name] for name in event.names]
    if isinstance(event, (ModelSaved, ModelUsed, ModelsUnused)):
        return model_operations.of_event(task_id, event, is_own=attempt > 0)
    if isinstance(event, Text):
        return [["RPUSH", task.texts, encode(event)], ["LTRIM", task.texts, -TEXTS, -1]]
    if isinstance(event, Tags):
        key, index = (
            (task.system_tags, keys.system_tag) if event.are_system else (task.tags, keys.tag)
        )
        return _in_both(task_id, key, index, event.added, event.removed)
    if isinstance(event, Phase):
        phase = f"{attempt} {encode(event)}"
        return [["RPUSH", task.phases, phase], ["LTRIM", task.phases, -PHASES, -1]]
    if isinstance(event, PublishAtEnd):
        flag: list[Word] = ["HSET", task.state, "publishes", "1" if event.is_wanted else "0"]
        return [flag]
    if isinstance(event, Verdict) and is_verdict(event.status):
        verdict = ("verdict", str(event.status), "verdict_message", event.message)
        return [["HSET", task.state, *verdict]]
    return []


def of_fields(fields: Mapping[str, object]) -> list[list[Word]]:
    """Sets fields of the record; the script keeps the index true."""
    return [["FIELD", name, encode(compact(value))] for name, value in fields.items()]


def _in_hash(key: str, values: Mapping[str, object], removed: Sequence[str]) -> list[list[Word]]:
    operations: list[list[Word]] = [["HDEL", key, name] for name in removed]
    return operations + [["HSET", key, name, encode(compact(v))] for name, v in values.items()]


def _in_both(
    task_id: str,
    key: str,
    index: Callable[[str], str],
    added: Sequence[str],
    removed: Sequence[str],
) -> list[list[Word]]:
    operations: list[list[Word]] = []
    for command, tags in (("SADD", added), ("SREM", removed)):
        for tag in tags:
            operations += [[command, key, tag], [command, index(tag), task_id]]
    return operations


def _int64(number: float) -> int:
    """The nearest that a point can hold: what a task says never stops its delivery."""
    return int(max(-_MOST, min(_MOST, number))) if number == number else 0


def _points(series: str, points: list[tuple[int, float, float]]) -> list[Word]:
    values = [value for _, _, value in points if value == value] or [float("nan")]
    return [
        "POINTS",
        series,
        b"".join(POINT.pack(*point) for point in points),
        len(points),
        max(iteration for iteration, _, _ in points),
        repr(points[-1][2]),
        repr(min(values)),
        repr(max(values)),
    ]

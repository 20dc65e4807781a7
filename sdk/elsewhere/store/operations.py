"""What an event or an edit changes in Redis, as plain commands for the scripts to run.

A point of a series is 24 bytes, little endian: iteration (int64), time (float64), value (float64).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias

from elsewhere.codec import encode
from elsewhere.events import (
    ArtifactAdded,
    Parameters,
    Phase,
    Progress,
    Property,
    Resources,
    Scalar,
    Tags,
    Text,
    Verdict,
)
from elsewhere.store import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from elsewhere.events import Event
    from elsewhere.records import Parameter

__all__ = ["POINT", "Word", "flat", "of_events", "set_parameters", "set_system_tags", "set_tags"]

Word: TypeAlias = str | bytes | int | float

#: iteration, time (Unix seconds), value
POINT: Final = struct.Struct("<qdd")
#: iterations lie within plus and minus this, a double's own last whole number before int64 ends
_MOST: Final = (1 << 63) - 1024
#: how many reported texts and phases a task keeps
_TEXTS: Final = 1000
_PHASES: Final = 200


def flat(operations: Iterable[Sequence[Word]]) -> list[Word]:
    """The form that `run_operations` of the scripts reads: each behind its number of words."""
    words: list[Word] = []
    for operation in operations:
        words.append(len(operation))
        words.extend(operation)
    return words


def of_events(task_id: str, attempt: int, events: Iterable[Event]) -> list[list[Word]]:
    """The commands for a piece of a journal. Points of one series become one command."""
    task = keys.TaskKeys(task_id)
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
        elif isinstance(event, Progress):
            operations.append(["HSET", task.state, "progress", repr(event.percent)])
        elif isinstance(event, Parameters):
            operations += set_parameters(task_id, event.values, is_whole=event.is_whole)
        elif isinstance(event, ArtifactAdded):
            name = event.artifact.name
            operations.append(["HSET", task.artifacts, name, encode(event.artifact)])
        elif isinstance(event, Text):
            operations.append(["RPUSH", task.texts, encode(event)])
            operations.append(["LTRIM", task.texts, -_TEXTS, -1])
        elif isinstance(event, Tags):
            operations += set_tags(task_id, added=event.added, removed=event.removed)
        elif isinstance(event, Property):
            operations.append(["HSET", task.properties, event.name, encode(event)])
        elif isinstance(event, Phase):
            operations.append(["RPUSH", task.phases, f"{attempt} {encode(event)}"])
            operations.append(["LTRIM", task.phases, -_PHASES, -1])
        elif isinstance(event, Verdict):
            fields = ("verdict", str(event.status), "verdict_message", event.message)
            operations.append(["HSET", task.state, *fields])
    return operations + [_points(series, of_one) for series, of_one in points.items()]


def set_parameters(
    task_id: str, values: dict[str, Parameter], *, is_whole: bool = False
) -> list[list[Word]]:
    """Sets parameters; `is_whole` takes all others away."""
    key = keys.TaskKeys(task_id).parameters
    operations: list[list[Word]] = [["DEL", key]] if is_whole else []
    return operations + [["HSET", key, name, encode(item)] for name, item in values.items()]


def set_tags(
    task_id: str, *, added: Sequence[str] = (), removed: Sequence[str] = ()
) -> list[list[Word]]:
    """Adds and removes tags, in the task and in the index."""
    return _in_both(task_id, keys.TaskKeys(task_id).tags, keys.tag, added, removed)


def set_system_tags(
    task_id: str, *, added: Sequence[str] = (), removed: Sequence[str] = ()
) -> list[list[Word]]:
    """The same for the tags that people do not see."""
    key = keys.TaskKeys(task_id).system_tags
    return _in_both(task_id, key, keys.system_tag, added, removed)


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

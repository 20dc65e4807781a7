"""Reports of tasks in a folder: journals and output taken in once, and read again."""

from __future__ import annotations

import contextlib
import operator
import time
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core import kept
from elsewhere.core.codec import compact, to_plain
from elsewhere.core.events import ModelReported
from elsewhere.core.scalars import POINT
from elsewhere.store import curves
from elsewhere.store.blocks import BLOCK_BYTES, HEAD_BLOCKS, TAIL_BLOCKS
from elsewhere.store.folder import models
from elsewhere.store.folder.disk import Disk
from elsewhere.store.folder.histories import FolderHistories
from elsewhere.store.model_records import reports_of
from elsewhere.store.refusals import may_not_write
from elsewhere.store.reports import Reports
from elsewhere.store.states import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from elsewhere.core.events import Event
    from elsewhere.store.api import SeriesSummary
    from elsewhere.store.folder.disk import StoredTask

#: the numbers of a `curves.Piece`, as they are kept of a series
_SUMMARY: Final = (
    *("count", "iteration", "last", "minimum", "maximum"),
    *("minimum_at", "maximum_at"),
)


class FolderReports(FolderHistories, Reports):
    """The half of the folder store that delivery writes and readers read."""

    def __init__(self, root: Path) -> None:
        self._disk = Disk(root)

    def apply(
        self, task_id: str, attempt: int, file: str, start: int, end: int, events: Iterable[Event]
    ) -> int:
        with self._held(task_id) as task:
            if task.attempt != attempt:
                raise may_not_write(task_id, attempt, task.status)
            name = f"{attempt}/{file}"
            stands = task.journal.get(name, 0)
            if stands != start:
                return stands
            reports = list(events)
            self._take(task_id, task, attempt, reports, {})
            self._take_reports_of_models(task_id, attempt, name, end, reports)
            task.journal[name] = end
            self._keep(task_id, task)
            return end

    def append_output(
        self, task_id: str, attempt: int, start: int, end: int, data: bytes, pending: str
    ) -> int:
        with self._held(task_id) as task:
            if task.attempt != attempt:
                raise may_not_write(task_id, attempt, task.status)
            output = task.output.setdefault(str(attempt), {"from": 0, "length": 0})
            if output["from"] != start:
                return int(output["from"])
            length = self._append(task_id, attempt, output["length"], data)
            output |= {"from": end, "length": length, "pending": pending}
            if data:
                task.state["updated_at"] = self.now()
            self._disk.write_task(task_id, task)
            return end

    def journal_offset(self, task_id: str, attempt: int, file: str) -> int:
        with self._held(task_id) as task:
            return task.journal.get(f"{attempt}/{file}", 0)

    def output_offset(self, task_id: str, attempt: int) -> int:
        return int(self._output_of(task_id, attempt)["from"])

    def series(self, task_id: str) -> list[SeriesSummary]:
        with self._held(task_id) as task:
            found = sorted(task.part("scalars").items())
        return [
            curves.summary(name, *(one.get(word, "-") for word in _SUMMARY)) for name, one in found
        ]

    def now(self) -> float:
        return round(time.time(), 6)

    # helpers

    @contextlib.contextmanager
    def _held(self, task_id: str) -> Iterator[StoredTask]:
        with self._disk.locked():
            yield self._disk.task(task_id)

    def _keep(self, task_id: str, task: StoredTask) -> None:
        """Writes the task as it is now, as the one that changed last."""
        task.state["updated_at"] = self.now()
        self._disk.write_task(task_id, task)

    def _take(
        self,
        task_id: str,
        task: StoredTask,
        attempt: int,
        events: Iterable[Event],
        changes: Mapping[str, object],
    ) -> None:
        """Takes in `events`, and then `changes` of fields of the record."""
        reports = list(events)
        for event in reports:
            if isinstance(event, kept.HistoryEvent):
                self._add_item(task_id, task, event)
            else:
                _keep(task, attempt, event)
        of_models: list[Any] = [one for one in reports if isinstance(one.way, kept.OfModels)]
        if of_models:
            known = self._disk.models()
            for event in of_models:
                models.apply(known, task_id, task, event, is_own=attempt > 0)
            self._disk.write_models(known)
        for piece in curves.pieces(column for event in reports for column in event.points()):
            self._add_points(task_id, task, piece)
        task.record |= compact(changes)

    def _take_reports_of_models(
        self, task_id: str, attempt: int, name: str, end: int, events: Iterable[Event]
    ) -> None:
        """Takes in what the journal `name` reports, up to `end`, of models of the task. Their files
        have how far that was: the task's is written after them."""
        models = self._disk.models()["models"]
        made = {model for model, fields in models.items() if fields.get("task") == task_id}
        found: dict[str, list[Event]] = {}
        for event in events:
            if isinstance(event, ModelReported) and event.model in made:
                parts = (event.scalars, event.plot)
                found.setdefault(reports_of(event.model), []).extend(filter(None, parts))
        for holder, reports in found.items():
            of_model = self._disk.task(holder)
            if of_model.journal.get(name, 0) < end:
                of_model.state |= {"status": "", "attempt": attempt}
                self._take(holder, of_model, attempt, reports, {})
                of_model.journal[name] = end
                self._disk.write_task(holder, of_model)

    def _points(self, wanted: Sequence[tuple[str, str, str]], most: int) -> list[bytes]:
        return [self._points_of(task_id, curves.name_of(*name)) for task_id, *name in wanted]

    def _points_of(self, task_id: str, name: str) -> bytes:
        with self._held(task_id) as task:
            summary = task.part("scalars").get(name)
            if summary is None:
                return b""
            length = summary["count"] * POINT.size
            return self._disk.read(self._disk.points(task_id, summary["file"]), 0, length)

    def _recent(self, task_id: str, way: kept.Recent) -> list[tuple[int, object]]:
        with self._held(task_id) as task:
            found = task.part(way.part)
        return [(one[0], one[1]) if way.by_attempt else (0, one) for one in found]

    def _by_name(self, task_id: str, part: str) -> dict[str, object]:
        with self._held(task_id) as task:
            found: dict[str, object] = task.part(part)
            return found

    def _tagged(self, task_id: str, part: str) -> list[str]:
        with self._held(task_id) as task:
            return sorted(task.part(part))

    def _state_texts(self, task_id: str) -> dict[str, str]:
        with self._held(task_id) as task:
            return state_texts(task)

    def _output_of(self, task_id: str, attempt: int | None) -> dict[str, Any]:
        with self._held(task_id) as task:
            number = task.attempt if attempt is None else attempt
            about = task.output.get(str(number), {})
        return {"attempt": number, "from": 0, "length": 0, "pending": "", **about}

    def _block(self, task_id: str, attempt: int, block: int, start: int, length: int) -> bytes:
        with self._disk.locked():
            return self._disk.read(self._disk.block(task_id, attempt, block), start, length)

    def _add_points(self, task_id: str, task: StoredTask, piece: curves.Piece) -> None:
        """Adds points to a series, as `add_points` of the scripts does."""
        scalars = task.part("scalars")
        summary: dict[str, Any] = dict(zip(_SUMMARY, piece[-len(_SUMMARY) :], strict=True))
        old = scalars.get(piece.name, {"file": len(scalars), "count": 0})
        summary |= {"file": old["file"], "count": old["count"] + piece.number}
        if old["count"]:
            summary["iteration"] = max(old["iteration"], piece.iteration)
            for bound, is_beyond in (("minimum", operator.le), ("maximum", operator.ge)):
                new = summary[bound]
                if is_beyond(old[bound], new) or new != new:
                    summary |= {bound: old[bound], f"{bound}_at": old.get(f"{bound}_at", "-")}
        file = self._disk.points(task_id, summary["file"])
        self._disk.write(file, old["count"] * POINT.size, piece.packed)
        scalars[piece.name] = summary
        if piece.is_counted and summary["iteration"] > task.state.get("last_iteration", 0):
            task.state["last_iteration"] = summary["iteration"]

    def _append(self, task_id: str, attempt: int, length: int, data: bytes) -> int:
        """Appends `data` and returns the new length of the stored output."""
        at = 0
        while at < len(data):
            block, inside = divmod(length, BLOCK_BYTES)
            piece = data[at : at + BLOCK_BYTES - inside]
            self._disk.write(self._disk.block(task_id, attempt, block), inside, piece)
            if not inside and block - TAIL_BLOCKS >= HEAD_BLOCKS:
                old = self._disk.block(task_id, attempt, block - TAIL_BLOCKS)
                old.unlink(missing_ok=True)
            length += len(piece)
            at += len(piece)
        return length


def _keep(task: StoredTask, attempt: int, event: Any) -> None:
    """Keeps the event in its declared way; points and models are kept elsewhere."""
    way = event.way
    match way:
        case kept.Recent():
            recent = task.part(way.part)
            recent.append([attempt, to_plain(event)] if way.by_attempt else to_plain(event))
            del recent[: -way.last]
        case kept.ByName() | kept.Tagged():
            part = way.part_of(event)
            task.set_part(part, compact(way.changed(task.part(part), event)))
        case kept.RecordFields():
            task.record |= compact(way.values(event))
        case kept.StateFields():
            task.state |= way.values(event)
        case kept.Points() | kept.OfModels():
            """These write files of their own."""
        case _:
            raise TypeError(f"A folder keeps nothing in the way {way!r}.")


def state_texts(task: StoredTask) -> dict[str, str]:
    """The fields of the task's state as other stores keep them: as texts."""
    return {name: text_of(value) for name, value in task.state.items() if value is not None}

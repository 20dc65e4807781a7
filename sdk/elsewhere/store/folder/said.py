"""What tasks say, in a folder: journals and output taken in once, and read again."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import compact, from_plain, to_plain
from elsewhere.core.events import (
    ArtifactAdded,
    ArtifactsRemoved,
    ModelSaved,
    ModelsUnused,
    ModelUsed,
    Phase,
    Progress,
    PublishAtEnd,
    Resources,
    Scalar,
    Tags,
    Text,
    Verdict,
    applied,
)
from elsewhere.core.records import Artifact, Attempt, TaskRecord
from elsewhere.store.api import Output, SeriesSummary, TaskPhase
from elsewhere.store.blocks import BLOCK_BYTES, HEAD_BLOCKS, TAIL_BLOCKS, first_kept
from elsewhere.store.folder import models
from elsewhere.store.folder.disk import Disk
from elsewhere.store.redis import keys, operations
from elsewhere.store.refusals import may_not_write
from elsewhere.store.states import is_verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from elsewhere.core.events import Event
    from elsewhere.store.folder.disk import StoredTask

__all__ = ["Said"]


class Said:
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
            self._say(task_id, task, attempt, events)
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
        with self._held(task_id) as task:
            return int(task.output.get(str(attempt), {}).get("from", 0))

    def output_length(self, task_id: str, attempt: int | None = None) -> int:
        with self._held(task_id) as task:
            number = task.attempt if attempt is None else attempt
            return int(task.output.get(str(number), {}).get("length", 0))

    def output(
        self,
        task_id: str,
        *,
        attempt: int | None = None,
        start: int = 0,
        limit_bytes: int = 1 << 20,
    ) -> Output:
        with self._held(task_id) as task:
            number = task.attempt if attempt is None else attempt
            output = task.output.get(str(number), {})
            total = int(output.get("length", 0))
            kept = first_kept(start, total)
            pieces, at = [], kept
            while at < total and at - kept < limit_bytes:
                block, inside = divmod(at, BLOCK_BYTES)
                most = min(BLOCK_BYTES - inside, limit_bytes - (at - kept), total - at)
                piece = self._disk.read(self._disk.block(task_id, number, block), inside, most)
                if not piece:
                    break
                pieces.append(piece)
                at += len(piece)
            pending = output.get("pending", "") if at >= total else ""
            return Output(data=b"".join(pieces), start=kept, next=at, pending=pending)

    def artifacts(self, task_id: str) -> dict[str, Artifact]:
        with self._held(task_id) as task:
            return {
                name: from_plain(Artifact, plain) for name, plain in sorted(task.artifacts.items())
            }

    def series(self, task_id: str) -> list[SeriesSummary]:
        with self._held(task_id) as task:
            found = sorted(task.scalars.items())
        return [
            SeriesSummary(
                title=name.partition(keys.UNIT_SEPARATOR)[0],
                series=name.partition(keys.UNIT_SEPARATOR)[2],
                **{word: value for word, value in summary.items() if word != "file"},
            )
            for name, summary in found
        ]

    def points(self, task_id: str, title: str, series: str) -> list[tuple[int, float, float]]:
        with self._held(task_id) as task:
            summary = task.scalars.get(f"{title}{keys.UNIT_SEPARATOR}{series}")
            if summary is None:
                return []
            length = summary["count"] * operations.POINT.size
            packed = self._disk.read(self._disk.points(task_id, summary["file"]), 0, length)
        return list(operations.POINT.iter_unpack(packed))

    def texts(self, task_id: str) -> list[Text]:
        with self._held(task_id) as task:
            return [from_plain(Text, plain) for plain in task.texts]

    def phases(self, task_id: str) -> list[TaskPhase]:
        with self._held(task_id) as task:
            found = [(number, from_plain(Phase, plain)) for number, plain in task.phases]
        newest = {
            (number, phase.name, phase.at): TaskPhase(attempt=number, phase=phase)
            for number, phase in found
        }
        return list(newest.values())

    def attempts(self, task_id: str) -> list[Attempt]:
        with self._held(task_id) as task:
            found = [from_plain(Attempt, plain) for plain in task.attempts.values()]
        return sorted(found, key=lambda attempt: attempt.number)

    def now(self) -> float:
        return round(time.time(), 6)

    # helpers

    @contextlib.contextmanager
    def _held(self, task_id: str) -> Iterator[StoredTask]:
        with self._disk.locked():
            yield self._disk.task(task_id)

    def _keep(self, task_id: str, task: StoredTask) -> None:
        """The task as it is now; it changed last."""
        task.state["updated_at"] = self.now()
        self._disk.write_task(task_id, task)

    def _say(self, task_id: str, task: StoredTask, attempt: int, events: Iterable[Event]) -> None:
        record = known = from_plain(TaskRecord, task.record)
        reports: list[Event] = []
        kept: dict[str, dict[str, Any]] | None = None
        for event in events:
            record = applied(record, event)
            match event:
                case Scalar() | Resources():
                    reports.append(event)
                case Progress():
                    task.state["progress"] = event.percent
                case ArtifactAdded():
                    task.artifacts[event.artifact.name] = to_plain(event.artifact)
                case ArtifactsRemoved():
                    for name in event.names:
                        task.artifacts.pop(name, None)
                case ModelSaved() | ModelUsed() | ModelsUnused():
                    kept = kept or self._disk.models()
                    models.say(kept, task_id, task, event, is_own=attempt > 0)
                case Text():
                    task.texts.append(to_plain(event))
                case Tags(are_system=True):
                    tags = {*task.system_tags, *event.added} - set(event.removed)
                    task.system_tags = sorted(tags)
                case Phase():
                    task.phases.append([attempt, to_plain(event)])
                case PublishAtEnd():
                    task.state["publishes"] = event.is_wanted
                case Verdict() if is_verdict(event.status):
                    task.state |= {"verdict": event.status, "verdict_message": event.message}
                case _:  # about the record alone
                    pass
        if kept is not None:
            self._disk.write_models(kept)
        del task.texts[: -operations.TEXTS], task.phases[: -operations.PHASES]
        for _, *words in operations.of_events(task_id, attempt, reports):
            self._add_points(task_id, task, *words)
        if record is not known:
            self._rewrite(task, compact(record))

    def _rewrite(self, task: StoredTask, record: dict[str, Any]) -> None:
        old, task.record = task.record, record
        if (old["name"], old["project"]) != (record["name"], record["project"]):
            self._use(record["project"])

    def _use(self, project: str) -> None:
        about = self._disk.about()
        about.setdefault("projects", {})[project] = self.now()
        self._disk.write_about(about)

    def _add_points(
        self,
        task_id: str,
        task: StoredTask,
        series: Any,
        packed: Any,
        count: Any,
        iteration: Any,
        last: Any,
        minimum: Any,
        maximum: Any,
    ) -> None:
        """The words of the operation POINTS."""
        summary = {"file": len(task.scalars), "count": count, "iteration": iteration}
        summary |= {"last": float(last), "minimum": float(minimum), "maximum": float(maximum)}
        start = 0
        if old := task.scalars.get(series):
            start = old["count"]
            summary |= {"file": old["file"], "count": start + count}
            summary["iteration"] = max(old["iteration"], iteration)
            for bound, choose in (("minimum", min), ("maximum", max)):
                there = [one for one in (old[bound], summary[bound]) if one == one]
                summary[bound] = choose(there) if there else summary[bound]
        self._disk.write(
            self._disk.points(task_id, summary["file"]), start * operations.POINT.size, packed
        )
        task.scalars[series] = summary
        if not series.startswith(":") and summary["iteration"] > task.state.get(
            "last_iteration", 0
        ):
            task.state["last_iteration"] = summary["iteration"]

    def _append(self, task_id: str, attempt: int, length: int, data: bytes) -> int:
        """How long the stored output is then."""
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

"""The readers of tasks' reports that all stores share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import from_plain
from elsewhere.core.events import ArtifactAdded, Machine, Phase, Text
from elsewhere.core.kept import ByName, HistoryEvent, Recent, Tagged
from elsewhere.core.records import Attempt
from elsewhere.core.scalars import Curve
from elsewhere.store.api import Output, TaskPhase
from elsewhere.store.blocks import BLOCK_BYTES, first_kept
from elsewhere.store.curves import sampled
from elsewhere.store.histories import Histories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.core.events import Event
    from elsewhere.core.records import Artifact


class Reports(Histories, ABC):
    """The readers of `api.TaskStore` that all stores share. `plain` is data as JSON has it."""

    def kept(self, task_id: str, kind: type[Event]) -> Any:
        way = kind.way
        if isinstance(way, Recent):
            found = [(at, from_plain(kind, plain)) for at, plain in self._recent(task_id, way)]
            return found if way.by_attempt else [event for _, event in found]
        if isinstance(way, ByName):
            values = sorted(self._by_name(task_id, way.part).items())
            return {name: from_plain(way.of, plain) for name, plain in values}
        if isinstance(way, Tagged):
            return {part: self._tagged(task_id, part) for part in way.parts}
        if issubclass(kind, HistoryEvent):
            series = [(one.title, one.series) for one in self.histories(task_id, kind)]
            return [item for names in series for item in self.history(task_id, kind, *names)]
        state = self._state_texts(task_id)
        return {name: state[name] for name in way.fields if name in state}

    def texts(self, task_id: str) -> list[Text]:
        return list(self.kept(task_id, Text))

    def phases(self, task_id: str) -> list[TaskPhase]:
        newest = {
            (attempt, phase.name, phase.at): TaskPhase(attempt=attempt, phase=phase)
            for attempt, phase in self.kept(task_id, Phase)
        }
        return list(newest.values())

    def artifacts(self, task_id: str) -> dict[str, Artifact]:
        return dict(self.kept(task_id, ArtifactAdded))

    def attempts(self, task_id: str) -> list[Attempt]:
        found = [from_plain(Attempt, one) for one in self._by_name(task_id, "attempts").values()]
        return sorted(found, key=lambda attempt: attempt.number)

    def points(self, task_id: str, title: str, series: str) -> list[tuple[int, float, float]]:
        return list(self.curves([(task_id, title, series)])[0])

    def curves(self, wanted: Sequence[tuple[str, str, str]], most: int = 0) -> list[Curve]:
        return [Curve.of(sampled(packed, most)) for packed in self._points(wanted, most)]

    def machine(self, task_id: str) -> Machine | None:
        found = self.kept(task_id, Machine)
        return found[-1][1] if found else None

    def output_length(self, task_id: str, attempt: int | None = None) -> int:
        return int(self._output_of(task_id, attempt)["length"] or 0)

    def output(
        self,
        task_id: str,
        *,
        attempt: int | None = None,
        start: int = 0,
        limit_bytes: int = 1 << 20,
    ) -> Output:
        about = self._output_of(task_id, attempt)
        total = int(about["length"] or 0)
        kept = first_kept(start, total)
        pieces, at = [], kept
        while at < total and at - kept < limit_bytes:
            block, inside = divmod(at, BLOCK_BYTES)
            most = min(BLOCK_BYTES - inside, limit_bytes - (at - kept), total - at)
            piece = self._block(task_id, about["attempt"], block, inside, most)
            if not piece:
                break
            pieces.append(piece)
            at += len(piece)
        pending = about["pending"] if at >= total else ""
        return Output(data=b"".join(pieces), start=kept, next=at, pending=pending)

    @abstractmethod
    def _points(self, wanted: Sequence[tuple[str, str, str]], most: int) -> list[bytes]:
        """Returns packed points of each (task id, title, series): all, or more than `most` among
        which all spikes are."""

    @abstractmethod
    def _recent(self, task_id: str, way: Recent) -> list[tuple[int, object]]:
        """Returns attempt (0 where `way` does not keep it) and plain event, oldest first."""

    @abstractmethod
    def _by_name(self, task_id: str, part: str) -> dict[str, object]:
        """Maps names to plain values."""

    @abstractmethod
    def _tagged(self, task_id: str, part: str) -> list[str]:
        """The words of a set, sorted."""

    @abstractmethod
    def _state_texts(self, task_id: str) -> dict[str, str]: ...

    @abstractmethod
    def _output_of(self, task_id: str, attempt: int | None) -> dict[str, Any]:
        """Returns `attempt` (the newest for None), `from`, `length`, `pending` of its output."""

    @abstractmethod
    def _block(self, task_id: str, attempt: int, block: int, start: int, length: int) -> bytes:
        """A piece of a block of output, shorter where there is less."""

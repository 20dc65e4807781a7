"""The store's record of a task of the demo, once it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.choices import ScalarKind
from elsewhere.core.params import to_value

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.records import TaskRecord, TaskState
    from elsewhere.store.redis.store import RedisStore

#: the runner's message when it need not build the environment
_WARM: Final = "is there already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of a task. `scalars` and `resources`: name to values, in reported order. `phases`:
    name to seconds, in their order. `seen`: its progress while it was followed."""

    record: TaskRecord
    state: TaskState
    seen: list[float]
    output: str
    scalars: dict[str, list[float]]
    resources: dict[str, list[float]]
    phases: dict[str, float]
    #: seconds from the queue to the first line of the program; None when it never ran
    start_s: float | None
    artifacts: dict[str, ArtifactHandle]

    @classmethod
    def read(cls, store: RedisStore, task_id: str, cache: Path, seen: list[float]) -> Facts:
        state = store.state(task_id)
        scalars, resources = {}, {}
        for item in store.series(task_id):
            values = [value for _, _, value in store.points(task_id, item.title, item.series)]
            if item.kind is ScalarKind.RESOURCE:
                resources[item.series] = values
            else:
                scalars[f"{item.title}/{item.series}"] = values
        phases: dict[str, float] = {}
        start_s = None
        for found in store.phases(task_id):
            phase = found.phase
            if phase.seconds is not None:
                phases[phase.name] = phases.get(phase.name, 0.0) + phase.seconds
            if phase.name == "run":
                start_s = phase.at - state.queued_at
        artifacts = store.artifacts(task_id)
        return cls(
            record=store.read(task_id),
            state=state,
            seen=seen,
            output=store.output(task_id).data.decode(errors="replace"),
            scalars=scalars,
            resources=resources,
            phases=phases,
            start_s=start_s,
            artifacts={name: ArtifactHandle(item, cache) for name, item in artifacts.items()},
        )

    @property
    def is_warm(self) -> bool:
        """True if its environment existed already."""
        return _WARM in self.output

    @property
    def parameters(self) -> dict[str, object]:
        return {name: to_value(item) for name, item in self.record.parameters.items()}

    def line(self, start: str) -> str:
        """The rest of the first line of the output with this beginning; empty for none."""
        lines = self.output.splitlines()
        return next((line.removeprefix(start) for line in lines if line.startswith(start)), "")

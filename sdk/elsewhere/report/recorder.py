"""The views that others have of the run of this process, from the narrowest to the widest.

Recorder   parsers: what they record, and what overrides them
Target     what a program connects to its task: it also looks again at the end
OwnRun     hooks of frameworks, models and tasks: artifacts, iterations, the store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Configuration, Parameter, TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere.report.logger import Logger
    from elsewhere.report.offset import Offset
    from elsewhere.store.api import TaskStore


class Recorder(Protocol):
    """Takes events of a task, and knows what its values override."""

    def record(self, event: Event) -> None:
        """Writes the event into the task's journal; never raises, never waits."""

    def overrides(self) -> Mapping[str, Parameter] | None:
        """`Section/name` to the parameters that this run must use; None on a local run."""

    def configurations(self) -> Mapping[str, Configuration] | None:
        """The configuration objects that this run must use, by name; None on a local run."""


class Target(Recorder, Protocol):
    """A task to which things of the program are connected: a run, or another process's task."""

    def when_over(self, close: Callable[[], None]) -> None:
        """Calls `close` at the end of the run, the last one first."""


class Weights(Protocol):
    """Takes what frameworks save and load. Both return at once.

    `path` is a file or a folder, and absolute; `framework` a name of `auto_connect_frameworks`.
    Without `is_model` the file is recorded only where wildcards ask for it.
    """

    def saved(self, path: Path, framework: str, begun_at: float, *, is_model: bool = True) -> None:
        """Records a save, which began at the time `begun_at`."""

    def loaded(self, path: Path, framework: str, *, is_model: bool = True) -> None:
        """Records a load."""


class OwnRun(Target, Protocol):
    """The run of this process, as far as folders below `run` need it."""

    settings: Settings
    folder: RunFolder
    #: what a continued task adds to its iterations
    offset: Offset
    #: the task as this process knows it: what it was given, and what it has recorded since
    task_record: TaskRecord
    #: the task's values count here, not the script's
    is_remote: bool
    #: its end has begun
    is_over: bool
    #: paths of weights that this process has kept or loaded, to the ids of their models
    model_paths: dict[str, str]
    #: names that the task has for models which this process has made, to their ids
    output_names: dict[str, str]

    @property
    def whole_record(self) -> TaskRecord:
        """`task_record`, on an agent with what the task's other processes have recorded until now:
        they share the run folder."""

    @property
    def store(self) -> TaskStore:
        """The store, opened at its first use. Raises UsageError where an agent lends none."""

    @property
    def is_offline(self) -> bool:
        """Whether the run reports into a session's folder, which is imported later."""

    @property
    def logger(self) -> Logger:
        """The logger of the task, with its iteration offset."""

    @property
    def weights(self) -> Weights:
        """Takes the weights that frameworks save and load."""

    def settle_models(self, *, are_copied: bool = False) -> None:
        """Records what frameworks have saved until now; with `are_copied`, also copies it."""

    def follow_progress(self, percent: float) -> None:
        """Records how far the program is by its main loop, unless it sets its progress itself."""

    def upload_artifact(
        self, name: str, artifact_object: object, *, is_deleted: bool = False, **how: Any
    ) -> None:
        """Takes the object's bytes now; who delivers the journal uploads them."""

    def await_capture(self) -> None:
        """Waits until the capture of this script's code has ended, however."""

    def flush(self, wait: bool = False) -> bool:
        """Writes all to disk; with `wait` also waits for the store. False when not in time."""

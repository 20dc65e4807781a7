"""`Task`: what a user's script imports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from elsewhere.core.choices import TaskType
from elsewhere.core.errors import UsageError
from elsewhere.task.aspects.artifacts import ArtifactsAspect
from elsewhere.task.aspects.code import CodeAspect
from elsewhere.task.aspects.configurations import ConfigurationsAspect
from elsewhere.task.aspects.connecting import ConnectAspect
from elsewhere.task.aspects.data import DataAspect
from elsewhere.task.aspects.deletion import DeletionAspect
from elsewhere.task.aspects.finding import FindingAspect
from elsewhere.task.aspects.making import MakingAspect
from elsewhere.task.aspects.models import ModelsAspect
from elsewhere.task.aspects.names import NamesAspect
from elsewhere.task.aspects.offline import OfflineAspect
from elsewhere.task.aspects.parameters import ParametersAspect
from elsewhere.task.aspects.properties import PropertiesAspect
from elsewhere.task.aspects.queue import QueueAspect
from elsewhere.task.aspects.reports import ReportsAspect
from elsewhere.task.aspects.status import StatusAspect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elsewhere.report.logger import Logger
    from elsewhere.run.abort_callback import AbortCallback

__all__ = ["Task"]


class Task(
    FindingAspect,
    MakingAspect,
    NamesAspect,
    StatusAspect,
    QueueAspect,
    DeletionAspect,
    ParametersAspect,
    ConfigurationsAspect,
    PropertiesAspect,
    ConnectAspect,
    CodeAspect,
    DataAspect,
    ArtifactsAspect,
    ModelsAspect,
    ReportsAspect,
    OfflineAspect,
):
    """A unit of work: its code, environment, seed and parameters, and all that it said.

    `Task.init` makes this script a task; `Task.get_task` gives a handle on another one. Imports
    inside methods are for weight: the first import of the SDK stays light.
    """

    TaskTypes = TaskType

    _simulated: ClassVar[str | None] = None
    _abort_callback: AbortCallback | None = None

    # making

    @classmethod
    def init(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: TaskType | str | None = None,
        tags: Sequence[str] | None = None,
        reuse_last_task_id: bool | str = True,
        continue_last_task: bool | str | int = False,
        output_uri: str | bool | None = None,
        auto_connect_arg_parser: bool | Mapping[str, bool] = True,
        auto_connect_frameworks: bool | Mapping[str, Any] = True,
        auto_resource_monitoring: bool | Mapping[str, Any] = True,
        auto_connect_streams: bool | Mapping[str, bool] = True,
        deferred_init: bool = False,  # noqa: ARG003
    ) -> Task:
        """Makes this script a task, or, on an agent, joins the task that the agent runs.

        Captures the repository with its uncommitted changes, the packages and the command line;
        records what is printed and the machine's resources; fixes the random seed (1337 unless
        `set_random_seed` said otherwise). A second call returns the same task, and so does a call
        in a process that this one starts. On an agent the names, the type, the tags, the earlier
        task and the place of outputs are the task's own, and those here are not looked at.

        project_name, task_name
            At least 3 characters each; slashes nest projects. Without them: the repository's name,
            or Untitled, and the script's.
        task_type
            One of `Task.TaskTypes`; training by default.
        tags
            Added to the task's.
        reuse_last_task_id
            True: the task that this script was the last time on this machine is overwritten when
            that was less than 72 hours ago (the setting reuse_within_h), under the same names and
            type, never enqueued, and left no artifacts and no models; it is said when that happens.
            False: always a new task. An id: that task is overwritten, if it is such a one.
        continue_last_task
            True: the last task, or the one that reuse_last_task_id names, goes on: what it reported
            stays, and iterations count on behind the last one. An id: that task goes on. A number:
            iterations count on from there; 0 leaves them as the script reports them. A script that
            counts on by itself, so that its first iteration lies there or behind, is not shifted.
        output_uri
            Where artifacts and models go: a folder or a URL (s3, gs, az, file), which is tried at
            once. None: the setting output_uri; without one artifacts lie in the home's storage and
            models stay where they are saved. True: models go to that storage, too. False: models
            stay where they are saved in any case.
        auto_connect_arg_parser
            Arguments of argparse, click, Fire, absl, jsonargparse, and variables of the environment
            (the setting log_environment). A dict takes some: {"rate": True, "*": False}.
        auto_connect_frameworks
            A dict switches single ones, {"hydra": False}; others stay on. Wildcards choose the
            models of one by their paths: {"pytorch": "*.pt"}.
        auto_resource_monitoring
            Of processor, memory, disk and network. A dict may give first_report_sec.
        auto_connect_streams
            A dict takes some of stdout, stderr and logging: {"stdout": True}.
        deferred_init
            Accepted: nothing slow is waited for here in any case.

        Raises UsageError for what cannot be used, StoreUnavailableError, within 5 s, when the store
        cannot be reached, NotFoundError and TransitionError for a task that cannot be continued,
        and StorageError for a place that takes nothing.
        """
        from elsewhere.core import names  # noqa: PLC0415
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.run import beginning, membership  # noqa: PLC0415
        from elsewhere.run.auto_connect import Connections  # noqa: PLC0415

        kind = None if task_type is None else names.checked_type(task_type)
        if cls._current is not None:
            current: Task = cls._current
            return current._checked_again(project_name, task_name, kind)
        settings = load()
        connections = Connections(
            arg_parser=auto_connect_arg_parser,
            frameworks=auto_connect_frameworks,
            resources=auto_resource_monitoring,
            streams=auto_connect_streams,
        )
        if (folder := membership.leader_folder()) is not None:
            run = beginning.join(settings, folder, connections)
        elif (folder := membership.run_folder()) is not None:
            run = beginning.attach(settings, folder, connections)
        elif (task_id := cls._simulated) is not None:
            cls._simulated = None
            run = beginning.simulate(settings, task_id, connections)
        else:
            run = beginning.begin(
                settings,
                project=project_name,
                name=task_name,
                task_type=kind or TaskType.TRAINING,
                tags=names.checked_tags(tags or ()),
                seed_of_task=cls._seed,
                output_uri=output_uri,
                reuse=reuse_last_task_id,
                continues=continue_last_task,
                connections=connections,
                wishes=cls._wishes,
                offline=cls._mode().take(settings),
            )
        task = cls(run.task_record.id, None, run)
        run.when_over(task._forget)
        cls._current = task
        return task

    @classmethod
    def current_task(cls) -> Task | None:
        """The task that this process is; None before `init` and after `close`.

        In a process that the task's own has started, whichever way: the same task.
        """
        if cls._current is None:
            from elsewhere.run import membership  # noqa: PLC0415

            if membership.leader_folder() is not None:
                cls.init()
        current: Task | None = cls._current
        return current

    @staticmethod
    def running_locally() -> bool:
        """False in a task that an agent runs."""
        from elsewhere.run import membership  # noqa: PLC0415

        return membership.run_folder() is None

    @classmethod
    def debug_simulate_remote_task(cls, task_id: str, reset_task: bool = False) -> None:
        """The next `Task.init` of this script runs that task here, as an agent would: its values
        override those of the script. To be called before.

        Its code and packages are not looked at: this script's are used as they are. `reset_task`
        resets the task first. Raises UsageError while a task is open, NotFoundError, and, at
        `Task.init`, TransitionError for a task that is queued, running or published.
        """
        if cls._current is not None:
            raise UsageError(
                "debug_simulate_remote_task comes before Task.init: call it first, or close task"
                f" {cls._current.id}."
            )
        given = cls._given(task_id)
        if reset_task:
            given.reset()
        cls._simulated = given.id

    @classmethod
    def set_random_seed(cls, random_seed: int | bool | None) -> None:
        """The seed of the task that `init` makes next; None for none. Default 1337."""
        from elsewhere.run import seed  # noqa: PLC0415

        cls._seed = seed.normalise(random_seed)

    @classmethod
    def get_random_seed(cls) -> int | None:
        """The current task's seed, or else the one that the next task gets."""
        run = cls._current.access.begun if cls._current is not None else None
        return run.task_record.seed if run is not None else cls._seed

    # going elsewhere

    def execute_remotely(
        self, queue_name: str | None = None, clone: bool = False, exit_process: bool = True
    ) -> Task | None:
        """Ends this script here and runs it from its beginning on the agent of `queue_name`.

        On the agent the call does nothing and the script goes on behind it. `clone` sends a copy
        instead; only then may `exit_process` be False, and the copy is returned. Without a queue
        the task, or its copy, becomes a draft. On a handle of another task nothing ends: that task
        is enqueued, or a copy, which is returned.

        Raises CaptureError when the code cannot travel (a prompt, a notebook, `python -c`) and
        NotFoundError for an unknown queue; the script then still runs here. UsageError in a process
        or a thread that the script has started, and on a handle without a queue.
        """
        from elsewhere.task import sending  # noqa: PLC0415

        run = self.access.run
        if run is None:
            store = self.access.store
            copy = sending.send_other(store, self.id, queue_name, is_clone=clone)
            return type(self)(copy, store) if clone else None
        if not clone and not exit_process:
            raise UsageError(
                "execute_remotely(clone=False, exit_process=False) would run the same task in two"
                " places: use clone=True, or let the script end here."
            )
        if run.is_remote:
            return None
        self._checked_process("execute_remotely")
        task_id = sending.send(run, queue_name, is_clone=clone, is_last=exit_process)
        if exit_process:
            sys.exit(0)
        return type(self)(task_id, run.store)

    def create_function_task(
        self,
        func: Callable[..., Any],
        func_name: str | None = None,
        task_name: str | None = None,
        **kwargs: Any,
    ) -> Task | None:
        """A draft that calls `func(**kwargs)` elsewhere, by running this script up to this line.

        `func` is anything that can be called: a function, also a nested one, a lambda or a method;
        only its name travels, which is `func_name` where several have the same or one has none.
        What must be awaited or iterated over is refused. The arguments are the parameters
        `Function/...` and can be changed before it is enqueued; they keep their types.

        On the agent the call does not return: it calls the function and ends the program. Returns
        None there when the draft is for another function. Several run side by side where agents
        have slots for them. Raises UsageError for what cannot travel, in a process that the script
        has started, and inside a function that is run so.
        """
        from elsewhere.task import function  # noqa: PLC0415

        self._check_online()
        run = self.access.own_run("create_function_task")
        self._checked_process("create_function_task")
        name = function.checked_name(run, func, func_name, kwargs)
        if function.is_called(run, name):
            function.call(run, func, name, kwargs)
        task_id = function.create(run, name, task_name, kwargs)
        return type(self)(task_id, run.store) if task_id is not None else None

    def register_abort_callback(
        self,
        callback_function: Callable[[], Any] | None,
        callback_execution_timeout: float = 30.0,
    ) -> None:
        """Calls a function when somebody asks for a stop: `elsewhere abort`, `stop_request`.

        It runs in a thread of its own while the task may still write, so that what it saves is
        kept; SIGTERM follows when it has ended, or after the timeout (seconds, 1800 at most). What
        it raises is shown and keeps no stop away. A program that ends meanwhile is stopped, too,
        unless the callback says otherwise (`mark_completed`). There is one callback, the last one;
        None removes it. It is not called for Ctrl-C, nor when the task is not this script's any
        more.

        Raises UsageError, also in a process that the task's own has started.
        """
        from elsewhere.run import abort_callback, membership  # noqa: PLC0415

        run = self.access.own_run("register_abort_callback")
        if membership.leader_folder() is not None:
            raise UsageError(
                "register_abort_callback belongs to the process that the task is, and this is one"
                " that it has started: call it there."
            )
        before, self._abort_callback = self._abort_callback, None
        if before is not None:
            before.remove()
        if callback_function is not None:
            self._abort_callback = abort_callback.AbortCallback(
                run, callback_function, callback_execution_timeout
            )

    def close(self) -> None:
        """Delivers all and ends the task as completed, so that `init` can be called again.

        On an agent the task ends when its program does. A handle of another task ends nothing.
        """
        if self.access.begun is not None:
            self.access.begun.complete()

    def flush(self, wait_for_uploads: bool = False) -> bool:
        """What was reported is on disk; with the argument, in the store. False when not in time."""
        self._look_at_registered()
        begun = self.access.begun
        return begun.flush(wait=wait_for_uploads) if begun is not None else True

    # what it says

    def set_progress(self, progress: float) -> None:
        """0 to 100; anything else is a warning and changes nothing."""
        self.access.own_run("set_progress").set_progress(progress)

    def get_logger(self) -> Logger:
        """What reports scalars, values and texts of this task."""
        return self.access.own_run("get_logger").logger

    def set_initial_iteration(self, offset: int = 0) -> int:
        """Iterations that are reported from now on count on from there, as `continue_last_task`
        says. Returns it."""
        from elsewhere.report.offset import checked_offset  # noqa: PLC0415

        run = self.access.own_run("set_initial_iteration")
        run.offset.set(checked_offset("The offset of set_initial_iteration", offset))
        return offset

    def get_initial_iteration(self) -> int:
        """The iteration that a continued task counts on from; 0 for any other."""
        return self.access.own_run("get_initial_iteration").offset.at

    # helpers

    def _checked_again(self, project: str | None, name: str | None, kind: TaskType | None) -> Task:
        run = self.access.begun
        assert run is not None
        record = run.task_record
        for what, given, has in (
            ("project", project, record.project),
            ("task", name, record.name),
            ("type", kind, record.type),
        ):
            if given is not None and str(given).strip() != has and run.carrier.ends_task:
                raise UsageError(
                    f"This script already is the task {record.name!r} of project"
                    f" {record.project!r}, so it cannot be the {what} {given!r} too: call close()"
                    " first."
                )
        return self

    def _forget(self) -> None:
        if Task._current is self:
            Task._current = None

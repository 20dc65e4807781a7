"""`Task`: what a user's script imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.choices import TaskType
from elsewhere.core.errors import UsageError
from elsewhere.core.names import checked_tags, checked_type
from elsewhere.core.one_at_a_time import one_at_a_time
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
from elsewhere.task.aspects.needs import NeedsAspect
from elsewhere.task.aspects.offline import OfflineAspect
from elsewhere.task.aspects.parameters import ParametersAspect
from elsewhere.task.aspects.plots import ReportedPlotsAspect
from elsewhere.task.aspects.properties import PropertiesAspect
from elsewhere.task.aspects.queue import QueueAspect
from elsewhere.task.aspects.reports import ReportsAspect
from elsewhere.task.aspects.status import StatusAspect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elsewhere.report.logger import Logger
    from elsewhere.run.abort_callback import AbortCallback


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
    NeedsAspect,
    DataAspect,
    ArtifactsAspect,
    ModelsAspect,
    ReportsAspect,
    ReportedPlotsAspect,
    OfflineAspect,
):
    """A unit of work: its code, environment, seed and parameters, its reports and results.

    `Task.init` makes this script a task; `Task.get_task` gives a handle on another one. Imports
    inside methods are for weight: the first import of the SDK stays light.

    Raises in every call, beside what its own docstring names: StoreUnavailableError when the store
    cannot be reached, NotFoundError on the handle of a task that was deleted, and UsageError where
    a run has no store (offline, or on an agent that lends it none).
    """

    TaskTypes = TaskType

    _abort_callback: AbortCallback | None = None

    # making

    @classmethod
    @one_at_a_time
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
        *,
        secrets: Sequence[str] | str = (),
        keep: Sequence[str] | str = (),
        mounts: Mapping[str, str] = {},
        data: Sequence[str] | str = (),
    ) -> Task:
        """Makes this script a task, or, on an agent, joins the task that the agent runs.

        Captures the repository with its uncommitted changes, the packages and the command line;
        records what is printed and the machine's resources; fixes the random seed (1337, or that of
        `set_random_seed`). A second call, in any thread, returns the same task, and so does a call
        in a process that this one starts. On an agent the task has its names, type, tags,
        output_uri and earlier task already, and the arguments for them are ignored.

        The end of the script ends the task, behind the functions that it has registered by atexit
        since the import of the SDK: as failed after an exception and an exit code but 0, as stopped
        after Ctrl-C and SIGTERM. On Python 3.10 and 3.11 the code of a SystemExit that is
        raised by hand is not known, and the task counts as completed: call sys.exit there.

        project_name, task_name
            At least 3 characters each; slashes nest projects. By default the name of the
            repository, or Untitled, and the name of the script.
        task_type
            One of `Task.TaskTypes`; training by default.
        tags
            A list, or one text with spaces between them; they are added to the task's.
        reuse_last_task_id
            True: the last task of this script on this machine is overwritten if it ran less than 72
            hours ago (the setting reuse_within_h) under the same names and type, was never
            enqueued, and has no artifacts and no models; a line is printed when that happens.
            False: always a new task. An id: that task is overwritten, whatever its names and age,
            under the other conditions.
        continue_last_task
            True: the last task, or the one that reuse_last_task_id names, goes on: its reports
            stay, and iterations continue after the last one. An id: that task goes on. A number: as
            True, but iterations continue from there; 0 leaves them as the script reports them. A
            script whose first iteration is at that point or after it counts on by itself, and is
            not shifted.
        output_uri
            The place of artifacts and models: a folder or a URL (s3, gs, az, file), which is tried
            at once. None: the setting output_uri; without one artifacts go to the home's storage
            and models stay where they are saved. True: models go to that storage, too. False:
            models stay where they are saved in any case.
        auto_connect_arg_parser
            Arguments of argparse, click, typer, tyro, Fire, absl, jsonargparse, and environment
            variables (the setting log_environment). A dict selects some: {"lr": True, "*": False}.
        auto_connect_frameworks
            A dict switches some, {"hydra": False, "progress": False}. Wildcards select models by
            path, {"pytorch": "*.pt"}; {"tensorboard": {"report_hparams": False}} has no TB_hparams.
        auto_resource_monitoring
            The use of processors, memory, disks, network and NVIDIA's GPUs, over the seconds since
            the start, and what machine it is. A dict may give first_report_sec, but for an agent,
            and report_global_mem_used: the memory of all processes in place of the task's.
        auto_connect_streams
            A dict selects some of stdout, stderr and logging: {"stdout": True}.
        deferred_init
            Existing scripts pass it; it changes nothing: `init` waits for nothing slow.
        secrets
            Names of secrets of agents, whose operators keep their values ([secrets.NAME] in
            config.toml): a remote run has them as variables. Here and there, values of variables of
            these names are hidden in all that is recorded.
        keep
            Patterns of files, `out/**` or `*.csv` from the code's root: those that a remote run has
            written become artifacts at its end, however it ends.
        mounts
            Maps paths from the code's root to names of folders that operators of agents define
            ([data] in config.toml): there a remote run finds what lies here already.
        data
            Files and folders, by paths from the code's root, that git ignores or that are too large
            for it: a remote run finds them there, to be read. They are sent by execute_remotely to
            output_uri, where that is a URL that other machines read, and else to the store; each
            machine gets the same bytes once.

        Raises UsageError for a wrong argument, StoreUnavailableError, within 5 s, when the store
        cannot be reached, NotFoundError and TransitionError for a task that cannot be continued,
        StorageError for a place that cannot be written to, and ConfigurationError for a wrong
        setting.
        """
        from elsewhere.core.asked import asked  # noqa: PLC0415
        from elsewhere.core.folders import run_folder  # noqa: PLC0415
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.run import joining, membership  # noqa: PLC0415
        from elsewhere.run.auto_connect import Connections  # noqa: PLC0415

        wishes = cls._wished()
        environment = asked(wishes.environment, secrets, keep, mounts, data)
        kind = None if task_type is None else checked_type(task_type)
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
            run = joining.join(settings, folder, connections)
        elif (folder := run_folder()) is not None:
            from elsewhere.run import attaching  # noqa: PLC0415

            run = attaching.attach(settings, folder, connections)
        elif (task_id := cls._simulated) is not None:
            from elsewhere.run import beginning  # noqa: PLC0415

            cls._simulated = None
            run = beginning.simulate(settings, task_id, connections)
        else:
            from elsewhere.run import beginning  # noqa: PLC0415

            membership.hide_given(environment.secrets)
            run = beginning.begin(
                settings,
                project=project_name,
                name=task_name,
                task_type=kind or TaskType.TRAINING,
                tags=checked_tags(tags or ()),
                seed_of_task=cls._seed,
                output_uri=output_uri,
                reuse=reuse_last_task_id,
                continues=continue_last_task,
                connections=connections,
                wishes=wishes._replace(environment=environment),
                offline=cls._mode().take(settings),
            )
        task = cls(run.task_record.id, None, run)
        run.when_over(task._forget)
        cls._current = task
        return task

    @classmethod
    def current_task(cls) -> Task | None:
        """The task of this process, or None before `init` and after `close`. A process that the
        task's own has started, whichever way, has the same task."""
        if cls._current is None:
            from elsewhere.run import membership  # noqa: PLC0415

            if membership.leader_folder() is not None:
                cls.init()
        current: Task | None = cls._current
        return current

    @staticmethod
    def running_locally() -> bool:
        """Whether no agent runs this script."""
        from elsewhere.core.folders import run_folder  # noqa: PLC0415

        return run_folder() is None

    # going elsewhere

    def execute_remotely(
        self, queue_name: str | None = None, clone: bool = False, exit_process: bool = True
    ) -> Task | None:
        """Ends the script, or the cell, and runs it from the top on an agent of queue `queue_name`.

        On an agent the call does nothing, and the script goes on behind it. In a job of a Hydra
        sweep it sends the job, which ends here, and the next one begins. `clone` sends a copy
        instead; only then may `exit_process` be False, and the copy is returned. Without a queue
        the task, or its copy, becomes a draft. On the handle of another task nothing ends: that
        task is enqueued, or with `clone` a copy of it, which is returned.

        Raises CaptureError for code that cannot travel (Python's prompt, `python -c`) and
        NotFoundError for an unknown queue; the script then still runs here. Raises UsageError in a
        process or a thread that the script has started, and on another task's handle without a
        queue, and TransitionError for another task whose status does not allow it.
        """
        run = self.access.run
        if run is not None and not clone and not exit_process:
            raise UsageError(
                "execute_remotely(clone=False, exit_process=False) would run the same task in two"
                " places: use clone=True, or let the script end here."
            )
        if run is not None and run.is_remote:
            return None
        from elsewhere.hooks.launch import LAUNCH, JobSent  # noqa: PLC0415 - weight
        from elsewhere.run import interactive  # noqa: PLC0415
        from elsewhere.task import sending  # noqa: PLC0415

        if run is None:
            store = self.access.store
            copy = sending.send_other(store, self.id, queue_name, is_clone=clone)
            return type(self)(copy, store) if clone else None
        self._checked_process("execute_remotely")
        task_id = sending.send(run, queue_name, is_clone=clone, is_last=exit_process)
        if exit_process and LAUNCH.job is not None:
            raise JobSent(0)
        if exit_process:
            interactive.leave()
        return type(self)(task_id, run.store)

    def create_function_task(
        self,
        func: Callable[..., Any],
        func_name: str | None = None,
        task_name: str | None = None,
        **kwargs: Any,
    ) -> Task | None:
        """Makes a draft that calls `func(**kwargs)` elsewhere: it runs this script up to this line.

        `func` is any callable that is not a coroutine or generator function, also a nested
        function, a lambda or a method. Only its name travels; `func_name` replaces one that is
        missing or used twice. The draft is called `task_name`, by default "TASK <NAME>". The
        arguments are the parameters `Function/...`, which keep their types and can be changed
        before the draft is enqueued.

        On the agent the call does not return: it calls the function and ends the program; or it
        returns None, if the run is for another function. Drafts run side by side where agents have
        slots for them. Raises UsageError for what cannot travel, in a process that the script has
        started, and inside a function that runs so, and CaptureError for code that cannot travel.
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
        """Calls `callback_function` when a stop is asked for: `elsewhere abort`,
        `mark_stop_request`.

        It runs in a thread of its own while the task may still write, so that what it saves is
        kept. SIGTERM follows when it has ended, or after `callback_execution_timeout` seconds, 1800
        at most. An exception in it is shown and does not prevent the stop. A program that ends
        meanwhile is stopped, too, unless the callback ends the task otherwise (`mark_completed`). A
        further call replaces the callback; None removes it. It is not called for Ctrl-C, nor once
        the task is not this script's any more.

        Raises UsageError for a wrong argument, on the handle of another task, and in a process that
        the task's own has started.
        """
        from elsewhere.run import abort_callback  # noqa: PLC0415

        run = self.access.own_run("register_abort_callback")
        self._checked_process("register_abort_callback")
        before, self._abort_callback = self._abort_callback, None
        if before is not None:
            before.remove()
        if callback_function is not None:
            self._abort_callback = abort_callback.AbortCallback(
                run, callback_function, callback_execution_timeout
            )

    def close(self) -> None:
        """Delivers everything and ends the task as completed, so that `init` can be called again.
        On an agent the task ends with its program. A handle of another task ends nothing."""
        if self.access.begun is not None:
            self.access.begun.complete()

    def flush(self, wait_for_uploads: bool = False) -> bool:
        """Writes what was reported to the disk, with `wait_for_uploads` also to the store. Returns
        False if that was not done in time."""
        self._look_at_registered()
        begun = self.access.begun
        return begun.flush(wait=wait_for_uploads) if begun is not None else True

    # reports

    def set_progress(self, progress: float) -> None:
        """Records the progress `progress`, 0 to 100; any other value is a warning and changes
        nothing. Raises UsageError on another task."""
        self.access.own_run("set_progress").set_progress(progress)

    def get_logger(self) -> Logger:
        """The logger for this task's scalars, values and texts. Raises UsageError on another
        task."""
        return self.access.own_run("get_logger").logger

    def set_initial_iteration(self, offset: int = 0) -> int:
        """Makes later iterations continue from `offset`, as `continue_last_task` does; returns
        `offset`. Raises UsageError for anything but a whole number, and on another task."""
        from elsewhere.report.offset import checked_offset  # noqa: PLC0415

        run = self.access.own_run("set_initial_iteration")
        run.offset.set(checked_offset("The offset of set_initial_iteration", offset))
        return offset

    def get_initial_iteration(self) -> int:
        """The iteration that a continued task continues from, else 0. Raises UsageError on another
        task."""
        return self.access.own_run("get_initial_iteration").offset.at

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

"""`Task`: what a user's script imports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from elsewhere.choices import DEFAULT_SEED, TaskType
from elsewhere.errors import UsageError
from elsewhere.finder import Finder
from elsewhere.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elsewhere.run import Run

__all__ = ["Task"]


class Task(Finder):
    """A unit of work: its code, environment, seed and parameters, and all that it said.

    `Task.init` makes this script a task; `Task.get_task` gives a handle on another one. Imports
    inside methods are for weight: the first import of the SDK stays light.
    """

    TaskTypes = TaskType

    _seed: ClassVar[int | None] = DEFAULT_SEED

    # making

    @classmethod
    def init(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: TaskType | str | None = None,
        tags: Sequence[str] | None = None,
        *,
        output_uri: str | None = None,
        auto_connect_arg_parser: bool = True,
        auto_resource_monitoring: bool = True,
        auto_connect_streams: bool = True,
    ) -> Task:
        """Makes this script a task, or, on an agent, joins the task that the agent runs.

        Captures the repository with its uncommitted changes, the packages and the command line;
        records what is printed and the machine's resources; fixes the random seed (1337 unless
        `set_random_seed` said otherwise). On an agent all arguments but the `auto_` ones are the
        task's own and those here are not looked at.

        A second call returns the same task. Raises UsageError for a name of fewer than 3
        characters and StoreUnavailableError, within 5 s, when the store cannot be reached.
        """
        from elsewhere import catalog, lifecycle  # noqa: PLC0415
        from elsewhere.settings import load  # noqa: PLC0415

        if (current := cls.current_task()) is not None:
            return current._checked_again(project_name, task_name)
        settings = load()
        connections = lifecycle.Connections(
            arg_parser=auto_connect_arg_parser,
            streams=auto_connect_streams,
            resources=auto_resource_monitoring,
        )
        folder = lifecycle.run_folder()
        if folder is not None:
            run = lifecycle.attach(settings, folder, connections)
        else:
            run = lifecycle.begin(
                settings,
                project=project_name,
                name=task_name,
                task_type=catalog.checked_type(task_type),
                tags=tags or (),
                seed_of_task=cls._seed,
                output_uri=output_uri or "",
                connections=connections,
            )
        task = cls(run.task_record.id, None, run)
        run.when_over(task._forget)
        cls._current = task
        return task

    @classmethod
    def create(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: TaskType | str | None = None,
        repo: str | None = None,
        branch: str | None = None,
        commit: str | None = None,
        script: str | None = None,
        working_directory: str | None = None,
        packages: Sequence[str] | None = None,
        module: str | None = None,
        *,
        argv: Sequence[str] = (),
    ) -> Task:
        """A draft made by hand: nothing of this process is captured.

        `packages` are requirement lines; None leaves the repository's requirements.txt in charge,
        and an empty list installs nothing. `script` is relative to `working_directory`, and that to
        the repository's root. Raises UsageError.
        """
        from elsewhere import catalog  # noqa: PLC0415

        record = catalog.draft(
            project=project_name or (cls._current.project if cls._current else ""),
            name=task_name,
            task_type=catalog.checked_type(task_type),
            packages=None if packages is None else tuple(packages),
            seed=cls._seed,
            repository=repo or "",
            branch=branch or "",
            commit=commit or "",
            entry_point=script or "",
            module=module or "",
            working_dir=working_directory or ".",
            argv=tuple(argv),
        )
        store = cls._open()
        store.create(record)
        return cls(record.id, store)

    @classmethod
    def clone(
        cls,
        source_task: Task | str | None = None,
        name: str | None = None,
        comment: str | None = None,
        parent: str | None = None,
        project: str | None = None,
    ) -> Task:
        """A draft with the same code, environment, seed and parameters, called "Clone Of NAME".

        Raises CaptureError when this script's own code cannot travel.
        """
        from elsewhere import catalog  # noqa: PLC0415

        source = cls._given(source_task or cls._current)
        source._settle()
        if source._run is not None:
            source._run.capture_whole()
        task_id = catalog.clone(
            source._store, source.id, name=name, comment=comment, parent=parent, project=project
        )
        return cls(task_id, source._store)

    @classmethod
    def current_task(cls) -> Task | None:
        """The task that this process is; None before `init` and after `close`."""
        current: Task | None = cls._current
        return current

    @classmethod
    def set_random_seed(cls, random_seed: int | bool | None) -> None:
        """The seed of the task that `init` makes next; None for none. Default 1337."""
        from elsewhere import seed  # noqa: PLC0415

        cls._seed = seed.normalise(random_seed)

    @classmethod
    def get_random_seed(cls) -> int | None:
        """The current task's seed, or else the one that the next task gets."""
        run = cls._current._run if cls._current is not None else None
        return run.task_record.seed if run is not None else cls._seed

    # going elsewhere

    @classmethod
    def enqueue(
        cls, task: Task | str, queue_name: str | None = None, queue_id: str | None = None
    ) -> None:
        """Puts a task at the end of a queue. Raises NotFoundError, and TransitionError when its
        status does not allow it: a completed task is cloned first."""
        from elsewhere.queues import DEFAULT_QUEUE, Queues  # noqa: PLC0415

        given = cls._given(task)
        given._settle()
        Queues(given._store).enqueue(given.id, queue_name or queue_id or DEFAULT_QUEUE)

    @classmethod
    def dequeue(cls, task: Task | str) -> None:
        """Takes a task out of its queue; it has the status that it had before."""
        from elsewhere.queues import Queues  # noqa: PLC0415

        given = cls._given(task)
        Queues(given._store).dequeue(given.id)

    def execute_remotely(
        self, queue_name: str | None = None, clone: bool = False, exit_process: bool = True
    ) -> Task | None:
        """Ends this script here and runs it from its beginning on the agent of `queue_name`.

        On the agent the call does nothing and the script goes on behind it. `clone` sends a copy
        instead; only then may `exit_process` be False, and the copy is returned. Without a queue
        the task becomes a draft. Raises CaptureError when the code cannot travel and NotFoundError
        for an unknown queue; the script then still runs here.
        """
        from elsewhere import remote  # noqa: PLC0415

        if not clone and not exit_process:
            raise UsageError(
                "execute_remotely(clone=False, exit_process=False) would run the same task in two"
                " places: use clone=True, or let the script end here."
            )
        run = self._own_run("execute_remotely")
        if run.is_remote:
            return None
        task_id = remote.send(run, queue_name, is_clone=clone)
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

        The arguments are the parameters `Function/...` and can be changed before it is enqueued.
        On the agent the call does not return: it calls the function and ends the program. Returns
        None there when the draft is for another function.
        """
        from elsewhere import function  # noqa: PLC0415

        run = self._own_run("create_function_task")
        if not callable(func):
            raise UsageError(f"A function task needs a function, not {func!r:.80}.")
        name = func_name or func.__name__
        if function.is_called(run, name):
            function.call(run, func, kwargs)
        if name in run.function_names:
            raise UsageError(
                f"There already is a function task {name!r} in this script: give each its own"
                " func_name."
            )
        run.function_names.add(name)
        task_id = function.create(run, name, task_name, kwargs)
        return type(self)(task_id, run.store) if task_id is not None else None

    def close(self) -> None:
        """Delivers all and ends the task as completed, so that `init` can be called again.

        On an agent the task ends when its program does. A handle of another task ends nothing.
        """
        if self._run is not None:
            self._run.complete()

    def flush(self, wait_for_uploads: bool = False) -> bool:
        """What was reported is on disk; with the argument, in the store. False when not in time."""
        return self._run.flush(wait=wait_for_uploads) if self._run is not None else True

    # parameters

    def connect(self, mutable: dict[Any, Any], name: str | None = None) -> dict[Any, Any]:
        """Records a dict as parameters of the section `name` (default General), later writes too.

        On an agent its values are first set to the task's parameters, cast to the types they have
        here. Use the returned dict. Raises UsageError for a value that does not fit.
        """
        from elsewhere.connect import connect_dict  # noqa: PLC0415

        run = self._own_run("connect")
        if not isinstance(mutable, dict):
            raise UsageError(f"connect takes a dict, not {type(mutable).__name__}.")
        return connect_dict(mutable, name or "General", run.overrides(), run.record)

    # what it says

    def set_progress(self, progress: float) -> None:
        """0 to 100; anything else is a warning and changes nothing."""
        self._own_run("set_progress").set_progress(progress)

    def get_logger(self) -> Logger:
        run = self._own_run("get_logger")
        return Logger(run.record, flush=run.flush)

    def upload_artifact(
        self,
        name: str,
        artifact_object: object,
        metadata: Mapping[str, object] | None = None,
        delete_after_upload: bool = False,
        auto_pickle: bool | None = None,
        preview: str | None = None,
        wait_on_upload: bool = False,
        extension_name: str | None = None,
        serialization_function: Callable[[Any], bytes | bytearray] | None = None,
        retries: int = 0,
        sort_keys: bool = True,
    ) -> bool:
        """Keeps files or an object under `name`; an artifact of that name is replaced.

        `artifact_object` is the path of a file, of a folder (zipped), or with a wildcard (all that
        matches, zipped); a list of Paths (zipped); a URL (kept as a link); or an object. Formats,
        by `extension_name`, the default first, the dot may be left out:

            dict                        .json .yaml
            pandas.DataFrame            .csv.gz .parquet .feather .pickle
            numpy.ndarray               .npz .csv.gz
            PIL.Image                   .png and all that Pillow writes
            list, tuple, number, bool   .json
            str                         .txt
            anything                    .pkl; needs no extension_name unless auto_pickle is False

        `serialization_function` makes the bytes of any object instead. `sort_keys` sorts those of
        dicts. `preview` replaces the text that is shown; `metadata` is kept as text.
        `delete_after_upload` deletes the original of a single file as soon as its bytes are kept.
        `retries`: more attempts when the disk fails.

        The bytes are taken when this is called. Returns True, and False only when `wait_on_upload`
        is given and the upload failed or was not done in time.
        Raises UsageError for what cannot be kept, StorageError when the disk does not take it.
        """
        run = self._own_run("upload_artifact")
        run.upload_artifact(
            name,
            artifact_object,
            is_deleted=delete_after_upload,
            metadata=metadata,
            preview=preview,
            extension_name=extension_name,
            serialization_function=serialization_function,
            auto_pickle=auto_pickle,
            sort_keys=sort_keys,
            retries=retries,
        )
        if not wait_on_upload:
            return run.flush()
        return run.flush(wait=True) and run.is_uploaded(name)

    # helpers

    def _own_run(self, what: str) -> Run:
        if self._run is None:
            raise UsageError(
                f"{what} belongs to the task that a script is, and task {self.id} is another one:"
                " call it on what Task.init returned."
            )
        if self._run.is_over:
            raise UsageError(f"{what} came after close(): task {self.id} is over in this process.")
        return self._run

    def _checked_again(self, project: str | None, name: str | None) -> Task:
        assert self._run is not None
        record = self._run.task_record
        for what, given, has in (
            ("project", project, record.project),
            ("task", name, record.name),
        ):
            if given is not None and given.strip() != has and not self._run.is_remote:
                raise UsageError(
                    f"This script already is the task {record.name!r} of project"
                    f" {record.project!r}, so it cannot be the {what} {given!r} too: call close()"
                    " first."
                )
        return self

    def _forget(self) -> None:
        if Task._current is self:
            Task._current = None

"""Making drafts, and what the next task of this script asks for beside its code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from elsewhere.core.choices import DEFAULT_SEED
from elsewhere.core.errors import UsageError
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

    from elsewhere.capture.wishes import Wishes
    from elsewhere.core.choices import TaskType

logger = late_logger(__name__)


class MakingAspect(Handle):
    """The class methods of `Task` that create, clone, and ask for packages."""

    _seed: ClassVar[int | None] = DEFAULT_SEED
    _wishes: ClassVar[Wishes | None] = None

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
        packages: bool | str | Sequence[str] | None = None,
        requirements_file: str | os.PathLike[str] | None = None,
        docker: str | None = None,
        docker_args: str | Sequence[str] | None = None,
        docker_bash_setup_script: str | Sequence[str] | None = None,
        argparse_args: Sequence[tuple[str, Any]] | Mapping[str, Any] | None = None,
        base_task_id: str | None = None,
        add_task_init_call: bool = True,
        force_single_script_file: bool = False,
        binary: str | None = None,
        module: str | None = None,
        detect_repository: bool = True,
        *,
        argv: Sequence[str] | str = (),
        secrets: Sequence[str] | str = (),
        keep: Sequence[str] | str = (),
        mounts: Mapping[str, str] = {},
        data: Sequence[str] | str = (),
    ) -> Self:
        """Makes a draft by hand, of code that need not have run; nothing of this process is in it.

        project_name, task_name, task_type
            By default the current task's project, the name of what runs, and training; with a base
            the base's own.
        repo, branch, commit
            A URL, at that commit, else at the branch's newest one when it runs. Or a folder here:
            its commit with all changes and new files, as a running script is captured; branch and
            commit must be what is checked out there.
        script, module, working_directory
            What runs: a file, relative to the working folder, and that to the repository's root; or
            what `python -m` runs, maybe with words: "torch.distributed.run --standalone train.py"
            runs the ranks of a launch, and `argv` are the words of its script. Without `repo` the
            script is a local file: it travels with the repository around it, or else with the
            modules beside it that it imports. Without any of these the draft is empty, a template
            that setters fill.
        detect_repository, force_single_script_file
            With `detect_repository` False a local script travels as if there were no repository
            around it; with `force_single_script_file` True it travels alone.
        packages, requirements_file
            Requirement lines, or the path of a file of them; True: those that local code imports,
            with the versions here; [] or "": none. None: the repository's requirements.txt, or, for
            local code without one, as True.
        docker, docker_args, docker_bash_setup_script
            The image to run in, the arguments that it is started with, and a script, or its lines,
            that runs in it before the task.
        argparse_args
            Pairs such as ("lr", 0.1), or a dict: the parameters `Args/lr`, which override what the
            script's parser has.
        base_task_id
            The draft is a clone of that task, with the other arguments in place of what it has.
        add_task_init_call
            True: a script that does not call `Task.init` is a task all the same, without a change
            in it; seed, arguments and frameworks are connected before its first line. False: it
            runs as it is.
        binary
            A Python, whose version counts ("python3.11"), or another program that runs the script;
            by default /bin/bash runs a `.sh`.
        argv
            The words of the script's command line, a list or one text.
        secrets, keep, mounts, data
            As in `Task.init`. Data lies beside local code, and is sent now.

        Raises UsageError for a wrong argument, NotFoundError for an unknown base, CaptureError for
        local code and data that cannot travel, and StorageError for data that cannot be sent.
        """
        from elsewhere.capture import by_hand  # noqa: PLC0415 - weight, as all imports here
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.task import drafts  # noqa: PLC0415

        if project_name is None and base_task_id is None and cls._current is not None:
            project_name = cls._current.project
        wanted = drafts.Wanted(
            project_name=project_name,
            task_name=task_name,
            task_type=task_type,
            repo=repo,
            branch=branch,
            commit=commit,
            script=script,
            working_directory=working_directory,
            packages=packages,
            requirements_file=requirements_file,
            docker=docker,
            docker_args=docker_args,
            docker_bash_setup_script=docker_bash_setup_script,
            argparse_args=argparse_args,
            base_task_id=base_task_id,
            add_task_init_call=add_task_init_call,
            force_single_script_file=force_single_script_file,
            binary=binary,
            module=module,
            detect_repository=detect_repository,
            argv=by_hand.argv_of(argv),
            secrets=secrets,
            keep=keep,
            mounts=mounts,
            data=data,
            seed=cls._seed,
        )
        store = cls._open()
        return cls(drafts.create(store, load(), wanted).id, store)

    @classmethod
    def clone(
        cls,
        source_task: Self | str | None = None,
        name: str | None = None,
        comment: str | None = None,
        parent: Self | str | None = None,
        project: str | None = None,
    ) -> Self:
        """Makes a draft with all that `source_task` was given; returns its handle.

        Code, environment, seed, parameters, configurations, tags, properties, labels and input
        models are copied, whatever the source's status; its reports and results are not.
        `source_task` is a task or its id, by default this script's. `name` is by default "Clone Of
        NAME"; `comment` and `project`, a name, are the source's. `parent`, a task or its id, is by
        default the source's own, else the source.

        Raises NotFoundError for an unknown task, UsageError for a wrong argument, and CaptureError
        when this script's own code cannot travel.
        """
        from elsewhere.task import stored  # noqa: PLC0415

        cls._check_online()
        source = cls._given(cls._current if source_task is None else source_task)
        if source.access.begun is not None:
            source.access.begun.carrier.capture_whole()
        task_id = stored.clone(
            source.access.settled_store,
            source.id,
            name=name,
            comment=comment,
            parent=None if parent is None else cls._given(parent).id,
            project=project,
        )
        return cls(task_id, source.access.store)

    @classmethod
    def set_random_seed(cls, random_seed: int | bool | None) -> None:
        """Sets the seed of the task that `init` makes next. `random_seed` is a whole number, of
        which 32 bits count, True for the default 1337, None or False for no fixed seed. Raises
        UsageError."""
        from elsewhere.run import seed  # noqa: PLC0415

        cls._seed = seed.normalise(random_seed)

    @classmethod
    def get_random_seed(cls) -> int | None:
        """The seed of the current task, or else of the next one, or None for no fixed seed."""
        run = cls._current.access.begun if cls._current is not None else None
        return run.task_record.seed if run is not None else cls._seed

    @classmethod
    def add_requirements(
        cls, package_name: str | os.PathLike[str], package_version: str | None = None
    ) -> None:
        """Adds `package_name` to the packages of the task that `init` makes next, whatever the code
        imports. `package_version` is the installed one for None, any for "", `>=2` as it is, and
        `1.0` is `==1.0`. Or `package_name` is the path of a requirements file, whose lines are all
        added. Raises UsageError for what cannot be read or has a password."""
        from elsewhere.capture import by_hand  # noqa: PLC0415

        pair = by_hand.wished(package_name, package_version)
        if cls._may_wish("add_requirements"):
            cls._wishes = cls._wished()._replace(added=(*cls._wished().added, pair))

    @classmethod
    def ignore_requirements(cls, package_name: str) -> None:
        """Leaves `package_name` out of the task that `init` makes next, though the code imports it.
        Raises UsageError for anything but a name."""
        from elsewhere.capture import by_hand  # noqa: PLC0415

        name = by_hand.text("The package", package_name)
        if not name:
            raise UsageError(f"A package is ignored by its name, not by {package_name!r:.80}.")
        if cls._may_wish("ignore_requirements"):
            cls._wishes = cls._wished()._replace(ignored=cls._wished().ignored | {name})

    @classmethod
    def force_requirements_env_freeze(
        cls, force: bool = True, requirements_file: str | os.PathLike[str] | None = None
    ) -> None:
        """Makes the next task record all that is installed here, or the lines of
        `requirements_file`, in place of what the code imports; `force=False` undoes that. Raises
        UsageError for a file that cannot be read."""
        from elsewhere.capture import by_hand  # noqa: PLC0415

        file = by_hand.text("requirements_file", requirements_file) if force else ""
        if file:
            by_hand.requirement_lines(file)
        if cls._may_wish("force_requirements_env_freeze"):
            cls._wishes = cls._wished()._replace(is_frozen=bool(force), file=file)

    @classmethod
    def choose_packages(cls, choice: str | os.PathLike[str]) -> None:
        """Chooses what is installed for the task that `init` makes next. `choice` is "environment":
        all that is installed here; "imports": what the code imports, and what that needs, both in
        the versions that are here; "requirements": the repository's requirements.txt; the path of
        a requirements file, or of a uv.lock, poetry.lock or pylock.toml in the repository; or
        "auto", the default: "environment" in a virtual environment or one of conda, else "imports".
        Raises UsageError for anything else."""
        from pathlib import Path  # noqa: PLC0415

        from elsewhere.capture import by_hand  # noqa: PLC0415
        from elsewhere.capture.wishes import CHOICES  # noqa: PLC0415
        from elsewhere.core.errors import known_choices  # noqa: PLC0415

        text = by_hand.text("The choice", choice)
        if text not in CHOICES and not Path(text).is_file():
            raise UsageError(
                f"Packages cannot be chosen by {text!r:.80}, which is no file."
                f" {known_choices(text, CHOICES)}"
            )
        if cls._may_wish("choose_packages"):
            cls._wishes = cls._wished()._replace(choice=text)

    @classmethod
    def _wished(cls) -> Wishes:
        from elsewhere.capture.wishes import NO_WISHES  # noqa: PLC0415 - weight

        return NO_WISHES if cls._wishes is None else cls._wishes

    @classmethod
    def _may_wish(cls, what: str) -> bool:
        if cls._current is not None:
            logger.warning("%s changes nothing after Task.init: call it before.", what)
        return cls._current is None

    @classmethod
    def _checked_process(cls, what: str) -> None:
        """Raises UsageError, for the call `what`, in a process that the task's own has started."""
        from elsewhere.run import membership  # noqa: PLC0415

        if membership.leader_folder() is not None:
            raise UsageError(
                f"{what} belongs to the process that the task is, and this is one that it has"
                " started: call it there."
            )

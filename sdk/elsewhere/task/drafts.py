"""Drafts: tasks described by hand, from a repository, a local file, a base task or nothing.

Code on this machine's disk is captured like a running script's: commit, changes, new files.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsewhere.capture import by_hand
from elsewhere.core import names
from elsewhere.core.asked import asked
from elsewhere.core.errors import CaptureError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.frozen import dataclass
from elsewhere.core.params import as_edit, split_name, to_parameter
from elsewhere.core.process import user_name
from elsewhere.core.records import Environment, Source, TaskRecord
from elsewhere.core.requirements import requirements_file
from elsewhere.core.say import say
from elsewhere.core.secret_parameters import as_set
from elsewhere.task import stored

if TYPE_CHECKING:
    from elsewhere.capture.repository import Located
    from elsewhere.capture.script import Script
    from elsewhere.core.records import Parameter
    from elsewhere.core.settings import Settings
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The arguments of `Task.create`, by their names there; `seed` is that of a new task."""

    project_name: str | None = None
    task_name: str | None = None
    task_type: object = None
    repo: object = None
    branch: object = None
    commit: object = None
    script: object = None
    working_directory: object = None
    packages: object = None
    requirements_file: object = None
    docker: object = None
    docker_args: object = None
    docker_bash_setup_script: object = None
    argparse_args: object = None
    base_task_id: str | None = None
    add_task_init_call: bool = True
    force_single_script_file: bool = False
    binary: object = None
    module: object = None
    detect_repository: bool = True
    argv: tuple[str, ...] = ()
    secrets: object = ()
    keep: object = ()
    mounts: object = field(default_factory=dict)
    data: object = ()
    seed: int | None = None


def create(store: TaskStore, settings: Settings, wanted: Wanted) -> TaskRecord:
    """The record of a new draft, with its code in the store.

    Raises UsageError, NotFoundError for an unknown base, CaptureError for local code and data that
    cannot travel, and StorageError for data that cannot be sent.
    """
    if by_hand.text("script", wanted.script) and by_hand.text("module", wanted.module):
        raise UsageError("A task runs a script or a module, not both: give one of them.")
    base = store.read(wanted.base_task_id) if wanted.base_task_id else None
    project = wanted.project_name or (base.project if base else "")
    if not project:
        raise UsageError("A task needs a project: give project_name, or call Task.init before.")
    located = _located(wanted, settings)
    old = base.environment if base else Environment()
    old = asked(old, wanted.secrets, wanted.keep, wanted.mounts, wanted.data)
    source, blobs = _source(wanted, settings, located, base, [one.path for one in old.data])
    environment, wheels = _environment(wanted, settings, located, old)
    environment = _with_data(environment, store, settings, located)
    source, environment = by_hand.with_binary(source, environment, wanted.binary)
    record = replace(
        base or TaskRecord(id="", name="", project="", seed=wanted.seed, has_marked_edits=True),
        id=names.new_id(),
        name=names.checked_name("task", wanted.task_name or _name(source, base)),
        project=names.checked_name("project", project),
        type=base.type if base and not wanted.task_type else names.checked_type(wanted.task_type),
        parent=(base.parent or base.id) if base else "",
        source=source,
        environment=environment,
        parameters={**(base.parameters if base else {}), **_arguments(wanted.argparse_args)},
        user=user_name(),
        continues_at=None,
        created_at=0.0,
    )
    for digest, data in (blobs | wheels).items():
        store.put_blob(digest, data)
    store.create(record, *(stored.models_used(store, base.id) if base else ()))
    return record


def _name(source: Source, base: TaskRecord | None) -> str:
    if base is not None:
        return names.name_of_clone(base)
    what = source.module or Path(source.entry_point).stem
    return what if len(what) > 2 else f"draft {what}".strip()


# the code


def _located(wanted: Wanted, settings: Settings) -> Located | None:
    """The code on this machine's disk, or None where other code is wanted. Raises UsageError."""
    repo = by_hand.text("repo", wanted.repo)
    if repo:
        start = _working_tree(repo)
        if start is None:
            return None
    elif not (wanted.script or wanted.module) or wanted.base_task_id:
        return None
    else:
        start = Path.cwd()
    from elsewhere.capture.repository import (  # noqa: PLC0415 - weight
        check_started,
        left_behind,
        locate,
    )

    script = _script(wanted, start)
    is_loose = not wanted.detect_repository or wanted.force_single_script_file
    if is_loose and repo:
        raise UsageError(
            "detect_repository=False and force_single_script_file=True are for a script without a"
            f" repository, and repo is {repo!r}: leave one of them out."
        )
    located = locate(
        script,
        local_remotes_are_shared=settings.local_remotes_are_shared,
        in_repository=not is_loose,
    )
    _check_checked_out(wanted, located.source, repo or str(located.root))
    check_started(located)
    for sentence in left_behind(located):
        say(sentence)
    return located


def _working_tree(repo: str) -> Path | None:
    """The folder that `repo` names; None for a URL, and for a bare repository, which is like
    one."""
    if "://" in repo:
        return None
    folder = named_path(repo)
    if not folder.exists():
        if repo.startswith((".", "~")):  # an absolute path may be one of the agent's machine
            raise UsageError(f"There is no repository {repo!r}: give its folder, or its URL.")
        return None
    is_bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    return None if is_bare else folder.resolve()


def _check_checked_out(wanted: Wanted, source: Source, where: str) -> None:
    """Raises UsageError for another branch or commit: local code is captured as it is."""
    branch, commit = by_hand.text("branch", wanted.branch), by_hand.text("commit", wanted.commit)
    if not source.commit.startswith(commit) or branch not in ("", source.branch):
        raise UsageError(
            f"The code in {where} is captured as it is, at {source.branch or 'no branch'},"
            f" {source.commit[:12] or 'no commit'}, and not at {commit or branch!r}: check that out"
            " there, or give the URL of the repository."
        )


def _script(wanted: Wanted, start: Path) -> Script:
    """What runs: in or below `start`, or by its absolute path. Raises UsageError."""
    from elsewhere.capture.launcher import Launcher  # noqa: PLC0415 - weight
    from elsewhere.capture.script import (  # noqa: PLC0415
        Script,
        link_to,
        module_file,
        python_path,
    )

    given = by_hand.text("working_directory", wanted.working_directory)
    folder = named_path(start / given).resolve()
    if not folder.is_dir():
        raise UsageError(
            f"There is no working folder {given!r} in {start}: give one that is there."
        )
    program = _program(wanted)
    words = program["launcher"]
    fields: dict[str, Any] = {
        "folder": folder,
        "argv": program["argv"],
        "python_path": python_path(folder),
        "launcher": Launcher(words=words) if words else None,
    }
    if module := program["module"]:
        return Script(path=module_file(module, folder), module=module, **fields)
    script = program["entry_point"]
    if not script:
        raise UsageError(f"The code in {start} needs something to run: give script or module.")
    name = named_path(script)
    for path in (folder / name, start / name):
        if path.is_file():
            real = path.resolve()
            return Script(path=real, link=link_to(real, str(path)), **fields)
    raise UsageError(
        f"There is no script {script!r} in {folder}: give its path, or the repository that it is"
        " in, as repo."
    )


def _program(wanted: Wanted) -> dict[str, Any]:
    """What runs, as fields of a source: words of `module` come before those of `argv`. Raises
    UsageError."""
    module = by_hand.text("module", wanted.module)
    if not module:
        script = by_hand.text("script", wanted.script)
        return {"entry_point": script, "module": "", "argv": wanted.argv, "launcher": ()}
    fields = {"launcher": (), **by_hand.module_of(module, ())}
    return {**fields, "argv": (*fields["argv"], *wanted.argv)}


def _source(
    wanted: Wanted,
    settings: Settings,
    located: Located | None,
    base: TaskRecord | None,
    left_out: Sequence[str],
) -> tuple[Source, dict[str, bytes]]:
    """The draft's source without the paths `left_out`, and the blobs that go into the store, by
    digest."""
    needs_init = bool(wanted.add_task_init_call)
    if located is not None:
        from elsewhere.capture.repository import complete  # noqa: PLC0415 - weight

        if wanted.force_single_script_file:
            source, blobs = _single_file(located)
        else:
            captured = complete(located, settings.capture_limit_bytes, left_out)
            source, blobs = captured.source, captured.blobs
        return replace(source, needs_init=needs_init), blobs
    source = base.source if base else Source(needs_init=needs_init)
    module = by_hand.text("module", wanted.module)
    if wanted.repo and base:
        source = Source(
            entry_point=source.entry_point,
            module=source.module,
            launcher=source.launcher,
            working_dir=source.working_dir,
            argv=source.argv,
            binary=source.binary,
            needs_init=source.needs_init,
        )
    source = by_hand.with_code(
        source,
        repository=wanted.repo or None,
        branch=wanted.branch or None,
        commit=wanted.commit or None,
        working_dir=wanted.working_directory or None,
        entry_point=f"-m {module}" if module else wanted.script or None,
    )
    if wanted.repo and not (source.entry_point or source.module):
        raise UsageError("A task needs something to run: give script or module.")
    return replace(source, argv=_program(wanted)["argv"] or source.argv), {}


def _single_file(located: Located) -> tuple[Source, dict[str, bytes]]:
    import hashlib  # noqa: PLC0415 - weight

    from elsewhere.capture.loose import LooseFile, as_patch, tree_of  # noqa: PLC0415

    path = located.script.path
    try:
        mode = "100755" if path.stat().st_mode & 0o100 else "100644"
        files = [LooseFile(path=path.name, mode=mode, content=path.read_bytes())]
    except OSError as error:
        raise CaptureError(f"{path} cannot be captured: {error.strerror}.") from error
    patch = as_patch(files)
    digest = hashlib.sha256(patch).hexdigest()
    return replace(located.source, patch=digest, tree=tree_of(files)), {digest: patch}


# the environment and the arguments


def _environment(
    wanted: Wanted, settings: Settings, located: Located | None, old: Environment
) -> tuple[Environment, dict[str, bytes]]:
    """The draft's environment, and the blobs that go into the store, by digest."""
    environment = by_hand.with_image(
        old,
        command=wanted.docker or None,
        arguments=wanted.docker_args or None,
        setup=wanted.docker_bash_setup_script or None,
    )
    packages, file = wanted.packages, wanted.requirements_file
    if file:
        if packages is not None:
            raise UsageError("Give packages or requirements_file, not both.")
        lines = by_hand.requirement_lines(by_hand.text("requirements_file", file))
        return by_hand.with_packages(environment, lines), {}
    if packages is None and located:
        file = _requirements_file(located)
        say(f"the packages of the draft are those {f'of {file}' if file else 'that it imports'}")
        packages = None if file else True
    if packages is True:
        if located is None:
            raise UsageError(
                "packages=True reads the packages from the code, and the code is not on this"
                " machine: give a list of requirement lines, a requirements_file, or the folder of"
                " the repository as repo."
            )
        return _captured(environment, settings, located)
    if packages is None or packages is False:
        return environment, {}
    return by_hand.with_packages(environment, by_hand.requirement_lines(packages)), {}


def _with_data(
    environment: Environment, store: TaskStore, settings: Settings, located: Located | None
) -> Environment:
    """The environment with its data sent, which lies beside the code here."""
    if all(one.digest for one in environment.data):
        return environment
    if located is None:
        raise UsageError(
            "The data of a task lies beside its code, and the code of this draft is not on this"
            " machine: give a local script, or the folder of the repository as repo; or name a"
            " folder of the agent's machine by mounts."
        )
    from elsewhere.capture.data import send  # noqa: PLC0415 - weight

    place = settings.output_uri
    sent = (send(one, located.root, store, place, settings) for one in environment.data)
    return replace(environment, data=tuple(sent))


def _requirements_file(located: Located) -> str:
    """The requirements.txt that travels with the code, where the agent looks for it, or ""."""
    if located.worktree is None:
        return ""
    working = located.root / located.source.working_dir
    file = requirements_file(located.root, working, located.script.path)
    return file.relative_to(located.root.resolve()).as_posix() if file else ""


def _captured(
    environment: Environment, settings: Settings, located: Located
) -> tuple[Environment, dict[str, bytes]]:
    from elsewhere.capture.packages import capture_packages  # noqa: PLC0415 - weight
    from elsewhere.capture.wishes import Wishes  # noqa: PLC0415

    script, launcher = located.script, located.source.launcher
    captured = capture_packages(
        script.path,
        located.root,
        start=script.base,
        wishes=Wishes(choice=settings.packages),
        launcher=launcher,
        limit_bytes=settings.capture_limit_bytes,
    )
    if captured.problems:
        raise CaptureError(" ".join(captured.problems))
    for warning in captured.warnings:
        logger.warning("%s", warning)
    return captured.into(environment), captured.blobs


def _arguments(given: Any) -> dict[str, Parameter]:
    """The parameters `Args/...` of pairs or a dict; a name may be written as an option, `--lr`."""
    pairs = list(given.items()) if isinstance(given, Mapping) else given or ()
    found = {}
    for pair in pairs if isinstance(pairs, (list, tuple)) else (pairs,):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UsageError(
                f"argparse_args are pairs of a name and a value, such as ('lr', 0.1), not"
                f" {pair!r:.80}."
            )
        name, value = pair
        if name.startswith("-"):
            name = name.lstrip("-").replace("-", "_")
        full_name = name if name.startswith("Args/") else f"Args/{name}"
        split_name(full_name)
        found[full_name] = as_edit(as_set(full_name, to_parameter(value)), None)
    return found

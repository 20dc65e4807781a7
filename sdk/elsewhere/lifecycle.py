"""The beginning of a run: on a laptop a new task, in a sandbox the one that waits there."""

from __future__ import annotations

import os
import pwd
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere import catalog, hooks, params, seed
from elsewhere.artifacts import uploader
from elsewhere.capturing import Capturing
from elsewhere.clock import now_at
from elsewhere.codec import from_plain, to_plain
from elsewhere.endings import Endings
from elsewhere.errors import (
    CaptureError,
    ElsewhereError,
    StorageError,
    TransitionError,
    UsageError,
)
from elsewhere.folders import RunFolder, read_json, write_beside
from elsewhere.process import ProcessIdentity
from elsewhere.records import Source, Status, TaskRecord, TaskType
from elsewhere.report.reporter import Reporter
from elsewhere.report.resources import Monitor
from elsewhere.report.streams import Tee
from elsewhere.run import Run
from elsewhere.sessions import Session, deliver_dead
from elsewhere.store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elsewhere.artifacts import Uploader
    from elsewhere.capture.repository import Located
    from elsewhere.records import Parameter
    from elsewhere.settings import Settings
    from elsewhere.store.redis import RedisStore

__all__ = ["Connections", "attach", "begin", "pending_overrides", "run_folder"]

#: our own commands, which a task's program may call: their command lines are not the task's
_COMMANDS: Final = ("agent", "elsewhere")
#: set by the runner: this process belongs to a task that is already there
_RUN_FOLDER: Final = "ELSEWHERE_RUN_FOLDER"


class Connections:
    """What is recorded without a line in the script: `Task.init`'s auto_connect_... arguments."""

    def __init__(self, *, arg_parser: bool, streams: bool, resources: bool) -> None:
        self.hooks = frozenset({"argparse"} if arg_parser else ())
        self.streams = streams
        self.resources = resources


def run_folder() -> RunFolder | None:
    """The folder of the attempt that this process is part of; None on a laptop."""
    path = os.environ.get(_RUN_FOLDER)
    return RunFolder(Path(path)) if path else None


def read_task(folder: RunFolder) -> TaskRecord:
    """The record that the runner was given."""
    spec = read_json(folder.spec)
    if spec is None:
        raise UsageError(
            f"{_RUN_FOLDER} names {folder.path}, and no task lies there: unset it to run the script"
            " as a task of its own."
        )
    return from_plain(TaskRecord, spec["record"])


def pending_overrides() -> Mapping[str, Parameter] | None:
    """For a command line that is parsed before `Task.init`: what the task wants it to say."""
    if Path(sys.argv[0]).name in _COMMANDS:
        return None
    folder = run_folder()
    return read_task(folder).parameters if folder is not None else None


def attach(settings: Settings, folder: RunFolder, connections: Connections) -> Run:
    """Inside a sandbox: nothing is captured, no stream is teed, the record's parameters count."""
    record = read_task(folder)
    run = Run(settings, record, folder, Reporter(folder.journal))
    _connect(run, connections.hooks, record.seed)
    run.unwatch = Endings(run.end).detach
    return run


def begin(
    settings: Settings,
    *,
    project: str | None,
    name: str | None,
    task_type: TaskType,
    tags: Sequence[str],
    seed_of_task: int | None,
    output_uri: str,
    connections: Connections,
) -> Run:
    """A new task that this process runs.

    Raises UsageError, StoreUnavailableError, and StorageError when the disk does not take it.
    """
    located = _locate(settings)
    source = located.source if not isinstance(located, CaptureError) else Source()
    record = TaskRecord(
        id=catalog.new_id(),
        name=catalog.checked_name("task", name or _script_name(source)),
        project=catalog.checked_name("project", project or _project_name(source)),
        type=task_type,
        tags=tuple(tags),
        comment=f"Created on {os.uname().nodename} by {_user()}",
        source=replace(source, missing="Its code has not been captured to the end."),
        seed=seed_of_task,
        output_uri=output_uri,
        created_at=now_at(),
    )
    store = open_store(settings)
    folder = settings.home.session(record.id, 1)
    try:
        settings.home.ensure()
        folder.create()
        write_beside(folder.spec, {"record": to_plain(record), "store": store.identity()})
        write_beside(folder.runner, ProcessIdentity.of())
    except OSError as error:
        raise StorageError(
            f"What this script says cannot be kept in {settings.home.path}: {error}. Make room"
            " there, or set ELSEWHERE_HOME to another folder."
        ) from error
    worker = f"{os.uname().nodename}:{os.getpid()}"
    _start_task(store, record, worker, settings.lease_s)
    upload = uploader(settings.output_uri or str(settings.home.storage))
    session = Session(
        store,
        folder,
        worker=worker,
        lease_s=settings.lease_s,
        upload=upload,
        when_stopped=_stop_this_process,
    )
    capturing = Capturing(settings, store, record.id, located)
    run = Run(
        settings,
        record,
        folder,
        Reporter(folder.journal),
        session=session,
        capturing=capturing,
        store=store,
    )
    capturing.start()
    session.start()
    run.unwatch = Endings(run.end).detach
    if connections.streams:
        run.when_over(Tee(folder.output).detach)
    _announce(record)
    threading.Thread(
        target=_deliver_dead, args=(store, settings, upload), name="elsewhere-dead", daemon=True
    ).start()
    if connections.resources:
        monitor = Monitor(run.record)
        monitor.start()
        run.when_over(monitor.stop)
    _connect(run, connections.hooks, record.seed)
    return run


def _connect(run: Run, enabled: frozenset[str], seed_of_task: int | None) -> None:
    if seed_of_task is not None:
        run.when_over(seed.fix(seed_of_task))
    run.when_over(hooks.attach(run, enabled))


def _start_task(store: RedisStore, record: TaskRecord, worker: str, lease_s: float) -> None:
    store.create(record)
    claim = store.claim(
        record.id,
        worker=worker,
        token=catalog.new_id(),
        lease_s=lease_s,
        allowed=(Status.CREATED,),
    )
    if not claim.attempt:
        raise TransitionError(f"Task {record.id} cannot be started: it is {claim.status}.")


def _locate(settings: Settings) -> Located | CaptureError:
    from elsewhere.capture.repository import locate  # noqa: PLC0415 - weight
    from elsewhere.capture.script import Script  # noqa: PLC0415

    try:
        are_shared = settings.local_remotes_are_shared
        located = locate(Script.running(), local_remotes_are_shared=are_shared)
    except CaptureError as error:
        return error
    source = replace(located.source, argv=_without_secrets(located.source.argv))
    return replace(located, source=source)


def _without_secrets(argv: tuple[str, ...]) -> tuple[str, ...]:
    """A record holds no secrets: `--api-key X` travels as `--api-key ***`."""
    shown: list[str] = []
    for before, word in zip(("", *argv), argv, strict=False):
        name, equals, _ = word.partition("=")
        if word.startswith("-"):  # an option, so the one before it was a flag
            is_hidden = equals and params.is_secret(name)
            shown.append(f"{name}=***" if is_hidden else word)
        else:
            is_value = before.startswith("--") and "=" not in before
            shown.append("***" if is_value and params.is_secret(before) else word)
    return tuple(shown)


def _stop_this_process(why: str) -> None:
    """The same way as a SIGTERM from outside: the script can clean up after itself."""
    import signal  # noqa: PLC0415 - weight

    print(f"Elsewhere: this script is being stopped: {why}", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)


def _deliver_dead(store: RedisStore, settings: Settings, upload: Uploader) -> None:
    try:
        deliver_dead(store, settings.home, upload)
    except ElsewhereError as error:
        print(f"Elsewhere: an earlier session is not delivered yet. {error}", file=sys.stderr)


def _announce(record: TaskRecord) -> None:
    lines = [f"task {record.id} {record.name!r} in project {record.project!r}"]
    lines += [seed.announcement(record.seed)] if record.seed is not None else []
    for line in lines:
        print(f"Elsewhere: {line}", file=sys.stderr)


def _project_name(source: Source) -> str:
    last = source.repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return last if len(last) > 2 else "Untitled"


def _script_name(source: Source) -> str:
    name = source.module or Path(source.entry_point).stem
    return name if len(name) > 2 else f"script {name}".strip()


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container that runs as a user without a name
        return str(os.getuid())

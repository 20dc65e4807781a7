"""The beginning of a run: on a laptop a new task, in a sandbox the one that waits there."""

from __future__ import annotations

import os
import pwd
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts import DEFAULT_PLACE, uploader
from elsewhere.capture.wishes import NO_WISHES
from elsewhere.core import names
from elsewhere.core.choices import Status, TaskType
from elsewhere.core.clock import now_at
from elsewhere.core.errors import (
    CaptureError,
    ElsewhereError,
    StorageError,
    TransitionError,
    UsageError,
)
from elsewhere.core.folders import RunFolder
from elsewhere.core.notes import SessionSpec, read_runner, write_runner
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Source, TaskRecord
from elsewhere.core.say import say
from elsewhere.core.secrets import hide_arguments
from elsewhere.delivery.sessions import Session, deliver_dead, only_one
from elsewhere.hooks.launch import LAUNCH
from elsewhere.offline import OfflineSession, refuse
from elsewhere.report.reporter import Reporter
from elsewhere.report.resources import Monitor
from elsewhere.report.streams import Tee
from elsewhere.run import seed
from elsewhere.run.capturing import Capturing
from elsewhere.run.carriers import AgentCarrier, ChildCarrier, LocalCarrier
from elsewhere.run.membership import lead, read_task, run_folder
from elsewhere.run.previous import Last, Previous, choose
from elsewhere.run.process_end import Endings
from elsewhere.run.run import Run
from elsewhere.storage import check, file_url
from elsewhere.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.capture.repository import Located
    from elsewhere.capture.wishes import Wishes
    from elsewhere.core.settings import Settings
    from elsewhere.run.auto_connect import Connections
    from elsewhere.run.carriers import Carrier
    from elsewhere.store.api import TaskStore

#: a task of these may be run by hand
_SIMULATED: Final = (Status.CREATED, Status.STOPPED, Status.FAILED, Status.COMPLETED)


def attach(settings: Settings, folder: RunFolder, connections: Connections) -> Run:
    """Begins an agent's run: nothing is captured or teed, and the record's parameters count."""
    run = _run(settings, read_task(folder), folder, AgentCarrier(folder), is_remote=True)
    _connect(run, connections)
    run.when_over(lead(run.folder))
    run.unwatch = Endings(run.end_with_process).detach
    return run


def join(settings: Settings, folder: RunFolder, connections: Connections) -> Run:
    """Begins the run of a process that the task's own has started, as a part of that task."""
    is_remote = run_folder() is not None
    carrier: Carrier = AgentCarrier(folder)
    if not is_remote:
        carrier = ChildCarrier(folder, settings, OfflineSession.around(folder))
    run = _run(settings, read_task(folder), folder, carrier, is_remote=is_remote)
    _connect(run, connections)
    return run


def begin(
    settings: Settings,
    *,
    project: str | None,
    name: str | None,
    task_type: TaskType,
    tags: Sequence[str],
    seed_of_task: int | None,
    output_uri: str | bool | None,
    reuse: bool | str,
    continues: bool | str | int,
    connections: Connections,
    wishes: Wishes = NO_WISHES,
    offline: OfflineSession | None = None,
) -> Run:
    """Begins the task of this script: a new one, or the one that it was the last time.

    `offline` is the session that takes the reports in place of the store. Raises UsageError,
    StoreUnavailableError, TransitionError for a task that cannot be continued, and StorageError
    when the disk takes no reports, or `output_uri` no artifacts.
    """
    located = _locate(settings, in_repository=connections.finds_repository)
    source = located.source if not isinstance(located, CaptureError) else Source()
    record = TaskRecord(
        id=offline.task_id if offline is not None else names.new_id(),
        name=names.checked_name("task", name or _script_name(source)),
        project=names.checked_name("project", project or _project_name(source)),
        type=task_type,
        tags=tuple(tags),
        comment=f"Created on {os.uname().nodename} by {_user()}",
        source=replace(source, missing="Its code has not been captured to the end."),
        seed=seed_of_task,
        output_uri=_place(settings, output_uri, is_tried=offline is None),
        created_at=now_at(),
        has_marked_edits=True,
    )
    if offline is not None and not (continues is False and isinstance(reuse, bool)):
        raise refuse()
    store: TaskStore = open_store(settings) if offline is None else offline.begin()
    last, within_s = Last(settings.home, store, record), settings.reuse_within_h * 3600
    previous = choose(store, record, last.read(within_s), reuse=reuse, continues=continues)
    try:
        record, folder = _taken(settings, store, record, previous, offline)
    except TransitionError:
        if previous is None or previous.continues_at is not None:
            raise
        previous = None  # another script was faster
        record, folder = _taken(settings, store, record, previous, offline)
    if offline is None:
        last.write(record.id, within_s)
    capturing = Capturing(settings, store, record.id, located, wishes)
    capturing.start()
    notice = previous.notice if previous is not None else ""
    return _carried(
        settings, store, record, folder, connections, notice, capturing=capturing, offline=offline
    )


def simulate(settings: Settings, task_id: str, connections: Connections) -> Run:
    """Runs the task `task_id` in this process, with its values in place of the script's.

    Raises NotFoundError, StoreUnavailableError, and TransitionError where its status forbids it.
    """
    store = open_store(settings)
    record, state = store.read(task_id), store.state(task_id)
    folder = settings.home.session(task_id, _next(settings, task_id, state.attempt))
    folder = _claimed(settings, store, record, folder, _SIMULATED, lambda: None)
    return _carried(
        settings, store, record, folder, connections, "it is run here, as if by an agent"
    )


def _carried(
    settings: Settings,
    store: TaskStore,
    record: TaskRecord,
    folder: RunFolder,
    connections: Connections,
    notice: str,
    *,
    capturing: Capturing | None = None,
    offline: OfflineSession | None = None,
) -> Run:
    """The run of a task that this process has claimed, with all that goes on beside the script.

    `notice` is a line for the person about what the task was before; empty for a new one.
    """
    upload = uploader(settings.output_uri or str(settings.home.storage))
    session = Session(
        store,
        folder,
        worker=_worker(),
        lease_s=settings.lease_s,
        upload=upload if offline is None else offline.keep,
        when_stopped=_stop_this_process,
        leave=None if offline is None else offline.leave,
    )
    carrier = LocalCarrier(session, folder, store, capturing=capturing, offline=offline)
    is_simulated = capturing is None
    if is_simulated:  # the command line here is not the task's: all of its parameters count
        record = replace(record, has_marked_edits=False)
    run = _run(settings, record, folder, carrier, is_remote=is_simulated)
    session.start()
    run.unwatch = Endings(run.end_with_process).detach
    if connections.streams:
        run.when_over(Tee(folder.output, connections.streams).detach)
    run.when_over(lead(run.folder))
    _announce(record, notice)
    if offline is None:
        threading.Thread(
            target=_deliver_dead, args=(store, settings, upload), name="elsewhere-dead", daemon=True
        ).start()
    if connections.has_resources:
        first_s = connections.first_report_s
        monitor = Monitor(run.record) if first_s is None else Monitor(run.record, first_s=first_s)
        monitor.start()
        run.when_over(monitor.stop)
    _connect(run, connections)
    return run


def _run(
    settings: Settings, record: TaskRecord, folder: RunFolder, carrier: Carrier, *, is_remote: bool
) -> Run:
    return Run(settings, record, folder, Reporter(folder.journal), carrier, is_remote=is_remote)


def _connect(run: Run, connections: Connections) -> None:
    if run.task_record.seed is not None:
        run.when_over(seed.fix(run.task_record.seed))
    run.when_over(connections.attach(run))


def _worker() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


def _taken(
    settings: Settings,
    store: TaskStore,
    new: TaskRecord,
    previous: Previous | None,
    offline: OfflineSession | None,
) -> tuple[TaskRecord, RunFolder]:
    """Claims the task `new`, or the previous one; returns its record and its folder."""
    if previous is None:
        folder = settings.home.session(new.id, 1) if offline is None else offline.run
        write = partial(store.create, new)
        return new, _claimed(settings, store, new, folder, (Status.CREATED,), write)
    record = previous.as_new(new)
    folder = settings.home.session(record.id, _next(settings, record.id, previous.attempt))
    allowed = Status.CREATED if previous.continues_at is None else previous.status
    write = partial(previous.write, store, record)
    return record, _claimed(settings, store, record, folder, (allowed,), write)


def _next(settings: Settings, task_id: str, attempt: int) -> int:
    """The number behind `attempt`, the last one that the store knows, and behind those of attempts
    that have left a folder here: a store that was restored may have lost them."""
    number, home = attempt + 1, settings.home
    while home.run(task_id, number).path.exists() or _is_left(home.session(task_id, number)):
        number += 1
    return number


def _claimed(
    settings: Settings,
    store: TaskStore,
    record: TaskRecord,
    folder: RunFolder,
    allowed: Collection[Status],
    write: Callable[[], None],
) -> RunFolder:
    """Makes the folder, calls `write` for the task, begins the attempt. Raises TransitionError
    when another script has begun one meanwhile, or the status is not in `allowed`."""
    try:
        settings.home.ensure()
        folder.create()
        with only_one(folder) as is_ours:
            is_ours = is_ours and not _is_used(folder)
            if is_ours:
                spec = SessionSpec(record=record, store=store.identity(), worker=_worker())
                spec.write(folder)
                write_runner(folder)
    except OSError as error:
        raise StorageError(
            f"The reports of this script cannot be kept in {settings.home.path}: {error}. Make room"
            " there, or set ELSEWHERE_HOME to another folder."
        ) from error
    if not is_ours:
        raise TransitionError(f"Task {record.id} cannot be started: another script is starting it.")
    try:
        write()
        claim = store.claim(
            record.id,
            worker=_worker(),
            token=names.new_id(),
            lease_s=settings.lease_s,
            allowed=allowed,
            above=folder.attempt - 1,
        )
        if not claim.attempt:
            raise TransitionError(f"Task {record.id} cannot be started: it is {claim.status}.")
    except TransitionError:
        folder.remove()
        raise
    if claim.attempt == folder.attempt:
        return folder
    # The reset has counted the attempt on, to fence off an owner that may still write.
    right = settings.home.session(record.id, claim.attempt)
    return RunFolder(folder.path.rename(right.path))


def _is_used(folder: RunFolder) -> bool:
    """Whether another process, which may still run, has begun the same attempt."""
    owner = read_runner(folder)
    if owner is None or owner == ProcessIdentity.of():
        return False
    return owner.is_alive() or not owner.is_here


def _is_left(folder: RunFolder) -> bool:
    """Whether a process that is dead now has begun the same attempt."""
    owner = read_runner(folder)
    return owner is not None and owner.is_here and not owner.is_alive()


def _place(settings: Settings, output_uri: object, *, is_tried: bool) -> str:
    """The record's `output_uri`, written to if `is_tried`. Raises UsageError, StorageError."""
    if output_uri is False or (output_uri is None and not settings.output_uri):
        return ""
    if output_uri is None or output_uri is True:
        if settings.output_uri and is_tried:
            check(settings.output_uri)
        return settings.output_uri or DEFAULT_PLACE
    if not isinstance(output_uri, str) or not output_uri.strip():
        raise UsageError(
            f"output_uri cannot be {output_uri!r:.80}: it takes a folder, a URL, True or False."
        )
    uri = output_uri.strip()
    if is_tried:
        check(uri)
    return uri if "://" in uri else file_url(Path(uri))


def _locate(settings: Settings, *, in_repository: bool) -> Located | CaptureError:
    from elsewhere.capture.repository import locate  # noqa: PLC0415 - weight
    from elsewhere.capture.script import Script  # noqa: PLC0415

    try:
        located = locate(
            Script.running(Path(LAUNCH.folder) if LAUNCH.folder else None),
            local_remotes_are_shared=settings.local_remotes_are_shared,
            in_repository=in_repository,
        )
    except CaptureError as error:
        return error
    source = replace(located.source, argv=hide_arguments(located.source.argv))
    return replace(located, source=source)


def _stop_this_process(why: str) -> None:
    """Stops this process by SIGTERM, as from outside: the script can clean up after itself."""
    import signal  # noqa: PLC0415 - weight

    say(f"this script is being stopped: {why}")
    os.kill(os.getpid(), signal.SIGTERM)


def _deliver_dead(store: TaskStore, settings: Settings, upload: Uploader) -> None:
    try:
        deliver_dead(store, settings.home, upload)
    except ElsewhereError as error:
        say(f"an earlier session is not delivered yet. {error}")


def _announce(record: TaskRecord, notice: str) -> None:
    lines = [f"task {record.id} {record.name!r} in project {record.project!r}"]
    lines += [notice] if notice else []
    lines += [seed.announcement(record.seed)] if record.seed is not None else []
    for line in lines:
        say(line)


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

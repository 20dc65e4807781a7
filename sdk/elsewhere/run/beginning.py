"""The beginning of a run where somebody starts its script: a new task, or one that goes on."""

from __future__ import annotations

import os
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
    TransitionError,
    UsageError,
)
from elsewhere.core.folders import RunFolder
from elsewhere.core.imported import modules
from elsewhere.core.process import user_name
from elsewhere.core.records import Source, TaskRecord
from elsewhere.core.say import say
from elsewhere.delivery.sessions import Session, deliver_dead
from elsewhere.hooks.launch import LAUNCH
from elsewhere.offline import Nowhere, OfflineSession, refuse
from elsewhere.report.console import Console
from elsewhere.report.resources import Monitor
from elsewhere.report.usage.host import HostUse
from elsewhere.run import interactive, seed
from elsewhere.run.capturing import Capturing, with_hidden_words
from elsewhere.run.carriers import LocalCarrier
from elsewhere.run.claiming import claim, next_number, take, this_worker
from elsewhere.run.joining import connect, join_first, new_run
from elsewhere.run.membership import lead
from elsewhere.run.previous import Last, choose
from elsewhere.run.process_end import Endings
from elsewhere.run.ranks import Rank
from elsewhere.storage import check, file_url
from elsewhere.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.capture.repository import Located
    from elsewhere.capture.wishes import Wishes
    from elsewhere.core.settings import Settings
    from elsewhere.run.auto_connect import Connections
    from elsewhere.run.run import Run
    from elsewhere.store.api import TaskStore

#: a task of these may be run by hand
_SIMULATED: Final = (Status.CREATED, Status.STOPPED, Status.FAILED, Status.COMPLETED)


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
    loaded = modules()
    rank, notice = Rank.of_this_process(), ""
    if rank is not None and not rank.is_first:
        folder = rank.await_task()
        if folder is not None:
            return join_first(settings, folder, connections, rank)
        offline, reuse, continues = Nowhere.new(settings.home), False, False
        notice = (
            f"rank {rank.number} belongs to no task, and what it reports is kept nowhere: rank 0 is"
            f" {'on another machine' if rank.machine else 'no task now'}."
        )
        located: Located | CaptureError = CaptureError(notice)
    else:
        located = _locate(settings, in_repository=connections.finds_repository)
    source = located.source if not isinstance(located, CaptureError) else Source()
    record = TaskRecord(
        id=offline.task_id if offline is not None else names.new_id(),
        name=names.checked_name("task", name or names.name_of(source.module or source.entry_point)),
        project=names.checked_name("project", project or names.project_of(source.repository)),
        type=task_type,
        tags=tuple(tags),
        comment=f"Created on {os.uname().nodename} by {user_name()}",
        source=replace(source, missing="Its code has not been captured to the end."),
        seed=seed_of_task,
        output_uri=_place(settings, output_uri, is_tried=offline is None),
        user=user_name(),
        created_at=now_at(),
        has_marked_edits=True,
    )
    if offline is not None and not (continues is False and isinstance(reuse, bool)):
        raise refuse()
    store: TaskStore = open_store(settings) if offline is None else offline.begin()
    restarted = rank.previous() if rank is not None and offline is None else None
    if restarted is not None:
        _deliver_dead(store, settings, _upload(settings))  # the rank before may have been killed
        reuse, continues = restarted, 0
        notice = "its launcher has started all ranks anew, and it goes on"
    last, within_s = Last(settings.home, store, record), settings.reuse_within_h * 3600
    previous = choose(store, record, last.read(within_s), reuse=reuse, continues=continues)
    try:
        record, folder = take(settings, store, record, previous, offline)
    except TransitionError:
        if previous is None or previous.continues_at is not None:
            raise
        previous = None  # another script was faster
        record, folder = take(settings, store, record, previous, offline)
    if offline is None:
        last.write(record.id, within_s)
    is_notebook = not isinstance(located, CaptureError) and located.script.notebook is not None
    again = partial(_locate, settings, in_repository=connections.finds_repository)
    capturing = Capturing(
        settings, store, record.id, located, wishes, loaded, again if is_notebook else None
    )
    capturing.start()
    notice = notice or (previous.notice if previous is not None else "")
    run = _carried(
        settings, store, record, folder, connections, notice, capturing=capturing, offline=offline
    )
    if rank is not None and rank.is_first:
        rank.announce(run.folder)
        run.await_ranks = rank.await_others
    return run


def simulate(settings: Settings, task_id: str, connections: Connections) -> Run:
    """Runs the task `task_id` in this process, with its values in place of the script's.

    Raises NotFoundError, StoreUnavailableError, and TransitionError where its status forbids it.
    """
    store = open_store(settings)
    record, state = store.read(task_id), store.state(task_id)
    folder = settings.home.session(task_id, next_number(settings, task_id, state.attempt))
    folder = claim(settings, store, record, folder, _SIMULATED, lambda: None)
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
    upload = _upload(settings)

    def stop(why: str) -> None:
        if not interactive.stop_cell(run, why):
            _stop_this_process(why)

    session = Session(
        store,
        folder,
        worker=this_worker(),
        lease_s=settings.lease_s,
        upload=upload if offline is None else offline.keep,
        when_stopped=stop,
        leave=None if offline is None else offline.leave,
    )
    carrier = LocalCarrier(session, folder, store, capturing=capturing, offline=offline)
    is_simulated = capturing is None
    if is_simulated:  # the command line here is not the task's: all of its parameters count
        record = replace(record, has_marked_edits=False)
    run = new_run(settings, record, folder, carrier, is_remote=is_simulated)
    if capturing is not None:
        run.hide_words = capturing.hide_words
    session.start()
    run.unwatch = Endings(run.end_with_process).detach
    if streams := interactive.follow(run, connections.streams):
        console = Console(folder.output, streams, run.known_secrets)
        run.flush_output = console.flush
        run.when_over(console.detach)
    run.when_over(lead(run.folder))
    if isinstance(offline, Nowhere):
        say(notice)
    else:
        _announce(record, notice)
    if offline is None:
        threading.Thread(
            target=_deliver_dead, args=(store, settings, upload), name="elsewhere-dead", daemon=True
        ).start()
    if connections.monitor_note.is_on:
        _monitor(run, connections)
    connect(run, connections)
    return run


def _monitor(run: Run, connections: Connections) -> None:
    # Scripts set the variable in their first lines, before or behind Task.init.
    use = HostUse(os.getpid(), visible=lambda: os.environ.get("CUDA_VISIBLE_DEVICES"))
    first_s, note = connections.first_report_s, connections.monitor_note
    monitor = Monitor(run.record, use, first_s=first_s, options=lambda: note)
    monitor.start()
    run.when_over(use.close)
    run.when_over(monitor.stop)


def _upload(settings: Settings) -> Uploader:
    return uploader(settings.output_uri or str(settings.home.storage))


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
    return replace(located, source=with_hidden_words(located.source))


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

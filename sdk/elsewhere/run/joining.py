"""Joining a task that another process is: one that it has started, or a rank beside the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.choices import Reason, Status
from elsewhere.core.clock import now_at
from elsewhere.core.events import Verdict
from elsewhere.core.folders import run_folder
from elsewhere.offline import OfflineSession
from elsewhere.report.reporter import Reporter
from elsewhere.run import seed
from elsewhere.run.carriers import AgentCarrier, ChildCarrier
from elsewhere.run.membership import lead, read_task
from elsewhere.run.process_end import Endings
from elsewhere.run.run import Run

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Outcome, TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere.run.auto_connect import Connections
    from elsewhere.run.carriers import Carrier
    from elsewhere.run.ranks import Rank


def join(settings: Settings, folder: RunFolder, connections: Connections) -> Run:
    """Begins the run of a process that the task's own has started, as a part of that task."""
    is_remote = run_folder() is not None
    carrier: Carrier = AgentCarrier(folder)
    if not is_remote:
        carrier = ChildCarrier(folder, settings, OfflineSession.around(folder))
    run = new_run(settings, read_task(folder), folder, carrier, is_remote=is_remote)
    connect(run, connections)
    return run


def join_first(settings: Settings, folder: RunFolder, connections: Connections, rank: Rank) -> Run:
    """Begins the run of a rank beside the first one, as a part of that one's task."""
    run = join(settings, folder, connections)
    run.when_over(lead(run.folder))
    if not run.is_remote:
        run.when_over(rank.close)

        def end(outcome: Outcome) -> None:
            if outcome.reason is Reason.PROGRAM_FAILED:  # its launcher then stops the others
                message = f"Rank {rank.number}: {outcome.message}"
                run.record(Verdict(status=Status.FAILED, message=message, at=now_at()))
            run.end(outcome)

        run.unwatch = Endings(end, handles_sigterm=False).detach
    return run


def new_run(
    settings: Settings, record: TaskRecord, folder: RunFolder, carrier: Carrier, *, is_remote: bool
) -> Run:
    """The run of the task of `record`, which reports into `folder`."""
    return Run(settings, record, folder, Reporter(folder.journal), carrier, is_remote=is_remote)


def connect(run: Run, connections: Connections) -> None:
    """Fixes the seed of the task, and attaches its hooks."""
    if run.task_record.seed is not None:
        run.when_over(seed.fix(run.task_record.seed))
    run.when_over(connections.attach(run))

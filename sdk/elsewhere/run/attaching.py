"""The beginning of a run where an agent starts its program: the task waits in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.choices import Reason
from elsewhere.core.notes import MonitorNote
from elsewhere.core.say import say
from elsewhere.hooks.launch import LAUNCH
from elsewhere.run.carriers import AgentCarrier
from elsewhere.run.joining import connect, join_first, new_run
from elsewhere.run.membership import lead, read_task
from elsewhere.run.process_end import Endings
from elsewhere.run.ranks import Rank

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Outcome, TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere.run.auto_connect import Connections
    from elsewhere.run.run import Run


def attach(settings: Settings, folder: RunFolder, connections: Connections) -> Run:
    """Begins an agent's run: nothing is captured or teed, and the record's parameters count."""
    rank = Rank.of_this_process()
    if rank is not None and not rank.is_first:
        return join_first(settings, folder, connections, rank)
    run = new_run(settings, read_task(folder), folder, AgentCarrier(folder), is_remote=True)
    connect(run, connections)
    run.when_over(lead(run.folder))
    if connections.monitor_note != MonitorNote():
        _leave_note(connections.monitor_note, folder)

    def end(outcome: Outcome) -> None:
        if outcome.reason is Reason.COMPLETED:
            _name_unread(run.task_record)
        run.end_with_process(outcome)

    run.unwatch = Endings(end).detach
    return run


def _leave_note(note: MonitorNote, folder: RunFolder) -> None:
    try:
        note.write(folder)
    except OSError as error:
        say(f"resources are monitored as usual, since their choice cannot be written: {error}")


def _name_unread(record: TaskRecord) -> None:
    """Names the edits of a command line that no parser has read: their names may be misspelt. Those
    of a program that this one has started, `Args/<program>/...`, are read there."""
    unread = [
        name
        for name, one in record.parameters.items()
        if one.is_edit and record.has_marked_edits and name not in LAUNCH.read
        if name.startswith("Args/")
        if name.count("/") == 1 or name.rpartition("/")[0] in record.parameters
    ]
    if unread:
        say(f"no parser of this run has read {', '.join(sorted(unread))}: the edit changes nothing")

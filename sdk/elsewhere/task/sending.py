"""Sending a task to a queue, where it waits for an agent: this script's own, or another one."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from elsewhere.core.errors import UsageError
from elsewhere.core.say import say
from elsewhere.core.secrets import HiddenWord, hidden_words, hide_arguments
from elsewhere.hooks.launch import LAUNCH
from elsewhere.run.ranks import Rank
from elsewhere.store.queues import Queues
from elsewhere.task import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.run.run import Run
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


def send(run: Run, queue: str | None, *, is_clone: bool, is_last: bool) -> str:
    """Hands this script's task, or a copy of it, over to `queue`, or makes it a draft for None;
    returns the id of that task. `is_last`: the script ends with this, in all ranks of a launch.

    The whole code is put into the store before anything changes: when that fails with CaptureError,
    the script goes on. Raises UsageError where a thread would end the script, and NotFoundError for
    an unknown queue.
    """
    if is_last and threading.current_thread() is not threading.main_thread():
        raise UsageError(
            "execute_remotely ends the script, which a thread cannot: call it from the main thread,"
            " or with clone=True and exit_process=False."
        )
    rank = Rank.of_this_process()
    if rank is None:
        return _send(run, queue, is_clone=is_clone)
    ends_launch = is_last and LAUNCH.job is None
    end_others = rank.end_others if ends_launch else None
    task_id = rank.share(lambda: _send(run, queue, is_clone=is_clone, end_others=end_others))
    if ends_launch and rank.is_first:
        rank.stop_others()
    return str(task_id)


def _send(
    run: Run, queue: str | None, *, is_clone: bool, end_others: Callable[[], None] | None = None
) -> str:
    store, queues = run.store, Queues(run.store)
    if queue is not None:
        queues.check(queue)
    for warning in run.carrier.capture_whole():
        say(warning)
    run.flush(wait=True)
    if end_others is not None:
        end_others()
    task_id = run.task_record.id
    source = store.read(task_id).source
    if LAUNCH.job is not None:
        source = replace(source, argv=hide_arguments(LAUNCH.job))
        store.edit(task_id, source=source)
    for word in hidden_words(source.argv):
        say(not_travelling(word))
    if is_clone:
        task_id = stored.clone(store, task_id)
    else:
        run.hand_over("It goes on elsewhere." if queue is not None else "It was made a draft.")
    _enqueue(queues, task_id, queue)
    return task_id


def send_other(store: TaskStore, task_id: str, queue: str | None, *, is_clone: bool) -> str:
    """Enqueues another task, which may have run, or a copy of it; returns its id. Nothing ends
    here. Raises UsageError without a queue, NotFoundError, and TransitionError."""
    if not queue:
        raise UsageError(
            f"execute_remotely needs a queue here, since task {task_id} is not this script's"
            " own: give queue_name."
        )
    queues = Queues(store)
    queues.check(queue)
    logger.warning(
        "Task %s is not this script's own: it is sent, and this script goes on.", task_id
    )
    sent = stored.clone(store, task_id) if is_clone else task_id
    _enqueue(queues, sent, queue)
    return sent


def not_travelling(word: HiddenWord) -> str:
    """The sentence on a secret of the command line, and what to do."""
    if not word.option:
        return (
            f"The argument {word.number + 1} of the command line is a secret and does not travel,"
            " so the task cannot run elsewhere. Give it by an option or an environment variable."
        )
    return (
        f"The value of {word.option} is a secret and does not travel. Elsewhere it is that of the"
        f" environment variable {word.variable}, which the agent must have and pass on:"
        f' agent.pass_environment = ["{word.variable}"].'
    )


def _enqueue(queues: Queues, task_id: str, queue: str | None) -> None:
    if queue is None:
        say(f"task {task_id} is a draft: it can be enqueued")
        return
    queues.enqueue(task_id, queue)
    say(f"task {task_id} waits in queue {queue!r}")

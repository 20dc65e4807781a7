"""One task, here and now: claimed without a queue, run as the daemon would, followed to its end."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO, Final

from elsewhere.artifacts import uploader
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import (
    ElsewhereError,
    RecordError,
    TransitionError,
    UsageError,
)
from elsewhere.core.folders import open_plain
from elsewhere.core.notes import Stop, read_outcome
from elsewhere.core.records import Outcome
from elsewhere.core.wording import why
from elsewhere.store import store_url
from elsewhere.store.agents import registered_agents
from elsewhere.store.queues import Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.configuration import worker_settings
from elsewhere_agent.folder import AgentFolder
from elsewhere_sandbox.slot import Slot
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.owner import Owner
from elsewhere_worker.supervision import Supervision

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.settings import Settings
    from elsewhere.store.api import Listener
    from elsewhere_agent.configuration import AgentSettings
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: the statuses that `execute` takes: all but running and published
_ALLOWED: Final = (
    Status.CREATED,
    Status.QUEUED,
    Status.STOPPED,
    Status.FAILED,
    Status.COMPLETED,
)
#: seconds between two looks at the output
_LOOK_S: Final = 0.05
#: seconds to wait after the store could not be reached
_RETRY_S: Final = 1.0
_PIECE_BYTES: Final = 1 << 16


def execute(settings: Settings, agent: AgentSettings, wanted: str) -> int:
    """Runs the task, its output on the standard output. Ctrl-C and SIGTERM stop it by the ladder.
    `wanted` is its id, or the beginning of its id.

    The exit code is the program's; 128 + n when signal n ended it, 3 when it could not be set up,
    124 after its time limit, 130 or 143 when a signal ended this process, 1 otherwise. Raises
    NotFoundError, and TransitionError for a task that runs already.
    """
    settings.home.ensure()
    url = store_url(settings)
    store = RedisStore(connect(url))
    queues = Queues(store)
    config = worker_settings(settings, agent, url)
    task_id = find_task(store, wanted)
    folder = _claim(store, config, task_id)
    launcher = HostLauncher()
    supervision = Supervision(
        folder,
        slot=Slot(),
        settings=config,
        store=store,
        queues=queues,
        launcher=launcher,
        upload=uploader(config.policy.output_uri),
        when_over=lambda _: None,
    )
    signals = _Signals()
    supervision.start()
    threading.Thread(
        target=_renew, args=(supervision, store, config), name="renew", daemon=True
    ).start()
    _follow(folder, supervision, signals)
    launcher.close()
    outcome = read_outcome(folder) or store.state(task_id).outcome
    if outcome is None:
        return signals.code or 1
    if outcome.reason is not Reason.COMPLETED or outcome.message:
        print(f"Task {task_id}: {why(outcome)}. {outcome.message}", file=sys.stderr)
    return _exit_code(outcome, signals)


class _Signals:
    """Notes each SIGINT and SIGTERM from now on: their number, and the exit code."""

    def __init__(self) -> None:
        self.times = 0
        self.code = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: object) -> None:
        self.times += 1
        self.code = 128 + number


def _claim(store: RedisStore, settings: WorkerSettings, task_id: str) -> RunFolder:
    machine = AgentFolder.of(settings.home, settings.name).create().id()
    for other in registered_agents(store.redis):
        if other.name == settings.name and other.machine != machine:
            raise UsageError(
                f"An agent named {other.name!r} runs on {other.host!r} with the home {other.home}:"
                " set agent.name to another one for this home, to tell their tasks apart."
            )
    before = store.state(task_id)
    claim = store.claim(
        task_id,
        worker=settings.name,
        token=secrets.token_hex(16),
        lease_s=settings.lease_s,
        allowed=_ALLOWED,
        above=settings.home.highest_attempt(task_id),
    )
    if not claim.attempt:
        raise TransitionError(
            f"Task {task_id} cannot be executed: it is {claim.status}. It must be one of"
            f" {', '.join(sorted(_ALLOWED))}."
        )
    if before.status.is_final:
        name = title(store, task_id)
        say(f"Task {name} was {before.status}: attempt {claim.attempt} of it begins.", "agent")
    # By the name of this machine's agent: if this process is killed, the daemon resumes the task.
    # If the daemon starts earlier, both processes carry the same bytes to the same offsets.
    owner = Owner(worker=settings.name, store=store.identity())
    try:
        return owner.take(settings.home.run(task_id, claim.attempt))
    except OSError as error:
        message = f"The run cannot be prepared on this machine: {error}."
        outcome = Outcome(reason=Reason.SETUP_FAILED, phase="claim", message=message)
        store.finish(task_id, claim.attempt, outcome)
        raise TransitionError(f"Task {task_id} is not run. {message}") from error


def _renew(supervision: Supervision, store: RedisStore, settings: WorkerSettings) -> None:
    """Keeps the lease and learns of a stop, until the supervision is over."""
    listener: Listener | None = None
    while supervision.is_alive():
        try:
            listener = listener or store.listen(keys.agent(settings.name))
            supervision.renew()
            listener.wait(settings.renew_s)
        except ElsewhereError as error:
            logger.debug("%s", error)
            listener = None
            supervision.join(_RETRY_S)


def _follow(folder: RunFolder, supervision: Supervision, signals: _Signals) -> None:
    """Follows until all is delivered or, after a second signal, until the program has ended."""
    offset, is_stopping = 0, False
    while supervision.is_alive():
        supervision.join(_LOOK_S)
        offset = _copy(folder, offset, sys.stdout.buffer)
        if signals.times and not is_stopping:
            is_stopping = True
            print("Stopping the task.", file=sys.stderr)
            supervision.stop_task(Stop())
        if signals.times > 1 and folder.exit.exists():
            supervision.leave()
    _copy(folder, offset, sys.stdout.buffer)


def _copy(folder: RunFolder, offset: int, target: BinaryIO) -> int:
    """Copies the output since the offset; returns the new offset."""
    try:
        with open_plain(folder.output) as file:
            file.seek(offset)
            while piece := file.read(_PIECE_BYTES):
                target.write(piece)
                offset += len(piece)
    except (FileNotFoundError, RecordError):  # the program may have put something else there
        return offset
    target.flush()
    return offset


def _exit_code(outcome: Outcome, signals: _Signals) -> int:
    if outcome.reason is Reason.COMPLETED:
        return 0
    if signals.code:
        return signals.code
    if outcome.reason is Reason.SETUP_FAILED:
        return 3
    if outcome.reason is Reason.TIMED_OUT:
        return 124
    if outcome.signal is not None:
        return 128 + outcome.signal
    return outcome.exit_code or 1

"""The daemon: one agent's process, from its lock to its end. Its tasks outlive it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from importlib import metadata
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts import uploader
from elsewhere.core.clock import now_at
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.secrets import hide_passwords
from elsewhere.delivery.sessions import deliver_dead
from elsewhere.store import store_url
from elsewhere.store.agents import AgentRecord
from elsewhere.store.queues import Queues
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.configuration import worker_settings
from elsewhere_agent.folder import AgentFolder
from elsewhere_agent.watch import StoreWatch
from elsewhere_sandbox.errors import SetupError
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.registration import Registration
from elsewhere_worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from elsewhere.core.folders import Home
    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings
    from elsewhere_agent.docker_settings import DockerSettings

logger = logging.getLogger(__name__)

#: signal -> whether the tasks are to be stopped, too
_ENDS: Final = {signal.SIGTERM: False, signal.SIGINT: False, signal.SIGQUIT: True}
#: seconds between two looks for a store that has not been started yet
_AGAIN_S: Final = 0.5


class Daemon:
    """Runs one agent; call `run` in the main thread."""

    def __init__(self, settings: Settings, agent: AgentSettings) -> None:
        self._settings = settings
        self._agent = agent
        self._folder = AgentFolder.of(settings.home, agent.name)

    def run(self, when_up: Callable[[str], None]) -> None:
        """Runs until a signal: SIGTERM or SIGINT leave its tasks running, SIGQUIT stops them.

        `when_up` is called with "" once it takes tasks; before that with a sentence, if it waits
        for a store that has not been started yet. Raises AlreadyRunningError at once, and
        StoreUnavailableError for another reason within a few seconds.
        """
        self._settings.home.ensure()
        for number in _ENDS:
            signal.signal(number, _end_at_once)
        try:
            self._run(when_up)
        except _EndedError as error:
            logger.info("%s: this agent ends", error)

    def _run(self, when_up: Callable[[str], None]) -> None:
        with self._folder.held():
            url, redis = self._connected(when_up)
            store = RedisStore(redis)
            registration = Registration(connect(url), self._record())
            config = worker_settings(self._settings, self._agent, url)
            upload = uploader(config.policy.output_uri)
            if self._agent.docker.enabled:
                _prepare_containers(self._agent.docker, self._settings.home)

            def deliver_sessions() -> None:
                deliver_dead(store, self._settings.home, upload)

            worker = Worker(
                config,
                store,
                Queues(store),
                HostLauncher(),
                registration,
                upload,
                deliver_sessions,
                lambda: self._up(url, when_up),
            )
            watch = StoreWatch(self._settings, store, worker.troubles)
            watch.start()
            _end_by_signal(worker)
            worker.run()
            watch.end()
            # The store stays open: the worker's threads look at it as long as this process lives.
            logger.info("agent %r has ended", self._agent.name)

    def _connected(self, when_up: Callable[[str], None]) -> tuple[str, Redis]:
        """The store's URL and a connection. Waits for a configured store that may come."""
        is_waiting = False
        while True:
            url = store_url(self._settings)
            try:
                return url, connect(url)
            except StoreUnavailableError as error:
                if not (error.may_come and self._settings.redis_url):
                    raise
                if not is_waiting:
                    sentence = f"The agent {self._agent.name!r} waits for its store. {error}"
                    logger.warning("%s", sentence)
                    when_up(sentence)
                is_waiting = True
            time.sleep(_AGAIN_S)

    def _up(self, url: str, when_up: Callable[[str], None]) -> None:
        agent = self._agent
        logger.info(
            "agent %r is up: process %d, store %s, queues %s, slots %d",
            *(agent.name, os.getpid(), hide_passwords(url), ", ".join(agent.queues), agent.slots),
        )
        when_up("")

    def _record(self) -> AgentRecord:
        return AgentRecord(
            name=self._agent.name,
            machine=self._folder.id(),
            host=socket.gethostname(),
            pid=os.getpid(),
            home=str(self._settings.home.path),
            version=metadata.version("elsewhere"),
            queues=self._agent.queues,
            slots=self._agent.slots,
            started_at=now_at(),
            serves_files=True,
        )


def _prepare_containers(docker: DockerSettings, home: Home) -> None:
    """Removes the containers that a crash has left. An engine that is away may come: each task
    looks for it."""
    from elsewhere_sandbox.containers.engine import place  # noqa: PLC0415 - weight
    from elsewhere_sandbox.runtimes.docker import sweep  # noqa: PLC0415 - weight

    if os.getuid() == 0 and not docker.user:
        logger.warning(
            "This agent is root, and so are its tasks in their containers, without privileges: set"
            " agent.docker.user to another UID:GID."
        )
    try:
        sweep(place(docker.url), home)
    except SetupError as error:
        logger.warning("%s", error)


class _EndedError(BaseException):
    """A signal ends an agent that does nothing yet: no seam may take it for an error."""


def _end_at_once(number: int, _frame: object) -> None:
    raise _EndedError(signal.Signals(number).name)


def _end_by_signal(worker: Worker) -> None:
    """Installs handlers that only put the number into a reentrant queue: a lock that the
    interrupted code holds, such as an Event's, would never be free again."""
    numbers: SimpleQueue[int] = SimpleQueue()

    def end() -> None:
        while True:
            number = signal.Signals(numbers.get())
            logger.info("%s: this agent ends", number.name)
            worker.end(stop_tasks=_ENDS[number])

    threading.Thread(target=end, name="signals", daemon=True).start()
    for number in _ENDS:
        signal.signal(number, lambda received, _: numbers.put(received))

"""The daemon: one agent's process, from its lock to its end. Its tasks outlive it."""

from __future__ import annotations

import logging
import os
import socket
import time
from importlib import metadata
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts import uploader
from elsewhere.core.clock import now_at
from elsewhere.core.errors import ElsewhereError, StoreUnavailableError
from elsewhere.core.secrets import hide_passwords
from elsewhere.delivery.sessions import deliver_dead
from elsewhere.store import store_url
from elsewhere.store.agents import AgentRecord
from elsewhere.store.queues import Queues
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.configuration import worker_settings
from elsewhere_agent.folder import AgentFolder
from elsewhere_agent.health import Health
from elsewhere_agent.log import set_level
from elsewhere_agent.notify import Notifier, Watchdog
from elsewhere_agent.reload import at_start, reloaded
from elsewhere_agent.signals import EndedError, Signals, end_at_once
from elsewhere_agent.vitals import Vitals
from elsewhere_agent.watch import StoreWatch
from elsewhere_sandbox.errors import SetupError
from elsewhere_worker.gpus import Gpus
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.intake import Intake, Mode
from elsewhere_worker.lending import check
from elsewhere_worker.registration import Registration
from elsewhere_worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from elsewhere.core.folders import Home
    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings
    from elsewhere_agent.docker_settings import DockerSettings
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: seconds between two looks for a store that has not been started yet
_AGAIN_S: Final = 0.5


class Daemon:
    """Runs one agent; call `run` in the main thread."""

    def __init__(
        self,
        settings: Settings,
        agent: AgentSettings,
        read_again: Callable[[], tuple[Settings, AgentSettings]],
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._read_again = read_again
        self._folder = AgentFolder.of(settings.home, agent.name)
        self._notifier = Notifier.taken()

    def run(self, when_up: Callable[[str], None]) -> None:
        """Runs until a signal: SIGTERM or SIGINT leave its tasks running, SIGQUIT stops them;
        SIGHUP reads the configuration again.

        `when_up` is called with "" once it takes tasks; before that with a sentence, if it waits
        for a store that has not been started yet. Raises AlreadyRunningError at once, and
        StoreUnavailableError for another reason within a few seconds.
        """
        self._settings.home.ensure()
        end_at_once()
        try:
            self._run(when_up)
        except EndedError as error:
            logger.info("%s: this agent ends", error)

    def _run(self, when_up: Callable[[str], None]) -> None:
        with self._folder.held():
            url, redis = self._connected(when_up)
            store = RedisStore(redis)
            gpus = gpus_of(self._agent)
            config = worker_settings(self._settings, self._agent, url, len(gpus.devices))
            check(config, store)
            record = self._record(config, len(gpus.devices))
            registration = Registration(connect(url), record)
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
                Intake(self._folder.mode, self._folder.note_taken),
                registration,
                upload,
                deliver_sessions,
                lambda: self._up(url, config, when_up),
                gpus,
            )
            watch = StoreWatch(self._settings, store, worker.troubles, self._folder)
            vitals = Vitals(record, worker, watch)
            health = Health(self._agent.health, vitals) if self._agent.health else None
            watchdog = Watchdog(self._notifier, vitals)
            threads: list[StoreWatch | Watchdog | Health] = [watch, watchdog]
            threads += [health] if health else []
            for thread in threads:
                thread.start()
            Signals(
                worker, self._folder, lambda: self._reload(worker, url, len(gpus.devices))
            ).obey()
            worker.run()
            self._notifier.stopping()
            for thread in threads:
                thread.end()
            if self._folder.mode() is Mode.DRAINING:  # the next one is to work
                self._folder.ask(Mode.WORKING)
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
                    self._notifier.ready(sentence)
                is_waiting = True
            time.sleep(_AGAIN_S)

    def _up(self, url: str, config: WorkerSettings, when_up: Callable[[str], None]) -> None:
        agent = self._agent
        logger.info(
            "agent %r is up: process %d, store %s, queues %s, slots %d",
            *(agent.name, os.getpid(), hide_passwords(url), ", ".join(agent.queues), config.slots),
        )
        when_up("")
        self._notifier.ready()

    def _reload(self, worker: Worker, url: str, gpus: int) -> None:
        """Reads the configuration again; one that cannot be used leaves all as it is."""
        self._notifier.reloading()
        try:
            settings, found = self._read_again()
            agent, changed, waiting = reloaded(self._agent, found)
            worker.reload(worker_settings(self._settings, agent, url, gpus))
        except (ElsewhereError, OSError) as error:
            logger.error("SIGHUP: the configuration stays as it was. %s", error)  # noqa: TRY400
            return
        finally:
            self._notifier.ready()
        set_level(agent.log_level)
        self._agent = agent
        waiting = at_start(self._settings, settings) + waiting
        later = f"; for the next start: {', '.join(waiting)}" if waiting else ""
        logger.info("SIGHUP: changed: %s%s", ", ".join(changed) or "nothing", later)

    def _record(self, config: WorkerSettings, gpus: int) -> AgentRecord:
        return AgentRecord(
            name=self._agent.name,
            machine=self._folder.id(),
            host=socket.gethostname(),
            pid=os.getpid(),
            home=str(self._settings.home.path),
            version=metadata.version("elsewhere"),
            queues=config.queues,
            slots=config.slots,
            gpus=gpus,
            started_at=now_at(),
            serves_files=True,
        )


def gpus_of(agent: AgentSettings) -> Gpus:
    """The GPUs that an agent with these settings gives out. Raises ConfigurationError."""
    return Gpus(
        "none" if agent.services else agent.gpus,
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        shares_used=agent.share_busy_gpus,
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

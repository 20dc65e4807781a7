"""Asks an agent to drain, to pause or to go on: through a note in its home, which needs no store,
or through the store where it runs on another machine."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere.command.printing import say
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.wording import counted, short
from elsewhere.store import open_store
from elsewhere.store.agents import agents_named, ask_mode, asked_mode, registered_agents
from elsewhere_agent.daemons import chosen, runs
from elsewhere_agent.errors import AgentError, NotRunningError
from elsewhere_worker.intake import Mode

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from elsewhere.core.folders import Home
    from elsewhere.core.settings import Settings
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_agent.folder import AgentFolder

#: seconds between two looks
_LOOK_S: Final = 0.2
#: seconds for which it must be asked otherwise: one that has drained is to work at its next start
_END_S: Final = 5.0


class _Agent(Protocol):
    """An agent, as one who asks it for a mode sees it."""

    name: str

    def ask(self, mode: Mode) -> None: ...

    def is_up(self) -> bool: ...

    def has(self, mode: Mode) -> bool:
        """Whether it has taken the `mode`."""

    def is_asked_otherwise(self, mode: Mode) -> bool:
        """Whether somebody has asked it for another `mode`, as far as that can be seen."""

    def running(self) -> AbstractSet[str]:
        """The run folders of its tasks."""


def ask(settings: Settings, mode: Mode, name: str | None, *, waits: bool) -> str:
    """Asks the agent `name`, for None the one that runs here, for a `mode`; returns what comes of
    it. With `waits` it returns when that is done, and prints what it waits for.

    Raises NotRunningError, AgentError when several fit, and StoreUnavailableError for an agent of
    another machine.
    """
    agent = _found(settings, name)
    is_up = agent.is_up()
    if mode is Mode.DRAINING and not is_up:
        raise NotRunningError(f"No agent named {agent.name!r} runs on this machine.")
    agent.ask(mode)
    if not is_up:
        takes = "takes tasks" if mode is Mode.WORKING else "takes no tasks"
        return f"The agent {agent.name!r} does not run now, and {takes} when it starts."
    if waits:
        _wait(agent, mode)
    return _sentence(agent, mode)


def _found(settings: Settings, name: str | None) -> _Agent:
    folder = chosen(settings.home, name)
    if folder.lock.exists():
        return _Here(settings.home, folder)
    store = open_store(settings)
    agents = [one.name for one in registered_agents(store.redis)]
    if name in agents:
        return _Elsewhere(store, folder.name)
    raise NotRunningError(
        f"No agent named {name!r} ever ran with the home {settings.home.path}, and none reports to"
        f" the store. Known: {', '.join(agents) or 'none'}."
    )


def _wait(agent: _Agent, mode: Mode) -> None:
    told: AbstractSet[str] | None = None
    until = monotonic_s() + _END_S
    while not _is_done(agent, mode):
        if not agent.is_asked_otherwise(mode):
            until = monotonic_s() + _END_S
        elif monotonic_s() > until:
            raise AgentError(f"The agent {agent.name!r} was asked for something else meanwhile.")
        running = agent.running() if mode is not Mode.WORKING else frozenset()
        if running != told:
            told = running
            names = ", ".join(sorted(map(short, running)))
            tasks = f"{counted(len(running), 'task')} to end: {names}"
            say(f"Waiting for {tasks if running else 'the agent'}.", "agent")
        time.sleep(_LOOK_S)


def _is_done(agent: _Agent, mode: Mode) -> bool:
    if mode is Mode.DRAINING:
        return not agent.is_up()
    if not agent.is_up():
        raise NotRunningError(f"The agent {agent.name!r} has ended meanwhile.")
    return agent.has(mode) and (mode is Mode.WORKING or not agent.running())


def _sentence(agent: _Agent, mode: Mode) -> str:
    if not agent.is_up():
        return f"The agent {agent.name!r} is drained and has ended."
    running = agent.running()
    if mode is Mode.WORKING:
        return f"The agent {agent.name!r} takes tasks."
    if mode is Mode.PAUSED:
        left = f" Still running: {counted(len(running), 'task')}." if running else ""
        return f"The agent {agent.name!r} takes no tasks until 'agent resume'.{left}"
    left = f"ends after {counted(len(running), 'task')}" if running else "ends"
    return f"The agent {agent.name!r} takes no more tasks and {left}."


class _Here:
    """An agent of this home."""

    def __init__(self, home: Home, folder: AgentFolder) -> None:
        self.name = folder.name
        self._home = home
        self._folder = folder

    def ask(self, mode: Mode) -> None:
        self._folder.ask(mode)

    def is_up(self) -> bool:
        return self._folder.daemon() is not None

    def has(self, mode: Mode) -> bool:
        return self._folder.has_taken(mode)

    def is_asked_otherwise(self, mode: Mode) -> bool:
        return self._folder.mode() is not mode

    def running(self) -> AbstractSet[str]:
        return runs(self._home, self.name)


class _Elsewhere:
    """An agent that reports to the store. An outage ends no waiting."""

    def __init__(self, store: RedisStore, name: str) -> None:
        self.name = name
        self._store = store
        self._running: AbstractSet[str] = frozenset()
        self._is_up, self._closed = True, ""
        self._has_had = False

    def ask(self, mode: Mode) -> None:
        ask_mode(self._store.redis, self.name, mode.value)

    def is_up(self) -> bool:
        with suppress(StoreUnavailableError):
            found = agents_named(self._store.redis, [self.name])
            self._is_up = bool(found)
            for one in found:
                self._running, self._closed = frozenset(one.running), one.closed
        return self._is_up

    def has(self, mode: Mode) -> bool:
        with suppress(StoreUnavailableError):
            is_stopped = self._closed in (Mode.PAUSED.value, Mode.DRAINING.value)
            is_taken = not asked_mode(self._store.redis, self.name)
            return is_taken and is_stopped is (mode is not Mode.WORKING)
        return False

    def is_asked_otherwise(self, mode: Mode) -> bool:
        with suppress(StoreUnavailableError):
            if asked := asked_mode(self._store.redis, self.name):
                return asked != mode.value
            has = self.has(mode)
            self._has_had = self._has_had or has
            return self._has_had and not has
        return False

    def running(self) -> AbstractSet[str]:
        return self._running

"""The status of the agents that report to the store, and of the queues."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from elsewhere.command.printing import clean
from elsewhere.command.tables import open_console
from elsewhere.core.wording import short
from elsewhere.store import open_store
from elsewhere.store.agents import registered_agents
from elsewhere.store.queues import Queues

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from elsewhere.core.settings import Settings
    from elsewhere.store.agents import AgentRecord


def show_status(settings: Settings, *, as_json: bool) -> None:
    """Prints the status to the standard output. Raises StoreUnavailableError."""
    store = open_store(settings)
    queues = Queues(store)
    agents = registered_agents(store.redis)
    lengths = {name: queues.length(name) for name in queues.names()}
    store.close()
    if as_json:
        plain = {"agents": [asdict(agent) for agent in agents], "queues": lengths}
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    console = open_console()
    if agents:
        console.print(_agents(agents))
        for agent in agents:
            over = (item.partition(" ") for item in agent.passed_over)
            cannot = (f"task {short(task_id)} cannot run here. {why}" for task_id, _, why in over)
            for problem in (*agent.problems, *cannot):
                console.print(clean(f"{agent.name}: {problem}"), markup=False, highlight=False)
    else:
        console.print("No agent reports. Start one: agent daemon --queue default")
    console.print(_queues(lengths, agents))
    if any(agent.waiting for agent in agents):
        console.print(_waiting(agents))


def _agents(agents: Iterable[AgentRecord]) -> Table:
    table = _table(
        *("agent", "state", "queues", "slots", "gpus", "running", "host", "process", "since")
    )
    for agent in agents:
        table.add_row(
            clean(agent.name),
            clean(agent.closed) or "working",
            clean(", ".join(agent.queues)),
            str(agent.slots),
            str(agent.gpus),
            "\n".join(clean(short(run)) for run in agent.running) or "-",
            clean(agent.host),
            str(agent.pid),
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(agent.started_at)),
        )
    return table


def _queues(lengths: dict[str, int], agents: Iterable[AgentRecord]) -> Table:
    table = _table("queue", "waiting", "served by", "waits for")
    for name, length in lengths.items():
        serving = [agent for agent in agents if name in agent.queues]
        served = ", ".join(agent.name for agent in serving) or "nobody"
        table.add_row(clean(name), str(length), clean(served), clean(awaited(length, serving)))
    return table


def awaited(length: int, serving: Collection[AgentRecord]) -> str:
    """What the first of the `length` tasks of a queue waits for, of the agents that serve it."""
    if not length:
        return "-"
    if not serving:
        return "an agent that serves this queue"
    taking = [agent for agent in serving if not agent.closed]
    if not taking:
        return "; ".join(f"{agent.name}: {agent.closed}" for agent in serving)
    if all(len(agent.running) >= agent.slots for agent in taking):
        return f"a free slot of {', '.join(agent.name for agent in taking)}"
    return "its turn"


def _waiting(agents: Iterable[AgentRecord]) -> Table:
    table = _table("agent", "run", "not uploaded yet")
    for agent in agents:
        for item in agent.waiting:
            run, _, sentence = item.partition(" ")
            table.add_row(clean(agent.name), clean(short(run)), clean(sentence))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("since", "process"))
    return table

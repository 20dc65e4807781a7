"""What this agent would do with a task, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from elsewhere.command.naming import find_task
from elsewhere.command.printing import clean, json_text
from elsewhere.command.tables import open_console
from elsewhere.core.wording import size
from elsewhere.store import store_url
from elsewhere.store.queues import Entry
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.configuration import worker_settings
from elsewhere_agent.daemon import gpus_of
from elsewhere_agent.errors import AgentError
from elsewhere_agent.scratch import scratch_of
from elsewhere_sandbox.errors import SandboxError
from elsewhere_sandbox.explaining import explain
from elsewhere_sandbox.slot import Slot
from elsewhere_sandbox.spec import RunSpec
from elsewhere_worker.boundary import checked
from elsewhere_worker.scheduler import Scheduler

if TYPE_CHECKING:
    from elsewhere.core.records import TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings
    from elsewhere_worker.settings import WorkerSettings


def show_explanation(
    settings: Settings, agent: AgentSettings, wanted: str, *, as_json: bool
) -> int:
    """Prints what would be built for a task, from which cache, on which devices, and with which
    commands. `wanted` is its id, or the beginning of its id. Its code is fetched, as for a run.

    Returns the exit code: 1 where it would wait for another agent. Raises NotFoundError, and
    AgentError where it would fail.
    """
    settings.home.ensure()
    url = store_url(settings)
    store = RedisStore(connect(url))
    task_id = find_task(store, wanted)
    record, queue = checked(store.read(task_id)), store.state(task_id).queue
    gpus = gpus_of(agent)
    config = worker_settings(settings, agent, url, len(gpus.devices))
    slot, why = _slot(config, gpus.devices, record, queue)
    found = {"task": [record.id, record.name], "machine": _machine(slot) if slot else [why]}
    with scratch_of(store, record) as folder:
        spec = RunSpec(
            record=record,
            home=str(settings.home.path),
            policy=config.policy,
            slot=slot or Slot(),
            secret_variables=dict.fromkeys(record.environment.secrets, ""),
            agent=config.name,
            queue=queue,
        )
        try:
            found |= explain(spec, folder)
        except SandboxError as error:
            raise AgentError(f"Task {task_id} would not run here. {error}") from error
    if limit_s := min(filter(None, (record.time_limit_s, agent.time_limit_s)), default=0.0):
        found["machine"].append(f"for at most {limit_s:g} s")
    if as_json:
        print(json_text(found))
        return int(slot is None)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for name, lines in found.items():
        for line, head in zip(lines, (name, *[""] * len(lines)), strict=False):
            table.add_row(head, clean(line))
    open_console().print(table)
    return int(slot is None)


def _slot(
    config: WorkerSettings, devices: dict[str, int], record: TaskRecord, queue: str
) -> tuple[Slot | None, str]:
    """The slot that the task would have if nothing else ran, or why it would not have one."""
    entry = Entry(queue, record.id.encode(), record.needs)
    scheduler = Scheduler(config.capacity(devices), config.order)
    chosen = scheduler.choose(lambda name: [entry] if name == config.queues[0] else [], ())
    if chosen is None:
        return None, " ".join(line.partition(" ")[2] for line in scheduler.passed_over)
    return chosen[1], ""


def _machine(slot: Slot) -> list[str]:
    lines = [f"GPU {device}" for device in slot.devices]
    if slot.share < 1:
        lines[0] += f", a share of {slot.share:g}"
    if slot.cores:
        lines.append(f"{len(slot.cores)} cores")
    for what, count_bytes in (("memory", slot.memory_bytes), ("disk", slot.disk_bytes)):
        if count_bytes:
            lines.append(f"at most {size(count_bytes)} of {what}")
    return lines or ["no GPU; all cores and all memory"]

"""The settings of a worker: the agent's configuration, resolved."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from elsewhere.core.records import Needs
from elsewhere.report.usage.cgroup import MACHINE_BYTES, Cgroup
from elsewhere_sandbox.spec import RunPolicy
from elsewhere_worker.hours import ALWAYS, Hours
from elsewhere_worker.scheduler import Capacity, Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.folders import Home
    from elsewhere_worker.secret_sources import SecretSource


#: what a task may do with the store beside reporting: nothing, read it, or all that its agent may
StoreAccess: TypeAlias = Literal["none", "read", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The settings, with times in seconds. All times of leases follow from `lease_s`."""

    name: str
    queues: tuple[str, ...]
    home: Home
    url: str = field(repr=False)
    slots: int = 1
    #: when it takes tasks
    hours: Hours = ALWAYS
    #: tasks that it takes in all; 0: no limit
    max_tasks: int = 0
    #: ends after so long without a task; 0: never
    exit_when_idle_s: float = 0.0
    #: GPUs of a task that names none, by queue
    gpus: Mapping[str, float] = field(default_factory=dict)
    #: what one task may use at most
    limits: Needs = field(default_factory=Needs)
    shares_gpus: bool = False
    is_fair_to_queues: bool = False
    is_fair_to_users: bool = False
    lease_s: float = 45.0
    lost_after_s: float = 900.0
    keep_runs_s: float = 86400.0
    code_memory_bytes: int = 1 << 30
    #: bytes by kind of `elsewhere_sandbox.caches`
    cache_budgets: Mapping[str, int] = field(default_factory=dict)
    #: bytes that must be free on the disk of the runs before a task is taken
    free_bytes: int = 0
    store_access: StoreAccess = "full"
    policy: RunPolicy = field(default_factory=RunPolicy)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)

    @property
    def order(self) -> Order:
        return Order(
            queues=self.queues,
            gpus=self.gpus,
            is_fair_to_queues=self.is_fair_to_queues,
            is_fair_to_users=self.is_fair_to_users,
        )

    def capacity(self, devices: Mapping[str, int]) -> Capacity:
        """What this machine has beside the `devices`, as far as this process may use it."""
        cgroup, cores = Cgroup(), sorted(os.sched_getaffinity(0))
        cpu, memory = cgroup.cpu(), cgroup.memory()
        return Capacity(
            slots=self.slots,
            devices=devices,
            cores=tuple(cores[: max(1, int(cpu.cores))] if cpu else cores),
            memory_bytes=memory.limit_bytes if memory else MACHINE_BYTES,
            limits=self.limits,
            shares_devices=self.shares_gpus,
        )

    @property
    def renew_s(self) -> float:
        return self.lease_s / 4.5

    @property
    def sweep_s(self) -> float:
        return self.lease_s / 9

    @property
    def hold_s(self) -> float:
        return self.lease_s * 2

"""What the runner is told: the one file that the agent writes before the launch."""

from __future__ import annotations

from dataclasses import dataclass, field

from elsewhere.records import TaskRecord

__all__ = ["RunSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """`spec.json`, mode 0600.

    What is secret in it never leaves the machine: `git_credentials` (host to user and token) and
    `secrets`, values that the output must not show.
    """

    record: TaskRecord
    attempt: int
    worker: str
    home: str
    stop_grace_s: float = 10.0
    pass_environment: tuple[str, ...] = ()
    devices: str = ""
    allow_local_remotes: bool = False
    git_credentials: dict[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

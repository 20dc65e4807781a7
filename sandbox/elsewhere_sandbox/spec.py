"""What the runner is told: the one file that the agent writes before the launch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from elsewhere.core.codec import from_plain, to_plain
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.records import TaskRecord

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

__all__ = ["RunSpec", "take", "write"]

_SECRET_FIELDS: Final = ("git_credentials", "secrets")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """`spec.json`, and `secrets.json`, which the runner takes away before any program starts.

    The secret part: `git_credentials` (host to user and token), and `secrets`, values that the
    output must not show.
    """

    record: TaskRecord
    attempt: int
    worker: str
    home: str
    stop_grace_s: float = 10.0
    pass_environment: tuple[str, ...] = ()
    devices: str = ""
    allow_local_remotes: bool = False
    #: where the agent brings what a task says no place for; the program is told
    output_uri: str = ""
    git_credentials: dict[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def write(spec: RunSpec, folder: RunFolder) -> None:
    """For the runner of `folder`. Raises OSError."""
    plain = to_plain(spec)
    write_beside(folder.secrets, {name: plain.pop(name) for name in _SECRET_FIELDS})
    write_beside(folder.spec, plain)


def take(folder: RunFolder) -> RunSpec:
    """What was written; the secrets are on no disk any more. Raises RecordError."""
    secrets = read_json(folder.secrets) or {}
    folder.secrets.unlink(missing_ok=True)
    return from_plain(RunSpec, {**(read_json(folder.spec) or {}), **secrets})

"""The spec of a run: the file that the agent writes for the runner before the launch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from elsewhere.core.codec import from_plain, to_plain
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.records import TaskRecord

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

_SECRET_FIELDS: Final = ("git_credentials", "secrets")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How an agent runs its tasks, as its operator has set it."""

    #: seconds between SIGTERM and SIGKILL, if the request to stop names none
    stop_grace_s: float = 10.0
    #: names of variables of the agent's own environment that programs get
    pass_environment: tuple[str, ...] = ()
    allow_local_remotes: bool = False
    #: where the agent brings what a task names no place for; programs see it
    output_uri: str = ""
    #: host to user and token
    git_credentials: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    #: a key of `RUNTIMES`
    runtime: str = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """`spec.json`, and `secrets.json`, which the runner removes before any program starts.

    `secrets` are values that the output must not show.
    """

    record: TaskRecord
    home: str
    policy: RunPolicy = RunPolicy()
    devices: str = ""
    secrets: tuple[str, ...] = ()

    def write(self, folder: RunFolder) -> None:
        """Writes the spec into `folder`, for its runner. Raises OSError."""
        plain = to_plain(self)
        # Flat on disk: the SDK of another version, which a task may have pinned, reads it.
        plain.update(plain.pop("policy"))
        write_beside(folder.secrets, {name: plain.pop(name) for name in _SECRET_FIELDS})
        write_beside(folder.spec, plain)

    @classmethod
    def take(cls, folder: RunFolder) -> RunSpec:
        """Reads the spec in `folder` and removes its secrets from the disk. Raises RecordError."""
        secrets = read_json(folder.secrets) or {}
        folder.secrets.unlink(missing_ok=True)
        plain = {**(read_json(folder.spec) or {}), **secrets}
        return from_plain(cls, {**plain, "policy": plain})

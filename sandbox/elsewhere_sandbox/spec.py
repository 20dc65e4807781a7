"""The spec of a run: the file that the agent writes for the runner before the launch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from elsewhere.core.codec import from_plain, to_plain
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.records import TaskRecord

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

_SECRET_FIELDS: Final = (
    *("git_credentials", "packages", "secrets"),
    *("secret_variables", "secret_files"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePolicy:
    """How packages are installed, as the operator has set it.

    `installer` is a key of `INSTALLERS`, or empty for the first that is there. The URLs, which may
    hold passwords, come before those of the installer's own variables and files; `find_links` are
    URLs or folders of wheels. `options` are further arguments of the installer. `torch` is the
    build of torch: `auto` for this machine's, `as captured`, or one by name, `cpu` or `cu128`.
    """

    installer: str = ""
    index_url: str = field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    options: tuple[str, ...] = ()
    torch: str = "auto"
    #: bytes of all environments together, as far as none of them is in use
    environments_bytes: int = 50_000_000_000


DEFAULT_POLICY: Final = PackagePolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How an agent runs its tasks, as its operator has set it."""

    #: seconds between SIGTERM and SIGKILL, if the request to stop names none
    stop_grace_s: float = 10.0
    #: names of variables of the agent's own environment that programs get
    pass_environment: tuple[str, ...] = ()
    #: patterns of files that programs write below their code, and that become artifacts
    keep: tuple[str, ...] = ()
    allow_local_remotes: bool = False
    #: where the agent brings what a task names no place for; programs see it
    output_uri: str = ""
    #: host to user and token
    git_credentials: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    #: host to the file of a private key
    git_ssh_keys: dict[str, str] = field(default_factory=dict)
    packages: PackagePolicy = DEFAULT_POLICY
    #: a key of `RUNTIMES`
    runtime: str = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """`spec.json`, and `secrets.json`, which the runner removes before any program starts.

    `secrets` are values that the output must not show, and so are those that the program is given
    by name: `secret_variables`, and `secret_files` with their contents.
    """

    record: TaskRecord
    home: str
    policy: RunPolicy = RunPolicy()
    devices: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    secret_variables: dict[str, str] = field(default_factory=dict, repr=False)
    secret_files: dict[str, str] = field(default_factory=dict, repr=False)

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

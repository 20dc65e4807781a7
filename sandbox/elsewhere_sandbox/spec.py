"""The spec of a run: the file that the agent writes for the runner before the launch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from elsewhere.core.codec import from_plain, to_plain
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.records import TaskRecord
from elsewhere_sandbox.slot import Slot

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

_SECRET_FIELDS: Final = (
    *("docker", "git_credentials", "packages", "secrets"),
    *("secret_variables", "secret_files"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePolicy:
    """How packages are installed, as the operator has set it.

    `installer` is a key of `INSTALLERS`, or empty for the first that is there. The URLs, which may
    hold passwords, come before those of the installer's own variables and files; `find_links` are
    URLs or folders of wheels. `options` are further arguments of the installer. `pre_packages`
    and `post_packages` are requirement lines, installed before and after those of each task.
    `torch` is the build of torch: `auto` for this machine's, `as captured`, or one by name, `cpu`
    or `cu128`.
    """

    installer: str = ""
    index_url: str = field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    options: tuple[str, ...] = ()
    pre_packages: tuple[str, ...] = ()
    post_packages: tuple[str, ...] = ()
    torch: str = "auto"
    #: bytes of all environments together, as far as none of them is in use
    environments_bytes: int = 50_000_000_000


DEFAULT_POLICY: Final = PackagePolicy()
DEFAULT_SLOT: Final = Slot()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRule:
    """The image of a task, and arguments for it, if all that is not empty here holds for it.

    `repository` is how its repository's URL ends, with `*` for anything; `package` is a package
    that it asks for, as `torch` or `torch>=2`; `queue` is the queue that it came through.
    """

    image: str
    arguments: tuple[str, ...] = ()
    repository: str = ""
    package: str = ""
    queue: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerPolicy:
    """How containers are made, as the operator has set it.

    `image` is the default, after the `rules`. `arguments` are the operator's own, of `docker run`;
    of a task only harmless ones are taken, those named in `allowed_arguments`, and mounts of
    `allowed_mounts`.
    `network` is `on`, `off` or a network of the engine. `user` is `UID:GID`, by default the
    agent's own. `url` is the engine's, by default as DOCKER_HOST says. `pull`: `missing`, `always`
    or `never`.
    """

    image: str = ""
    arguments: tuple[str, ...] = ()
    rules: tuple[ImageRule, ...] = ()
    allowed_arguments: tuple[str, ...] = ()
    allowed_mounts: tuple[str, ...] = ()
    network: str = "on"
    user: str = ""
    url: str = ""
    pull: str = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How an agent runs its tasks, as its operator has set it."""

    #: seconds between SIGTERM and SIGKILL, if the request to stop names none
    stop_grace_s: float = 10.0
    #: names of variables of the agent's own environment that programs get
    pass_environment: tuple[str, ...] = ()
    #: patterns of files that programs write below their code, and that become artifacts
    keep: tuple[str, ...] = ()
    #: names of this machine's folders and files, for tasks that ask for them, to their paths
    data: dict[str, str] = field(default_factory=dict)
    allow_local_remotes: bool = False
    #: whether programs see no GPU of the machine
    hides_gpus: bool = False
    #: name of a hook to the path of an executable
    hooks: dict[str, str] = field(default_factory=dict)
    #: where the agent brings what a task names no place for; programs see it
    output_uri: str = ""
    #: host to user and token
    git_credentials: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    #: host to the file of a private key
    git_ssh_keys: dict[str, str] = field(default_factory=dict)
    packages: PackagePolicy = DEFAULT_POLICY
    #: a key of `RUNTIMES`
    runtime: str = "host"
    #: seconds that a program may run at most; 0 for no limit
    time_limit_s: float = 0.0
    docker: DockerPolicy = DockerPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """`spec.json`, and `secrets.json`, which the runner removes before any program starts.

    `secrets` are values that the output must not show, and so are those that the program is given
    by name: `secret_variables`, and `secret_files` with their contents. `agent` and `queue` are
    names. `store_files` are paths that the URL of the store names, where that is lent.
    """

    record: TaskRecord
    home: str
    policy: RunPolicy = RunPolicy()
    slot: Slot = DEFAULT_SLOT
    secrets: tuple[str, ...] = field(default=(), repr=False)
    secret_variables: dict[str, str] = field(default_factory=dict, repr=False)
    secret_files: dict[str, str] = field(default_factory=dict, repr=False)
    agent: str = ""
    queue: str = ""
    store_files: tuple[str, ...] = ()

    @property
    def devices(self) -> str:
        """The devices of the slot, with commas between them."""
        return ",".join(self.slot.devices)

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

"""The records: what a task is, as frozen snapshots. Light enough for a user's process.

The host side validates the same classes with pydantic before it trusts bytes from Redis.

    TaskRecord ── Source ── Submodule
       │    ├──── Environment ── Data
       │    ├──── Needs
       │    ├──── Call
       │    ├──── Parameter
       │    ├──── Configuration
       │    └──── Retries
    TaskState ─── Attempt ── Outcome
    Artifact, ModelRecord, ModelUse
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any, Final

from elsewhere.core.choices import DEFAULT_SEED, OnLost, Reason, Status, TaskType
from elsewhere.core.data import Data
from elsewhere.core.frozen import dataclass

Json = None | bool | int | float | str | list[Any] | dict[str, Any]

#: the section of a function's arguments
_OF_CALL: Final = "Function/"
#: the fields of a task's record whose `digests` are blobs that the task needs
NAMING: Final = ("source", "environment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """A repository inside the repository, checked out at `path` (POSIX, from the outer root)."""

    path: str
    repository: str
    commit: str
    patch: str = ""
    bundle: str = ""
    tree: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The code: `commit` of `repository`, plus what only the capturing machine had.

    `repository` holds no credentials; it is empty for a repository without a remote and for a
    script outside git. `patch` and `bundle` are blob digests (sha256 of the raw bytes):

    - `bundle`: a git bundle of commits that are in no remote, of all commits without a remote;
    - `patch`: one `git diff --binary --full-index` from `commit` (or from the empty tree where
      `commit` is empty) to the working tree: staged, unstaged and untracked files alike.

    `tree` is the git tree hash that the prepared folder must have. Either `entry_point` (POSIX,
    relative to `working_dir`) or `module` (for `python -m`) is what to run; `working_dir` is
    relative to the root of the code. `launcher` is the module that starts it in several processes,
    such as `torch.distributed.run`, and the words before the program: it stands behind them.

    `python_path` are folders of the code in the PYTHONPATH of the program, relative to the code's
    root. `binary` runs the entry point in place of Python: `/bin/bash`. `needs_init`: where the
    script does not call `Task.init`, the SDK does, before its first line.

    `has_new_words`: a person has given another `argv` than the captured one.

    `missing` is a sentence when the capture is not whole: such code must not run elsewhere.
    """

    repository: str = ""
    commit: str = ""
    branch: str = ""
    patch: str = ""
    bundle: str = ""
    tree: str = ""
    submodules: tuple[Submodule, ...] = ()
    entry_point: str = ""
    module: str = ""
    working_dir: str = "."
    argv: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    binary: str = ""
    needs_init: bool = False
    missing: str = ""
    launcher: tuple[str, ...] = ()
    has_new_words: bool = False

    def with_words(self, argv: tuple[str, ...]) -> Source:
        """Returns the source with another command line, given by a person."""
        is_new = self.has_new_words or argv != self.argv
        return replace(self, argv=argv, has_new_words=is_new)

    @property
    def command(self) -> str:
        """What runs, without its own words: `train.py`, `-m package`, `-m torch.distributed.run
        --standalone train.py`."""
        words = self.launcher + tuple(filter(None, (self.module or self.entry_point,)))
        return " ".join(("-m", *words) if self.launcher or self.module else words)

    @property
    def digests(self) -> tuple[str, ...]:
        """All blobs that the code needs, those of submodules too."""
        pairs = [(self.patch, self.bundle), *((one.patch, one.bundle) for one in self.submodules)]
        return tuple(digest for pair in pairs for digest in pair if digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the code runs in: `packages` are requirement lines, `python` is `3.11.7` or `3.11`.

    `packages` are those that the code imports, or that people gave; None where nobody captured any:
    the code's `lock_file` counts, a path from its root, else its requirements.txt. `lock` is the
    digest of a `core.lock.Lock`, which has them and all others that were installed; empty where the
    packages are all there is to know. `loaded` are names in the lock that were in memory and count
    as imported; `wheels` are the digests of the wheels that the lock names. `missing` is a sentence
    when a package that the program imports does not travel: it must not run elsewhere.

    `secrets` are names of those of an agent that the program is given. `keep` are patterns of files
    that it writes below its code, and that become artifacts. `mounts` map paths from the code's
    root to names of folders of the agent's machine, which are there for the program. `data` come
    from the machine that sends the task.
    """

    python: str = ""
    packages: tuple[str, ...] | None = None
    lock_file: str = ""
    lock: str = ""
    loaded: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    missing: str = ""
    image: str = ""
    image_arguments: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    mounts: dict[str, str] = field(default_factory=dict)
    data: tuple[Data, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """All blobs that the packages and the data need."""
        blobs = (one.digest for one in self.data if not one.url)
        return tuple(filter(None, (self.lock, *self.wheels, *blobs)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a task needs of a machine, and may use of it; 0 where it names nothing.

    `gpus` is a whole number, or the share of one, such as 0.5; None where its queue or the agent
    decides. `cpus` are whole cores, `memory_bytes` the memory of all its processes together, and
    `disk_bytes` what its run folder may take.
    """

    gpus: float | None = None
    cpus: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function task: the function's name. Its arguments are the parameters `Function/...`."""

    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value with its type: one of bool, int, float, str, NoneType, list, dict, or a name.

    `is_edit`: the command line of the task does not give the value, since a person set it after the
    capture, typed it at a prompt, or gave it by a variable. On a remote run a parser takes only
    edits. `is_explicit`: parsed from words that the program itself gave to the parser.
    """

    value: Json
    type: str = ""
    description: str = ""
    is_edit: bool = False
    is_explicit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A configuration as one text, kept to the byte, in the format `type`: json, yaml, ..."""

    text: str
    type: str = ""
    description: str = ""


#: the status of a task after an attempt that ended for this reason; failed after any other
_STATUS_AFTER: Final = {
    Reason.COMPLETED: Status.COMPLETED,
    Reason.STOPPED: Status.STOPPED,
    Reason.HANDED_OVER: Status.CREATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of an attempt. `phase` names the set-up phase that failed."""

    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    phase: str = ""
    message: str = ""

    @property
    def status(self) -> Status:
        """The status that a task takes from this outcome."""
        return _STATUS_AFTER.get(self.reason, Status.FAILED)

    @property
    def sentence(self) -> str:
        """The outcome for people: `setup_failed: install`, `program_failed: exit code 3`, ..."""
        if self.phase:
            return f"{self.reason}: {self.phase}"
        if self.signal is not None:
            return f"{self.reason}: signal {self.signal}"
        if self.exit_code:
            return f"{self.reason}: exit code {self.exit_code}"
        return str(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a task. `number` is the fencing token: writes of older numbers are refused."""

    number: int
    worker: str
    started_at: float
    ended_at: float | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Bytes that a task made, at `url`. `digest` is their sha256. `types` are those of a table's
    columns, in the form of the format that wrote it."""

    name: str
    type: str
    url: str = ""
    size_bytes: int = 0
    digest: str = ""
    content_type: str = ""
    preview: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    uploaded_at: float = 0.0
    machine: str = ""
    types: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model: weights at `url`, with their sha256 as `digest`, and what is known of them.

    `task` made it, and is empty for one that came from outside; `parent` is the model that it began
    from. `machine` has the disk, if `url` is a path. A package is several files, zipped.
    """

    id: str
    name: str = ""
    project: str = ""
    task: str = ""
    parent: str = ""
    url: str = ""
    framework: str = ""
    comment: str = ""
    tags: tuple[str, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    design: str = ""
    metadata: dict[str, Parameter] = field(default_factory=dict)
    iteration: int | None = None
    size_bytes: int = 0
    digest: str = ""
    machine: str = ""
    preview: str = ""
    is_package: bool = False
    is_published: bool = False
    is_archived: bool = False
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """A model that a task made (`is_output`) or began from, under the name that the task gives."""

    name: str
    model: str
    is_output: bool
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a task is run again after an attempt that failed for one of the `reasons`, other
    than a loss of its machine: at most `count` times, after `backoff_s` seconds, twice as long
    each further time. `avoids_host`: other machines are to take it, where there are some."""

    count: int = 0
    reasons: tuple[Reason, ...] = ()
    backoff_s: float = 0.0
    avoids_host: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task: what to run, and how people find it.

    `properties` are notes of people, which no run reads. `labels` number the classes of the task's
    models. `continues_at`: the iteration that a continued task goes on with; its scalars are kept
    when a next attempt begins. In a queue those of a higher `priority` are first; `user` is the
    login name of who made it. `has_marked_edits` is False for a task of a version that did not
    distinguish edits from what a command line gives.
    """

    id: str
    name: str
    project: str
    type: TaskType = TaskType.TRAINING
    tags: tuple[str, ...] = ()
    comment: str = ""
    parent: str = ""
    source: Source = Source()
    environment: Environment = field(default_factory=Environment)
    call: Call | None = None
    seed: int | None = DEFAULT_SEED
    parameters: dict[str, Parameter] = field(default_factory=dict)
    configurations: dict[str, Configuration] = field(default_factory=dict)
    properties: dict[str, Parameter] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    continues_at: int | None = None
    output_uri: str = ""
    on_lost: OnLost = OnLost.END
    retries: Retries = Retries()
    time_limit_s: float = 0.0
    needs: Needs = Needs()
    priority: int = 0
    user: str = ""
    created_at: float = 0.0
    has_marked_edits: bool = False

    @property
    def digests(self) -> tuple[str, ...]:
        """All blobs that the task needs; the store keeps each while a task names it."""
        return tuple(digest for part in NAMING for digest in getattr(self, part).digests)

    @property
    def overrides(self) -> dict[str, Parameter]:
        """The parameters that a remote run is given: all are edits where edits are not marked. With
        another command line those that are none are of no run of it."""
        if self.has_marked_edits and self.source.has_new_words:
            return {
                name: one
                for name, one in self.parameters.items()
                if one.is_edit or name.startswith(_OF_CALL)
            }
        if self.has_marked_edits:
            return self.parameters
        return {name: replace(one, is_edit=True) for name, one in self.parameters.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """The state of a task. Times are the store's clock; `lease_until` 0 means no lease.

    Since somebody enqueued it, it has been run again after so many `failures` of its own, and so
    many `losses` of its machine were counted. `due_at`: until then a retry waits; `avoids` is the
    agent that is to leave it to others.
    """

    status: Status
    previous_status: Status = Status.CREATED
    attempt: int = 0
    worker: str = ""
    queue: str = ""
    lease_until: float = 0.0
    queued_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    updated_at: float = 0.0
    progress: float | None = None
    last_iteration: int = 0
    stop_requested_at: float = 0.0
    message: str = ""
    outcome: Outcome | None = None
    is_unreachable: bool = False
    failures: int = 0
    losses: int = 0
    due_at: float = 0.0
    avoids: str = ""

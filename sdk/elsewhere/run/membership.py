"""The task that this process belongs to, by two variables of its environment.

ELSEWHERE_RUN_FOLDER   set by the runner: a task that an agent runs
ELSEWHERE_LEADER       set by the process that is the task, for those that it starts: its pid, a
                       digest of its command line, the task's folder
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import UsageError
from elsewhere.core.folders import RUN_FOLDER, RunFolder, run_folder
from elsewhere.core.notes import SessionSpec
from elsewhere.core.secrets import GIVEN, is_hidden
from elsewhere.hooks.launch import LAUNCH, has_all
from elsewhere.run.ranks import Rank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elsewhere.core.records import Configuration, Parameter, TaskRecord
    from elsewhere.hooks.launch import Role

_LEADER: Final = "ELSEWHERE_LEADER"
#: our own commands, which a task's program may call: their command lines are not the task's
_COMMANDS: Final = ("agent", "elsewhere")


def leader_folder() -> RunFolder | None:
    """The folder of the task whose process has started this one; None for the task's own process,
    and where that task is over."""
    pid, _, path = _leader()
    folder = RunFolder(Path(path))
    return folder if path and pid != str(os.getpid()) and folder.spec.exists() else None


def role() -> Role:
    """What this process is to the task."""
    pid, digest, _ = _leader()
    is_leader, folder = pid == str(os.getpid()), run_folder()
    if pid and not is_leader:
        return "copy" if digest == _command_line() or _has_words_more(digest, folder) else "child"
    if (rank := Rank.of_this_process()) is not None:
        return "task" if rank.is_first else "rank"
    if (
        is_leader or folder is None or os.getsid(0) == os.getpid()
    ):  # the runner gives the program a session
        return "task"
    # A process of an agent's run beside which no task has begun yet, perhaps behind a shell.
    argv = read_task(folder).source.argv
    return "task" if tuple(sys.argv[1:]) == argv else "child"


def lead(folder: RunFolder) -> Callable[[], None]:
    """Makes processes that this one starts part of its task, until the returned call."""
    os.environ[_LEADER] = f"{os.getpid()}:{_command_line()}:{folder.path}"

    def lead_no_more() -> None:
        os.environ.pop(_LEADER, None)

    return lead_no_more


def hide_given(names: Sequence[str]) -> None:
    """Makes the values of variables with these `names` secrets of this process, and of those that
    it starts."""
    if names:
        os.environ[GIVEN] = " ".join(dict.fromkeys((*os.environ.get(GIVEN, "").split(), *names)))


def _leader() -> tuple[str, str, str]:
    pid, _, rest = os.environ.get(_LEADER, "").partition(":")
    digest, _, path = rest.partition(":")
    return pid, digest, path


def _command_line() -> str:
    """A digest of the script and the words of this process; its spawned workers have the same."""
    return f"{_digest(str(Path(LAUNCH.folder or '', sys.argv[0])))}.{_digest(*sys.argv[1:])}"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode(errors="surrogateescape")).hexdigest()[:16]


def _has_words_more(digest: str, folder: RunFolder | None) -> bool:
    """Whether this process runs the script of the task with the task's words and some more, as
    a program does that starts ranks by itself: `--local_rank=1`."""
    if folder is None or digest.partition(".")[0] != _command_line().partition(".")[0]:
        return False
    argv = read_task(folder).source.argv
    return bool(argv) and has_all(sys.argv[1:], [word for word in argv if not is_hidden(word)])


@lru_cache(maxsize=1)  # an attempt's record is written before its program starts, and never again
def read_task(folder: RunFolder) -> TaskRecord:
    """Returns the record that the runner was given, read once for each folder."""
    spec = SessionSpec.read(folder)
    if spec is None:
        raise UsageError(
            f"{RUN_FOLDER} names {folder.path}, and no task lies there: unset it to run the script"
            " as a task of its own."
        )
    return spec.record


def overrides() -> Mapping[str, Parameter] | None:
    """Returns the overrides of this process while no task is attached; None on a local run."""
    record = _remote_task()
    return record.overrides if record is not None else None


def configurations() -> Mapping[str, Configuration] | None:
    """Returns the configuration objects that override, likewise."""
    record = _remote_task()
    return record.configurations if record is not None else None


def _remote_task() -> TaskRecord | None:
    folder = run_folder()
    if folder is None or Path(sys.argv[0]).name in _COMMANDS:
        return None
    return read_task(folder)

"""The launcher of a program, which starts one process for each rank: torchrun and the like.

    torchrun --nproc-per-node 2 train.py --lr 0.1     what people type
    `------------ words ------' `--- program ---'

The words begin with the module that is the launcher, in place of the name of its command. The
program is in the command line of each rank, too: that is how its beginning is found.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from elsewhere.core.errors import CaptureError, UsageError
from elsewhere.core.frozen import dataclass
from elsewhere.core.other_processes import command_line, parent_of, variables_of

_TORCH: Final = "torch.distributed.run"
_ACCELERATE: Final = "accelerate.commands.launch"
_DEEPSPEED: Final = "deepspeed.launcher.runner"
#: a process between deepspeed's command and the ranks: its own words are made by that command
_DEEPSPEED_NODE: Final = "deepspeed.launcher.launch"
#: the launchers by what starts them: a command, or a module, each maybe with its first word
_LAUNCHERS: Final = {
    ("torchrun",): _TORCH,
    (_TORCH,): _TORCH,
    ("torch.distributed.launch",): "torch.distributed.launch",
    ("accelerate", "launch"): _ACCELERATE,
    ("accelerate.commands.accelerate_cli", "launch"): _ACCELERATE,
    ("accelerate-launch",): _ACCELERATE,
    (_ACCELERATE,): _ACCELERATE,
    ("deepspeed",): _DEEPSPEED,
    ("ds",): _DEEPSPEED,
    (_DEEPSPEED,): _DEEPSPEED,
    (_DEEPSPEED_NODE,): _DEEPSPEED_NODE,
}
_PYTHON: Final = re.compile(r"[Pp]ython[\d.]*")
SHELLS: Final = ("sh", "bash", "dash", "zsh", "ksh")
#: shells between a launcher and a rank at most: `--no-python ./train.sh`
_MOSTSHELLS: Final = 3
#: a word that some launchers add to those of the program
_LOCAL_RANK: Final = re.compile(r"--local[-_]rank=\d+")
#: the options by which the program is a module
MODULE: Final = ("-m", "--module")
#: variables of a process that a launcher has started; only with one of them is it looked for
_MARKS: Final = ("LOCAL_RANK", "RANK", "ACCELERATE_MIXED_PRECISION")
_RUN_ID: Final = "TORCHELASTIC_RUN_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A launcher. `pid` is its process, which has started the process `child`: this one, or a shell
    between them; 0 for one that a person has described. `words` and `program` are empty where
    `missing`, a sentence, says why they are not known."""

    pid: int = 0
    child: int = 0
    words: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    missing: str = ""

    @classmethod
    def of_this_process(cls) -> Launcher | None:
        """The launcher of this process, which is then a rank; None for one that a rank has started,
        too. It is looked for once a process."""
        return _launcher_of(os.getpid())

    def for_script(self) -> Launcher:
        """The launcher of a script in place of a module that runs it, such as a profiler."""
        return replace(self, words=tuple(word for word in self.words if word not in MODULE))

    def check(self) -> None:
        """Raises CaptureError for a launch that cannot be repeated on another machine."""
        if self.missing:
            raise CaptureError(self.missing)
        read = os.environ.get
        machines = int(read("GROUP_WORLD_SIZE") or read("CROSS_SIZE") or 1)
        if self.pid and machines > 1:
            raise CaptureError(
                f"This launch is of {machines} machines, and a task runs on one: start it on one"
                " machine, or give the task's launcher by hand with Task.create(module=...)."
            )

    def words_from(self, working: Path, root: Path) -> tuple[str, ...]:
        """The words, with paths below the `root` of the code as seen from the folder `working`."""
        return tuple(_from(working, root, word) for word in self.words)

    def left_behind(self, folder: Path, root: Path) -> tuple[str, ...]:
        """Sentences on what the launcher reads on this machine outside of the code in `root`."""
        read = [f"{path}" for word in self.words if (path := _outside(word, folder, root))]
        given = sorted(name for name in os.environ if name.startswith("PET_"))
        default = _accelerate_default() if self.words[:1] == (_ACCELERATE,) else None
        if default is not None and not any(w.startswith("--config_file") for w in self.words):
            read.append(str(default))
        sentences = [f"The launcher reads {', '.join(read)}, outside of the code in {root}"] * bool(
            read
        )
        if given:
            sentences.append(f"The launcher reads the variables {', '.join(given)}")
        advice = ", which does not travel: name it, or a file inside the code, in its own words."
        return tuple(f"{sentence}{advice}" for sentence in sentences)


def read_command(words: Sequence[str]) -> list[str] | None:
    """The module of the launcher that a process with the command line `words` is, and the words
    behind it; None for any other process."""
    rest = list(words)
    if rest and _PYTHON.fullmatch(Path(rest[0]).name):
        del rest[0]
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
            del rest[: 2 if rest[0] in ("-X", "-W") else 1]
        if rest and rest[0] == "-m":
            del rest[0]
    return read_launcher([Path(rest[0]).name, *rest[1:]]) if rest else None


def read_launcher(words: Sequence[str]) -> list[str] | None:
    """As `read_command`, of `words` that begin with the name of a command or a module."""
    for size in (2, 1):
        if module := _LAUNCHERS.get(tuple(words[:size])):
            return [module, *words[size:]]
    return None


def split_program(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a launcher, and the program behind them, of words that a person wrote: it is the
    module behind `-m`, or the first script. Raises UsageError where neither is there."""
    for at, word in enumerate(words[1:], 1):
        is_program = words[at - 1] in MODULE or word.endswith((".py", ".sh"))
        if is_program and not word.startswith("-"):
            return tuple(words[:at]), tuple(words[at:])
    raise UsageError(
        f"{' '.join(words)!r:.200} names no script to launch: write it behind the launcher's own"
        " words, as in 'torch.distributed.run --standalone train.py'."
    )


def _path_in(word: str) -> tuple[str, str]:
    """The name before the path in a word, maybe empty, and the path: `--config=`, `/x.yaml`."""
    name, equals, value = word.partition("=")
    return (f"{name}=", value) if equals and name.startswith("-") else ("", word)


def _from(working: Path, root: Path, word: str) -> str:
    name, text = _path_in(word)
    path = Path(os.path.realpath(text)) if text.startswith("/") else None
    if path is None or not path.is_relative_to(root):
        return word
    return f"{name}{os.path.relpath(path, working)}"


def _outside(word: str, folder: Path, root: Path) -> Path | None:
    """The path of a file in a word that lies outside of the code; None for any other word."""
    _, text = _path_in(word)
    path = Path(os.path.realpath(folder / text))
    return None if not path.is_file() or path.is_relative_to(root) else path


def _accelerate_default() -> Path | None:
    """The file that `accelerate config` has written on this machine, if it has."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface")
    folder = Path(os.environ.get("HF_HOME") or home, "accelerate")
    files = (folder / f"default_config.{kind}" for kind in ("yaml", "json"))
    return next(filter(Path.is_file, files), None)


@lru_cache(maxsize=1)
def _launcher_of(_pid: int) -> Launcher | None:
    if not any(name in os.environ for name in _MARKS):
        return None
    child, own = _pid, list(sys.orig_argv)
    for _ in range(_MOSTSHELLS):
        pid = parent_of(child) if child != _pid else os.getppid()
        words = command_line(pid)
        found = read_command(words)
        if found is not None:
            return _read(pid, child, found, own)
        if not words or Path(words[0]).name not in SHELLS:
            break
        child, own = pid, words
    pid = os.getppid()
    variables = variables_of(pid)
    is_of_rank = variables is None or _RUN_ID in variables
    if _RUN_ID not in os.environ or is_of_rank:
        return None
    how = " ".join(command_line(pid)) or "a process that cannot be read"
    return Launcher(
        pid=pid,
        child=_pid,
        missing=f"This is a rank of a launch that {how:.200} has made: a launch can be repeated"
        " elsewhere where torchrun, accelerate launch or deepspeed was typed.",
    )


def _read(pid: int, child: int, found: list[str], own: list[str]) -> Launcher:
    """The launcher that the process `pid` is, by its words `found`. `own` are those of its child,
    which end as they do, with the program."""
    started_by = pid
    if found[0] == _DEEPSPEED_NODE:
        started_by = parent_of(pid)
        found = read_command(command_line(started_by)) or []
    given = [word for word in own if not _LOCAL_RANK.fullmatch(word)]
    size = 0
    while size < min(len(found) - 1, len(given)) and found[-1 - size] == given[-1 - size]:
        size += 1
    words, program = found[: len(found) - size], found[len(found) - size :]
    if not all(word.startswith("-") for word in given[1 : len(given) - size]):
        program = []  # the words of a command line that cannot be read one by one
    if program[:1] == ["-m"]:
        words, program = [*words, "-m"], program[1:]
    if _PYTHON.fullmatch(Path(program[0]).name if program else "") and len(program) > 1:
        words, program = [*words, "python"], program[1:]
    if not program:
        return Launcher(
            pid=pid,
            child=child,
            missing="This is a rank of a launch whose command line cannot be read, so it cannot be"
            f" repeated elsewhere: {' '.join(command_line(started_by))!r:.200}.",
        )
    return Launcher(pid=pid, child=child, words=tuple(words), program=tuple(program))

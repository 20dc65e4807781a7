"""How this process was started: where, whether it is the task, and which words are its command
line's.

What a command line gives travels with the task. A person's edits act as if they were typed there,
so a parse of other words, which the program or a parent process has made, does not see them.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

#: What this process is to the task: the `task` itself, or what may become it; a `rank`, which a
#: launcher has started beside it; a `copy`, which the task's process has started with the same
#: command line, such as a spawned worker; or a `child`, which it has started with another one.
Role: TypeAlias = Literal["task", "rank", "copy", "child"]


class JobSent(SystemExit):
    """The job of a sweep goes on elsewhere: it ends here, and the next one begins."""


class Launch:
    """The launch of this process; `role()` is what it is to the task."""

    def __init__(self) -> None:
        #: the working folder at the import of the SDK, since a program may change it before
        #: Task.init; None for a folder that is gone
        self.folder = _working_folder()
        self.begin(lambda: "task")

    def begin(self, role: Callable[[], Role]) -> None:
        """Takes what gives the role, with nothing parsed yet."""
        self.role = role
        self._typed = command_words()
        #: the command line of the job that is running, in a sweep whose jobs are tasks
        self.job: tuple[str, ...] | None = None
        #: the parameters that parsers of this process have had the values of
        self.read: set[str] = set()
        #: what parsers have left of the command line, the newest last
        self._rests: deque[list[str]] = deque(maxlen=16)

    def add_rest(self, rest: list[str]) -> None:
        """Notes the words that a parser has left of the command line: another may parse them."""
        self._rests.append(rest)

    def has_typed(self, words: object, *, is_again: bool) -> bool:
        """Whether a parser's `words` are of the command line: None, all of it, the end of it, or
        the rest that another parser has left.

        No words at all are an empty command line, unless that has been parsed before: `is_again`.
        """
        if words is None:
            return self._is_typed(command_words())
        if any(words is rest for rest in self._rests):
            return True
        if not isinstance(words, (list, tuple)):
            return False
        given, typed = list(words), command_words()
        if not given:
            return not typed and not is_again
        is_of_them = typed[-len(given) :] == given or given in self._rests
        return is_of_them and self._is_typed(typed)

    def _is_typed(self, words: list[str]) -> bool:
        """Whether the words of sys.argv are still those that were typed: the program may have taken
        some out, or added some, but has not put others in their place."""
        typed = self._typed
        return has_all(typed, words) or (bool(typed) and has_all(words, typed))


def command_words() -> list[str]:
    """The words of the command line, without those of a notebook's kernel, which nobody typed."""
    return [] if _is_kernel() else sys.argv[1:]


def is_of_kernel(value: object) -> bool:
    """Whether a parser in a notebook has found the `value` on the kernel's command line."""
    words = sys.argv[1:] if value and _is_kernel() else ()
    return any(value in (word, word.partition("=")[2]) for word in words)


def _is_kernel() -> bool:
    launchers = ("kernel_launcher.py", "ipykernel/__main__.py")
    return "ipykernel" in sys.modules and sys.argv[:1] != [] and sys.argv[0].endswith(launchers)


def _working_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - weight: pathlib
    except OSError:  # it was deleted
        return None


#: that of this process
LAUNCH: Final = Launch()


def has_all(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the `words` have those `wanted`, in their order."""
    left = iter(words)
    return all(any(word == one for word in left) for one in wanted)


def words_of(words: object) -> list[str]:
    """The texts among the `words` that a parser is given; those of the command line for None."""
    found = sys.argv[1:] if words is None else words
    sequence = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return [word for word in sequence if isinstance(word, str)]

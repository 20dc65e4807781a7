"""The wishes of a script for the packages of its task, set before `Task.init`."""

from __future__ import annotations

from typing import Final, NamedTuple

from elsewhere.core.records import Environment

#: what is installed for a task. auto: of a virtual environment, or one of conda, all that it has;
#: else what the code imports, and what that needs; requirements: the repository's requirements.txt
CHOICES: Final = ("auto", "environment", "imports", "requirements")

#: files of the repository that the agent reads, in place of lines that are read here
LOCK_FILES: Final = ("uv.lock", "poetry.lock", "pylock.toml")


class Wishes(NamedTuple):
    """Changes of the captured packages. `added` are names with versions (None: the installed one,
    empty: any) or files of lines; `ignored` are names. With `is_frozen` all that is installed, or
    the lines of `file`, replace the packages of the imports. `choice` is one of CHOICES, or the
    path of a file in the repository; empty for that of the settings.
    `environment` has what the task asks of an agent beside packages."""

    added: tuple[tuple[str, str | None], ...] = ()
    ignored: frozenset[str] = frozenset()
    is_frozen: bool = False
    file: str = ""
    choice: str = ""
    environment: Environment = Environment()


NO_WISHES: Final = Wishes()

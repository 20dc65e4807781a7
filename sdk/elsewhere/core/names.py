"""The names of tasks and projects, ids, tags and types: made, and checked as users give them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import checked_text
from elsewhere.core.choices import TaskType
from elsewhere.core.errors import UsageError, known_choices

if TYPE_CHECKING:
    from elsewhere.core.records import TaskRecord

#: characters that the name of a task or project has at least (seed page, "Task Creation")
_SHORTEST: Final = 3
_LONGEST: Final = 200


def new_id() -> str:
    """A new id: 32 random hex digits."""
    return os.urandom(16).hex()


def checked_name(what: str, name: object) -> str:
    """The `name` of a `what` without spaces around it. Raises UsageError."""
    stripped = checked_text(f"The name of a {what}", name).strip()
    if not _SHORTEST <= len(stripped) <= _LONGEST:
        count = "1 character" if len(stripped) == 1 else f"{len(stripped)} characters"
        raise UsageError(
            f"The {what} name {name!r:.80} cannot be used: it has {count}, and {_SHORTEST} to"
            f" {_LONGEST} are needed."
        )
    if not stripped.isprintable():
        raise UsageError(f"The {what} name {name!r:.80} cannot be used: it has control characters.")
    return stripped


def checked_tags(given: object) -> tuple[str, ...]:
    """The tags of a list of texts, or of one text with spaces, each once. Raises UsageError."""
    tags: Any = given.split() if isinstance(given, str) else given
    are_many = isinstance(tags, (list, tuple, set, frozenset))
    if not are_many or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise UsageError(
            f"Tags are a text with spaces between them, or a list of texts, not {given!r:.80}."
        )
    return tuple(dict.fromkeys(tags))


def checked_type(given: object) -> TaskType:
    """The task type `given`; None is training. Raises UsageError with the known types."""
    if given is None:
        return TaskType.TRAINING
    try:
        return TaskType(str(given))
    except ValueError as error:
        raise UsageError(
            f"There is no task type {given!r:.80}. {known_choices(str(given), map(str, TaskType))}"
        ) from error


def name_of(program: str) -> str:
    """The default name of a task that runs the `program`, a module or the path of a script."""
    name = program.rstrip("/").rpartition("/")[2]
    name = name.removesuffix(".py").removesuffix(".sh").removesuffix(".ipynb")
    return name if len(name) >= _SHORTEST else f"script {name}".strip()


def project_of(repository: str) -> str:
    """The default project of code from a `repository`, by its URL."""
    last = repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return last if len(last) >= _SHORTEST else "Untitled"


def name_of_clone(source: TaskRecord) -> str:
    """The default name of a clone of `source`."""
    return f"Clone Of {source.name}"[:_LONGEST].strip()

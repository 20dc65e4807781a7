"""Values of the program that are connected to its task: they are recorded, and a remote run
overrides them by the task's."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

from elsewhere.connect.api import AnotherTask
from elsewhere.connect.configurations import connect_configuration
from elsewhere.connect.dicts import ConnectedDict, connect_dict
from elsewhere.connect.labels import connect_labels
from elsewhere.connect.objects import connect_object, has_attributes
from elsewhere.connect.sections import is_ignored, track
from elsewhere.connect.task_parameters import TaskParameters, connect_task_parameters
from elsewhere.core.errors import UsageError
from elsewhere.core.params import GENERAL
from elsewhere.report.recorder import Target

__all__ = [
    "AnotherTask",
    "ConnectedDict",
    "checked_section",
    "connect",
    "connect_configuration",
    "connect_dict",
    "connect_labels",
    "is_parser",
]


def connect(
    mutable: Any, target: Target, section: str = GENERAL, *, is_ignoring: bool = False
) -> Any:
    """Overrides and records `mutable`; returns it, or for a dict one whose writes are recorded.

    With `is_ignoring` the program's own values count on a remote run, too, unless the parameter
    `<section>/_ignore_remote_overrides_` is False. Raises UsageError, with nothing changed.
    """
    if isinstance(mutable, type) and issubclass(mutable, TaskParameters):
        raise UsageError(
            f"connect takes the parameters themselves, not their class: connect"
            f" {mutable.__name__}(...)."
        )
    if not isinstance(mutable, MutableMapping) and not has_attributes(mutable):
        raise UsageError(
            f"connect takes a dict, an object with attributes, a class, TaskParameters, an argparse"
            f" parser or a model, not {mutable!r:.80} ({type(mutable).__name__})."
        )
    is_own = is_ignored(f"{section}/_ignore_remote_overrides_", target, is_ignoring=is_ignoring)
    overrides = None if is_own else target.overrides()
    if isinstance(mutable, TaskParameters):
        connect_task_parameters(mutable, section, overrides, target.record)
        return mutable
    if isinstance(mutable, ConnectedDict):
        return connect_dict(mutable, section, overrides, target.record)
    if type(mutable) is not dict:
        target.when_over(connect_object(mutable, section, overrides, target.record))
        return mutable
    connected = connect_dict(mutable, section, overrides, target.record)
    # The program may write into its original dict instead: that is compared at the end.
    target.when_over(track(mutable, section, target.record))
    return connected


def is_parser(given: object) -> bool:
    """Returns True for a parser of argparse, also for one of a library that builds on it."""
    argparse = sys.modules.get("argparse")
    return argparse is not None and isinstance(given, argparse.ArgumentParser)


def checked_section(given: object, what: str) -> str:
    """Returns the section `given` to the call `what`; None is General. Raises UsageError."""
    if given is None:
        return GENERAL
    if not isinstance(given, str) or not given.strip("/") or given.startswith("/"):
        raise UsageError(f"{what} takes a name, such as 'optimizer', not {given!r:.80}.")
    return given

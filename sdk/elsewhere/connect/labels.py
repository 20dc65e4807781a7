"""The connected labels: the names of the classes of the task's models, with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from elsewhere.connect.sections import is_ignored
from elsewhere.core.checks import checked_labels
from elsewhere.core.events import Labels
from elsewhere.core.params import GENERAL
from elsewhere.report.recorder import Target

_FLAG: Final = f"{GENERAL}/_ignore_remote_overrides_labels_"


def connect_labels(
    enumeration: dict[str, int],
    target: Target,
    override: Mapping[str, int],
    *,
    is_ignoring: bool = False,
) -> dict[str, int]:
    """Fills `enumeration` in place with the labels `override` of a remote run's task, if any; else
    records it. Returns it. Raises UsageError for what is not a dict of text to int."""
    own = checked_labels(enumeration, dict)
    is_own = is_ignored(_FLAG, target, is_ignoring=is_ignoring)
    if override and not is_own and target.overrides() is not None:
        enumeration.clear()
        enumeration.update(override)
    else:
        target.record(Labels(values=own))
    return enumeration

"""The hooks: what is recorded of the frameworks that a program uses, without a line in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Final

from elsewhere.hooks import argparse

if TYPE_CHECKING:
    from elsewhere.hooks.api import Hook, Recorder

__all__ = ["HOOKS", "attach"]

log = logging.getLogger(__name__)

#: name to hook
HOOKS: Final[dict[str, Hook]] = {"argparse": argparse.attach}


def attach(recorder: Recorder, enabled: Container[str] = HOOKS) -> Callable[[], None]:
    """Attaches the hooks whose names are enabled. Returns how to detach them all.

    A hook that fails is logged; the others go on.
    """
    detachers = []
    for name, hook in HOOKS.items():
        if name in enabled:
            try:
                detachers.append(hook(recorder))
            except Exception:  # an outermost seam: the program goes on
                log.warning("Nothing of %s is recorded: its hook failed.", name, exc_info=True)

    def detach() -> None:
        while detachers:
            detachers.pop()()

    return detach

"""The one function of Hydra that a program's `@hydra.main` calls, replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hydra._internal import utils

from elsewhere.hooks.parsers.hydra.launches import Launches
from elsewhere.hooks.replacing import replace


def patch(launches: Launches) -> Callable[[], None]:
    """Patches the function, for runs and multiruns; returns the undo."""

    def launch(*given: Any, **named: Any) -> Any:
        from elsewhere.hooks.parsers.hydra import jobs  # noqa: PLC0415 - it needs the whole of hydra

        return jobs.launch(launches, *given, **named)

    return replace(utils, "_run_app", launch)

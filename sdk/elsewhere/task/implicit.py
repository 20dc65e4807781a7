"""The task of a program that does not call `Task.init`: begun for it, before its first line.

The runner sets a variable, which a line in the run's `elsewhere.pth` reads: the program's text, its
command line and its `__main__` are what they would be without Elsewhere.
"""

from __future__ import annotations

import os
from typing import Final

from elsewhere.core.errors import ElsewhereError
from elsewhere.core.say import say

_INIT: Final = "ELSEWHERE_INIT"


def begin() -> None:
    """Begins the task, and removes the variable: processes that the program starts begin none."""
    from elsewhere.task.task import Task  # noqa: PLC0415 - weight

    os.environ.pop(_INIT, None)
    try:
        Task.init()
    except ElsewhereError as error:
        say(f"the program runs without its task. {error}")

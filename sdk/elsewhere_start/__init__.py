"""The start of the programs `elsewhere` and `agent`.

`import elsewhere` readies a program to be a task: it watches parsers, and what a launcher of ranks
has set. These programs are never tasks, and begin in half the time without that.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec


def elsewhere() -> int:
    _leave_out_the_door()
    from elsewhere.command.main import main  # noqa: PLC0415

    return main()


def agent() -> int:
    _leave_out_the_door()
    from elsewhere_agent.command import main  # noqa: PLC0415

    return main()


def _leave_out_the_door() -> None:
    """Makes the package `elsewhere` without running its `__init__`: its folders are as they are."""
    spec = find_spec("elsewhere")
    if spec is not None:
        sys.modules["elsewhere"] = module_from_spec(spec)

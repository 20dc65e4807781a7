"""Environment variables: those that the setting `log_environment` names are parameters, and a
remote run's parameters `Environment/NAME` are its variables.

Only the process that is the task, and the ranks beside it, do so: those that it starts have the
variables from it, or those that it chooses for them. A URL with a password is not recorded. A
parameter that is None unsets its variable. `ELSEWHERE_*` are never set: they hold the folders of
this run, and the recorded ones are of another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from elsewhere.hooks.launch import LAUNCH

if TYPE_CHECKING:
    from elsewhere.core.records import Parameter
    from elsewhere.report.recorder import Recorder

_SECTION: Final = "Environment"
_OURS: Final = "ELSEWHERE_"
#: what `*` leaves out: variables of one machine and login, wrong on another machine
_PLACE: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "HOSTNAME", "SHELL", "SHLVL", "PWD", "OLDPWD", "TMPDIR"),
    *("VIRTUAL_ENV", "CONDA_*", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "XDG_*", "SSH_*"),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "DISPLAY", "TERM", "_", f"{_OURS}*"),
    # of one rank of one launch
    *(
        "RANK",
        "WORLD_SIZE",
        "LOCAL_*",
        "GROUP_*",
        "ROLE_*",
        "CROSS_*",
        "MASTER_*",
        "TORCHELASTIC_*",
    ),
)


def attach(recorder: Recorder) -> Callable[[], None]:
    """Sets a remote run's variables, else records this process's; detaching undoes nothing."""
    overrides = recorder.overrides()
    if overrides is not None:
        if LAUNCH.role() in ("task", "rank"):
            _set(overrides)
    elif LAUNCH.role() != "rank" and (values := _recorded()):
        from elsewhere.core.events import Parameters  # noqa: PLC0415 - weight

        recorder.record(Parameters(values=values))
    return lambda: None


def _set(overrides: Mapping[str, Parameter]) -> None:
    from elsewhere.core.errors import UsageError  # noqa: PLC0415 - weight
    from elsewhere.core.params import to_text  # noqa: PLC0415 - weight
    from elsewhere.core.secrets import is_hidden  # noqa: PLC0415 - weight
    from elsewhere.hooks.parsers.values import refuse  # noqa: PLC0415 - weight

    for full_name, override in overrides.items():
        section, _, name = full_name.partition("/")
        if section != _SECTION or name.startswith(_OURS) or is_hidden(override.value):
            continue
        try:
            if override.value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = to_text(override.value)
        except ValueError as error:
            sentence = f"Parameter {full_name!r} cannot be {override.value!r:.200}: {error}."
            refuse(os.path.basename(sys.argv[0]), UsageError(sentence))  # noqa: PTH119 - weight: pathlib


def _recorded() -> dict[str, Parameter]:
    from elsewhere.core.secrets import hide_passwords  # noqa: PLC0415 - weight
    from elsewhere.core.settings import load  # noqa: PLC0415 - weight
    from elsewhere.hooks.parsers.values import shown  # noqa: PLC0415 - weight

    patterns = [pattern.strip() for pattern in load().log_environment.split(",")]
    return {
        f"{_SECTION}/{name}": shown(name, text)
        for name, text in sorted(os.environ.items())
        if hide_passwords(text) == text and any(_is_named(name, pattern) for pattern in patterns)
    }


def _is_named(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase  # noqa: PLC0415 - weight

    if pattern == "*":
        return not any(fnmatchcase(name, place) for place in _PLACE)
    return fnmatchcase(name, pattern)

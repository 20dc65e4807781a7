"""Installers plan, runtimes act: what fills an environment with packages, as commands to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from elsewhere_sandbox.runtimes.api import Command

__all__ = ["Installer", "installer_variables"]

#: What an installer may see of the agent's variables: where things are, how the network is
#: reached, how git authenticates, what compilers want. None of the agent's own secrets.
_PASSED: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_\w+|XDG_\w+"
    r"|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"
    r"|SSH_AUTH_SOCK|GIT_(?:ASKPASS|SSH|SSH_COMMAND|SSL_CAINFO|CONFIG_GLOBAL|CONFIG_NOSYSTEM)"
    r"|CC|CXX|\w+FLAGS|LD_LIBRARY_PATH|CUDA_HOME|(?:PIP|UV)_\w+",
    re.IGNORECASE,
)


class Installer(Protocol):
    """Fills environments. Runs nothing by itself."""

    @property
    def name(self) -> str:
        """Its key in INSTALLERS; part of what an environment's digest is made of."""

    @property
    def prefix(self) -> str:
        """What its variables begin with, those that change what it installs: indexes, ..."""

    @property
    def brings_pip(self) -> bool:
        """It needs no pip in an environment, and so can put one in."""

    def is_available(self) -> bool: ...

    def plan(
        self,
        requirements: Path,
        environment: Path,
        variables: Mapping[str, str],
        *,
        with_dependencies: bool = True,
        is_quiet: bool = False,
    ) -> Sequence[Command]:
        """Commands that install the lines of a requirements file into `environment`.

        `environment` is a virtual environment in whose `bin/python` pip can be imported, unless
        the installer `brings_pip`. The commands run in the folder of `requirements`, with
        `variables` and nothing else.
        """


def installer_variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """The part of the agent's environment that a command of the set-up may see."""
    passed = {name: value for name, value in inherited.items() if _PASSED.fullmatch(name)}
    return passed | {"GIT_TERMINAL_PROMPT": "0", "PYTHONUNBUFFERED": "1"}

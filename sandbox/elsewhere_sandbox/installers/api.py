"""Installers plan the commands that fill an environment with packages; runtimes run them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere_sandbox.command import Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from elsewhere_sandbox.spec import PackagePolicy

#: What an installer may see of the agent's variables: where things are, how the network is
#: reached, how git authenticates, what compilers want. None of the agent's own secrets.
_PASSED: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_\w+|XDG_\w+"
    r"|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"
    r"|SSH_AUTH_SOCK|GIT_(?:ASKPASS|SSH|SSH_COMMAND|SSL_CAINFO|CONFIG_GLOBAL|CONFIG_NOSYSTEM)"
    r"|CC|CXX|\w+FLAGS|LD_LIBRARY_PATH|CUDA_HOME|(?:PIP|UV)_\w+",
    re.IGNORECASE,
)


_PASSED_IN: Final = re.compile(
    r"(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?:PIP|UV)_\w+",
    re.IGNORECASE,
)


class Installer(Protocol):
    """Plans how environments are filled. Runs nothing by itself."""

    @property
    def name(self) -> str:
        """Its key in INSTALLERS, which also goes into the digest of an environment."""

    @property
    def prefix(self) -> str:
        """The prefix of the variables that change what it installs: indexes, ..."""

    @property
    def brings_pip(self) -> bool:
        """True if it needs no pip in an environment, and so can install pip there."""

    @property
    def checks_each_hash(self) -> bool:
        """False if it refuses a file of requirements of which only some have hashes."""

    @property
    def variables(self) -> Mapping[str, str]:
        """Its own variables, which override those of the operator."""

    def is_available(self) -> bool: ...

    def indexes(self, policy: PackagePolicy) -> dict[str, str]:
        """Its variables for the indexes of the operator: an argument would show a password."""

    def torch_backend(self, wanted: str) -> str:
        """The build to ask for by the option `--torch-backend`; "" if it cannot choose one.

        Raises SetupError for a build by name that it cannot choose.
        """

    def create(self, environment: Path, python: Path, seed: Path) -> tuple[str, ...]:
        """The arguments that make a virtual environment of the interpreter `python` in a folder
        that does not exist. `seed` is a folder for a cache of what is put into each."""

    def install(self, environment: Path) -> tuple[str, ...]:
        """The arguments that install into `environment`, without those that all installers share.

        `environment` is a virtual environment in whose `bin/python` pip can be imported, unless
        the installer `brings_pip`.
        """


def plan(
    installer: Installer,
    requirements: Path,
    environment: Path,
    variables: Mapping[str, str],
    *options: str,
) -> Command:
    """The command by which `installer` installs the lines of `requirements` into `environment`.

    It runs in the folder of `requirements`, with `variables` and the installer's own, and nothing
    else. `options` are those that all installers know: `--no-deps`, `--quiet`.
    """
    argv = (*installer.install(environment), *options, "--requirement", str(requirements))
    variables = {**variables, **installer.variables}
    return Command(argv=argv, folder=requirements.parent, environment=variables, installs=True)


def installer_variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """The part of the agent's environment that a command of the set-up may see."""
    passed = {name: value for name, value in inherited.items() if _PASSED.fullmatch(name)}
    return passed | {"GIT_TERMINAL_PROMPT": "0", "PYTHONUNBUFFERED": "1"}


def place_variables(inherited: Mapping[str, str], home: Path, cache: Path) -> dict[str, str]:
    """The same for a command in a container, whose image has its own paths: the installers'
    settings, and how the network is reached. `home` and `cache` are folders that it may write."""
    passed = {name: one for name, one in inherited.items() if _PASSED_IN.fullmatch(name)}
    return passed | {
        "HOME": str(home),
        "PIP_CACHE_DIR": str(cache / "pip"),
        "PYTHONUNBUFFERED": "1",
        "UV_CACHE_DIR": str(cache / "uv"),
    }

"""The installers by name, the preferred one first. What they have in common is in `api.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.installers.pip import Pip, PipOfImage
from elsewhere_sandbox.installers.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere_sandbox.installers.api import Installer


def installer_of(name: str) -> Installer:
    """Returns the installer of this name, or the first that is there for "". Raises SetupError for
    one that is not there."""
    for key, make in INSTALLERS.items():
        if name in ("", key) and (made := make()).is_available():
            return made
    raise SetupError(f"The installer {name!r} of this agent is not there: correct agent.installer.")


def installer_of_image(name: str, *, is_glibc: bool) -> Installer:
    """Returns the installer of this name for a container, or the best for "": uv, which comes from
    this machine and is made for glibc, else the image's own pip. Raises SetupError."""
    if is_glibc or name == "uv":
        found = installer_of(name)
        if found.name == "uv":
            return found
    return PipOfImage()


INSTALLERS: Final[dict[str, Callable[[], Installer]]] = {"uv": Uv, "pip": Pip}

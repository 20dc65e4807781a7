"""The installers by name, the preferred one first. What they have in common is in `api.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.installers.pip import Pip
from elsewhere_sandbox.installers.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere_sandbox.installers.api import Installer

INSTALLERS: Final[dict[str, Callable[[], Installer]]] = {"uv": Uv, "pip": Pip}

"""An order for an environment: what is to be in it, which its digest is made of, and the means."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.secrets import hide_passwords
from elsewhere_sandbox.selection import TORCH, name_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.folders import Home
    from elsewhere_sandbox.installers.api import Installer
    from elsewhere_sandbox.python import Python
    from elsewhere_sandbox.selection import Selection
    from elsewhere_sandbox.setup import Setup

#: the policy for torch that installs the captured line and nothing else
AS_CAPTURED: Final = "as captured"
#: the policy that leaves the build to this machine
AUTO: Final = "auto"
_DRIVER: Final = Path("/sys/module/nvidia/version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An environment to build, and the means to build it. `torch` is the operator's policy for
    builds of torch; `options` are further arguments of the installer. `must` are names of pins
    without which an environment has been built, and which a program imports. `image` is the id of
    the image that Python is in. `pre_packages` and `post_packages` are lines of the operator's, for
    before and after the task's own."""

    python: Python
    selection: Selection
    installer: Installer
    variables: Mapping[str, str]
    options: tuple[str, ...]
    torch: str
    home: Home
    scratch: Path
    setup: Setup
    must: tuple[str, ...] = ()
    image: str = ""
    pre_packages: tuple[str, ...] = ()
    post_packages: tuple[str, ...] = ()

    @property
    def inputs(self) -> dict[str, Any]:
        """Everything that the environment depends on."""
        prefix = self.installer.prefix
        options = {k: v for k, v in sorted(self.variables.items()) if k.startswith(prefix)}
        selection = self.selection
        found: dict[str, Any] = {
            "python": str(self.python.executable),
            "version": self.python.version,
            "platform": self.python.platform,
            "requirements": selection.asked,
            "installer": self.installer.name,
            "options": {name: hide_passwords(value) for name, value in options.items()},
        }
        if selection.facts is not None:
            found |= {"pins": [pin.identity for pin in selection.pins], "must": self.must}
        if self.image:
            found["image"] = self.image
        if self.pre_packages or self.post_packages:
            found["operator"] = [self.pre_packages, self.post_packages]
        if self.options:
            found["arguments"] = self.options
        if self.has_torch or self._resolved:
            found["torch"] = [self.torch, self.backend]
        if self.has_torch:
            found["driver"] = _driver()
        return found

    @property
    def summary(self) -> str:
        """Says what it is built of, for people."""
        count = len(self.selection.asked) + len(self.selection.pins)
        return f"Python {self.python.version}, {self.installer.name}, {count} requirements"

    @property
    def packages(self) -> str:
        """A digest of the packages that are asked for, and of which the program imports."""
        pins = [(pin.identity, pin.is_needed) for pin in self.selection.pins]
        lines = [self.pre_packages, self.selection.asked, pins, self.post_packages]
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:32]

    @property
    def _resolved(self) -> tuple[str, ...]:
        """The lines whose needs the installer finds out."""
        return (*self.pre_packages, *self.selection.asked, *self.post_packages)

    @property
    def has_torch(self) -> bool:
        """Whether an index is asked for torch, or for a relative of it, by its name."""
        pins = {pin.name for pin in self.selection.pins if pin.is_of_index}
        return bool(TORCH & (pins | {name_in(line) for line in self._resolved if "@" not in line}))

    @property
    def build_of_torch(self) -> str:
        """Which build of torch is asked for, and why; for people."""
        if self.torch == AS_CAPTURED:
            return "the one that was captured, as the setting torch has it"
        if not self.backend:
            return f"the usual one of the index, since {self.installer.name} cannot choose"
        if self.torch != AUTO:
            return f"{self.backend}, as the setting torch has it"
        driver = _driver().strip()
        found = f"NVIDIA's driver {driver}" if driver else "a machine without NVIDIA's driver"
        return f"chosen by {self.installer.name}, for {found}"

    @property
    def backend(self) -> str:
        """The build of torch that the installer is asked for; "" for the lines as they are."""
        return "" if self.torch == AS_CAPTURED else self.installer.torch_backend(self.torch)


def _driver() -> str:
    """The version of NVIDIA's driver; empty without one."""
    return _DRIVER.read_text("utf-8") if _DRIVER.exists() else ""

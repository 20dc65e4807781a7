"""Runs whose packages are locked: what a laptop has captured, and a box with a folder of wheels."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from elsewhere.core.codec import encode
from elsewhere.core.folders import Home
from elsewhere.core.lock import Lock, Locked
from elsewhere.core.records import Environment
from elsewhere_sandbox.environment import Interpreter, prepare_environment
from elsewhere_sandbox.spec import DEFAULT_POLICY, PackagePolicy
from tests.plain_setup import PlainSetup
from tests.sandbox.packages import inherited_variables, warm_home


def locked(name: str, version: str = "1.0", *requires: str, shared: bool = False) -> Locked:
    return Locked(
        name=name,
        version=version,
        line=f"{name}=={version}",
        requires=requires,
        is_shared=shared,
    )


class Box:
    """A machine; `setup` is that of the last run, `lines` what it said."""

    def __init__(self, folder: Path, seed: Path) -> None:
        self.home: Home = warm_home(folder / "home", seed)
        self.wheels = folder / "wheels"
        self.code = folder / "code"
        self.code.mkdir()
        self.inherited = inherited_variables(folder, self.wheels)
        self.setup = PlainSetup()
        self.policy: PackagePolicy = DEFAULT_POLICY
        self._count = 0

    @property
    def lines(self) -> str:
        return "\n".join(self.setup.lines)

    def prepare(
        self,
        lock: Sequence[Locked],
        packages: Sequence[str] = (),
        loaded: Sequence[str] = (),
        blobs: Mapping[str, bytes] | None = None,
        *,
        system: str = sys.platform,
        lock_bytes: bytes | None = None,
    ) -> Interpreter:
        self.setup, self._count = PlainSetup(), self._count + 1
        content = (
            lock_bytes
            or encode(
                Lock(
                    python=platform.python_version(),
                    implementation=sys.implementation.name,
                    system=system,
                    machine=platform.machine(),
                    distributions=tuple(lock),
                )
            ).encode()
        )
        digest = hashlib.sha256(content).hexdigest()
        folder = self.home.run("0" * 32, self._count).create()
        folder.inputs.mkdir(exist_ok=True)
        for name, data in {digest: content, **(blobs or {})}.items():
            (folder.inputs / name).write_bytes(data)
        environment = Environment(
            packages=tuple(packages),
            lock=digest,
            loaded=tuple(loaded),
            wheels=tuple(sorted(blobs or ())),
        )
        interpreter = prepare_environment(
            environment,
            self.code,
            folder,
            self.home,
            self.setup,
            replace(self.policy),
            inherited=self.inherited,
        )
        os.close(interpreter.lock)
        return interpreter

    def installed(self, interpreter: Interpreter) -> dict[str, str]:
        """Version by name, without pip."""
        shared = self.home.environments / interpreter.digest
        (site,) = shared.glob("lib/python*/site-packages")
        found = (path.stem.split("-")[:2] for path in site.glob("*.dist-info"))
        return {name: version for name, version in found if name != "pip"}

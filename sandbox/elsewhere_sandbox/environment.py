"""The environment of a run: one that is shared by all runs that ask for the same, and a layer."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.core.folders import Home
from elsewhere_sandbox.build import install
from elsewhere_sandbox.environments import collect, ensure
from elsewhere_sandbox.installers import installer_of, installer_of_image
from elsewhere_sandbox.installers.api import installer_variables, place_variables
from elsewhere_sandbox.layer import lay, lend
from elsewhere_sandbox.lock_file import lines_of
from elsewhere_sandbox.order import AS_CAPTURED, Order
from elsewhere_sandbox.python import find_python
from elsewhere_sandbox.selection import select, without_builds
from elsewhere_sandbox.spec import DEFAULT_POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Environment
    from elsewhere_sandbox.containers.image import Image, ImagePython
    from elsewhere_sandbox.python import Python
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import PackagePolicy, RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python of the program, of this `version`. `path` comes first on its PATH; `digest` names
    the environment, which is not removed while the descriptor `lock` is open: until the end of this
    process. Where an image has all packages there is none, and their versions are in `of_image`.
    Packages that are installed are in the folders `packages`."""

    python: Path
    path: tuple[Path, ...]
    version: str = ""
    packages: tuple[Path, ...] = ()
    of_image: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    was_cached: bool = True
    lock: int = -1


def prepare_environment(
    environment: Environment,
    code: Path,
    folder: RunFolder,
    home: Home,
    setup: Setup,
    policy: PackagePolicy = DEFAULT_POLICY,
    *,
    working_dir: str = ".",
    script: str = "",
    inherited: Mapping[str, str] = os.environ,
    image: Image | None = None,
) -> Interpreter:
    """Prepares Python, packages and the run's own layer over them, in `folder.venv`.

    `script` is relative to `working_dir`, and that to the root of the `code`. Phases: `python`,
    `install` (the shared environment), `link` (the layer), and `install` again for projects inside
    the code that are installed in place. `policy` is the operator's. In an `image` its Python is
    taken, and its packages, if they are all that is needed. Raises SetupError.
    """
    with setup.phase("python"):
        python, inside = _python_of(environment, home, setup, inherited, image)
    with setup.phase("install"):
        order = _order_of(
            environment,
            code,
            folder,
            home,
            setup,
            policy,
            python=python,
            working_dir=working_dir,
            script=script,
            inherited=inherited,
            image=image,
            inside=inside,
        )
        if image is not None and inside is not None and image.has(order, inside):
            setup.say("The image has all packages that the task asks for: none is installed.")
            shared, lock, was_cached = None, -1, True
        else:
            shared, lock, was_cached = ensure(order)
            if not was_cached:
                collect(home, policy.environments_bytes)
    with setup.phase("link"):
        of_image = inside.folders if inside is not None and shared is None else ()
        lay(folder.venv, python, shared, of_image, lend(home, python.version))
    if order.selection.projects:
        with setup.phase("install"):
            lines = [f"-e {project.as_uri()}" for project in order.selection.projects]
            install(order, "editable.txt", lines, folder.venv, "--no-deps")
    places = (folder.venv, *((shared,) if shared else ()))
    return Interpreter(
        python=folder.venv / "bin" / "python",
        path=tuple(place / "bin" for place in places),
        version=python.version,
        packages=tuple(place / python.site_packages for place in places),
        of_image=inside.versions if inside is not None and shared is None else {},
        digest=shared.name if shared else "",
        was_cached=was_cached,
        lock=lock,
    )


def _python_of(
    environment: Environment,
    home: Home,
    setup: Setup,
    inherited: Mapping[str, str],
    image: Image | None,
) -> tuple[Python, ImagePython | None]:
    """The Python of a run: of this machine or, beside what is known of it there, of its `image`.
    Raises SetupError."""
    if image is not None:
        inside = image.python_for(environment.python, setup)
        return inside.python, inside
    known = home.environments / "pythons.json"
    return find_python(environment.python, known, setup, inherited), None


def order_for(
    spec: RunSpec, folder: RunFolder, setup: Setup, image: Image | None = None
) -> tuple[Order, ImagePython | None]:
    """The environment that a run of `spec` would ask for, its code laid out in `folder`, and the
    interpreter of its `image`. Raises SetupError."""
    record, home = spec.record, Home(Path(spec.home))
    python, inside = _python_of(record.environment, home, setup, os.environ, image)
    order = _order_of(
        record.environment,
        folder.code,
        folder,
        home,
        setup,
        spec.policy.packages,
        python=python,
        working_dir=record.source.working_dir,
        script=record.source.entry_point,
        image=image,
        inside=inside,
    )
    return order, inside


def _order_of(
    environment: Environment,
    code: Path,
    folder: RunFolder,
    home: Home,
    setup: Setup,
    policy: PackagePolicy,
    *,
    python: Python,
    working_dir: str,
    script: str,
    inherited: Mapping[str, str] = os.environ,
    image: Image | None = None,
    inside: ImagePython | None = None,
) -> Order:
    """The environment that a run asks for: of `python`, which stands `inside` its `image` where it
    has one. Raises SetupError."""
    if inside is not None:
        installer = installer_of_image(policy.installer, is_glibc=inside.is_glibc)
        variables = place_variables(inherited, folder.path / "home", home.environments)
    else:
        installer = installer_of(policy.installer)
        variables = installer_variables(inherited)
    variables |= installer.indexes(policy)
    if name := environment.lock_file:
        lines = lines_of(name, code, folder.path, python, setup, variables)
        environment = replace(environment, packages=tuple(lines))
    selection = select(environment, code, folder.inputs, working_dir, script)
    return Order(
        python=python,
        selection=selection if policy.torch == AS_CAPTURED else without_builds(selection),
        installer=installer,
        variables=variables,
        options=policy.options,
        torch=policy.torch,
        home=home,
        scratch=folder.path,
        setup=setup,
        image=image.id if image else "",
        pre_packages=policy.pre_packages,
        post_packages=policy.post_packages,
    )

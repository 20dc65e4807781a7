"""The environment of a task, built to be kept: as a folder, or in an image of its own."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Final

from elsewhere.core.notes import write_runner
from elsewhere_sandbox.build import fill, install
from elsewhere_sandbox.console import Console
from elsewhere_sandbox.containers.engine import PACKAGES_LABEL, connect, place
from elsewhere_sandbox.containers.making import check_name, make
from elsewhere_sandbox.environment import order_for
from elsewhere_sandbox.environments import ensure
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.layer import lend
from elsewhere_sandbox.prepare import check_whole, lay_out, secrets_of
from elsewhere_sandbox.runtimes.docker import DockerRuntime
from elsewhere_sandbox.runtimes.host import HostRuntime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.containers.image import Image, ImagePython
    from elsewhere_sandbox.order import Order
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec

#: the label of an image with the id of the task that it was built for
_TASK_LABEL: Final = "elsewhere.built_for"
#: seconds that an engine has to take an environment in: gigabytes, maybe
_ANSWER_S: Final = 3600
#: seconds that the commands of a build have to end, when it is given up
_GRACE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Contents:
    """What was installed, each as `name version`, and lines on what is not as it was captured."""

    packages: tuple[str, ...]
    notes: tuple[str, ...]


def build_folder(
    spec: RunSpec, folder: RunFolder, target: Path, show: Callable[[str], None]
) -> Contents:
    """Builds a virtual environment in `target` for this machine: the task's packages, projects of
    its code, of which there are copies then, and the SDK, which is lent.

    `folder` is new, with the task's inputs. Lines on the progress go to `show`. Raises SetupError,
    also for a `target` that is there and not empty; whatever fails, nothing is left of it.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SetupError(
            f"{target} is there already, and not an empty folder: name another one, or remove it."
        )
    runtime = HostRuntime(folder, spec)
    setup = Console(runtime, show, secrets_of(spec))
    try:
        order, _ = _ordered(spec, folder, setup, None)
        setup.say(f"{target} is built: {order.summary}.")
        _, notes = fill(target, order)
        projects = [project.as_uri() for project in order.selection.projects]
        install(order, "projects.txt", projects, target, "--no-deps")
        packages = target / order.python.site_packages
        lent = lend(order.home, order.python.version)
        (packages / "elsewhere.pth").write_text(f"{lent}\n", encoding="utf-8")
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    finally:
        runtime.end(_GRACE_S)
    return Contents(_installed(packages), (*order.selection.notes, *notes))


def build_image(spec: RunSpec, folder: RunFolder, tag: str, show: Callable[[str], None]) -> str:
    """Builds the image `tag`: that of the task, with the environment in it that a run in a
    container would have, which is first on its PATH. Returns the name of the image that it is
    made of.

    `folder` is new, with the task's inputs. Lines on the progress go to `show`. Raises SetupError.
    """
    write_runner(folder)  # whoever sweeps leaves its containers alone
    runtime = DockerRuntime(folder, spec)
    setup = Console(runtime, show, secrets_of(spec))
    try:
        with closing(connect(place(spec.policy.docker.url), _ANSWER_S)) as client:
            check_name(client, tag)
            image = runtime.enter(setup)
            order, inside = _ordered(spec, folder, setup, image)
            labels = {_TASK_LABEL: spec.record.id, PACKAGES_LABEL: order.packages}
            if inside is not None and image.has(order, inside):
                setup.say(f"The image {image.name} has all packages that the task asks for.")
                make(client, image, None, tag, labels)
                return image.name
            environment, lock, _ = ensure(order)
            try:
                setup.say(f"The environment goes into the image {tag}.")
                make(client, image, environment, tag, labels)
            finally:
                os.close(lock)
            return image.name
    finally:
        runtime.end(_GRACE_S)


def _ordered(
    spec: RunSpec, folder: RunFolder, setup: Setup, image: Image | None
) -> tuple[Order, ImagePython | None]:
    """What a run would order, and the interpreter of the image."""
    check_whole(spec.record)
    lay_out(spec, folder, setup)
    return order_for(spec, folder, setup, image)


def _installed(packages: Path) -> tuple[str, ...]:
    found = {f"{one.name} {one.version}" for one in distributions(path=[str(packages)])}
    return tuple(sorted(found, key=str.lower))

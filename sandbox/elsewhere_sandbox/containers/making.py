"""Makes an image of another one and of an environment.

The environment stands in a folder of its own, which is first on the image's PATH. It may be another
folder than the one that it was built in: its scripts run the first Python on PATH (`build.py`).
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from elsewhere_sandbox.containers.engine import ENGINE_ERRORS, reason
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docker import DockerClient
    from docker.models.containers import Container

    from elsewhere_sandbox.containers.image import Image

#: what is of no use in an image: the marker of a finished build, and scripts with its place
_LEFT_OUT: Final = ("./complete.json", "./bin/activate*")
#: what an image without a command does
_COMMAND: Final = ("python3",)


def check_name(client: DockerClient, name: str) -> None:
    """Raises SetupError for what an image cannot be called."""
    try:
        client.images.get(name)
    except ImageNotFound:
        pass
    except ENGINE_ERRORS as error:
        raise SetupError(
            f"An image cannot have the name {name!r}: {reason(error)}. Give it one such as"
            " team/task:1."
        ) from error


def make(
    client: DockerClient,
    base: Image,
    environment: Path | None,
    name: str,
    labels: Mapping[str, str],
) -> None:
    """Makes the image `name`, with these `labels`: `base`, and a copy of the `environment`, if
    there is one. Raises SetupError."""
    repository, tag = parse_repository_tag(name)
    changes = [f'LABEL {label}="{value}"' for label, value in labels.items()]
    try:
        config = client.images.get(base.id).attrs["Config"]
        has_command = config.get("Cmd") or config.get("Entrypoint")
        # It is never started: only its files and settings are wanted.
        container = client.containers.create(base.id, None if has_command else list(_COMMAND))
        try:
            if environment is not None:
                folder = f"elsewhere-{environment.name[:12]}"
                _copy(environment, container, folder)
                path = base.variables.get("PATH", os.defpath)
                changes.append(f'ENV PATH="/{folder}/bin:{path}"')
            container.commit(repository, tag or "latest", changes="\n".join(changes))
        finally:
            container.remove(force=True)
    except ENGINE_ERRORS as error:
        raise SetupError(
            f"The image {name} cannot be made of {base.name}: {reason(error)}."
        ) from error


def _copy(environment: Path, container: Container, folder: str) -> None:
    """Copies an environment to the container's root, under the name `folder`, as root's and so that
    everybody may read it. Raises OSError."""
    argv = [
        *("tar", "--create", "--directory", str(environment)),
        *(f"--exclude={name}" for name in _LEFT_OUT),
        f"--transform=s,^\\.,{folder},S",  # S: not where links lead
        *("--owner=0", "--group=0", "--numeric-owner", "--mode=a+rX", "."),
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        assert tar.stderr is not None
        container.put_archive("/", tar.stdout)
        words = tar.stderr.read().decode(errors="replace").strip()
    if tar.returncode:
        raise OSError(f"the environment cannot be read: {words}")

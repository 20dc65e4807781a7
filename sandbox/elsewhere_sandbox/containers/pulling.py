"""Pulls an image, with its progress in the task's output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from docker.errors import DockerException
from docker.utils import parse_repository_tag

from elsewhere.core.clock import monotonic_s
from elsewhere.core.wording import size
from elsewhere_sandbox.containers.engine import is_full, reason
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from docker import DockerClient

    from elsewhere_sandbox.setup import Setup

#: seconds between two lines about a pull
_LINE_S: Final = 2.0


def pull(client: DockerClient, name: str, setup: Setup) -> None:
    """Pulls the image `name`. Raises SetupError; StopRequestedError when a stop was requested."""
    repository, tag = parse_repository_tag(name)
    setup.say(f"The image {name} is pulled.")
    layers: dict[str, tuple[int, int]] = {}
    said_at = monotonic_s()
    try:
        for step in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            setup.check_stop()
            if "error" in step:
                raise DockerException(step["error"])
            _count(layers, step)
            if layers and monotonic_s() >= said_at + _LINE_S:
                said_at = monotonic_s()
                done, total = map(sum, zip(*layers.values(), strict=True))
                setup.say(f"{size(done)} of {size(total)} in {len(layers)} layers are here.")
    except DockerException as error:
        why = reason(error)
        advice = (
            " Correct its name, or let this agent's user log in to its registry (docker login)."
        )
        raise SetupError(
            f"The image {name} cannot be pulled: {why}.{'' if is_full(why) else advice}"
        ) from error


def _count(layers: dict[str, tuple[int, int]], step: dict[str, Any]) -> None:
    """Notes the bytes of a layer that are here, and all of them."""
    detail = step.get("progressDetail") or {}
    if step.get("status") == "Downloading" and detail.get("total"):
        layers[step["id"]] = (detail["current"], detail["total"])
    elif step.get("status") in ("Download complete", "Pull complete") and step["id"] in layers:
        layers[step["id"]] = (layers[step["id"]][1],) * 2

"""The container engine of this machine, Docker's or one that speaks so, as Podman's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from docker import DockerClient
from docker.errors import DockerException
from requests.exceptions import RequestException

from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: what a call of the engine may raise
ENGINE_ERRORS: Final = (DockerException, RequestException, OSError)
#: the label of a container with its run folder; the others are for people
FOLDER_LABEL: Final = "elsewhere.folder"
#: the label of an image that was built for a task with the digest of the selection in it
PACKAGES_LABEL: Final = "elsewhere.packages"
#: seconds that the engine has for an answer; a busy disk takes its time
_ANSWER_S: Final = 60
_USUAL: Final = "unix:///var/run/docker.sock"


def place(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """The URL of the engine: `url`, or what DOCKER_HOST says, or the usual socket."""
    return url or environ.get("DOCKER_HOST", _USUAL)


def connect(url: str, answer_s: int = _ANSWER_S) -> DockerClient:
    """Connects to the engine at `url`, which has so many seconds for each answer. Raises SetupError
    if none answers there."""
    try:
        # Its version is asked for at once: whether it answers is known then.
        return DockerClient(base_url=url, timeout=answer_s)
    except ENGINE_ERRORS as error:
        raise SetupError(
            f"The container engine cannot be reached at {url}: {reason(error)}. Start it, let"
            " this agent's user use it, or correct agent.docker.url."
        ) from error


def answers(url: str) -> bool:
    """True if an engine takes new connections at `url`: one that is stopped does not, even before
    it stops its containers."""
    try:
        connect(url).close()
    except SetupError:
        return False
    return True


def reason(error: BaseException) -> str:
    """The engine's own words on an error, on one line."""
    text = " ".join(str(getattr(error, "explanation", None) or error).split()).rstrip(".")
    if is_full(text):
        text += " - the disk of the engine is full: make room there, by `docker system prune`"
    return text


def is_full(text: str) -> bool:
    """Whether these are an engine's words for a disk without room."""
    return "no space left" in text.lower()

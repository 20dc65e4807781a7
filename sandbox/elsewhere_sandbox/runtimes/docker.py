"""Runs programs in containers of an image, by a container engine of this machine."""

from __future__ import annotations

import logging
import os
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import RecordError
from elsewhere.core.folders import Home, RunFolder, make_folder, read_json, write_beside
from elsewhere.core.notes import read_runner
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_sandbox.runtimes.host import HostRuntime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docker import DockerClient
    from docker.models.containers import Container

    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.containers.image import Image
    from elsewhere_sandbox.containers.process import ContainerProcess
    from elsewhere_sandbox.runtimes.api import Process
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec

# The engine's SDK is heavy: only a run that uses containers imports it.
# ruff: noqa: PLC0415

logger = logging.getLogger(__name__)

#: the part of the machine's memory that its containers leave to the machine, and the part of a
#: container's memory that may be shared: an engine's own 64 MB are too few for loaders of data
_MEMORY: Final = 0.95
_SHARED: Final = 0.5
_PROCESSES: Final = 16384
#: networks that are no name
_NETWORKS: Final = {"on": "default", "off": "none"}
_HOME_LABEL: Final = "elsewhere.home"


class DockerRuntime:
    """One container for each command. What runs on the host beside, git, is the host runtime's."""

    _url: str
    _client: DockerClient
    _image: Image
    _entrypoint: tuple[str, ...]

    def __init__(self, folder: RunFolder, spec: RunSpec) -> None:
        self._host = HostRuntime(folder, spec)
        self._folder = folder
        self._spec = spec
        self._home = Home(Path(spec.home))
        self._parameters: dict[str, Any] = {}
        self._processes: list[ContainerProcess] = []

    def enter(self, setup: Setup) -> Image:
        from elsewhere_sandbox.containers import arguments, engine, image

        policy, wanted = self._spec.policy.docker, self._spec.record.environment
        with setup.phase("image"):
            name, words = image.choose(self._spec.record, self._spec.queue, policy)
            of_task = arguments.read(wanted.image_arguments)
            arguments.check(of_task, policy.allowed_arguments, policy.allowed_mounts)
            of_operator = arguments.merged(self._defaults(), arguments.read(words).parameters)
            self._parameters = arguments.merged(of_operator, of_task.parameters, lowers=True)
            self._entrypoint = tuple(self._parameters.pop("entrypoint", ()))
            self._parameters.setdefault("shm_size", int(self._parameters["mem_limit"] * _SHARED))
            if self._spec.devices:
                devices = arguments.devices(self._spec.devices)
                self._parameters["device_requests"] = [devices]
            self._url = engine.place(policy.url)
            self._client = engine.connect(self._url)
            write_beside(self._folder.engine, self._url)
            self._image = image.look(self._client, name, policy, self._home, setup)
        checkpoints = self._home.checkpoints / self._spec.record.id
        needed = (self._home.environments, self._home.mirrors, checkpoints)
        for folder in (*needed, self._folder.path / "home"):
            make_folder(folder)
        return self._image

    def confine(self, memory_bytes: int) -> None:
        """Its container has that limit."""

    def start(self, command: Command) -> Process:
        from elsewhere_sandbox.containers.process import ContainerProcess

        if command.on_host:
            return self._host.start(command)
        process = ContainerProcess(
            self._url,
            self._client,
            self._image,
            command,
            self._folder.path / f".output.{os.urandom(4).hex()}",
            self._parameters_of(command),
        )
        self._processes.append(process)
        if self._spec.policy.docker.user and not command.installs:
            self._hand_over()
        process.begin()
        return process

    def signal(self, number: int) -> None:
        self._host.signal(number)
        for process in self._processes:
            process.signal(number)

    def end(self, grace_s: float) -> None:
        self._host.end(grace_s)
        until = monotonic_s() + grace_s
        while self._processes:
            self._processes[-1].end(max(0.0, until - monotonic_s()))
            self._processes.pop().remove()

    @staticmethod
    def end_left(folder: RunFolder) -> None:
        try:
            url = read_json(folder.engine)
        except (RecordError, OSError):
            return
        if url is not None:
            _remove_left(url, f"elsewhere.folder={folder.path}")

    def _defaults(self) -> dict[str, Any]:
        """What every container has, before any argument: limits, and no privilege."""
        policy, slot = self._spec.policy.docker, self._spec.slot
        return {
            "cap_drop": ["ALL"],
            "init": True,
            "labels": {
                "elsewhere.folder": str(self._folder.path),
                "elsewhere.task": self._spec.record.id,
                "elsewhere.attempt": str(self._folder.attempt),
                "elsewhere.agent": self._spec.agent,
                _HOME_LABEL: self._spec.home,
            },
            "log_config": {"Type": "none", "Config": {}},
            "mem_limit": slot.memory_bytes or int(psutil.virtual_memory().total * _MEMORY),
            "memswap_limit": slot.memory_bytes or None,
            "cpuset_cpus": ",".join(map(str, slot.cores)) or None,
            "nano_cpus": (os.cpu_count() or 1) * 10**9,
            "network_mode": _NETWORKS.get(policy.network, policy.network),
            "pids_limit": _PROCESSES,
            "security_opt": ["no-new-privileges"],
            "user": policy.user or f"{os.getuid()}:{os.getgid()}",
        }

    def _hand_over(self) -> None:
        """Gives the run to the user of its programs. What they shall not write, the environments,
        the agent's user installs."""
        owner = tuple(map(int, self._spec.policy.docker.user.split(":")))
        self._home.environments.chmod(0o711)
        for top in (self._folder.path, self._home.checkpoints / self._spec.record.id):
            for folder, _, files in os.walk(top):
                for name in (".", *files):
                    os.chown(Path(folder, name), *owner, follow_symlinks=False)

    def _parameters_of(self, command: Command) -> dict[str, Any]:
        from docker.types import Mount

        parameters = dict(self._parameters)
        if command.installs:
            parameters["user"] = f"{os.getuid()}:{os.getgid()}"
        given = (one.partition("=")[::2] for one in parameters.pop("environment", ()))
        mounts = [
            Mount(str(target), str(source), type="bind", read_only=is_read_only)
            for target, source, is_read_only in self._mounts(command)
        ]
        return {
            **parameters,
            "environment": {**dict(given), **command.environment},
            "mounts": [*mounts, *parameters.pop("mounts", ())],
        }

    def _mounts(self, command: Command) -> Iterator[tuple[Path, Path, bool]]:
        """Yields what a container sees of this machine: (its path there, here, if read only)."""
        home = self._home
        yield self._folder.path, self._folder.path, False
        yield home.mirrors, home.mirrors, True
        if self._spec.record.environment.data:
            yield home.data, home.data, True
        checkpoints = home.checkpoints / self._spec.record.id
        yield checkpoints, checkpoints, False
        yield home.environments, home.environments, not command.installs
        for name in set(self._spec.record.environment.mounts.values()):
            data = Path(self._spec.policy.data[name])  # where the links in the code lead
            yield data, data, True
        for file in map(Path, self._spec.store_files):
            if file.exists():
                yield file, file, True
        # At the places of their links: at their own they would lie among an image's packages.
        for link in home.lent.glob("*/*"):
            yield link, link.resolve(), True
        if command.installs:
            for path in {Path(find_uv()), *_named(command.environment.values())}:
                if path.is_absolute() and path.exists() and not path.is_relative_to(home.path):
                    yield path, path, True


def _named(values: Iterable[str]) -> set[Path]:
    """The paths that variables of an installer name."""
    words = (word.removeprefix("file://") for one in values for word in re.split(r"[,\s]+", one))
    return {Path(word) for word in words if len(word) > 1}


def sweep(url: str, home: Home) -> None:
    """Removes the containers that a crash has left: those of `home` that have no runner any more.
    Raises SetupError where no engine answers."""
    _remove_left(url, f"{_HOME_LABEL}={home.path}")


def _remove_left(url: str, label: str) -> None:
    """Removes the containers with a `label` whose runners do not live."""
    from elsewhere_sandbox.containers import engine

    with closing(engine.connect(url)) as client:
        for container in client.containers.list(all=True, filters={"label": label}):
            folder = RunFolder(Path(container.labels[engine.FOLDER_LABEL]))
            runner = read_runner(folder)
            if runner is None or not runner.is_alive():
                _remove(container, folder)


def _remove(container: Container, folder: RunFolder) -> None:
    from elsewhere_sandbox.containers import engine

    try:
        container.remove(force=True)
        logger.info("%s: removed the container %s", folder.path.name, container.short_id)
    except engine.ENGINE_ERRORS as error:  # it may be going already
        logger.warning("%s: %s", folder.path.name, engine.reason(error))

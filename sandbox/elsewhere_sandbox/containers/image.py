"""The image of a run: chosen by the task or the operator, pulled where it is missing, looked into
once."""

from __future__ import annotations

import fnmatch
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from docker.errors import APIError, ImageNotFound
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import make_folder, read_json, write_beside
from elsewhere_sandbox.containers.engine import ENGINE_ERRORS, reason
from elsewhere_sandbox.containers.pulling import pull
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.python import PRINT, PROBE, Python, from_plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docker import DockerClient

    from elsewhere.core.records import TaskRecord
    from elsewhere_sandbox.order import Order
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import DockerPolicy, ImageRule

#: the names of interpreters, the image's own choice first
_NAMES: Final = ("python3", "python", *(f"python3.{minor}" for minor in range(20, 8, -1)))
#: what the probe of an image finds beside
_MORE: Final = """
from importlib.metadata import distributions
found["program"] = sys.executable
found["is_glibc"] = platform.libc_ver()[0] == "glibc"
found["folders"] = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
found["versions"] = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
"""
#: runs the probe `$0` by every interpreter that has one of the names
_EACH: Final = 'for name; do p=$(command -v "$name") && "$p" -I -c "$0"; done; :'


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePython:
    """An interpreter of an image. `folders` have its packages, whose `versions` are by their
    normalised names. `is_glibc`: binaries for glibc run there, such as uv's."""

    python: Python
    folders: tuple[str, ...]
    versions: Mapping[str, str]
    is_glibc: bool

    def lacks(self, order: Order) -> bool:
        """True if a package that the program imports, or that was asked for, also by the operator,
        is not there in this version."""
        selection, own = order.selection, (*order.pre_packages, *order.post_packages)
        lines = (*own, *selection.asked, *(pin.public for pin in selection.pins if pin.is_needed))
        is_special = any(pin.is_needed and not pin.is_of_index for pin in selection.pins)
        return is_special or not all(map(self._has, lines))

    def _has(self, line: str) -> bool:
        try:
            asked = Requirement(line)
        except InvalidRequirement:
            return False
        if asked.marker and not asked.marker.evaluate({**self.python.facts, "extra": ""}):
            return True
        version = self.versions.get(canonicalize_name(asked.name), "")
        if not version or asked.url or asked.extras:
            return False
        return asked.specifier.contains(version, prereleases=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that is there. `variables` are its own, which each container of it gets."""

    name: str
    id: str
    variables: Mapping[str, str]
    has_shell: bool
    pythons: tuple[ImagePython, ...]

    def python_for(self, wanted: str, setup: Setup) -> ImagePython:
        """The interpreter of the same major and minor version as `wanted`, else the image's own
        choice, which is said. Raises SetupError for an image without one."""
        if not self.pythons:
            raise SetupError(
                f"The image {self.name} has no Python on its PATH, which this task's program needs:"
                " give the task another image."
            )
        minor = wanted.split(".")[:2]
        fitting = (one for one in self.pythons if one.python.minor.split(".") == minor)
        found = next(fitting, self.pythons[0])
        if wanted and found.python.version != wanted:
            setup.say(
                f"Python {found.python.version} of the image runs this task, which was captured"
                f" with {wanted}."
            )
        return found


def choose(record: TaskRecord, queue: str, policy: DockerPolicy) -> tuple[str, tuple[str, ...]]:
    """The name of the image and the operator's arguments for it: the task's, else that of the
    first rule that matches it, else the default. Raises SetupError if there is none."""
    rule = next((one for one in policy.rules if _matches(one, record, queue)), None)
    name = record.environment.image or (rule.image if rule else "") or policy.image
    if not name:
        raise SetupError(
            "This agent runs tasks in containers, and nothing names an image for this one: give the"
            " task one, or set agent.docker.image."
        )
    return name, (*policy.arguments, *(rule.arguments if rule else ()))


def look(client: DockerClient, name: str, policy: DockerPolicy, known: Path, setup: Setup) -> Image:
    """Finds the image, pulls it if need be, and looks into it unless the file `known` has what was
    found before. Raises SetupError."""
    try:
        try:
            if policy.pull == "always":
                raise ImageNotFound(name)
            found = client.images.get(name)
        except ImageNotFound:
            if policy.pull == "never":
                raise
            pull(client, name, setup)
            found = client.images.get(name)
        assert found.id is not None
        facts = _recall(known, found.id) or _remember(known, found.id, _probed(client, found.id))
    except ENGINE_ERRORS as error:
        raise SetupError(f"The image {name} cannot be used: {reason(error)}.") from error
    variables = found.attrs["Config"].get("Env") or ()
    return Image(
        name=name,
        id=found.id,
        variables=dict(variable.partition("=")[::2] for variable in variables),
        has_shell=facts["has_shell"],
        pythons=tuple(map(_python, facts["pythons"])),
    )


def _matches(rule: ImageRule, record: TaskRecord, queue: str) -> bool:
    """True if all that the rule names holds for the task."""
    repository = record.source.repository.removesuffix(".git")
    return (
        rule.queue in ("", queue)
        and (not rule.repository or fnmatch.fnmatch(repository, f"*{rule.repository}"))
        and (not rule.package or any(_is_of(rule.package, line) for line in _lines(record)))
    )


def _lines(record: TaskRecord) -> tuple[str, ...]:
    return record.environment.packages or ()


def _is_of(package: str, line: str) -> bool:
    """True if the line asks for the `package`, in one of its versions where it names some."""
    try:
        wanted, asked = Requirement(package), Requirement(line)
    except InvalidRequirement:
        return False
    if canonicalize_name(wanted.name) != canonicalize_name(asked.name):
        return False
    pins = [one.version for one in asked.specifier if one.operator == "=="]
    return not wanted.specifier or any(map(wanted.specifier.contains, pins))


def _probed(client: DockerClient, image: str) -> dict[str, Any]:
    """What is in an image: it runs there without network, by a shell where there is one."""
    probe = f"{PROBE}{_MORE}{PRINT}"
    output = _run(client, image, ["/bin/sh", "-c", _EACH, probe, *_NAMES])
    has_shell = output is not None
    if output is None:
        output = _run(client, image, ["python3", "-I", "-c", probe]) or b""
    pythons: dict[str, Any] = {}
    for line in output.splitlines():
        with suppress(ValueError, TypeError, KeyError):
            found = json.loads(line)
            if found["version"].startswith("3."):
                pythons.setdefault(found["program"], found)
    return {"has_shell": has_shell, "pythons": list(pythons.values())}


def _run(client: DockerClient, image: str, words: list[str]) -> bytes | None:
    """The output of a command in the image; None for one that is not there."""
    container = client.containers.create(
        image,
        words[1:],
        entrypoint=words[:1],
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    try:
        container.start()
        container.wait()
        return container.logs(stderr=False)
    except APIError as error:
        if "no such file" in reason(error) or "executable file not found" in reason(error):
            return None
        raise
    finally:
        container.remove(force=True)


def _python(facts: dict[str, Any]) -> ImagePython:
    return ImagePython(
        python=from_plain(facts),
        folders=tuple(facts["folders"]),
        versions={canonicalize_name(name): one for name, one in facts["versions"].items()},
        is_glibc=facts["is_glibc"],
    )


def _recall(known: Path, image: str) -> dict[str, Any] | None:
    with suppress(RecordError):
        found: dict[str, Any] | None = (read_json(known) or {}).get(image)
        return found
    return None


def _remember(known: Path, image: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Of two concurrent writers one loses its entry, which is harmless."""
    before: dict[str, Any] = {}
    with suppress(RecordError):
        before = read_json(known) or {}
    make_folder(known.parent)
    write_beside(known, {**before, image: facts})
    return facts

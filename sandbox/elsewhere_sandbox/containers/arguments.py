"""The arguments of `docker run` as parameters of the SDK, and what of them a task may give."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from docker.errors import DockerException
from docker.types import DeviceRequest, Mount, Ulimit
from docker.utils import parse_bytes

from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

#: options that give a container nothing which it does not have
_HARMLESS: Final = (
    *("--env", "--shm-size", "--memory", "--memory-swap", "--cpus", "--cpu-shares", "--pids-limit"),
    *("--ulimit", "--read-only", "--rm", "--init", "--detach", "--interactive", "--tty"),
)
#: parameters of which a task may only lower what the operator has set
_LIMITS: Final = ("mem_limit", "nano_cpus", "pids_limit")


@dataclass(frozen=True, slots=True)
class Arguments:
    """`parameters` are those of the SDK; `names` are the options that were given."""

    parameters: dict[str, Any]
    names: tuple[str, ...]


def read(words: Iterable[str]) -> Arguments:
    """Reads the arguments of `docker run`. Raises SetupError for one that is not known."""
    given, names = vars(_parser().parse_args(list(words))), []
    parameters: dict[str, Any] = {}
    for option in _OPTIONS:
        value = given[option.parameter or option.names[0]]
        if value in (None, False, []):
            continue
        names.append(option.names[0])
        if option.parameter:
            parameters[option.parameter] = value
    return Arguments(parameters, tuple(names))


def check(arguments: Arguments, options: Collection[str], folders: Sequence[str]) -> None:
    """Raises SetupError for the first argument of a task that the operator does not allow.
    `folders` may be mounted, with all below them; one that ends with `:ro` only to be read."""
    for name in arguments.names:
        if name not in (*_HARMLESS, "--volume", *options):
            raise SetupError(
                f"The container argument {name} is refused: this agent's operator has not allowed"
                " it to tasks. Take it out of the task's docker_args, or name it in"
                " agent.docker.allowed_arguments."
            )
    for mount in arguments.parameters.get("mounts", ()):
        if not _is_allowed(mount, folders):
            raise SetupError(
                f"The mount of {mount['Source']!r} is refused: this agent's operator has not"
                " allowed it to tasks. Take it out of the task's docker_args, or name the folder"
                " in agent.docker.allowed_mounts."
            )


def merged(
    first: dict[str, Any], second: dict[str, Any], *, lowers: bool = False
) -> dict[str, Any]:
    """The parameters of both: lists are added, of other values those of `second` count. Where it
    `lowers`, a limit of `second` counts only below that of `first`."""
    found = dict(first)
    for name, value in second.items():
        before = found.get(name)
        if isinstance(value, list):
            found[name] = [*(before or ()), *value]
        elif lowers and name in _LIMITS and before and value > 0:
            found[name] = min(before, value)
        elif not (lowers and name in _LIMITS and before):
            found[name] = value
    return found


def devices(names: str) -> DeviceRequest:
    """The request for GPUs by their `names`, separated by commas."""
    return _gpus(f"device={names}")


def _is_allowed(mount: Mount, folders: Sequence[str]) -> bool:
    source = Path(os.path.realpath(mount["Source"]))
    for folder in folders:
        path, _, mode = folder.partition(":")
        is_inside = source.is_relative_to(os.path.realpath(path))
        if mount["Type"] == "bind" and is_inside and (mode != "ro" or mount["ReadOnly"]):
            return True
    return False


class _Option(NamedTuple):
    """An option; "" as its parameter is for one that changes nothing here."""

    names: tuple[str, ...]
    parameter: str = ""
    kind: Callable[[str], Any] | None = str
    is_list: bool = False


def _bytes(text: str) -> int:
    try:
        return int(parse_bytes(text))
    except DockerException as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 8g") from error


def _cpus(text: str) -> int:
    return int(float(text) * 1e9)


def _variable(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"give {text} a value, as {text}=VALUE")
    return text


def _gpus(text: str) -> DeviceRequest:
    kinds = [["gpu"]]
    text = text.strip("\"'")
    if text.startswith("device="):
        devices = text.removeprefix("device=").split(",")
        return DeviceRequest(device_ids=devices, capabilities=kinds)
    return DeviceRequest(count=-1 if text == "all" else int(text), capabilities=kinds)


def _ulimit(text: str) -> Ulimit:
    name, _, numbers = text.partition("=")
    soft, _, hard = numbers.partition(":")
    return Ulimit(name=name, soft=int(soft), hard=int(hard or soft))


def _volume(text: str) -> Mount:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    return _bound(source, target, is_read_only="ro" in mode.split(","))


def _mount(text: str) -> Mount:
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    source = fields.get("source") or fields.get("src", "")
    target = fields.get("target") or fields.get("dst") or fields.get("destination", "")
    if fields.get("type", "volume") not in ("bind", "volume"):
        raise argparse.ArgumentTypeError(f"of mounts, bind and volume are known, not {text!r}")
    is_read_only = fields.get("readonly", fields.get("ro", "false")) in ("", "true", "1")
    return _bound(source, target, is_read_only=is_read_only)


def _bound(source: str, target: str, *, is_read_only: bool) -> Mount:
    if not source or not target.startswith("/"):
        raise argparse.ArgumentTypeError("write a mount as /FOLDER:/FOLDER or /FOLDER:/FOLDER:ro")
    is_folder = source.startswith("/")
    return Mount(target, source, type="bind" if is_folder else "volume", read_only=is_read_only)


_OPTIONS: Final = (
    _Option(("--env", "-e"), "environment", _variable, is_list=True),
    _Option(("--volume", "-v"), "mounts", _volume, is_list=True),
    _Option(("--shm-size",), "shm_size", _bytes),
    _Option(("--memory", "-m"), "mem_limit", _bytes),
    _Option(("--memory-swap",), "memswap_limit", _bytes),
    _Option(("--cpus",), "nano_cpus", _cpus),
    _Option(("--cpuset-cpus",), "cpuset_cpus"),
    _Option(("--cpu-shares", "-c"), "cpu_shares", int),
    _Option(("--pids-limit",), "pids_limit", int),
    _Option(("--ulimit",), "ulimits", _ulimit, is_list=True),
    _Option(("--gpus",), "device_requests", _gpus, is_list=True),
    _Option(("--network", "--net"), "network_mode"),
    _Option(("--ipc",), "ipc_mode"),
    _Option(("--pid",), "pid_mode"),
    _Option(("--uts",), "uts_mode"),
    _Option(("--userns",), "userns_mode"),
    _Option(("--privileged",), "privileged", None),
    _Option(("--read-only",), "read_only", None),
    _Option(("--cap-add",), "cap_add", is_list=True),
    _Option(("--security-opt",), "security_opt", is_list=True),
    _Option(("--device",), "devices", is_list=True),
    _Option(("--group-add",), "group_add", is_list=True),
    _Option(("--add-host",), "extra_hosts", is_list=True),
    _Option(("--dns",), "dns", is_list=True),
    _Option(("--hostname", "-h"), "hostname"),
    _Option(("--runtime",), "runtime"),
    _Option(("--entrypoint",), "entrypoint", shlex.split),
    *(_Option((f"--{name}",), "", None) for name in ("rm", "init", "detach")),
    _Option(("--interactive", "-i"), "", None),
    _Option(("--tty", "-t"), "", None),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SetupError(f"The container arguments cannot be used: {message}.")


@cache
def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False, usage="")
    for option in _OPTIONS:
        dest = option.parameter or option.names[0]
        if option.kind is None:
            parser.add_argument(*option.names, dest=dest, action="store_true")
        else:
            action = "append" if option.is_list else "store"
            parser.add_argument(*option.names, dest=dest, action=action, type=option.kind)
    parser.add_argument("--mount", dest="mounts", action="append", type=_mount)
    return parser

"""Builds an environment: a virtual environment, filled with what was selected for a task."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from elsewhere.core.folders import write_beside
from elsewhere.core.secrets import hide_passwords
from elsewhere_sandbox.command import Command
from elsewhere_sandbox.errors import CommandError, SetupError
from elsewhere_sandbox.installers.api import plan
from elsewhere_sandbox.order import AUTO
from elsewhere_sandbox.requirements import without_hashes
from elsewhere_sandbox.selection import TORCH, comes_with_build, is_of_torch, name_in
from elsewhere_sandbox.unmet import unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elsewhere_sandbox.order import Order
    from elsewhere_sandbox.selection import Pin, Selection
    from elsewhere_sandbox.unmet import Unmet

#: lines of an installer's output that are kept in the task's outcome
_LAST_LINES: Final = 20
#: bytes; a larger file in a `bin` folder counts as a binary
_LARGEST_SCRIPT_BYTES: Final = 64 * 1024
#: how many packages or problems a line of the output names
_NAMED: Final = 8
#: the facts by which two machines are of one kind
_KIND: Final = {"python_version", "implementation_name", "sys_platform", "platform_machine"}
#: files of lines that are the operator's -> the setting that they stand in
_OF_AGENT: Final = {"pre.txt": "pre_packages", "post.txt": "post_packages"}
#: how uv and pip name a server that does not answer, or not now
_UNREACHED: Final = re.compile(
    r"error sending request|network timeout|operation timed out|Read timed out|dns error"
    r"|name resolution|Connection(?:Error| refused| reset| aborted| broken)|NewConnectionError"
    r"|TimeoutError|server error \(5\d\d|5\d\d Server Error|Could not fetch URL",
    re.IGNORECASE,
)


def build(shared: Path, order: Order) -> None:
    """Builds the environment in the folder `shared`, which must not exist. Raises SetupError."""
    started = time.monotonic()
    order.setup.say(f"Environment {shared.name[:12]} is built: {order.summary}.")
    left_out, notes = fill(shared, order)
    _let_path_choose(shared / "bin")
    inputs = json.loads(hide_passwords(json.dumps(order.inputs)))
    facts = {
        **inputs,
        "options": sorted(order.inputs["options"]),  # their values may be passwords
        "notes": notes,
        "left_out": [pin.name for pin in left_out],
        "size_bytes": _size_bytes(shared),
        "seconds": round(time.monotonic() - started, 3),
    }
    write_beside(shared / "complete.json", facts)


def fill(environment: Path, order: Order) -> tuple[list[Pin], list[str]]:
    """Makes a virtual environment, in a folder that does not exist or is empty, with all that was
    selected. Returns the pins that are not in it, and a line on each way in which it is not what
    was captured. Raises SetupError."""
    _make_empty(environment, order)
    if order.has_torch:
        order.setup.say(f"The build of torch is {order.build_of_torch}.")
    if order.pre_packages:
        order.setup.say(f"Of this agent, before the task's own: {_list(order.pre_packages)}.")
        _install_resolved("pre.txt", order.pre_packages, environment, order)
    left_out = _install_pins(environment, order)
    if order.selection.asked:
        _install_resolved("asked.txt", order.selection.asked, environment, order)
    if order.post_packages:
        order.setup.say(f"Of this agent, after the task's own: {_list(order.post_packages)}.")
        _install_resolved("post.txt", order.post_packages, environment, order)
    return left_out, _finished(environment, order, left_out)


def install(
    order: Order, name: str, lines: Iterable[str], environment: Path, *options: str
) -> None:
    """Installs requirement lines, by a file of this name, into an environment. `options` are those
    of `installers.api.plan`. Raises SetupError."""
    try:
        _attempt(order, name, lines, environment, *options)
    except CommandError as error:
        raise _refused(order, error, _OF_AGENT.get(name)) from error


def _make_empty(shared: Path, order: Order) -> None:
    seed = order.home.environments / "seed"
    argv = order.installer.create(shared, order.python.executable, seed)
    command = Command(argv=argv, folder=order.scratch, environment=order.variables, installs=True)
    try:
        order.setup.run(command)
    except CommandError as error:
        failed = f"An environment of Python {order.python.version} cannot be made"
        raise _explained(error, failed) from error
    if order.installer.brings_pip:
        wheel = shutil.copy(_pip_wheel(order.python.version), order.scratch)  # seen by containers
        pip = f"pip @ {Path(wheel).as_uri()}"
        install(order, "pip.txt", [pip], shared, "--quiet")


def _install_pins(shared: Path, order: Order) -> list[Pin]:
    """Installs the pins as they are, and returns those that cannot be had and are not imported."""
    must = order.selection.needed | set(order.must)
    torch = [pin for pin in order.selection.pins if pin.is_of_index and pin.name in TORCH]
    plain = [pin for pin in order.selection.pins if pin not in torch]
    left_out: list[Pin] = []
    try:
        _attempt(order, "requirements.txt", map(_written, plain), shared, "--no-deps")
    except CommandError as error:
        _check_reached(order, error)
        optional = [pin for pin in plain if pin.name not in must]
        needed = [pin for pin in plain if pin.name in must]
        if not optional:
            raise _refused(order, error) from error
        order.setup.say("Not all packages can be had here: those that are imported come first.")
        if needed:
            install(order, "requirements.txt", map(_written, needed), shared, "--no-deps")
        left_out += _install_possible(optional, shared, order)
    if torch:
        is_needed = any(pin.name in must for pin in torch)
        left_out += _install_torch(torch, shared, order, is_needed=is_needed)
    return left_out


def _install_possible(pins: Sequence[Pin], shared: Path, order: Order) -> list[Pin]:
    """Installs all pins that can be had, and returns the others.

    What the installer names in its error is tried apart from the rest; else each half is.
    """
    if not pins:
        return []
    try:
        _attempt(order, "requirements.txt", map(_written, pins), shared, "--no-deps")
    except CommandError as error:
        _check_reached(order, error)
        if len(pins) == 1:
            return list(pins)
        text = error.tail.lower()
        named = [pin for pin in pins if re.search(rf"(?<![\w-]){pin.name}(?![\w-])", text)]
        if not 0 < len(named) < len(pins):
            named = list(pins[: len(pins) // 2])
        rest = [pin for pin in pins if pin not in named]
        left_out = _install_possible(rest, shared, order)
        return [*left_out, *_install_possible(named, shared, order)]
    return []


def _check_reached(order: Order, error: CommandError) -> None:
    """Raises SetupError for an index that could not be reached: what it has is not known."""
    if _UNREACHED.search(error.tail):
        raise _refused(order, error) from error


def _install_torch(
    pins: Sequence[Pin], shared: Path, order: Order, *, is_needed: bool
) -> list[Pin]:
    """Installs torch and its relatives in the build that the policy gives; where that cannot be
    had, and the policy leaves it to this machine, as captured, else in any build."""
    exact, public = [pin.line for pin in pins], [pin.public for pin in pins]
    backend = order.backend
    attempts: list[tuple[list[str], tuple[str, ...]]] = [(exact, ())]
    if backend:
        attempts = [(public, ("--torch-backend", backend))]
    if order.torch == AUTO:
        attempts += [(exact, ()), (public, ())] if backend else [(public, ())]
    for at, (lines, options) in enumerate(attempts):
        try:
            _attempt(order, "torch.txt", lines, shared, "--no-deps", *options)
        except CommandError as error:
            if at + 1 < len(attempts):
                order.setup.say("This build of torch cannot be had here: another one is tried.")
            elif is_needed:
                raise _refused(order, error) from error
        else:
            return []
    return list(pins)


def _install_resolved(name: str, lines: Sequence[str], shared: Path, order: Order) -> None:
    """Installs lines that nobody has locked, by a file of this name, with all that they need."""
    backend = order.backend
    options = ("--torch-backend", backend) if backend else ()
    try:
        _attempt(order, name, _with_hashes(lines, order), shared, *options)
    except CommandError as error:
        if not options or order.torch != AUTO or "torch" not in error.tail:
            raise _refused(order, error, _OF_AGENT.get(name)) from error
        order.setup.say("No index of builds of torch can be reached: the usual index is taken.")
        install(order, name, lines, shared)


def _with_hashes(lines: Sequence[str], order: Order) -> Sequence[str]:
    """The lines with those hashes that can be checked. Says of which packages they are not."""
    dropped, why = [line for line in lines if without_hashes(line) != line], ""
    if len(dropped) < len(lines) and not order.installer.checks_each_hash:
        why = f"{order.installer.name} checks those of all packages or none, and some have none"
    elif order.backend:
        dropped = [line for line in dropped if is_of_torch(name_in(line))]
        why = "the build for this machine has others"
    if not (dropped and why):
        return lines
    names = _list([name_in(line) for line in dropped])
    order.setup.say(f"The hashes of these packages are not checked, since {why}: {names}.")
    return [without_hashes(line) if line in dropped else line for line in lines]


def _finished(shared: Path, order: Order, left_out: Sequence[Pin]) -> list[str]:
    """Installs what another build or another machine needs beside the pins. Returns a line on each
    way in which the environment is not what was captured, or what is odd about it."""
    selection = order.selection
    if selection.facts is None:
        return []
    notes = []
    if left_out:
        names = [f"{pin.name} {pin.version}" for pin in left_out]
        notes.append(
            "Left out, since they cannot be had here and the program does not import them:"
            f" {_list(names)}."
        )
    here, there = order.python.facts, selection.facts
    is_alike = all(there.get(key) == value for key, value in here.items() if key in _KIND)
    if not is_alike:
        notes.append(
            f"The packages were captured on another kind of machine ({there['sys_platform']},"
            f" {there['platform_machine']}): what they need here beside is installed, too."
        )
    site_packages = shared / order.python.site_packages
    notes += _others(site_packages, selection.pins)
    problems = unmet(site_packages, here)
    absent = {
        one.requirement
        for one in problems
        if not one.version and _is_missed(one, selection, is_alike=is_alike)
    }
    if absent:
        install(order, "absent.txt", sorted(absent), shared)
        problems = unmet(site_packages, here)
    gone = {pin.name for pin in left_out}
    if kept := [str(one) for one in problems if one.name not in gone]:
        notes.append(f"As it was captured: {_list(kept, '; ')}.")
    return notes


def _is_missed(one: Unmet, selection: Selection, *, is_alike: bool) -> bool:
    """Whether a requirement that nothing meets was met where the task was captured."""
    if any(pin.name in TORCH for pin in selection.pins) and comes_with_build(one.name):
        return True
    return not is_alike and one.name not in selection.locked


def _others(site_packages: Path, pins: Sequence[Pin]) -> list[str]:
    """Returns a line for each pin that is here in another version, or another build."""
    found: dict[str, str] = {
        canonicalize_name(one.metadata["Name"]): one.version
        for one in distributions(path=[str(site_packages)])
    }
    return [
        f"{pin.name} is {found[pin.name]} here, where {pin.version} was captured."
        for pin in pins
        if found.get(pin.name, pin.version) != pin.version
    ]


def _attempt(
    order: Order, name: str, lines: Iterable[str], environment: Path, *options: str
) -> None:
    """Installs, as `install`. Raises CommandError."""
    if not (text := "".join(f"{line}\n" for line in lines)):
        return
    file = order.scratch / name
    file.write_text(text, encoding="utf-8")
    options = (*order.options, *options)
    order.setup.run(plan(order.installer, file, environment, order.variables, *options))


def _written(pin: Pin) -> str:
    return f"{pin.name} @ {pin.wheel.as_uri()}" if pin.wheel else pin.line


def _refused(order: Order, error: CommandError, setting: str | None = None) -> SetupError:
    """The error of packages of the task, or of a `setting` of the agent."""
    whose = f"this agent's setting {setting}" if setting else "this task"
    failed = f"The packages of {whose} cannot be installed into Python {order.python.version}"
    corrected = "that setting" if setting else "the task's packages"
    advice = (
        f"Correct {corrected} where a name or a version is wrong; an index that is missing"
        f" is named on the agent's side, by agent.index_url or the {order.installer.prefix}*"
        " variables."
    )
    return _explained(error, failed, advice)


def _explained(error: CommandError, failed: str, advice: str = "") -> SetupError:
    last = "\n".join(error.tail.strip().splitlines()[-_LAST_LINES:])
    name = Path(error.argv[0]).name
    return SetupError(f"{failed}: {name} {error.ended}.\n{hide_passwords(last)}\n{advice}".strip())


def _list(names: Sequence[str], separator: str = ", ") -> str:
    beyond = len(names) - _NAMED
    more = f" and {beyond} more" if beyond > 0 else ""
    return separator.join(names[:_NAMED]) + more


def _pip_wheel(version: str) -> Path:
    """The wheel that virtualenv carries: an installer puts it in faster than virtualenv does."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415 - weight: cold only

    wheel = get_embed_wheel("pip", ".".join(version.split(".")[:2]))
    assert wheel is not None, "virtualenv carries a pip for every Python that it knows"
    return Path(wheel.path)


def _let_path_choose(folder: Path) -> None:
    """Makes the environment's scripts run the first `python` on PATH. It is the run's own: it sees
    the run's packages and the lent ones, and `pip` installs into it.
    """
    own = re.escape(os.fsencode(folder / "python")) + rb"[\d.]*"
    # as pip, uv and virtualenv write it: plainly, or through sh where the path is long
    through_sh = rb"#!/bin/sh\n'''exec' [\"']?" + own + rb"[\"']? \"\$0\" \"\$@\"\n' '''\n"
    first = re.compile(rb"#!\s*" + own + rb"\n|" + through_sh)
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size > _LARGEST_SCRIPT_BYTES:
            continue
        content = path.read_bytes()
        if match := first.match(content):
            path.write_bytes(b"#!/usr/bin/env python\n" + content[match.end() :])


def _size_bytes(folder: Path) -> int:
    return sum(
        os.lstat(f"{parent}/{name}").st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )

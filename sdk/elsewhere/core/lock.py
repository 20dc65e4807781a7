"""The lock: every distribution that was installed where a task was captured.

It is kept as a blob, so that all tasks of one environment share it.
"""

from __future__ import annotations

from elsewhere.core.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """An installed distribution, under its normalised `name`.

    `line` is the requirement that stands for it: `name==version`, or a URL with a commit or a hash,
    or `-e ./folder` for a project inside the code. `wheel` is the digest of a blob, and `file` its
    name as a wheel, for one that no index has in this form; the wheel counts before the line.
    `requires` are the requirements in its metadata, as they are written there. `is_shared`: it lies
    outside of the virtual environment. `is_requested`: a person named it to pip;
    what another installer has brought always counts as named.
    `problem` is a sentence on why it does not travel.
    """

    name: str
    version: str
    line: str
    wheel: str = ""
    file: str = ""
    requires: tuple[str, ...] = ()
    is_shared: bool = False
    is_requested: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The distributions by name, and the machine that they were installed on.

    `python` is `3.11.7`; `implementation`, `system` and `machine` are `cpython`, `linux` and
    `x86_64`. All that is not shared is to be installed, and of the rest what the program imports
    and what that needs.
    """

    python: str
    implementation: str
    system: str
    machine: str
    distributions: tuple[Locked, ...]

"""Makes the lock of the environment that this process runs in, and the wheels that travel."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from elsewhere.capture.installed import is_below, name_in, normalised
from elsewhere.capture.needed import LENT
from elsewhere.capture.origin import Origin, origin
from elsewhere.core.codec import compact, encode
from elsewhere.core.errors import CaptureError
from elsewhere.core.lock import Lock, Locked

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from elsewhere.capture.installed import Installed

#: environments are made with one of their own
_PIP: Final = "pip"
#: the extra that a requirement is for, and those that it asks for: `deep[fast]; extra == "all"`
_EXTRA: Final = re.compile(r"""\bextra\s*==\s*["']([\w.-]+)""")
_EXTRAS: Final = re.compile(r"^[\w.-]+\s*\[([^\]]*)\]")


class Locking(NamedTuple):
    """A lock and the wheels that it names, by digest. `problems` are sentences on distributions
    that are needed and do not travel, `warnings` on others."""

    lock: Lock
    wheels: dict[str, bytes]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def content(self) -> bytes:
        """The lock as a blob: the same environment gives the same bytes."""
        return encode(compact(self.lock)).encode()


def make_lock(
    items: Sequence[Installed],
    root: Path,
    needed: Collection[str],
    *,
    ignored: Collection[str] = (),
    is_whole: bool | None = None,
    limit_bytes: int,
) -> Locking:
    """Makes the lock of `items`, without those that are `ignored`.

    `needed` are the keys of those that the program imports: they travel, or are a problem. All that
    is installed in a virtual environment or one of conda is to be installed elsewhere, unless
    `is_whole` says otherwise: True for everything, False for what is needed alone. Wheels have at
    most `limit_bytes` together.
    """
    own = _own_folders(items)
    locked: list[Locked] = []
    wheels: dict[str, bytes] = {}
    problems: list[str] = []
    warnings: list[str] = []
    reached = _reached(items, needed)
    for item in sorted(items, key=lambda one: (one.key not in needed, one.key)):
        if item.key in ignored or (item.key == _PIP and item.key not in needed):
            continue
        found = Origin(f"{LENT}=={item.version}") if item.key == LENT else origin(item, root)
        if found is None:
            if item.key in needed:
                problems.append(
                    f"The package {item.key} cannot travel: {item.path} does not give its version."
                )
            continue
        one = Locked(
            name=item.key,
            version=item.version,
            line=found.line,
            requires=item.requires,
            is_shared=item.path.parent not in own if is_whole is None else not is_whole,
            is_requested=item.is_requested,
        )
        from_here = found.from_here
        is_reached = item.key in reached  # the others have tens of thousands of files to look at
        if is_reached and not from_here and item.key != LENT and (edited := item.edited()):
            from_here = f"was edited where it is installed ({edited})"
        if from_here and (is_reached or not one.is_shared):
            from elsewhere.capture.wheel import pack  # noqa: PLC0415 - weight

            try:
                wheel = pack(item, limit_bytes - sum(map(len, wheels.values())))
            except CaptureError as error:
                problem = f"The package {item.key} {from_here}, and cannot travel: {error}."
                one = replace(one, problem=problem)
            else:
                digest = hashlib.sha256(wheel.content).hexdigest()
                wheels[digest] = wheel.content
                one = replace(one, wheel=digest, file=wheel.name)
        if one.problem:
            (problems if item.key in needed else warnings).append(one.problem)
        locked.append(one)
    lock = Lock(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        system=sys.platform,
        machine=platform.machine(),
        distributions=tuple(sorted(locked, key=lambda one: one.name)),
    )
    return Locking(lock, wheels, tuple(problems), tuple(warnings))


def _reached(items: Sequence[Installed], needed: Collection[str]) -> set[str]:
    """Returns the keys of what is needed, and of what that needs with the extras it asks for."""
    by_key = {item.key: item for item in items}
    waiting = [(key, "") for key in needed]
    found = set[tuple[str, str]]()
    while waiting:
        key, extra = one = waiting.pop()
        if key not in by_key or one in found:
            continue
        found.add(one)
        for line in by_key[key].requires:
            condition = _EXTRA.search(line)
            if condition is None or normalised(condition[1]) == extra:
                asked = _EXTRAS.search(line)
                extras = asked[1].split(",") if asked else ()
                waiting += ((name_in(line), normalised(name.strip())) for name in ("", *extras))
    return {key for key, _ in found}


def _own_folders(items: Sequence[Installed]) -> set[Path]:
    """Returns the folders of packages in the environment of this process, if it runs in one."""
    prefix = Path(sys.prefix).resolve()
    if sys.prefix == sys.base_prefix and not (prefix / "conda-meta").is_dir():
        return set()
    folders = {item.path.parent for item in items}
    return {folder for folder in folders if is_below(folder.resolve(), prefix)}

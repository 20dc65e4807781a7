"""What a task asks for beside packages: secrets, files to keep, data here and on the agent's
machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from elsewhere.core.checks import checked_texts
from elsewhere.core.data import Data
from elsewhere.core.errors import UsageError
from elsewhere.core.records import Environment


def asked(
    base: Environment, secrets: object, keep: object, mounts: object, data: object = ()
) -> Environment:
    """The `base` with the names of `secrets`, the patterns of `keep` and the paths of `data`, each
    a list or one text, and the `mounts`, a dict of paths and names, where they are not empty.
    Raises UsageError."""
    names = tuple(dict.fromkeys(checked_texts("secrets", secrets)))
    for name in names:
        if not (name.isidentifier() and name.isascii()):
            raise UsageError(
                f"A secret is asked for by its name, as a variable has one, not by {name!r:.20}."
            )
    patterns = tuple(dict.fromkeys(checked_texts("keep", keep)))
    for pattern in patterns:
        _inside("A pattern of keep", pattern)
    paths = dict.fromkeys(_inside("A path of data", one) for one in checked_texts("data", data))
    found: dict[str, Any] = {"secrets": names, "keep": patterns, "mounts": _mounts(mounts)}
    found["data"] = tuple(Data(path=path) for path in paths)
    return replace(base, **{name: value for name, value in found.items() if value})


def _mounts(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise UsageError(
            f"mounts must be a dict of paths and names, {{'data/corpus': 'corpus'}}, not"
            f" {given!r:.80}."
        )
    found = {}
    for path, name in given.items():
        if not (isinstance(path, str) and isinstance(name, str) and name):
            raise UsageError(f"mounts has {path!r:.80}: {name!r:.80}, but both must be texts.")
        found[_inside("A path of mounts", path)] = name
    return found


def _inside(what: str, path: str) -> str:
    """The relative `path` in one form. Raises UsageError for one that leads out of the code."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise UsageError(
            f"{what} begins at the root of the code and stays below it, as in 'data/corpus', and"
            f" {path!r:.80} does not."
        )
    return "/".join(parts)

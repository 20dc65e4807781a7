"""Titles and series of what writers write.

A tag `a/b/c` is the series `c` of the title `a_b`, a tag without slashes is both. Where something
else has these names, such as the same tag of another writer, the log directory goes before the
series.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final, NamedTuple

_UNTAGGED: Final = "untagged"


class Written(NamedTuple):
    """What one writer writes: its log directory, the tag, and the series that a call names."""

    logdir: str
    tag: str
    series: str = ""


class Names:
    """The names of one run. All threads may share them."""

    def __init__(self) -> None:
        self._known: dict[Written, tuple[str, str]] = {}
        self._owners: dict[tuple[str, str], Written] = {}

    def of(self, written: Written) -> tuple[str, str]:
        """Title and series."""
        found = self._known.get(written)
        if found is None:
            found = self._known[written] = self._new(written)
        return found

    def _new(self, written: Written) -> tuple[str, str]:
        parts = [part for part in written.tag.split("/") if part.strip()] or [_UNTAGGED]
        if not written.series.strip():
            *above, series = parts
            title = "_".join(above) or series
        else:
            title, series = "_".join(parts), written.series
        owner = self._owners.setdefault((title, series), written)
        if owner == written:
            return title, series
        names = ((title, longer) for longer in _longer(series, written, owner))
        return next(one for one in names if self._owners.setdefault(one, written) == written)


def _longer(series: str, written: Written, owner: Written) -> Iterator[str]:
    own, others = PurePath(written.logdir), PurePath(owner.logdir).parts
    if own.parts != others:
        apart = "/".join(part for part in own.parts if part not in others)
        yield f"{apart or own.name or own}: {series}"
        yield f"{written.logdir}: {series}"
    yield f"{series} ({written.tag})"
    yield f"{written.logdir}: {written.tag} {written.series}".rstrip()

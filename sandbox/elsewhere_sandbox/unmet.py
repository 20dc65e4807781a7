"""What the packages in an environment ask for and do not find there, by their metadata."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


class Unmet(NamedTuple):
    """`package` asks for `requirement`, of `name`; `version` is what is there, "" for nothing."""

    package: str
    name: str
    requirement: str
    version: str

    def __str__(self) -> str:
        found = f"{self.version} is installed" if self.version else "it is not installed"
        return f"{self.package} asks for {self.requirement}, and {found}"


def unmet(site_packages: Path, facts: Mapping[str, str]) -> list[Unmet]:
    """Finds what is missing or has another version. `facts` are the words for markers."""
    versions: dict[str, str] = {}
    requires: dict[str, list[str]] = {}
    for one in distributions(path=[str(site_packages)]):
        metadata = one.metadata  # parsed anew each time
        if metadata["Name"]:
            name = canonicalize_name(metadata["Name"])
            versions[name] = metadata["Version"]
            requires[name] = metadata.get_all("Requires-Dist") or []
    return [
        Unmet(f"{name} {versions[name]}", *problem)
        for name, lines in sorted(requires.items())
        for problem in _problems(lines, versions, facts)
    ]


def _problems(
    lines: Iterable[str], versions: Mapping[str, str], facts: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker and not requirement.marker.evaluate({**facts, "extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        version = versions.get(name, "")
        try:
            is_met = bool(version) and requirement.specifier.contains(version, prereleases=True)
        except InvalidVersion:
            is_met = True
        if not is_met:
            requirement.marker = None
            yield name, str(requirement), version

"""What the packages in an environment ask for and do not find there, by their metadata."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
    found: dict[str, Distribution] = {}
    for one in distributions(path=[str(site_packages)]):
        if name := one.metadata["Name"]:
            found[canonicalize_name(name)] = one
    return [
        Unmet(f"{name} {one.version}", *problem)
        for name, one in sorted(found.items())
        for problem in _problems(one, found, facts)
    ]


def _problems(
    one: Distribution, found: Mapping[str, Distribution], facts: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for line in one.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker and not requirement.marker.evaluate({**facts, "extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        version = found[name].version if name in found else ""
        try:
            is_met = bool(version) and requirement.specifier.contains(version, prereleases=True)
        except InvalidVersion:
            is_met = True
        if not is_met:
            requirement.marker = None
            yield name, str(requirement), version

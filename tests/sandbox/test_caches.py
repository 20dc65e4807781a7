"""Mirrors give way by their last use, and never while a run borrows from them."""

from __future__ import annotations

import os
from pathlib import Path

from elsewhere.core.folders import Home
from elsewhere.core.records import Source
from elsewhere_sandbox.caches import MIRRORS, collect, kept, make_room
from elsewhere_sandbox.checkout import checkout
from tests.sandbox.repositories import LOCAL, Host, Voice, push_to_new


def test_the_mirror_that_was_not_used_for_longest_goes_first(
    origin: Path, host: Host, tmp_path: Path
) -> None:
    other = push_to_new(origin, tmp_path / "other.git")
    home = Home(host.path)
    for repository in (origin, other, origin):
        host.checkout(Source(repository=str(repository)))
    found = kept(home)
    assert {one.what for one in found} == {str(origin), str(other)}
    assert all(one.size_bytes > 0 and not one.is_in_use for one in found)
    newest = found[0].size_bytes

    (removed,) = collect(home, {MIRRORS: newest})

    assert removed.what == str(other)
    code = host.checkout(Source(repository=str(other)))  # which is fetched again
    assert (code / "train.py").exists()


def test_a_mirror_that_a_run_borrows_from_stays(origin: Path, host: Host, tmp_path: Path) -> None:
    home, source = Home(host.path), Source(repository=str(origin))
    used = checkout(source, tmp_path / "code", host.mirrors, tmp_path, Voice(), LOCAL)
    assert [one.is_in_use for one in kept(home)] == [True]
    assert collect(home, {MIRRORS: 0}) == []
    assert make_room(home, 1) == []
    for descriptor in used:
        os.close(descriptor)
    assert [one.what for one in make_room(home, 1)] == [str(origin)]
    assert kept(home) == []


def test_a_mirror_in_the_midst_of_its_removal_is_made_anew(origin: Path, host: Host) -> None:
    source = Source(repository=str(origin))
    host.checkout(source)
    (mirror,) = (one.path for one in kept(Home(host.path)))
    mirror.rename(mirror.with_suffix(".gone"))  # as a kill leaves it
    assert (host.checkout(source) / "train.py").exists()
    assert len(collect(Home(host.path), {MIRRORS: 0})) == 1
    assert not mirror.with_suffix(".gone").exists()

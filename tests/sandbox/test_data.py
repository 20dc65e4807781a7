"""Data of tasks on a machine: made once, whole or not at all, in the code, within a budget."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.data import Data
from elsewhere.core.folders import Home, RunFolder
from elsewhere_sandbox.alone import remove
from elsewhere_sandbox.caches import DATA, collect, kept
from elsewhere_sandbox.data import lay_data
from elsewhere_sandbox.errors import SetupError
from tests.plain_setup import PlainSetup
from tests.stores import make_record

CONTENT: Final = b"some data"


class Machine:
    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self.setup = PlainSetup()

    def run(self) -> RunFolder:
        folder = self.home.run(make_record().id, 1).create()
        folder.inputs.mkdir()
        folder.code.mkdir()
        return folder

    def lay(self, data: Data, content: bytes, folder: RunFolder | None = None) -> RunFolder:
        folder = folder or self.run()
        (folder.inputs / data.digest).write_bytes(content)
        os.close(lay_data(data, self.home, folder, self.setup))  # as at the end of its runner
        return folder


@pytest.fixture
def machine(elsewhere_home: Path) -> Machine:
    return Machine(elsewhere_home)


def of(content: bytes, path: str = "in/data.bin", *, is_folder: bool = False) -> Data:
    digest = hashlib.sha256(content).hexdigest()
    return Data(path=path, digest=digest, size_bytes=len(content), is_folder=is_folder)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return made.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_a_file_is_linked_to_be_read_and_made_once(machine: Machine) -> None:
    first, second = (machine.lay(of(CONTENT), CONTENT) for _ in range(2))
    for folder in (first, second):
        assert (folder.code / "in/data.bin").read_bytes() == CONTENT
    assert (first.code / "in/data.bin").resolve() == (second.code / "in/data.bin").resolve()
    assert (first.code / "in/data.bin").stat().st_mode & 0o777 == 0o444
    assert machine.setup.phases == ["data"]
    assert machine.setup.lines == ["The data in/data.bin, 9 B, is on this machine already."]


@pytest.mark.parametrize("change", ["written", "truncated", "gone"])
def test_what_was_changed_is_made_anew(machine: Machine, change: str) -> None:
    file = (machine.lay(of(CONTENT), CONTENT).code / "in/data.bin").resolve()
    if change == "gone":
        file.unlink()
    else:
        file.chmod(0o600)
        file.write_bytes(b"some DATA" if change == "written" else b"")
        if change == "truncated":
            os.utime(file, (315_619_200, 315_619_200))
    again = machine.lay(of(CONTENT), CONTENT)
    assert (again.code / "in/data.bin").read_bytes() == CONTENT
    assert machine.setup.phases == ["data", "data"]


def test_bytes_that_are_others_are_refused_and_nothing_is_left(machine: Machine) -> None:
    with pytest.raises(SetupError, match="is not what was sent"):
        machine.lay(of(CONTENT), b"other bytes")
    assert list(machine.home.data.glob("*/*")) == []


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../canary"),
        tarfile.TarInfo("/canary"),
        tarfile.TarInfo("a/../../canary"),
        link("canary", "/etc/passwd"),
        link("canary", "../../other", tarfile.LNKTYPE),
        link("canary", "", tarfile.FIFOTYPE),
        link("canary", "", tarfile.CHRTYPE),
    ],
)
def test_an_archive_has_plain_files_alone(machine: Machine, member: tarfile.TarInfo) -> None:
    content = archive((tarfile.TarInfo("fine"), b"1"), (member, b""))
    with pytest.raises(SetupError, match="which is refused"):
        machine.lay(of(content, "in", is_folder=True), content)
    assert not list(machine.home.path.rglob("canary"))
    assert list(machine.home.data.glob("*/*")) == []


def test_what_is_no_archive_is_an_error(machine: Machine) -> None:
    with pytest.raises(SetupError, match="cannot be had here"):
        machine.lay(of(CONTENT, is_folder=True), CONTENT)


@pytest.mark.parametrize("path", ["../out", "..", "a/..", "taken", "link/data"])
def test_a_path_that_is_taken_or_leads_out_is_refused(machine: Machine, path: str) -> None:
    folder = machine.run()
    (folder.code / "taken").touch()
    (folder.code / "link").symlink_to(folder.path)
    with pytest.raises(SetupError, match="something else is at that path"):
        machine.lay(of(CONTENT, path), CONTENT, folder)
    assert not (folder.path / "data").exists()


def test_data_goes_when_its_budget_is_over_the_oldest_first_and_never_what_is_used(
    machine: Machine,
) -> None:
    contents = [bytes([n]) * 1000 for n in range(3)]
    for content in contents:
        machine.lay(of(content), content)
    places = [machine.home.data / of(content).digest for content in contents]
    for age, place in enumerate(reversed(places)):
        os.utime(place / "complete.json", (1_000_000 - age, 1_000_000 - age))
    folder = machine.run()
    (folder.inputs / places[0].name).write_bytes(contents[0])
    descriptor = lay_data(of(contents[0]), machine.home, folder, machine.setup)
    os.utime(places[0] / "complete.json", (1, 1))
    assert not remove(places[0])
    assert [one.path for one in collect(machine.home, {DATA: 1000})] == [places[1]]
    assert {one.path for one in kept(machine.home) if one.kind == DATA} == {places[0], places[2]}
    os.close(descriptor)
    assert remove(places[0])

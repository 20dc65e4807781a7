"""Events that carry bytes: whatever their kind, one way brings these to their place."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from elsewhere.artifacts import uploader
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.events import Event, Text
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.uploads import FileEvent, Placed, Upload
from elsewhere.delivery.delivery import Delivery
from elsewhere.storage import file_url
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin

TASK: Final = "1" * 32
MODEL: Final = "ab" * 16
#: as journals have had them since there are models
ARTIFACT_LINE: Final = (
    'artifact {"artifact":{"name":"a b","type":"file","url":"","size_bytes":5,"digest":"%s",'
    '"content_type":"text/plain","preview":"data.bin: 5 bytes","metadata":{"rows":"1"},'
    '"uploaded_at":0.0,"machine":"box"},"file":"files/01/data.bin"}'
) % ("d" * 64)
MODEL_LINE: Final = (
    f'model {{"model":"{MODEL}","fields":{{"name":"net","size_bytes":7,"digest":"{"e" * 64}",'
    '"is_package":false,"preview":"a.txt","iteration":3,"machine":"box",'
    f'"task":"{TASK}"}},"file":"files/02/net.bin","output_uri":"%s"}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(FileEvent):
    """A kind of event that this test alone knows."""

    title: str
    file: str = ""
    url: str = ""
    problem: str = ""

    def upload(self) -> Upload | None:
        if not self.file:
            return None
        return Upload(file=Path(self.file), kind="figure", name=self.title)

    def placed(self, placed: Placed | None) -> Figure:
        if placed is None:
            return self
        return replace(self, file="", url=placed.url, problem=placed.problem)


def drawn(event: Event) -> Event:
    """The text `figure <title> <file>` of a journal as the event that it stands for."""
    if not isinstance(event, Text) or not event.message.startswith("figure "):
        return event
    _, title, file = event.message.split(" ")
    return Figure(title=title, file=file)  # type: ignore[return-value]


class Gallery:
    """A store that keeps figures, too."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self.figures: list[Figure] = []
        #: who delivers is killed before its next transaction
        self.is_killed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply(
        self, task_id: str, attempt: int, file: str, start: int, end: int, events: Iterable[Any]
    ) -> int:
        if self.is_killed:
            raise KeyboardInterrupt
        all_of = list(events)
        others = [event for event in all_of if not isinstance(event, Figure)]
        taken = self._store.apply(task_id, attempt, file, start, end, others)
        self.figures += [event for event in all_of if isinstance(event, Figure)]
        return taken


@dataclass(frozen=True)
class Machine:
    """A run folder, and what its machine delivers from it into `place`."""

    store: Gallery
    folder: RunFolder
    place: Path

    def write(self, *lines: str) -> None:
        with (self.folder.journal / "1.events").open("ab") as file:
            for line in map(str.encode, lines):
                file.write(b"%08x %s\n" % (zlib.crc32(line), line))

    def draw(self, title: str, file: str) -> None:
        self.write(f'text {{"message":"figure {title} {file}","level":20,"at":0.0}}')

    def stage(self, name: str, content: bytes) -> Path:
        file = self.folder.files / name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        return file

    def delivery(self, **how: Any) -> Delivery:
        upload = uploader(str(self.place))
        return Delivery(self.store, self.folder, upload, translate=drawn, **how)

    def deliver(self) -> None:
        delivery = self.delivery()
        while delivery.pump(is_over=True):
            pass

    @property
    def below(self) -> Path:
        return self.place / "examples" / f"train=20it.{TASK}"


@pytest.fixture
def machine(store: RedisStore, elsewhere_home: Path, tmp_path: Path) -> Machine:
    begin(store, id=TASK, name="train it")
    folder = Home(elsewhere_home).run(TASK, 1).create()
    write_beside(folder.spec, {"record": to_plain(store.read(TASK))})
    return Machine(Gallery(store), folder, tmp_path / "place")


# a kind that nobody knows


def test_another_event_with_bytes_is_delivered_like_all_others(machine: Machine) -> None:
    staged = machine.stage("01/loss.png", b"a figure")
    machine.draw("loss", "files/01/loss.png")
    machine.deliver()
    (figure,) = machine.store.figures
    file = machine.below / "figures" / "loss" / "loss.png"
    assert figure == Figure(title="loss", url=file_url(file))
    assert file.read_bytes() == b"a figure"
    assert not staged.exists()


def test_where_staged_files_shall_stay_they_do_whatever_their_kind(machine: Machine) -> None:
    staged = machine.stage("01/loss.png", b"a figure")
    machine.draw("loss", "files/01/loss.png")
    delivery = machine.delivery(keeps_files=True)
    while delivery.pump(is_over=True):
        pass
    assert machine.store.figures[0].url
    assert staged.exists()


def test_one_without_a_file_is_delivered_as_it_is(machine: Machine) -> None:
    machine.draw("loss", "")
    machine.deliver()
    assert machine.store.figures == [Figure(title="loss")]
    assert not machine.place.exists()


@pytest.mark.parametrize("file", ["spec.json", "../x", "/etc/passwd", "files/01/gone"])
def test_one_that_names_no_staged_file_is_not_uploaded(machine: Machine, file: str) -> None:
    machine.draw("loss", file)
    machine.deliver()
    (figure,) = machine.store.figures
    assert figure.url == ""
    assert figure.problem == f"It was not uploaded: {file!r} is not a staged file."
    assert not machine.place.exists()


def test_one_whose_place_is_not_reached_is_tried_and_then_keeps_its_file(machine: Machine) -> None:
    machine.place.write_text("no folder")
    staged = machine.stage("01/loss.png", b"a figure")
    machine.draw("loss", "files/01/loss.png")
    delivery = machine.delivery()
    for _ in range(4):
        with pytest.raises(StoreUnavailableError, match=r"figure 'loss' is not uploaded yet"):
            delivery.pump()
    assert machine.store.figures == []
    assert delivery.pump()
    assert f"is kept in {staged}" in machine.store.figures[0].problem
    assert delivery.has_kept_files
    assert staged.exists()


# journals that were written before


def test_lines_of_earlier_journals_are_delivered_to_the_same_places(
    machine: Machine, tmp_path: Path
) -> None:
    machine.stage("01/data.bin", b"bytes")
    machine.stage("02/net.bin", b"weights")
    machine.write(ARTIFACT_LINE, MODEL_LINE % (tmp_path / "other"))
    machine.deliver()
    artifact = machine.store.artifacts(TASK)["a b"]
    file = machine.below / "artifacts" / "a=20b" / "data.bin"
    assert (artifact.url, file.read_bytes()) == (file_url(file), b"bytes")
    assert (artifact.size_bytes, artifact.digest) == (5, "d" * 64)
    assert artifact.preview == "data.bin: 5 bytes"
    assert artifact.machine == socket.gethostname()
    assert artifact.uploaded_at > 0
    model = machine.store.model(MODEL)
    weights = tmp_path / "other" / machine.below.relative_to(machine.place) / "models" / MODEL
    assert model.url == file_url(weights / "net.bin")
    assert (weights / "net.bin").read_bytes() == b"weights"
    assert (model.size_bytes, model.digest, model.preview) == (7, "e" * 64, "a.txt")
    assert (model.iteration, model.task, model.machine) == (3, TASK, socket.gethostname())


@pytest.mark.parametrize("is_taken", [True, False], ids=["delivered", "uploaded alone"])
def test_a_folder_that_was_half_delivered_goes_on(machine: Machine, is_taken: bool) -> None:
    """Its agent was killed: behind the first line, or before the store had taken that."""
    machine.stage("01/data.bin", b"bytes")
    machine.write(ARTIFACT_LINE)
    machine.store.is_killed = not is_taken
    with nullcontext() if is_taken else pytest.raises(KeyboardInterrupt):
        machine.delivery().pump()
    machine.store.is_killed = False
    assert (machine.folder.files / "01/data.bin").exists() is not is_taken
    machine.stage("02/net.bin", b"weights")
    machine.write(MODEL_LINE % "")
    machine.deliver()
    urls = {machine.store.artifacts(TASK)["a b"].url, machine.store.model(MODEL).url}
    there = {path for path in machine.place.rglob("*") if path.is_file()}
    assert urls == {file_url(path) for path in there}
    assert {path.name for path in there} == {"data.bin", "net.bin"}
    assert not [path for path in machine.folder.files.rglob("*") if path.is_file()]

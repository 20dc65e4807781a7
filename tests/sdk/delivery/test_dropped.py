"""Samples bring their bytes to storage, and those that no sample names any more go."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from elsewhere.artifacts import uploader
from elsewhere.core.choices import Reason, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.events import Sample, Scalar
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.records import Outcome
from elsewhere.delivery.delivery import Delivery
from elsewhere.delivery.restored import take_back
from elsewhere.delivery.waiting import try_again, waiting_in
from elsewhere.storage import file_url, local_path
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin

STOPPED = Outcome(reason=Reason.STOPPED)


class Machine:
    """One that runs the task's attempts, delivers them, and keeps its uploads in `place`."""

    def __init__(self, store: RedisStore, home: Home, place: Path) -> None:
        self.store, self.home, self.place = store, home, place
        self.task_id = begin(store, name="train it")
        self.begin(1)

    def begin(self, attempt: int) -> None:
        self.folder: RunFolder = self.home.run(self.task_id, attempt).create()
        plain = {"record": to_plain(self.store.read(self.task_id)), "store": self.store.identity()}
        write_beside(self.folder.spec, plain)
        self.delivery = self.another()

    def another(self) -> Delivery:
        return Delivery(self.store, self.folder, uploader(str(self.place)))

    def sample(self, iteration: int, *, series: str = "s", at: float = 0.0) -> Sample:
        name = f"{series}{iteration}.{at}.png"
        (self.folder.files / name).write_bytes(name.encode())
        return Sample(
            title="t",
            series=series,
            iteration=iteration,
            at=at,
            history=2,
            digest="d" * 64,
            file=f"files/{name}",
        )

    def report(self, *events: Sample | Scalar) -> None:
        writer = JournalWriter(self.folder.journal)
        writer.append(events)
        writer.close()

    def deliver(self) -> list[str]:
        """The names of the files that lie in the place then."""
        moved = True
        while moved:
            with suppress(StoreUnavailableError):  # it tries a few times
                moved = self.delivery.pump(is_over=True)
        return self.files()

    def files(self) -> list[str]:
        return sorted(path.name for path in self.place.rglob("*") if path.is_file())

    def read(self) -> list[bytes]:
        found = self.store.history(self.task_id, Sample, "t", "s")
        return [local_path(one.url).read_bytes() for one in found]

    def end(self) -> None:
        self.store.finish(self.task_id, self.folder.attempt, STOPPED)


@pytest.fixture
def machine(store: RedisStore, elsewhere_home: Path, tmp_path: Path) -> Machine:
    return Machine(store, Home(elsewhere_home), tmp_path / "place")


def test_a_sample_is_uploaded_and_its_staged_file_goes(machine: Machine) -> None:
    machine.report(machine.sample(1))
    assert machine.deliver() == ["s1.0.0.png"]
    (found,) = machine.store.history(machine.task_id, Sample, "t", "s")
    below = machine.place / "examples" / f"train=20it.{machine.task_id}"
    assert local_path(found.url) == below / "samples" / "t=2Fs" / "s1.0.0.png"
    assert (found.file, found.machine, found.problem) == ("", socket.gethostname(), "")
    assert list(machine.folder.files.iterdir()) == []


def test_bytes_go_with_what_falls_out_of_the_history_and_with_what_is_replaced(
    machine: Machine,
) -> None:
    for iteration in range(4):
        machine.report(machine.sample(iteration))
        machine.deliver()
    assert machine.files() == ["s2.0.0.png", "s3.0.0.png"]
    machine.report(machine.sample(3, at=1.0))
    assert machine.deliver() == ["s2.0.0.png", "s3.1.0.png"]
    assert machine.read() == [b"s2.0.0.png", b"s3.1.0.png"]
    assert machine.store.dropped(machine.task_id) == {}
    assert len(list(machine.folder.placed.iterdir())) == 2, "one note for each file there is"


def test_what_others_push_out_before_it_is_delivered_does_not_travel(machine: Machine) -> None:
    first, replaced = machine.sample(1), machine.sample(50, at=0.5)
    machine.report(first)
    machine.deliver()
    others = [machine.sample(one, at=float(one)) for one in range(2, 52)]
    machine.report(replaced, *others, machine.sample(3, series="other"))
    assert machine.deliver() == ["other3.0.0.png", "s50.50.0.png", "s51.51.0.png"]
    assert len(list(machine.folder.placed.iterdir())) == 3
    assert list(machine.folder.files.iterdir()) == []
    assert machine.store.dropped(machine.task_id) == {}


@pytest.mark.parametrize("seed", range(5))
def test_what_does_not_travel_makes_no_difference_to_what_stays(
    machine: Machine, seed: int
) -> None:
    random = Random(seed)
    events = [
        machine.sample(random.randrange(6), series=random.choice("ab"), at=float(at))
        for at in random.sample(range(40), 40)
    ]
    other = begin(machine.store)
    machine.store.apply(other, 1, "f", 0, 1, events)
    machine.report(*events)
    files = machine.deliver()
    kept: list[Sample] = machine.store.kept(machine.task_id, Sample)
    whole: list[Sample] = machine.store.kept(other, Sample)
    assert [one.at for one in whole] == [one.at for one in kept]
    assert files == sorted(local_path(one.url).name for one in kept)


@pytest.mark.parametrize("how", ["reset", "claim"])
def test_bytes_of_an_attempt_before_are_deleted_by_the_next_one(machine: Machine, how: str) -> None:
    machine.report(machine.sample(1))
    machine.deliver()
    machine.end()
    if how == "reset":
        machine.store.reset(machine.task_id, allowed=tuple(Status))
    claim = machine.store.claim(
        machine.task_id, worker="box", token="t2", lease_s=60, allowed=tuple(Status)
    )
    machine.begin(claim.attempt)
    machine.report(machine.sample(7))
    assert machine.deliver() == ["s7.0.0.png"]


def test_links_and_what_lies_elsewhere_stay(machine: Machine, tmp_path: Path) -> None:
    secret = tmp_path / f"x.{machine.task_id}" / "samples" / "a" / "secret"
    secret.parent.mkdir(parents=True)
    secret.touch()
    link = replace(machine.sample(1), file="", url=file_url(secret))
    machine.report(link, replace(link, at=1.0, url="s3://b/other"))
    machine.deliver()
    outside = replace(link, iteration=5, url=file_url(tmp_path / "place" / "not of the task"))
    local_path(outside.url).parent.mkdir(exist_ok=True)
    local_path(outside.url).touch()
    machine.store.edit(machine.task_id, outside, replace(outside, at=9.0, url="s3://b/third"))
    machine.report(Scalar(title="t", series="s", value=1.0, iteration=1, at=0.0))
    machine.delivery = machine.another()
    assert machine.deliver() == ["not of the task"]
    assert secret.exists()
    assert machine.store.dropped(machine.task_id) == {}


def test_a_file_of_another_machine_is_left_to_that_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "other box")
        machine.report(machine.sample(1))
        machine.deliver()
    machine.report(machine.sample(1, at=1.0))
    assert machine.deliver() == ["s1.0.0.png", "s1.1.0.png"]
    assert caplog.text == ""
    monkeypatch.setattr(socket, "gethostname", lambda: "other box")
    machine.delivery = machine.another()
    assert machine.deliver() == ["s1.1.0.png"]


def test_what_cannot_be_deleted_is_one_warning_and_left_to_the_next(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.report(machine.sample(1), machine.sample(2))
    machine.deliver()
    for path in list(machine.place.rglob("*.png")):
        path.unlink()
        path.mkdir()  # no file system deletes a folder as a file
    machine.report(machine.sample(1, at=1.0), machine.sample(2, at=1.0))
    machine.deliver()
    machine.report(machine.sample(3, at=2.0))
    machine.deliver()
    assert caplog.text.count("are left for now") == 1
    assert len(machine.store.dropped(machine.task_id)) == 3
    for path in list(machine.place.rglob("s?.0.0.png")):
        with suppress(OSError):
            path.rmdir()
    machine.delivery = machine.another()
    assert machine.deliver() == ["s2.1.0.png", "s3.2.0.png"]


def test_a_store_that_was_restored_with_older_data_loses_no_bytes(machine: Machine) -> None:
    fill = Scalar(title="x" * 1000, series="y", value=1.0, iteration=0, at=0.0)
    for iteration in (1, 2, 3):
        # Each sample comes in a piece of its own, also the next time.
        machine.report(*[fill] * 400, machine.sample(iteration), *[fill] * 400)
        machine.deliver()
    assert machine.files() == ["s2.0.0.png", "s3.0.0.png"]
    task = keys.TaskKeys(machine.task_id)
    machine.store.redis.delete(task.journal, task.attempts)
    machine.store.redis.hset(task.state, mapping={"attempt": 0, "worker": ""})
    assert take_back(machine.store, machine.folder, worker="box", lease_s=60)
    assert len(machine.store.dropped(machine.task_id)) == 2, "as the attempt began anew"
    machine.delivery = machine.another()
    assert machine.deliver() == ["s2.0.0.png", "s3.0.0.png"]
    assert machine.read() == [b"s2.0.0.png", b"s3.0.0.png"]


def test_a_sample_that_could_not_be_uploaded_arrives_later_in_its_place(machine: Machine) -> None:
    machine.place.touch()  # a file, where a folder would be needed
    machine.report(*map(machine.sample, (1, 2)), machine.sample(5, series="other"))
    machine.report(machine.sample(6, series="other"))
    machine.deliver()
    found = machine.store.history(machine.task_id, Sample, "t", "s")
    assert [one.url for one in found] == ["", ""]
    assert "It could not be uploaded yet" in found[0].problem
    assert machine.store.output(machine.task_id).data.count(b"[elsewhere]") == 1
    machine.end()
    machine.place.unlink()
    machine.store.edit(machine.task_id, replace(found[1], at=9.0, url="s3://b/newer"))
    upload = uploader(str(machine.place))
    assert len(waiting_in(machine.folder)) == 4
    assert try_again(machine.store, machine.folder, upload, older_than_s=0) == []
    assert machine.files() == ["other5.0.0.png", "other6.0.0.png", "s1.0.0.png"]
    found = machine.store.history(machine.task_id, Sample, "t", "s")
    assert [(one.iteration, one.problem) for one in found] == [(1, ""), (2, found[1].problem)]
    assert local_path(found[0].url).read_bytes() == b"s1.0.0.png"


def test_whoever_reports_much_is_delivered_before_anything_is_deleted(machine: Machine) -> None:
    fill = Scalar(title="x" * 1000, series="y", value=1.0, iteration=0, at=0.0)
    machine.report(*map(machine.sample, range(2)))
    machine.deliver()
    machine.report(machine.sample(2), *[fill] * 4000)
    machine.delivery.pump()
    assert "s0.0.0.png" in machine.files(), "more is waiting in the journal"
    assert machine.deliver() == ["s1.0.0.png", "s2.0.0.png"]


def test_a_name_may_be_any_text(machine: Machine) -> None:
    names = ["..", "/", "a/../b", "\udcff", "é\n", "x" * 900]
    machine.report(*(replace(machine.sample(n), series=name) for n, name in enumerate(names)))
    machine.deliver()
    for name in names:
        (found,) = machine.store.history(machine.task_id, Sample, "t", name)
        assert local_path(found.url).is_file()
        assert local_path(found.url).is_relative_to(machine.place)

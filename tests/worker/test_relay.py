"""The relay: what an agent sends of its machine's files, and what it refuses."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.artifacts import bring
from elsewhere.artifacts.far import at_url, of_artifact, of_item, of_model, run_files
from elsewhere.artifacts.transfer import AbsentError
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.events import ArtifactAdded, ModelReported, ModelSaved, Plot
from elsewhere.core.records import Artifact
from elsewhere.store.model_records import reports_of
from elsewhere.store.redis import keys
from elsewhere.store.relay import PART_BYTES, WINDOW, Request, Wanted
from elsewhere_worker.owner import Owner
from tests.relaying import AGENT, HOST, Far, begun, far_machine
from tests.stores import begin, opened
from tests.waiting import wait_until

NOISE = os.urandom(5 * PART_BYTES + 1234)


@pytest.fixture
def far(short_path: Path, redis_url: str) -> Iterator[Far]:
    with far_machine(short_path / "far", redis_url) as far:
        yield far


# what is sent


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, len(NOISE)])
def test_a_file_of_a_run_arrives_to_the_byte(far: Far, tmp_path: Path, size: int) -> None:
    target = tmp_path / "new" / "file"
    far.write(far.run(), "out/best.pt", NOISE[:size]).bring(target)
    assert target.read_bytes() == NOISE[:size]
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_an_artifact_and_a_model_arrive(far: Far, tmp_path: Path) -> None:
    task_id, artifact = far.artifact("a/b: c", NOISE)
    of_artifact(far.store, task_id, artifact).bring(tmp_path / "artifact")
    assert (tmp_path / "artifact").read_bytes() == NOISE
    model = "a" * 32
    file = far.home.storage / "p" / f"t.{task_id}" / "models" / model / "net.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    far.store.save_model(model, {"task": task_id, "url": str(file), "machine": HOST})
    of_model(far.store, far.store.model(model)).bring(tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"weights"


def test_a_sample_arrives_by_its_names(far: Far, tmp_path: Path) -> None:
    task_id = begin(far.store)
    samples = [
        far.sample(title, series, iteration, f"{title}{series}{iteration}".encode(), task_id)
        for title, series in (("a", "b/c"), ("a/b", "c"), ("..", "é\n"))
        for iteration in (1, -2)
    ]
    for number, sample in enumerate(samples):
        of_item(far.store, task_id, sample).bring(tmp_path / str(number))
        data = f"{sample.title}{sample.series}{sample.iteration}".encode()
        assert (tmp_path / str(number)).read_bytes() == data
        found = at_url(far.store, sample.url)
        assert found is not None
        assert (found[0], found[1].wanted.name) == (
            sample,
            of_item(far.store, task_id, sample).wanted.name,
        )


@pytest.mark.parametrize(
    "name", ["", "x", "[]", '["a","b"]', '["a","b",1.5]', '["a",["b"],1]', '["a","b",2]', "{}"]
)
def test_a_sample_that_is_not_there_is_refused(far: Far, tmp_path: Path, name: str) -> None:
    task_id = begin(far.store)
    sample = far.sample("a", "b", 1, b"x", task_id)
    file = of_item(far.store, task_id, sample)
    with pytest.raises(StorageError):
        replace(file, wanted=replace(file.wanted, name=name)).bring(tmp_path / "file")


def test_the_file_of_a_models_plot_arrives(far: Far, tmp_path: Path) -> None:
    task_id, model = begin(far.store), "a" * 32
    file = tmp_path / "0123.gz"
    file.write_bytes(NOISE)
    plot = Plot(title="a", series="b/c", iteration=3, at=1.0, file=str(file), digest="d" * 64)
    upload = plot.upload()
    assert upload is not None
    placed = bring(replace(upload, place=str(far.home.storage)), far.store.read(task_id))
    plot = plot.placed(replace(placed, machine=HOST))
    report = ModelReported(model=model, plot=plot)
    far.store.edit(task_id, ModelSaved(model=model, fields={"task": task_id}), report)
    of_item(far.store, reports_of(model), plot).bring(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == NOISE


def test_a_sample_elsewhere_than_uploads_lie_is_not_sent(far: Far, tmp_path: Path) -> None:
    task_id = begin(far.store)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    sample = far.sample("a", "b", 1, b"x", task_id)
    far.store.edit(task_id, replace(sample, at=9.0, url=str(secret)))
    with pytest.raises(StorageError, match="is not sent"):
        of_item(far.store, task_id, sample).bring(tmp_path / "file")


def test_the_files_of_a_run_are_listed_page_by_page(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere_worker.relay.PART_BYTES", 150)
    folder = far.run()
    names = {f"f{n}" for n in range(7)} | {os.fsdecode(b"not \xff utf-8")}
    for name in names:
        far.write(folder, name, b"12")
    found = run_files(far.store, folder.task_id, 1, AGENT)
    assert {path: count for path, (count, _) in found.files.items()} == dict.fromkeys(names, 2)
    assert (found.folder, found.more) == (str(folder.code), 0)


def test_a_name_that_is_no_text_arrives(far: Far, tmp_path: Path) -> None:
    folder, name = far.run(), os.fsdecode(b"caf\xe9.bin")
    far.write(folder, name, b"x").bring(tmp_path / name)
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [b"caf\xe9.bin"]


def test_a_transfer_has_a_handful_of_parts_in_redis_and_all_of_them_expire(far: Far) -> None:
    data = os.urandom((WINDOW + 6) * PART_BYTES)
    parts = begun(far, far.write(far.run(), "big", data)).parts()
    offset, _, first = next(parts)
    next(parts)  # from now on the window is full
    redis = far.store.redis
    wait_until(lambda: len(redis.keys("ew:part:*")) == WINDOW - 1, what="the window is full")
    for key in [keys.asked(AGENT), *redis.keys("ew:part:*")]:
        assert redis.ttl(key) in (-2, *range(1, keys.RELAY_LIFETIME_S + 1)), key
    most = sum(redis.memory_usage(key) for key in redis.keys("ew:part:*"))
    assert most < 16 << 20
    assert first == data[offset : offset + PART_BYTES]
    del parts  # its end takes back what it has asked for
    assert redis.keys("ew:part:*") == []
    assert redis.llen(keys.asked(AGENT)) == 0


def test_readers_take_turns(far: Far, tmp_path: Path) -> None:
    folder = far.run()
    slow = begun(far, far.write(folder, "slow", NOISE)).parts()
    next(slow)
    far.write(folder, "other", b"other").bring(tmp_path / "other")  # while the first one waits
    assert b"".join(data for _, _, data in slow) == NOISE[PART_BYTES:]


def test_many_readers_at_once_each_get_the_file(far: Far, tmp_path: Path, redis_url: str) -> None:
    file = far.write(far.run(), "shared", NOISE)
    failures: list[BaseException] = []

    def read(number: int) -> None:
        try:
            with opened(redis_url) as store:
                replace(file, store=store).bring(tmp_path / str(number))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {NOISE}


# what is refused


def test_a_path_leads_nowhere_else(far: Far, tmp_path: Path) -> None:
    folder = far.run()
    far.write(folder, "sub/own", b"own")
    (folder.path / "outside").write_text("younger than the marker, but not below the code")
    (tmp_path / "secret").write_text("secret")
    (folder.code / "link").symlink_to(tmp_path / "secret")
    (folder.code / "dir").symlink_to(tmp_path)
    os.mkfifo(folder.code / "pipe")
    (folder.code / ".git").mkdir()
    far.write(folder, ".git/config", b"url")
    for path in (
        *(
            "../owner.json",
            "../outside",
            "sub/../../outside",
            str(tmp_path / "secret"),
            "",
            ".",
            "..",
            "/",
        ),
        *("link", "dir/secret", "pipe", "sub", ".git/config", "a\0b", "\ud800", "x" * 5000),
    ):
        with pytest.raises(AbsentError, match=r"cannot be|not a plain file|gone"):
            far.far(folder, path).bring(tmp_path / "out" / "file")
    far.far(folder, "sub/own").bring(tmp_path / "own")
    assert far.troubles.listed() == ()


def test_what_the_program_did_not_write_is_not_sent(far: Far, tmp_path: Path) -> None:
    folder = far.run()
    (folder.code / "train.py").write_text("print()")

    def is_older() -> bool:
        folder.begun.touch()
        return (folder.code / "train.py").stat().st_ctime_ns < folder.begun.stat().st_ctime_ns

    wait_until(is_older, what="the marker is younger")
    with pytest.raises(AbsentError, match="not a plain file that the run wrote"):
        far.far(folder, "train.py").bring(tmp_path / "file")


def test_a_folder_put_in_place_of_the_code_is_not_followed(far: Far, tmp_path: Path) -> None:
    folder = far.run()
    far.write(folder, "x", b"x")
    folder.code.rename(folder.path / "old")
    folder.code.symlink_to(folder.path / "old")
    with pytest.raises(AbsentError, match="'x'"):
        far.far(folder, "x").bring(tmp_path / "file")


def test_a_record_cannot_name_any_file_of_the_machine(far: Far, tmp_path: Path) -> None:
    task_id, kept = far.artifact("data", b"data")
    place = far.home.storage / "p" / f"t.{task_id}" / "artifacts" / "link"
    place.mkdir(parents=True)
    (place / "file").symlink_to("/etc/passwd")
    os.mkfifo(place / "pipe")
    (place.parent / "etc").symlink_to("/etc")
    for name, url in {
        "passwd": "/etc/passwd",
        "link": str(place / "file"),
        "pipe": str(place / "pipe"),
        "etc": str(place.parent / "etc" / "passwd"),
        "other": kept.url,  # that of another name
        "dots": f"{kept.url}/../../../../../../etc/passwd",
        "folder": str(place),
        "far": "s3://bucket/data",
        "none": "",
        "nul": "/a\0b",
        "host": "file://elsewhere/etc/passwd",
    }.items():
        artifact = Artifact(name=name, type="file", url=url, machine=HOST)
        far.store.edit(task_id, ArtifactAdded(artifact=artifact))
        with pytest.raises(AbsentError, match=f"{name}|not a path|not the URL"):
            of_artifact(far.store, task_id, artifact).bring(tmp_path / "file")
    unknown = Artifact(name="unknown", type="file", machine=HOST)
    with pytest.raises(AbsentError, match="has no artifact 'unknown'"):
        of_artifact(far.store, task_id, unknown).bring(tmp_path / "file")
    of_artifact(far.store, task_id, kept).bring(tmp_path / "file")
    assert far.troubles.listed() == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_another_users_file_is_sent_from_the_agents_own_place_only(
    far: Far, tmp_path: Path
) -> None:
    task_id, kept = far.artifact("data", b"data")
    foreign = tmp_path / "p" / f"t.{task_id}" / "artifacts" / "foreign" / "file"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"foreign")
    os.chown(foreign, 65534, 65534)
    artifact = Artifact(name="foreign", type="file", url=str(foreign), machine=HOST)
    far.store.edit(task_id, ArtifactAdded(artifact=artifact))
    with pytest.raises(AbsentError, match="is not sent"):
        of_artifact(far.store, task_id, artifact).bring(tmp_path / "got")
    os.chown(foreign, os.geteuid(), -1)
    of_artifact(far.store, task_id, artifact).bring(tmp_path / "got")
    os.chown(kept.url.removeprefix("file://"), 65534, 65534)  # as on a share
    of_artifact(far.store, task_id, kept).bring(tmp_path / "own")


def test_the_run_of_another_store_is_not_sent(far: Far, tmp_path: Path) -> None:
    folder = far.run()
    file = far.write(folder, "x", b"x")
    Owner(worker=AGENT, store="of somebody else").take(folder)
    with pytest.raises(AbsentError, match="is not on"):
        file.bring(tmp_path / "file")


def test_a_run_folder_that_is_gone_is_a_sentence_with_its_age(far: Far, tmp_path: Path) -> None:
    folder = far.run()
    file = far.write(folder, "x", b"x")
    folder.remove()
    with pytest.raises(AbsentError, match=r"kept for 24 h after the end.*agent\.keep_runs_s"):
        file.bring(tmp_path / "file")


GOOD = {"transfer": "a" * 32, "wanted": {"kind": "file", "name": "x", "task": "b" * 32}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"[" * 50_000,
        b"[]",
        b"null",
        b"7",
        json.dumps({**GOOD, "offset": -1}).encode(),
        json.dumps({**GOOD, "offset": 1 << 70}).encode(),
        json.dumps({**GOOD, "offset": "0"}).encode(),
        json.dumps({**GOOD, "offset": True}).encode(),
        json.dumps({**GOOD, "known": "x"}).encode(),
        json.dumps({**GOOD, "transfer": "../task"}).encode(),
        json.dumps({**GOOD, "transfer": "a" * 32 + "\n"}).encode(),
        json.dumps({**GOOD, "wanted": {"kind": "path", "name": "/etc/passwd"}}).encode(),
        json.dumps({**GOOD, "wanted": {**GOOD["wanted"], "task": "../.."}}).encode(),  # type: ignore[dict-item]
        json.dumps({**GOOD, "wanted": {**GOOD["wanted"], "attempt": -1}}).encode(),  # type: ignore[dict-item]
        json.dumps({**GOOD, "wanted": {"kind": "model", "name": "x:tasks"}}).encode(),
        json.dumps({**GOOD, "wanted": {**GOOD["wanted"], "name": "x" * 40_000}}).encode(),  # type: ignore[dict-item]
    ],
)
def test_a_forged_request_is_left_out_and_the_next_one_served(
    far: Far, tmp_path: Path, data: bytes
) -> None:
    with pytest.raises(RecordError):
        Request.read(data)
    file = far.write(far.run(), "x", b"x")
    before = far.store.redis.keys("*")
    far.store.redis.rpush(keys.asked(AGENT), data)
    file.bring(tmp_path / "file")
    assert sorted(far.store.redis.keys("*")) == sorted(before)  # nothing was written anywhere
    assert far.troubles.listed() == ()


def test_an_offset_beyond_the_end_is_refused(far: Far) -> None:
    file = far.write(far.run(), "x", b"x")
    with pytest.raises(AbsentError, match="has 1 bytes only"):
        begun(far, file).one(1 << 50)


def test_a_key_of_another_type_ends_no_duty(far: Far, tmp_path: Path) -> None:
    file = far.write(far.run(), "x", b"x")
    far.store.redis.set(keys.asked(AGENT), "not a list")
    file.bring(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_wanted_file_is_named_by_no_path_of_the_machine() -> None:
    assert {*Wanted.__slots__} == {"kind", "name", "task", "attempt"}

"""Files of other machines: transfers that are cut, files that change, and agents that are away."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts import transfer
from elsewhere.artifacts.far import of_artifact
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.transfer import AbsentError, CutError, Transfer
from elsewhere.core.errors import StorageError
from elsewhere.core.records import Artifact
from elsewhere.store.agents import agents_named
from elsewhere.store.redis import keys
from elsewhere.store.relay import PART_BYTES
from tests.redis_server import RedisServer
from tests.relaying import AGENT, Far, begun, far_machine

NOISE = os.urandom(5 * PART_BYTES + 1234)


@pytest.fixture
def far(short_path: Path, redis_url: str) -> Iterator[Far]:
    with far_machine(short_path / "far", redis_url) as far:
        yield far


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers ask again, and give up, sooner than people would have it."""
    monkeypatch.setattr(transfer, "_SILENCE_S", 0.2)
    monkeypatch.setattr(transfer, "PATIENCE_S", 3.0)


def others(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "file")


# cuts


def test_a_transfer_goes_on_with_an_agent_that_was_restarted(far: Far, quick: None) -> None:
    parts = begun(far, far.write(far.run(), "big", NOISE)).parts()
    found = [next(parts)[2], next(parts)[2]]  # from now on all others are asked for
    far.stop()
    far.store.redis.delete(keys.asked(AGENT), *far.store.redis.keys("ew:part:*"))  # lost with it
    far.start()
    assert b"".join([*found, *(data for _, _, data in parts)]) == NOISE


def test_a_transfer_goes_on_after_redis_was_killed(
    short_path: Path, tmp_path: Path, quick: None
) -> None:
    with (
        RedisServer(short_path, append_only=True) as server,
        far_machine(short_path / "far", server.url) as far,
    ):
        file = far.write(far.run(), "big", NOISE)
        parts = begun(far, file).parts()
        found = [next(parts)[2], next(parts)[2]]
        server.kill()
        server.start()
        assert b"".join([*found, *(data for _, _, data in parts)]) == NOISE


def test_what_has_arrived_is_not_sent_again(
    far: Far, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, target = far.write(far.run(), "big", NOISE), tmp_path / "file"
    monkeypatch.setattr(transfer, "WINDOW", 1)
    real = Transfer._next

    def cut(self: Transfer, at: int, offsets: Any) -> Any:
        if at == 3 * PART_BYTES:
            far.stop()
        return real(self, at, offsets)

    monkeypatch.setattr(Transfer, "_next", cut)
    with pytest.raises(CutError, match=r"goes on with it.*has not answered for"):
        file.bring(target)
    monkeypatch.setattr(Transfer, "_next", real)
    assert not target.exists()
    (partial,) = others(tmp_path)
    assert (tmp_path / partial).read_bytes() == NOISE[: 3 * PART_BYTES]
    far.sent.clear()
    far.start()
    file.bring(target)
    assert target.read_bytes() == NOISE
    assert sum(far.sent) == len(NOISE) - 3 * PART_BYTES
    assert others(tmp_path) == []


def test_ctrl_c_leaves_nothing_under_the_name_and_the_next_call_goes_on(
    far: Far, tmp_path: Path
) -> None:
    file, target = far.write(far.run(), "big", NOISE), tmp_path / "file"

    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.bring(target, interrupt)
    assert not target.exists()
    far.sent.clear()
    file.bring(target)
    assert (target.read_bytes(), sum(far.sent)) == (NOISE, 0)


def test_what_is_kept_of_another_version_is_replaced(far: Far, tmp_path: Path) -> None:
    folder, target = far.run(), tmp_path / "file"

    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        far.write(folder, "big", NOISE).bring(target, interrupt)
    newer = NOISE[:PART_BYTES] + b"changed"
    far.write(folder, "big", newer).bring(target)
    assert target.read_bytes() == newer


# changes


def test_a_file_that_changes_meanwhile_arrives_as_it_is_then(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, newer = far.run(), [NOISE[::-1]]
    file = far.write(folder, "big", NOISE)
    real = Transfer._next

    def change(self: Transfer, at: int, offsets: Any) -> Any:
        if at == 2 * PART_BYTES and newer:
            far.write(folder, "big", newer.pop())
        return real(self, at, offsets)

    monkeypatch.setattr(transfer, "WINDOW", 1)
    monkeypatch.setattr(Transfer, "_next", change)
    file.bring(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == NOISE[::-1]


def test_a_file_that_changes_all_the_time_is_a_sentence(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = far.run()
    file = far.write(folder, "log", NOISE)
    real = Transfer._next

    def grow(self: Transfer, at: int, offsets: Any) -> Any:
        if at == PART_BYTES:
            far.write(folder, "log", NOISE + os.urandom(8))
        return real(self, at, offsets)

    monkeypatch.setattr(transfer, "WINDOW", 1)
    monkeypatch.setattr(Transfer, "_next", grow)
    with pytest.raises(StorageError, match="changes all the time while it is read"):
        file.bring(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanishes_meanwhile_is_a_sentence(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = far.run()
    file = far.write(folder, "big", NOISE)
    real = Transfer._next

    def remove(self: Transfer, at: int, offsets: Any) -> Any:
        if at == PART_BYTES:
            (folder.code / "big").unlink()
        return real(self, at, offsets)

    monkeypatch.setattr(transfer, "WINDOW", 1)
    monkeypatch.setattr(Transfer, "_next", remove)
    with pytest.raises(AbsentError, match="The file 'big' is gone"):
        file.bring(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_part_is_not_taken(far: Far, tmp_path: Path, quick: None) -> None:
    file = far.write(far.run(), "small", b"content")
    far.stop()
    server_redis, key = far.store.redis, keys.asked(AGENT)

    def forge() -> None:
        while not done.is_set():
            for data in server_redis.lrange(key, 0, -1):
                request = json.loads(data)
                part = keys.part(request["transfer"], 0)
                line = json.dumps({"size_bytes": 7, "version": "1", "digest": "0" * 64})
                server_redis.rpush(part, f"{line}\nCONTENT")
            done.wait(0.02)

    done = threading.Event()
    thread = threading.Thread(target=forge)
    thread.start()
    try:
        with pytest.raises(CutError, match="not what its agent has sent"):
            file.bring(tmp_path / "file")
    finally:
        done.set()
        thread.join()
    assert not (tmp_path / "file").exists()


# who is asked


def test_a_machine_that_never_reported_is_named(far: Far, tmp_path: Path) -> None:
    task_id, artifact = far.artifact("data", b"data")
    far.store.redis.delete(keys.SEEN, keys.agent(AGENT))
    with pytest.raises(AbsentError, match=r"the machine 'gpu-box' does not report.*: agent daemon"):
        of_artifact(far.store, task_id, artifact).bring(tmp_path / "file")


def test_an_agent_that_is_away_is_named_with_when_it_was_seen(far: Far, tmp_path: Path) -> None:
    task_id, artifact = far.artifact("data", b"data")
    far.registration.end()
    away = r"The machine 'gpu-box' is away: its agent 'box' was last seen [\d.]+ s ago, at 20\d\d-"
    with pytest.raises(AbsentError, match=away):
        of_artifact(far.store, task_id, artifact).bring(tmp_path / "file")


def test_an_agent_of_an_older_version_is_named(far: Far, tmp_path: Path) -> None:
    file = far.write(far.run(), "x", b"x")
    (record,) = agents_named(far.store.redis, [AGENT])
    plain = json.loads(far.store.redis.get(keys.agent(record.name)))
    del plain["serves_files"]
    far.store.redis.set(keys.agent(AGENT), json.dumps(plain))
    with pytest.raises(AbsentError, match="has the version 1, which sends no files"):
        file.bring(tmp_path / "file")


def test_of_two_machines_with_one_name_the_one_with_the_file_sends_it(
    far: Far, short_path: Path, redis_url: str, tmp_path: Path
) -> None:
    task_id, artifact = far.artifact("data", b"data")
    far.store.redis.hset(keys.TaskKeys(task_id).state, "worker", "twin")
    with far_machine(short_path / "twin", redis_url, name="twin") as twin:
        stored = replace(artifact, url=artifact.url.replace("/far/", "/gone/"))
        assert twin.host == far.host
        twin_store = twin.store
        asked: list[str] = []
        real = twin_store.artifact

        def on_its_disk(task_id: str, name: str) -> Artifact | None:  # which is another one
            asked.append(name)
            assert real(task_id, name) is not None
            return stored

        twin_store.artifact = on_its_disk  # type: ignore[method-assign]
        of_artifact(far.store, task_id, artifact).bring(tmp_path / "file")
        assert asked == ["data"]
    assert (tmp_path / "file").read_bytes() == b"data"


# who reads


def test_an_artifact_of_another_machine_is_brought_once_and_checked(
    far: Far, tmp_path: Path
) -> None:
    task_id, artifact = far.artifact("data", NOISE)
    away = replace(artifact, url="file:///nowhere/data.bin")
    handle = ArtifactHandle(away, tmp_path, far=of_artifact(far.store, task_id, artifact))
    assert handle.get().read_bytes() == NOISE
    far.sent.clear()
    again = ArtifactHandle(away, tmp_path, far=of_artifact(far.store, task_id, artifact))
    assert again.get() == handle.get()
    assert far.sent == []
    wrong = replace(away, digest="0" * 64)
    with pytest.raises(StorageError, match="is not what was uploaded"):
        ArtifactHandle(wrong, tmp_path, far=of_artifact(far.store, task_id, artifact)).get()
    assert [path.name for path in (tmp_path / wrong.digest).iterdir()] == [".lock"]


def test_another_file_here_at_that_path_is_not_taken_for_it(far: Far, tmp_path: Path) -> None:
    task_id, artifact = far.artifact("data", NOISE)
    (tmp_path / "data.bin").write_bytes(b"of this machine")
    away = replace(artifact, url=str(tmp_path / "data.bin"))
    handle = ArtifactHandle(away, tmp_path / "c", far=of_artifact(far.store, task_id, artifact))
    assert handle.get().read_bytes() == NOISE
    handle.copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == NOISE


def test_a_file_that_is_nowhere_is_gone(far: Far, tmp_path: Path) -> None:
    task_id, artifact = far.artifact("data", NOISE)
    Path(artifact.url.removeprefix("file://")).unlink()
    handle = ArtifactHandle(artifact, tmp_path, far=of_artifact(far.store, task_id, artifact))
    with pytest.raises(StorageError, match=r"is not here, but on 'gpu-box'\..* is gone: there is"):
        handle.get()
    assert handle.get_local_copy(raise_on_error=False) is None
    same = replace(artifact, machine=socket.gethostname())
    handle = ArtifactHandle(same, tmp_path, far=of_artifact(far.store, task_id, same))
    with pytest.raises(StorageError, match=r"is gone: there is no file .* any more\.$"):
        handle.get()
    seen = keys.seen("twin", same.machine)
    far.store.redis.zadd(keys.SEEN, {seen: far.store.now() - 7200})
    far.store.redis.hset(keys.TaskKeys(task_id).state, "worker", "twin")
    with pytest.raises(
        StorageError, match=r"unless another machine has this name\. .*seen 2 h ago"
    ):
        handle.get()


def test_a_file_that_does_not_fit_is_refused_before_the_disk_is_full(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = far.write(far.run(), "big", NOISE)
    usage = shutil.disk_usage(tmp_path)._replace(free=PART_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"no room for .*takes 5\.0 MiB more.*has 1\.0 MiB"):
        file.bring(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_redis_that_cannot_be_reached_is_a_storage_error(
    short_path: Path, tmp_path: Path
) -> None:
    with (
        RedisServer(short_path, append_only=True) as server,
        far_machine(short_path / "far", server.url) as far,
    ):
        file = far.write(far.run(), "x", b"x")
        server.kill()
        with pytest.raises(StorageError, match=r"there is no such socket|nothing listens"):
            file.bring(tmp_path / "file")
        server.start()

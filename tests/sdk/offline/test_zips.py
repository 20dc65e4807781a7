"""Zip files that are damaged, or made to do harm: refused whole, before anything is written."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsewhere.core.errors import ElsewhereError, RecordError, StorageError, UsageError
from elsewhere.core.events import Scalar, Text
from elsewhere.core.settings import load
from elsewhere.offline import OfflineSession
from elsewhere.offline.importing import import_session
from elsewhere.store.redis.store import RedisStore
from tests.properties import PROPERTY
from tests.sdk.offline.sessions import DIGEST, begun, end, ended, home, report, report_artifact

Entries = dict[str, bytes]


@pytest.fixture
def session() -> OfflineSession:
    events = [Scalar(title="loss", series="train", value=1.0, iteration=n, at=0.0) for n in (1, 2)]
    return ended([*events, Text(message="x", level=1, at=0.0)], output=b"printed\n")


def entries_of(archive: Path) -> Entries:
    with zipfile.ZipFile(archive) as source:
        return {one.filename: source.read(one) for one in source.infolist()}


def rewrite(archive: Path, entries: Entries, **how: Any) -> None:
    with zipfile.ZipFile(archive, "w", **{"compression": zipfile.ZIP_DEFLATED, **how}) as target:
        for name, data in entries.items():
            target.writestr(name, data)


def add(archive: Path, name: str, data: bytes = b"", mode: int = stat.S_IFREG | 0o644) -> None:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(archive, "a") as target, warnings.catch_warnings(action="ignore"):
        target.writestr(entry, data)


def refused(store: RedisStore, archive: Path) -> ElsewhereError:
    """The error; nothing was written into the store, nothing is left of what was unpacked."""
    around = sorted(home().offline.parent.rglob("*"))
    with pytest.raises(ElsewhereError) as caught:
        import_session(store, load(), archive)
    assert store.redis.keys() == []
    assert sorted(home().offline.parent.rglob("*")) == around
    return caught.value


# paths


HOSTILE: dict[str, Callable[[Path], None]] = {
    "above": lambda archive: add(archive, "../escaped"),
    "above, later": lambda archive: add(archive, "tasks/../../escaped"),
    "absolute": lambda archive: add(archive, "/tmp/escaped"),
    "a link": lambda archive: add(archive, "link", b"/etc/passwd", stat.S_IFLNK | 0o777),
    "a device": lambda archive: add(archive, "device", b"", stat.S_IFCHR | 0o666),
    "a pipe": lambda archive: add(archive, "pipe", b"", stat.S_IFIFO | 0o666),
    "a file below a file": lambda archive: add(archive, "session.json/inside"),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_an_entry_that_is_no_file_inside_is_refused(
    store: RedisStore, session: OfflineSession, spoil: Callable[[Path], None]
) -> None:
    spoil(session.archive)
    assert isinstance(refused(store, session.archive), StorageError)


@pytest.mark.parametrize("name", ["session.json", "./session.json", "session.json/"])
def test_a_name_that_is_there_twice_is_refused(
    store: RedisStore, session: OfflineSession, name: str
) -> None:
    add(session.archive, name, b"{}")
    assert "twice" in str(refused(store, session.archive))


@settings(PROPERTY, max_examples=40)
@given(
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
    | st.from_regex(r"(\.\./|/|\./|a/|session\.json|\\\.\.){1,4}", fullmatch=True)
)
def test_whatever_an_entry_is_called_nothing_is_written_outside(
    store: RedisStore, session: OfflineSession, name: str
) -> None:
    store.redis.flushall()
    before = session.archive.read_bytes()
    outside = {path for path in home().path.rglob("*") if path.is_file()}
    try:
        add(session.archive, name, b"escaped")
        import_session(store, load(), session.archive)
    except (ElsewhereError, ValueError):
        assert store.redis.keys() == []
    finally:
        session.archive.write_bytes(before)
    assert {path for path in home().path.rglob("*") if path.is_file()} == outside
    assert list(Path("/tmp").glob("escaped*")) == []


# sizes


def test_a_bomb_is_refused_by_what_it_declares(store: RedisStore, session: OfflineSession) -> None:
    with zipfile.ZipFile(session.archive, "a") as target:
        for n in range(64):
            # The same compressed bytes, counted many times: that is how a bomb is made.
            entry = zipfile.ZipInfo(f"bomb{n}")
            target.filelist.append(entry)
            entry.header_offset = target.filelist[0].header_offset
            entry.file_size, entry.compress_size, entry.CRC = 1 << 30, 100, 0
            entry.compress_type = zipfile.ZIP_DEFLATED
            target._didModify = True  # type: ignore[attr-defined]
    assert "cannot hold" in str(refused(store, session.archive))


def test_what_is_larger_than_the_disk_is_refused(
    store: RedisStore, session: OfflineSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        free = 10

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Small)
    assert "only 10 are free" in str(refused(store, session.archive))


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(
    store: RedisStore, session: OfflineSession, way: int
) -> None:
    rewrite(session.archive, entries_of(session.archive), compression=way)
    assert "another way" in str(refused(store, session.archive))


# damage


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(
    store: RedisStore, session: OfflineSession, part: float
) -> None:
    data = session.archive.read_bytes()
    session.archive.write_bytes(data[: int(len(data) * part)])
    assert isinstance(refused(store, session.archive), StorageError)


def test_a_changed_byte_is_noticed(store: RedisStore) -> None:
    session = begun()
    report_artifact(session, "data", os.urandom(50_000).hex())
    end(session)
    entries = entries_of(session.archive)
    (name,) = (name for name in entries if name.endswith(".txt"))
    rewrite(session.archive, entries, compression=zipfile.ZIP_STORED)
    data = session.archive.read_bytes()
    assert data.count(entries[name]) == 1
    session.archive.write_bytes(data.replace(entries[name], b"x" + entries[name][1:]))
    assert "CRC" in str(refused(store, session.archive))


@settings(PROPERTY, max_examples=60)
@given(at=st.integers(0, 1 << 20), flips=st.integers(1, 255), is_cut=st.booleans())
def test_damage_anywhere_is_an_error_or_does_no_harm(
    store: RedisStore, session: OfflineSession, at: int, flips: int, is_cut: bool
) -> None:
    store.redis.flushall()
    whole = session.archive.read_bytes()
    at %= len(whole)
    rest = b"" if is_cut else bytes([whole[at] ^ flips]) + whole[at + 1 :]
    session.archive.write_bytes(whole[:at] + rest)
    try:
        task_id = import_session(store, load(), session.archive)
    except ElsewhereError:
        assert store.redis.keys() == []
    else:  # times, or whatever else zip does not sum up
        assert store.series(task_id)[0].count == 2
        assert store.output(task_id).data == b"printed\n"
    finally:
        session.archive.write_bytes(whole)


# contents


def changed(name: str, **fields: Any) -> Callable[[Entries, str], None]:
    def change(entries: Entries, task_id: str) -> None:
        path = name.replace("ID", task_id)
        entries[path] = json.dumps({**json.loads(entries[path]), **fields}).encode()

    return change


def of_record(**fields: Any) -> Callable[[Entries, str], None]:
    def change(entries: Entries, task_id: str) -> None:
        path = f"tasks/{task_id}/task.json"
        task = json.loads(entries[path])
        entries[path] = json.dumps({**task, "record": {**task["record"], **fields}}).encode()

    return change


def without(name: str) -> Callable[[Entries, str], None]:
    return lambda entries, task_id: entries.__delitem__(name.replace("ID", task_id))


def set_to(name: str, data: bytes) -> Callable[[Entries, str], None]:
    return lambda entries, task_id: entries.update({name.replace("ID", task_id): data})


DAMAGES: dict[str, Callable[[Entries, str], None]] = {
    "no description": without("session.json"),
    "no task": without("tasks/ID/task.json"),
    "no run": without("ID.1/spec.json"),
    "no code": without(f"blobs/{DIGEST}"),
    "other code": set_to(f"blobs/{DIGEST}", b"garbage"),
    "no JSON": set_to("session.json", b"{"),
    "deep JSON": set_to("session.json", b"[" * 100_000),
    "a list": set_to("session.json", b"[]"),
    "no format": changed("session.json", format=None),
    "no id": changed("session.json", task="../../up"),
    "another id": changed("session.json", task="0" * 32),
    "a record that is none": of_record(tags=7),
    "a name that none may have": of_record(name="a\nb"),
    "a project that none may have": of_record(project=""),
    "another type": of_record(type="nonsense"),
    "a task that is none": set_to("tasks/ID/task.json", b'{"state": []}'),
    "an exit that is none": set_to("ID.1/exit.json", b'{"reason": "boredom"}'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_contents_that_are_no_session_are_refused(
    store: RedisStore, session: OfflineSession, damage: Callable[[Entries, str], None]
) -> None:
    entries = entries_of(session.archive)
    damage(entries, session.task_id)
    rewrite(session.archive, entries)
    error = refused(store, session.archive)
    assert isinstance(error, (RecordError, UsageError))
    assert str(session.archive) in str(error) or "session.json" in str(error)
    assert ".import-" not in str(error)


def test_a_session_of_a_newer_version_names_both(
    store: RedisStore, session: OfflineSession
) -> None:
    entries = entries_of(session.archive)
    changed("session.json", format=2, version="9.0")(entries, session.task_id)
    rewrite(session.archive, entries)
    error = refused(store, session.archive)
    assert isinstance(error, UsageError)
    assert "has the format 2, written by Elsewhere 9.0, and this one reads formats up to 1" in str(
        error
    )


def test_what_is_no_zip_file_is_refused(store: RedisStore, session: OfflineSession) -> None:
    session.archive.write_bytes(b"no zip file at all")
    assert "not a zip file" in str(refused(store, session.archive))


def test_an_encrypted_file_is_refused(store: RedisStore, session: OfflineSession) -> None:
    data = bytearray(session.archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 1)
    session.archive.write_bytes(data)
    assert isinstance(refused(store, session.archive), StorageError)


def test_an_artifact_that_names_a_file_outside_is_left_out(
    store: RedisStore, tmp_path: Path
) -> None:
    from elsewhere.core.events import ArtifactAdded
    from elsewhere.core.records import Artifact

    (tmp_path / "secret").write_text("secret")
    session = begun()
    for n, name in enumerate((f"../../../../../..{tmp_path}/secret", f"{tmp_path}/secret")):
        report(session, ArtifactAdded(artifact=Artifact(name=f"{n}", type="file"), file=name))
    end(session)
    task_id = import_session(store, load(), session.archive)
    assert [one.url for one in store.artifacts(task_id).values()] == ["", ""]
    assert "is not a staged file" in store.artifacts(task_id)["0"].preview


def test_the_same_session_gives_the_same_bytes_and_none_that_the_journal_has() -> None:
    session = begun()
    point = Scalar(title="a", series="b", value=1.0, iteration=1, at=0.0)
    report(session, point)
    session.run.output.write_bytes(b"x\n")
    session.store().apply(session.task_id, 1, "f", 0, 1, [point])
    session.store().append_output(session.task_id, 1, 0, 2, b"x\n", "")
    end(session)
    names = set(entries_of(session.archive))
    run = f"{session.task_id}.1"
    journal = {name for name in names if name.startswith(f"{run}/journal/")}
    assert names - journal == {
        "session.json",
        "store.json",
        f"blobs/{DIGEST}",
        f"tasks/{session.task_id}/task.json",
        *(f"{run}/{name}" for name in ("spec.json", "runner.json", "output.log", "exit.json")),
    }
    with zipfile.ZipFile(io.BytesIO(session.archive.read_bytes())) as source:
        assert source.testzip() is None

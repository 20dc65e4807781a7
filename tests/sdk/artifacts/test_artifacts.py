"""Artifacts: staged, uploaded, and read again as what they were."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts import upload_url
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.places import is_kept_for
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.events import ArtifactAdded, encode_event
from elsewhere.core.records import Artifact, TaskRecord
from elsewhere.core.uploads import Upload
from elsewhere.storage import local_path, storage_for
from elsewhere.storage.copies.zips import unpack
from tests.sdk.artifacts.places import Served, kept, over_the_web, serving, staged, uploaded


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "storage")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with what folders hold."""
    root = tmp_path / "tree"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.txt").write_text("a")
    (root / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (root / "sub" / "run.sh").chmod(0o755)
    (root / "sub" / "deep" / "ü.bin").write_bytes(b"\x00" * 100_000)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def served(place: str) -> Iterator[Served]:
    """The storage, seen from another machine."""
    Path(place).mkdir()
    with serving(Path(place)) as found:
        yield found


# staging


@pytest.mark.parametrize(
    ("obj", "kind", "suffix"),
    [
        ({"a": [1, 2.5, None, True], "ü": {"\udcff": "x"}}, "dict", ".json"),
        ([1, "two", {"three": 3}], "list", ".json"),
        (3, "number", ".json"),
        (0.1, "number", ".json"),
        (False, "bool", ".json"),
        ("some text\nwith lines \udcff", "string", ".txt"),
        ("", "string", ".txt"),
    ],
)
def test_an_object_comes_back_as_it_was(
    obj: Any, kind: str, suffix: str, files: Path, place: str, cache: Path
) -> None:
    handle = kept(obj, files, place, cache)
    assert handle.type == kind
    assert handle.url.endswith(f"/an=20artifact{suffix}")
    assert handle.get() == obj
    assert type(handle.get()) is type(obj)


def test_a_file_is_copied_at_once_so_that_the_original_may_change(
    tmp_path: Path, files: Path, place: str, cache: Path
) -> None:
    original = tmp_path / "data.csv"
    original.write_bytes(b"1,2,3\n")
    artifact, file = staged("data", str(original), files, metadata={"rows": 1, "by": "Ada"})
    with original.open("r+b") as changed:
        changed.write(b"9")
    original.unlink()
    assert artifact.type == "file"
    assert artifact.content_type == "text/csv"
    assert artifact.size_bytes == 6
    assert artifact.digest == hashlib.sha256(b"1,2,3\n").hexdigest()
    assert artifact.preview == "data.csv: 6 bytes"
    assert artifact.metadata == {"rows": "1", "by": "Ada"}
    assert artifact.machine == socket.gethostname()
    assert artifact.url == ""
    assert file.is_relative_to(files)
    handle = ArtifactHandle(uploaded(artifact, file, place), cache)
    assert handle.timestamp.timestamp() > 0
    found = handle.get()
    assert isinstance(found, Path)
    assert found.name == "data.csv"
    assert found.read_bytes() == b"1,2,3\n"


def test_two_artifacts_of_the_same_file_name_do_not_meet(tmp_path: Path, files: Path) -> None:
    original = tmp_path / "data"
    original.write_text("first")
    _, first = staged("one", original, files)
    original.write_text("second")
    _, second = staged("one", original, files)
    assert (first.read_text(), second.read_text()) == ("first", "second")


def test_a_folder_comes_back_with_all_its_files_and_modes(
    tree: Path, files: Path, place: str, cache: Path
) -> None:
    handle = kept(tree, files, place, cache)
    assert handle.type == "archive"
    assert handle.url.endswith("/tree.zip")
    assert handle.preview.splitlines() == [
        "a.txt: 1 bytes",
        "sub/deep/ü.bin: 100000 bytes",
        "sub/run.sh: 10 bytes",
    ]
    found = handle.get()
    assert isinstance(found, Path)
    assert contents(found) == contents(tree)
    assert (found / "empty").is_dir()
    assert os.access(found / "sub" / "run.sh", os.X_OK)
    assert not (found / "a.txt").stat().st_mode & 0o111
    assert handle.get_local_copy() == found
    assert handle.get_local_copy(extract_archive=False).suffix == ".zip"
    assert not [path for path in cache.rglob("*") if "partial" in path.name]


def test_the_same_folder_gives_the_same_bytes(tree: Path, files: Path) -> None:
    first, _ = staged("tree", tree, files)
    os.utime(tree / "a.txt", (1, 1))
    second, _ = staged("tree", str(tree), files)
    assert first.digest == second.digest


def test_links_are_followed_inside_the_folder_only(
    tree: Path, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tree.with_name("secret")
    secret.write_text("secret")
    (tree / "inside").symlink_to("sub/run.sh")
    (tree / "outside").symlink_to(secret)
    (tree / "folder").symlink_to("sub")
    (tree / "circle").symlink_to("circle")
    os.mkfifo(tree / "fifo")
    _, file = staged("tree", tree, files)
    with zipfile.ZipFile(file) as archive:
        assert archive.read("inside") == b"#!/bin/sh\n"
        assert {"outside", "folder", "circle", "fifo"}.isdisjoint(archive.namelist())
    assert "4 that are not files inside it, such as circle, fifo, folder, outside" in caplog.text


def test_a_folder_may_hold_the_folder_of_staged_files(tree: Path) -> None:
    _, file = staged("tree", tree, tree / "files")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert not [name for name in archive.namelist() if name.endswith(".zip")]


def test_a_file_name_that_zip_cannot_hold_is_an_error(tree: Path, files: Path) -> None:
    (tree / "bad\udcff").write_text("")
    with pytest.raises(UsageError, match="is not UTF-8"):
        staged("tree", tree, files)
    assert list(files.iterdir()) == []


def test_a_preview_is_short_and_marked_as_cut(files: Path) -> None:
    artifact, _ = staged("text", "ä" * 100_000, files)
    assert len(artifact.preview.encode()) <= 64 * 1024
    assert artifact.preview.endswith("ä\n... and so on, 200000 bytes in all")
    artifact, _ = staged("text", "text", files, preview="x" * 100_000)
    assert artifact.preview.endswith("x\n... and so on, 100000 bytes in all")
    artifact, _ = staged("text", "text", files, preview="mine")
    assert artifact.preview == "mine"
    artifact, _ = staged("data", {"a": 1}, files)
    assert artifact.preview == '{\n    "a": 1\n}'


@pytest.mark.parametrize("extension", ["json", ".json"])
def test_an_extension_may_have_its_dot_or_not(files: Path, extension: str) -> None:
    _, file = staged("data", {}, files, extension_name=extension)
    assert file.name == "data.json"


@pytest.mark.parametrize(
    ("obj", "sentence"),
    [
        (object(), "file format for a builtins.object.*bool, dict, image, list, number, numpy"),
        (None, "NoneType"),
        (b"bytes", "builtins.bytes"),
        ({"a": object()}, "dict, cannot be kept as .json.*object is not JSON serializable"),
        ({("a", "b"): 1}, "keys must be str"),
        (Path("/no/such/file"), "there is no such file or folder"),
        ("/dev/null", "neither a file nor a folder"),
    ],
)
def test_what_cannot_be_an_artifact_is_an_error_and_leaves_nothing(
    obj: object, sentence: str, files: Path
) -> None:
    with pytest.raises(UsageError, match=sentence):
        staged("data", obj, files, auto_pickle=False)
    assert not files.exists() or list(files.iterdir()) == []


def test_an_unknown_extension_is_answered_with_the_known_ones(files: Path, tree: Path) -> None:
    with pytest.raises(UsageError, match=r"type dict .*='jason'.*mean '\.json'\? Known"):
        staged("data", {}, files, extension_name="jason")
    with pytest.raises(UsageError, match=r"A folder .*Known: \.zip\."):
        staged("data", tree, files, extension_name=".tar")
    with pytest.raises(UsageError, match=r"A file .*Known: \.txt\."):
        staged("data", tree / "a.txt", files, extension_name=".csv")


@pytest.mark.parametrize("name", ["", " ", None, 3, "\udcff"])
def test_a_name_that_is_none_is_refused(name: Any, files: Path) -> None:
    with pytest.raises(UsageError, match="cannot have the name"):
        staged(name, {}, files)


def test_text_that_looks_like_a_path_is_kept_with_a_warning(
    files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    artifact, _ = staged("data", "/no/such/file.csv", files)
    assert artifact.type == "string"
    assert "'/no/such/file.csv' is kept as text" in caplog.text
    caplog.clear()
    staged("data", "yes and/or no", files)
    assert caplog.text == ""


def test_a_disk_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="'data' cannot be kept"):
        staged("data", {}, tmp_path / "file")


@pytest.mark.parametrize("name", ["a/b", "..", "a\0b", "ä" * 300])
def test_any_name_makes_a_file(name: str, files: Path, place: str, cache: Path) -> None:
    artifact, file = staged(name, "text", files, metadata={"key": "\udcff"})
    assert file.parent.parent == files
    assert ArtifactHandle(uploaded(artifact, file, place), cache).get() == "text"
    encode_event(ArtifactAdded(artifact=artifact))


def test_a_file_with_an_undecodable_name_makes_an_artifact(
    tmp_path: Path, files: Path, place: str, cache: Path
) -> None:
    original = tmp_path / "a\udcff"
    original.write_text("text")
    handle = kept(original, files, place, cache)
    assert handle.preview == "a\\udcff: 4 bytes"
    assert handle.get_local_copy().read_text() == "text"
    encode_event(ArtifactAdded(artifact=handle._artifact))


# places


def parts_of(url: str) -> list[str]:
    return [
        re.sub(b"=([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), part.encode()).decode(
            "utf-8", "surrogatepass"
        )
        for part in url.split("/")
    ]


def url_of(place: str, project: str, task: str, name: str, file: str) -> str:
    upload = Upload(file=Path("files", file), place=place, kind="artifact", name=name)
    return upload_url(upload, TaskRecord(id="1" * 32, project=project, name=task))


@pytest.mark.parametrize(
    "odd", ["a/b", "..", ".", "a=2Fb", "ä ü", "a\x00b", "%41", "?#&", "\udcff"]
)
def test_a_url_is_safe_and_has_the_names_in_it(odd: str) -> None:
    url = url_of("s3://bucket/base/", odd, odd, odd, odd.replace("/", "="))
    assert re.fullmatch(r"s3://bucket/base(/[A-Za-z0-9._=-]+){5}", url)
    project, task, fixed, artifact, file = parts_of(url)[4:]
    assert (project, fixed, artifact) == (odd, "artifacts", odd)
    assert file == Path("files", odd.replace("/", "=")).name
    assert task == f"{odd}.{'1' * 32}"
    assert is_kept_for("1" * 32, url)
    assert not is_kept_for("2" * 32, url)
    assert not {".", ".."} & set(url.split("/"))


def test_long_names_fit_into_file_systems_and_stay_apart() -> None:
    urls = {url_of("/base", "ä" * 500, "ä" * 500, "ä" * 500 + end, end) for end in "xy"}
    assert len(urls) == 2
    for url in urls:
        assert max(len(part) for part in url.split("/")) <= 255


@pytest.mark.parametrize("output_uri", ["/the base/", "file:///the%20base", "FILE:///the%20base/"])
def test_a_folder_becomes_a_file_url(output_uri: str) -> None:
    url = url_of(output_uri, "project", "name", "data", "data.csv")
    assert url == f"file:///the%20base/project/name.{'1' * 32}/artifacts/data/data.csv"


def test_no_place_at_all_is_an_error() -> None:
    with pytest.raises(StorageError, match="set output_uri"):
        url_of("", "project", "name", "data", "data.csv")


def test_an_upload_may_be_repeated(files: Path, place: str, cache: Path) -> None:
    artifact, file = staged("data", {"a": 1}, files)
    first = uploaded(artifact, file, place)
    second = uploaded(first, file, place)
    assert first.url == second.url
    assert ArtifactHandle(second, cache).get() == {"a": 1}
    assert len(contents(Path(place))) == 1


# reading


def test_a_download_is_kept_for_the_next_time(
    files: Path, place: str, cache: Path, served: Served
) -> None:
    handle = over_the_web(kept("text", files, place, cache), place, served, cache)
    first = handle.get_local_copy()
    assert first.is_relative_to(cache)
    assert first.read_text() == "text"
    assert handle.get_local_copy() == first
    assert len(served.requests) == 1
    assert handle.get() == "text"
    assert stat.S_IMODE(first.stat().st_mode) == 0o444


def test_an_archive_of_another_machine_is_unpacked(
    tree: Path, files: Path, place: str, cache: Path, served: Served
) -> None:
    handle = over_the_web(kept(tree, files, place, cache), place, served, cache)
    assert contents(handle.get_local_copy()) == contents(tree)


@pytest.mark.parametrize("is_far", [False, True])
def test_changed_bytes_are_not_given_out(
    files: Path, place: str, cache: Path, served: Served, is_far: bool
) -> None:
    handle = kept("text", files, place, cache)
    local_path(handle.url).write_text("TEXT")
    if is_far:
        handle = over_the_web(handle, place, served, cache)
    with pytest.raises(StorageError, match="is not what was uploaded"):
        handle.get()
    assert not [name for name in contents(cache) if not name.endswith(".lock")]


def test_another_machines_file_is_named_with_a_way_out(
    files: Path, place: str, cache: Path
) -> None:
    handle = kept("text", files, place, cache)
    storage_for(handle.url).delete(handle.url)
    with pytest.raises(StorageError, match="is gone: there is no file"):
        handle.get()
    far = ArtifactHandle(replace(handle._artifact, machine="farbox"), cache)
    with pytest.raises(StorageError, match=r"lies on the machine 'farbox'.*set output_uri"):
        far.get()


def test_what_is_not_uploaded_yet_is_an_error(files: Path, cache: Path) -> None:
    artifact, _ = staged("data", {}, files)
    with pytest.raises(StorageError, match="'data' is not uploaded yet"):
        ArtifactHandle(artifact, cache).get()


def test_a_record_cannot_lead_out_of_the_cache(cache: Path, place: str, served: Served) -> None:
    (Path(place) / "file").write_text("x")
    artifact = Artifact(
        name="a", type="file", url=f"{served.url}/file?x=/../..", digest="../../out"
    )
    with pytest.raises(StorageError, match="is not what was uploaded"):
        ArtifactHandle(artifact, cache).get_local_copy()
    assert not list(cache.parent.rglob("out"))
    unchecked = ArtifactHandle(replace(artifact, digest=""), cache).get_local_copy()
    assert unchecked.is_relative_to(cache)


# archives that others wrote


def entry(name: str, mode: int = 0o644 | stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    "bad",
    [
        entry("../out"),
        entry("a/../../out"),
        entry("/out"),
        entry("link", stat.S_IFLNK | 0o777),
    ],
    ids=lambda info: info.filename,
)
def test_an_archive_that_leads_out_is_refused_whole(tmp_path: Path, bad: zipfile.ZipInfo) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr(entry("good"), "good")
        target.writestr(bad, "/etc/passwd")
    with pytest.raises(StorageError, match="is refused"):
        unpack(archive, tmp_path / "unpacked")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_an_archive_larger_than_the_disk_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr(entry("bomb"), b"")
    # The size that the directory declares is a field of four bytes: 4 GiB, in many entries.
    block = archive.read_bytes()
    start = block.index(b"PK\x01\x02")
    directory = bytearray(block[start : block.index(b"PK\x05\x06")])
    directory[24:28] = (0xFFFFFFF0).to_bytes(4, "little")
    many = 50_000
    end = bytearray(block[block.index(b"PK\x05\x06") :])
    end[8:10] = end[10:12] = many.to_bytes(2, "little")
    end[12:16] = (len(directory) * many).to_bytes(4, "little")
    archive.write_bytes(block[:start] + bytes(directory) * many + bytes(end))
    with pytest.raises(StorageError, match=r"holds .* bytes, and only .* are free"):
        unpack(archive, tmp_path / "unpacked")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_not_an_archive_is_an_error(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "unpacked")


def test_entries_do_not_overwrite_each_other(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr(entry("a"), "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            target.writestr(entry("a"), "2")
    with pytest.raises(StorageError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "unpacked")

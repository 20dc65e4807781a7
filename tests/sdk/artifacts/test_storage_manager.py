"""`StorageManager`: what scripts keep besides artifacts, over every storage."""

from __future__ import annotations

import gzip
import io
import logging
import os
import tarfile
import threading
import tracemalloc
import zipfile
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts.storage_manager import StorageManager
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.storage.copies import zips
from tests.object_store import ObjectStore, serving_s3
from tests.sdk.artifacts.places import Served, serving
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits and the copies that are held are the process's."""
    monkeypatch.setattr(StorageManager, "_limit_entries", None)
    monkeypatch.setattr(StorageManager, "_held", deque(maxlen=100))


@pytest.fixture
def s3() -> Iterator[ObjectStore]:
    with serving_s3() as store:
        yield store


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for name in ("a.json", "b.txt", "sub/c d.json", "sub/deep/e.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"of {name}")
    return folder


@pytest.fixture
def served(tree: Path) -> Iterator[Served]:
    with serving(tree) as found:
        yield found


def files(folder: str | Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def gets(s3: ObjectStore) -> int:
    return len([asked for asked in s3.asked if asked.startswith("GET /bucket/")])


# local copies


def test_a_copy_is_fetched_once_for_each_content(s3: ObjectStore, elsewhere_home: Path) -> None:
    url = "s3://bucket/folder/data.csv"
    s3.system.pipe_file(url, b"one")
    copy = StorageManager.get_local_copy(url)
    assert isinstance(copy, str)
    assert Path(copy).name == "data.csv"
    assert Path(copy).is_relative_to(elsewhere_home / "cache")
    assert StorageManager.get_local_copy(url) == copy
    assert (Path(copy).read_text(), gets(s3)) == ("one", 1)
    assert StorageManager.get_local_copy(url, force_download=True) == copy
    assert gets(s3) == 2
    s3.system.pipe_file(url, b"another")
    other = StorageManager.get_local_copy(url)
    assert (Path(other).read_text(), Path(copy).read_text()) == ("another", "one")


def test_a_copy_may_have_another_name(s3: ObjectStore) -> None:
    s3.system.pipe_file("s3://bucket/data", b"one")
    assert Path(StorageManager.get_local_copy("s3://bucket/data", name="x.csv")).name == "x.csv"
    for name in ("", "..", "a/b", ".lock", ".model", 3):
        with pytest.raises(UsageError, match="must be a file name"):
            StorageManager.get_local_copy("s3://bucket/data", name=name)  # type: ignore[arg-type]


def test_a_file_of_the_web_is_copied(served: Served) -> None:
    copy = StorageManager.get_local_copy(f"{served.url}/sub/c%20d.json?of=me")
    assert (Path(copy).name, Path(copy).read_text()) == ("c d.json", "of sub/c d.json")


def test_a_local_file_or_folder_is_given_directly(tree: Path) -> None:
    assert StorageManager.get_local_copy(str(tree / "a.json")) == str(tree / "a.json")
    assert StorageManager.get_local_copy(f"file://{tree}/a.json") == str(tree / "a.json")
    assert StorageManager.get_local_copy(str(tree)) == str(tree)
    named = StorageManager.get_local_copy(str(tree / "a.json"), name="b.json")
    assert (Path(named).name, Path(named).read_text()) == ("b.json", "of a.json")


def test_what_is_nowhere_is_an_error(s3: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no file"):
        StorageManager.get_local_copy(str(tmp_path / "missing"))
    with pytest.raises(StorageError, match="Cannot find s3://bucket/missing"):
        StorageManager.get_local_copy("s3://bucket/missing")
    for url in ("", " ", None, 3):
        with pytest.raises(UsageError, match="A URL or a path is needed"):
            StorageManager.get_local_copy(url)  # type: ignore[arg-type]


def zipped(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files(folder).items():
            archive.writestr(name, content)


def tarred(folder: Path, path: Path) -> None:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        archive.add(folder, ".")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tgz", "x.tar"])
@pytest.mark.parametrize("is_far", [True, False])
def test_an_archive_is_a_folder(
    tree: Path, tmp_path: Path, s3: ObjectStore, name: str, *, is_far: bool
) -> None:
    archive = tmp_path / name
    (zipped if name == "x.zip" else tarred)(tree, archive)
    url = StorageManager.upload_file(archive, f"s3://bucket/{name}") if is_far else str(archive)
    folder = StorageManager.get_local_copy(url)
    assert files(folder) == files(tree)
    Path(folder, "a.json").write_text("spoilt")
    assert files(StorageManager.get_local_copy(url, force_download=True)) == files(tree)
    packed = StorageManager.get_local_copy(url, extract_archive=False)
    assert Path(packed).read_bytes() == archive.read_bytes()


def entry(name: str, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize(
    "bad",
    [
        entry("../out", size=3),
        entry("/elsewhere-out", size=3),
        entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("hard", type=tarfile.LNKTYPE, linkname="fine"),
        entry("pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda bad: bad.name,
)
def test_an_archive_that_would_write_elsewhere_is_refused(
    tmp_path: Path, elsewhere_home: Path, bad: tarfile.TarInfo
) -> None:
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as archive:
        archive.addfile(entry("fine", size=4), io.BytesIO(b"fine"))
        archive.addfile(bad, io.BytesIO(b"out"))
    with pytest.raises(StorageError, match=r"is refused: '.*' is a link or a device, or lies out"):
        StorageManager.get_local_copy(str(tmp_path / "bad.tar.gz"))
    assert not list(elsewhere_home.rglob("fine"))


def test_a_broken_archive_is_an_error(tmp_path: Path, elsewhere_home: Path) -> None:
    whole = tmp_path / "whole.tgz"
    (tmp_path / "noise").write_bytes(os.urandom(100_000))
    with tarfile.open(whole, "w:gz") as archive:
        archive.add(tmp_path / "noise", "noise")
    for name, content in (
        ("cut.tgz", whole.read_bytes()[:50_000]),
        ("no.tar.gz", b"no archive"),
        ("no.zip", b"no archive"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StorageError, match="cannot be unpacked"):
            StorageManager.get_local_copy(str(tmp_path / name))
    assert not list(elsewhere_home.rglob("noise"))


def test_an_archive_of_more_than_the_disk_has_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.tar"
    with huge.open("wb") as file:
        file.write(entry("huge", size=1 << 60).tobuf(tarfile.GNU_FORMAT))
        file.truncate(1 << 20)
    with pytest.raises(StorageError, match="cannot be unpacked"):
        StorageManager.get_local_copy(str(huge))


def test_the_entries_of_a_tar_file_are_counted_while_they_are_read(
    tmp_path: Path, elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zips, "_MOST_ENTRIES", 20_000)
    header = entry("fine", type=tarfile.DIRTYPE).tobuf()
    many = tmp_path / "many.tar.gz"
    many.write_bytes(gzip.compress(header * 20_001, 1) + b"no end")
    tracemalloc.start()
    try:
        with pytest.raises(StorageError, match="holds more than 20000 files and folders"):
            StorageManager.get_local_copy(str(many))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert not list(elsewhere_home.rglob("fine"))


def test_the_cache_keeps_so_many_copies(s3: ObjectStore, elsewhere_home: Path) -> None:
    assert StorageManager.set_cache_file_limit(2, cache_context="images") == 2
    for number in range(4):
        s3.system.pipe_file(f"s3://bucket/{number}", b"content")
        StorageManager.get_local_copy(f"s3://bucket/{number}")
    cache = elsewhere_home / "cache"
    assert len(list(cache.iterdir())) == 4  # this process may still read them
    StorageManager._held.clear()
    StorageManager.get_local_copy("s3://bucket/3")
    assert len(list(cache.iterdir())) == 2
    for limit in (0, -1, 1.5, True, "2"):
        with pytest.raises(UsageError, match="must be a whole number of 1 or more"):
            StorageManager.set_cache_file_limit(limit)  # type: ignore[arg-type]


# uploads


def test_a_file_is_uploaded(s3: ObjectStore, tree: Path, tmp_path: Path) -> None:
    url = StorageManager.upload_file(str(tree / "a.json"), "s3://bucket/x/a.json")
    assert url == "s3://bucket/x/a.json"
    assert s3.system.cat_file(url) == b"of a.json"
    StorageManager.upload_file(tree / "b.txt", str(tmp_path / "to" / "b.txt"), retries=0)
    assert (tmp_path / "to" / "b.txt").read_text() == "of b.txt"


def test_an_upload_goes_on_behind_the_program(
    s3: ObjectStore, tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    may_go = threading.Event()
    s3.interfere = lambda _asked: may_go.wait(30) and None
    StorageManager.upload_file(tree / "a.json", "s3://bucket/a", wait_for_upload=False)
    may_go.set()
    wait_until(lambda: s3.system.exists("s3://bucket/a"))
    StorageManager.upload_file(tree / "a.json", "s3://nowhere/a", wait_for_upload=False)
    wait_until(lambda: "Cannot write s3://nowhere/a" in caplog.text)
    assert caplog.records[-1].levelno == logging.ERROR


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_what_cannot_be_uploaded_is_an_error_at_once(tree: Path, *, is_waited_for: bool) -> None:
    for local, url, why in (
        (tree / "none", "s3://bucket/a", "There is no file .*none to upload"),
        (tree, "s3://bucket/a", "There is no file"),
        (3, "s3://bucket/a", "named by a path, not by 3"),
        (tree / "a.json", "s3://bucket/a/", "names a folder. Add the file's name"),
        (tree / "a.json", "s4://bucket/a", "no storage for the scheme 's4'"),
        (tree / "a.json", "s3://key:secret@bucket/a", "a user name or password is refused"),
    ):
        with pytest.raises((UsageError, StorageError), match=why):
            StorageManager.upload_file(local, url, wait_for_upload=is_waited_for)  # type: ignore[arg-type]
    for retries in (-1, 1.5, "2"):
        with pytest.raises(UsageError, match="retries must be a whole number"):
            StorageManager.upload_file(tree / "a.json", "s3://bucket/a", retries=retries)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_is_uploaded_with_its_folders(
    s3: ObjectStore, tree: Path, tmp_path: Path, end: str
) -> None:
    assert StorageManager.upload_folder(tree, f"s3://bucket/to{end}") == f"s3://bucket/to{end}"
    assert sorted(s3.system.find("bucket/to")) == sorted(
        f"bucket/to/{name}" for name in files(tree)
    )
    for place in (str(tmp_path / "path" / "ü"), f"file://{tmp_path}/url"):
        StorageManager.upload_folder(str(tree), place + end)
    assert files(tmp_path / "path" / "ü") == files(tmp_path / "url") == files(tree)


def test_a_wildcard_chooses_the_files(s3: ObjectStore, tree: Path, tmp_path: Path) -> None:
    StorageManager.upload_folder(tree, "s3://bucket/to", match_wildcard="*.json")
    assert StorageManager.list("s3://bucket/to") == ["a.json", "sub/c d.json"]
    StorageManager.upload_folder(tree, "s3://bucket/all")
    to = tmp_path / "to"
    assert StorageManager.download_folder(
        "s3://bucket/all", to, match_wildcard="sub/*.json"
    ) == str(to)
    assert files(to) == {"all/sub/c d.json": "of sub/c d.json"}
    with pytest.raises(StorageError, match=r"no file that matches '\*.csv' below s3://bucket/all"):
        StorageManager.download_folder("s3://bucket/all", to, match_wildcard="*.csv")
    with pytest.raises(UsageError, match="There is no folder"):
        StorageManager.upload_folder(tree / "none", "s3://bucket/to")


# downloads


def test_a_file_keeps_the_folders_that_it_was_in(s3: ObjectStore, tmp_path: Path) -> None:
    url = "s3://bucket/sub/deep/a.csv"
    s3.system.pipe_file(url, b"one")
    path = StorageManager.download_file(url, tmp_path)
    assert path == str(tmp_path / "sub" / "deep" / "a.csv")
    s3.system.pipe_file(url, b"another")
    StorageManager.download_file(url, str(tmp_path))
    assert Path(path).read_text() == "one"
    StorageManager.download_file(url, tmp_path, overwrite=True)
    assert Path(path).read_text() == "another"
    cached = StorageManager.download_file(url)
    assert cached is not None
    assert Path(cached).read_text() == "another"


def test_a_file_of_the_web_keeps_its_folders(served: Served, tmp_path: Path) -> None:
    path = StorageManager.download_file(f"{served.url}/sub/c%20d.json?a=b", tmp_path / "to")
    assert path == str(tmp_path / "to" / "sub" / "c d.json")


def test_an_empty_file_is_an_error_unless_it_may_be_one(s3: ObjectStore, tmp_path: Path) -> None:
    s3.system.pipe_file("s3://bucket/empty", b"")
    with pytest.raises(StorageError, match=r"s3://bucket/empty is empty\. Pass skip_zero_size"):
        StorageManager.download_file("s3://bucket/empty", tmp_path)
    assert StorageManager.download_file("s3://bucket/empty", tmp_path, skip_zero_size_check=True)


def test_errors_may_be_silent(
    s3: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = "s3://bucket/none"
    assert StorageManager.download_file(url, tmp_path, silence_errors=True) is None
    assert StorageManager.download_file(url, silence_errors=True) is None
    assert StorageManager.get_file_size_bytes(url, silence_errors=True) is None
    assert "Cannot find s3://bucket/none" in caplog.text
    with pytest.raises(StorageError, match="s3://bucket/none"):
        StorageManager.download_file(url, tmp_path)
    with pytest.raises(StorageError, match="s3://bucket/none"):
        StorageManager.get_file_size_bytes(url)


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/out"])
def test_a_name_that_leads_out_is_refused(s3: ObjectStore, tmp_path: Path, key: str) -> None:
    s3.system.call_s3("put_object", Bucket="bucket", Key=key, Body=b"out")
    with pytest.raises(StorageError, match=r"is refused: its name leads out of"):
        StorageManager.download_file(f"s3://bucket/{key}", tmp_path / "to")
    assert not list(tmp_path.rglob("out"))


def test_a_folder_is_downloaded_with_its_folders(
    s3: ObjectStore, tree: Path, tmp_path: Path
) -> None:
    StorageManager.upload_folder(tree, "s3://bucket/x/y")
    to = tmp_path / "to"
    assert StorageManager.download_folder("s3://bucket/x/y/", to) == str(to)
    assert files(to / "x" / "y") == files(tree)
    (to / "x" / "y" / "a.json").write_text("changed")
    StorageManager.download_folder("s3://bucket/x/y", to)
    assert (to / "x" / "y" / "a.json").read_text() == "changed"
    StorageManager.download_folder("s3://bucket/x/y", to, overwrite=True)
    assert files(to / "x" / "y") == files(tree)
    before = gets(s3)
    cached = StorageManager.download_folder("s3://bucket/x/y")
    assert files(Path(cached) / "x" / "y") == files(tree)
    assert StorageManager.download_folder("s3://bucket/x/y") == cached
    assert gets(s3) == before + 4


def test_a_local_folder_is_copied(tree: Path, tmp_path: Path) -> None:
    StorageManager.download_folder(str(tree), tmp_path / "to")
    assert files(Path(f"{tmp_path}/to{tree}")) == files(tree)


# looking


def test_what_is_there_is_listed(s3: ObjectStore, tree: Path, served: Served) -> None:
    StorageManager.upload_folder(tree, "s3://bucket/x")
    names = ["a.json", "b.txt", "sub/c d.json", "sub/deep/e.txt"]
    for url in ("s3://bucket/x", "s3://bucket/x/", str(tree), f"file://{tree}"):
        assert StorageManager.list(url) == names
    whole = StorageManager.list("s3://bucket/x", return_full_path=True)
    assert whole == [f"s3://bucket/x/{name}" for name in names]
    detailed = StorageManager.list("s3://bucket/x", with_metadata=True)
    assert [(one["name"], one["size"]) for one in detailed] == [  # type: ignore[index]
        (name, len(f"of {name}")) for name in names
    ]
    assert StorageManager.list("s3://bucket/none") == []
    with pytest.raises(StorageError, match="cannot be listed"):
        StorageManager.list(served.url)


def test_a_file_is_looked_at(s3: ObjectStore, tree: Path, served: Served) -> None:
    s3.system.pipe_file("s3://bucket/a.json", b"of a.json")
    today = datetime.now(timezone.utc).date()
    for url in ("s3://bucket/a.json", str(tree / "a.json"), f"{served.url}/a.json"):
        assert StorageManager.exists_file(url)
        assert StorageManager.get_file_size_bytes(url) == 9
        found = StorageManager.get_metadata(url)
        assert (found["name"], found["size"]) == ("a.json", 9)
        assert abs((found["last_modified"].date() - today).days) <= 1
        assert StorageManager.get_metadata(url, return_full_path=True)["name"].endswith(url)
        assert not StorageManager.exists_file(url + ".none")
    assert not StorageManager.exists_file(str(tree))

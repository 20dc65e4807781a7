"""The contract of every storage, and what is particular to each.

gs and az are stood for by fsspec's own store in memory, which goes through the same code; s3 is
moto's server.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from elsewhere.core.errors import StorageError
from elsewhere.storage import check, check_driver, copy_file, file_url, local_path, storage_for
from elsewhere.storage.api import Storage
from elsewhere.storage.object_stores import RemoteStorage
from elsewhere.storage.s3 import PART_BYTES
from tests.object_store import ObjectStore, serving_s3

CONTENT = b"\x00\xff" + b"content\n" * 20_000
#: in s3 several parts, the last of them a short one
LARGE = bytes(range(256)) * (PART_BYTES // 256 * 3) + b"end"


@dataclass(frozen=True)
class Place:
    """A storage, and how to put something there past it."""

    storage: Storage
    url: Callable[[str], str]
    put: Callable[[str, bytes], None]
    is_writable: bool = True


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass

    def do_GET(self) -> None:
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        elif self.path == "/forbidden":
            self.send_error(403)
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        if self.path in ("/forbidden", "/signed"):
            self.send_error(403)
        else:
            super().do_HEAD()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a server that gives out the folder `web`."""
    folder = tmp_path / "web"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def s3() -> Iterator[ObjectStore]:
    with serving_s3() as store:
        yield store


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(params=["file", "path", "web", "s3", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "file":
        folder = tmp_path / "the storage"
        url = file_url(folder)
        yield Place(storage_for(url), lambda name: f"{url}/{name}", partial(_write, folder))
    elif request.param == "path":
        folder = tmp_path / "the storage"
        yield Place(
            storage_for(str(folder)), lambda name: f"{folder}/{name}", partial(_write, folder)
        )
    elif request.param == "web":
        address = request.getfixturevalue("web")
        yield Place(
            storage_for(address),
            lambda name: f"{address}/{name}",
            partial(_write, tmp_path / "web"),
            is_writable=False,
        )
    elif request.param == "s3":
        s3 = request.getfixturevalue("s3")
        yield Place(
            storage_for("s3://bucket"),
            lambda name: f"s3://bucket/{name}",
            lambda name, content: s3.system.pipe_file(f"s3://bucket/{name}", content),
        )
    else:
        system = fsspec.filesystem("memory")
        yield Place(
            RemoteStorage("memory"),
            lambda name: f"memory://bucket/{name}",
            lambda name, content: system.pipe_file(f"memory://bucket/{name}", content),
        )
        system.store.clear()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local"
    path.write_bytes(CONTENT)
    return path


def plain(url: str) -> str:
    """A file has two names, its path and its URL."""
    return str(local_path(url)) if url.startswith(("/", "file:")) else url


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_there_is_found_measured_and_brought(place: Place, tmp_path: Path) -> None:
    place.put("a/data=20file.bin", CONTENT)
    url = place.url("a/data=20file.bin")
    assert place.storage.exists(url)
    assert place.storage.size(url) == len(CONTENT)
    target = tmp_path / "new folder" / "copy"
    place.storage.download(url, target)
    assert target.read_bytes() == CONTENT
    assert names_in(target.parent) == ["copy"]


def test_an_empty_file_is_a_file(place: Place, tmp_path: Path) -> None:
    place.put("empty", b"")
    assert place.storage.exists(place.url("empty"))
    assert place.storage.size(place.url("empty")) == 0
    place.storage.download(place.url("empty"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b""


def test_what_is_not_there_is_missing(place: Place, tmp_path: Path) -> None:
    url = place.url("nothing")
    assert not place.storage.exists(url)
    with pytest.raises(StorageError, match="nothing"):
        place.storage.size(url)
    target = tmp_path / "target"
    target.write_bytes(b"before")
    with pytest.raises(StorageError, match="nothing"):
        place.storage.download(url, target)
    assert target.read_bytes() == b"before"
    assert not [name for name in names_in(tmp_path) if "partial" in name]


def test_an_upload_replaces_what_was_there(place: Place, local: Path, tmp_path: Path) -> None:
    url = place.url("a/b/file")
    place.put("a/b/file", b"before, and longer" * 20_000)
    if not place.is_writable:
        with pytest.raises(StorageError, match=r"cannot be written.*Set output_uri"):
            place.storage.upload(local, url)
        return
    place.storage.upload(local, url)
    place.storage.upload(local, url)
    assert place.storage.size(url) == len(CONTENT)
    place.storage.download(url, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert local.read_bytes() == CONTENT


def test_a_large_file_arrives_whole(place: Place, tmp_path: Path) -> None:
    large = tmp_path / "large.npy"
    large.write_bytes(LARGE)
    if place.is_writable:
        place.storage.upload(large, place.url("a/large.npy"))
    else:
        place.put("a/large.npy", LARGE)
    place.storage.download(place.url("a/large.npy"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == LARGE


def test_what_is_looked_at_has_another_version_for_other_content(place: Place) -> None:
    place.put("a/file", b"one")
    first = place.storage.look(place.url("a/file"))
    assert (plain(first.url), first.size_bytes) == (plain(place.url("a/file")), 3)
    assert first.modified_at is not None
    assert first.version
    assert place.storage.look(place.url("a/file")) == first
    place.put("a/file", b"longer")
    assert place.storage.look(place.url("a/file")).version != first.version


def test_a_folder_is_no_file(place: Place) -> None:
    place.put("a/file", CONTENT)
    if place.is_writable:
        assert not place.storage.exists(place.url("a"))
        with pytest.raises(StorageError):
            place.storage.look(place.url("a"))


def test_all_files_below_a_url_are_listed(place: Place) -> None:
    for name in ("a/b/two", "a/one", "a/b/c/three", "ab/other"):
        place.put(name, CONTENT)
    if not place.is_writable:
        with pytest.raises(StorageError, match="cannot be listed"):
            place.storage.list(place.url("a"))
        return
    found = place.storage.list(place.url("a"))
    names = ("a/b/c/three", "a/b/two", "a/one")
    assert [plain(one.url) for one in found] == [plain(place.url(name)) for name in names]
    assert {one.size_bytes for one in found} == {len(CONTENT)}
    assert [one.size_bytes for one in place.storage.list(place.url("a/one"))] == [len(CONTENT)]
    assert place.storage.list(place.url("nothing")) == []


def test_a_place_is_checked_and_left_as_it_was(place: Place) -> None:
    place.put("a/file", CONTENT)
    if not place.is_writable:
        with pytest.raises(StorageError, match=r"cannot be written.*Set output_uri"):
            place.storage.check(place.url("a"))
        return
    before = place.storage.list(place.url(""))
    place.storage.check(place.url("a"))
    place.storage.check(place.url("new/folder"))
    assert place.storage.list(place.url("")) == before


def test_what_is_deleted_is_gone(place: Place) -> None:
    url = place.url("file")
    place.put("file", CONTENT)
    if not place.is_writable:
        with pytest.raises(StorageError, match="cannot be deleted"):
            place.storage.delete(url)
        return
    place.storage.delete(url)
    assert not place.storage.exists(url)
    place.storage.delete(url)


def test_an_upload_of_a_missing_file_is_an_error(place: Place, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        place.storage.upload(tmp_path / "missing", place.url("file"))
    assert not place.storage.exists(place.url("file"))


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, local: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    url = file_url(tmp_path / "file" / "below")
    with pytest.raises(StorageError, match=r"cannot be copied to .*below"):
        storage_for(url).upload(local, url)


def test_a_missing_file_names_the_machine_and_the_way_out(tmp_path: Path) -> None:
    url = file_url(tmp_path / "missing")
    with pytest.raises(StorageError, match=r"on this machine, .*set output_uri to a place"):
        storage_for(url).size(url)


@pytest.mark.parametrize("name", ["plain", "with space", "100%", "a#b?c", "ä\udcff", "a=20b"])
def test_the_url_of_a_path_leads_back_to_it(name: str) -> None:
    path = Path("/folder") / name
    url = file_url(path)
    assert url.isascii()
    assert local_path(url) == path


def test_a_url_of_another_machines_file_is_refused() -> None:
    with pytest.raises(StorageError, match="three slashes"):
        local_path("file://folder/file")


def test_a_copy_does_not_change_with_its_source(local: Path, tmp_path: Path) -> None:
    copy_file(local, tmp_path / "copy")
    with local.open("r+b") as file:
        file.write(b"changed")
    assert (tmp_path / "copy").read_bytes() == CONTENT


def test_a_file_without_a_size_is_copied_whole(tmp_path: Path) -> None:
    copy_file(Path("/proc/self/status"), tmp_path / "copy")
    assert b"Name:" in (tmp_path / "copy").read_bytes()


def test_an_answer_that_ends_early_is_no_file(web: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="came incomplete: 9 of 1000 bytes"):
        storage_for(web).download(f"{web}/cut", tmp_path / "copy")
    assert names_in(tmp_path) == ["web"]


def test_what_may_not_be_read_is_not_taken_for_missing(web: str) -> None:
    with pytest.raises(StorageError, match="the server answers 403"):
        storage_for(web).exists(f"{web}/forbidden")


def test_what_only_may_be_downloaded_is_looked_at_all_the_same(web: str, tmp_path: Path) -> None:
    """A presigned URL allows one method."""
    (tmp_path / "web" / "signed").write_bytes(CONTENT)
    assert storage_for(web).size(f"{web}/signed") == len(CONTENT)
    assert storage_for(web).exists(f"{web}/signed")


def test_a_server_that_does_not_answer_is_an_error(web: str) -> None:
    # Nobody listens at this other address of the loopback network.
    url = web.replace("127.0.0.1", "127.255.255.254") + "/file"
    with pytest.raises(StorageError, match="cannot be read"):
        storage_for(url).exists(url)


def test_an_unknown_scheme_is_answered_with_the_known_ones() -> None:
    with pytest.raises(StorageError, match=r"'htp'.*'http'\? Known: az, file, gs, http, https, s3"):
        storage_for("htp://host/key")


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "https://user@example.org/x"])
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StorageError, match="user name or password is refused") as caught:
        storage_for(url)
    assert "secret" not in str(caught.value)


def test_an_at_sign_in_a_path_is_fine() -> None:
    storage_for("s3://bucket/user@host")


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://example.org/folder", "web servers are read only"),
        ("s4://bucket", "no storage for the scheme 's4'"),
        ("/proc/nothing/here", "Nothing can be written below /proc/nothing/here"),
        ("file:///proc/nothing", "Set output_uri to a folder that this user may write to"),
    ],
)
def test_a_place_that_cannot_be_written_is_an_error_with_the_reason(uri: str, why: str) -> None:
    with pytest.raises(StorageError, match=why):
        check(uri)


def test_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="Nothing can be written below"):
        check(str(tmp_path / "file" / "below"))
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("az", "adlfs")])
def test_a_driver_that_is_not_installed_is_named(
    scheme: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    registry = sys.modules["fsspec.registry"]  # what fsspec has by this name is something else
    monkeypatch.delitem(registry._registry, scheme, raising=False)
    url = f"{scheme}://bucket/key"
    with pytest.raises(StorageError, match=rf"{package}.*pip install .elsewhere\[{scheme}\]"):
        storage_for(url).exists(url)
    for looks in (check, check_driver):
        with pytest.raises(StorageError, match=rf"{package}.*pip install .elsewhere\[{scheme}\]"):
            looks(url)

"""The contract of every storage, and what is particular to each.

Object stores are stood for by fsspec's own store in memory, which goes through the same code.
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

from elsewhere.errors import StorageError
from elsewhere.storage import copy_file, file_url, local_path, storage_for
from elsewhere.storage.api import Storage
from elsewhere.storage.remote import RemoteStorage

CONTENT = b"\x00\xff" + b"content\n" * 20_000


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
        if self.path == "/forbidden":
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


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(params=["file", "path", "web", "memory"])
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


def test_what_is_not_there_is_said_to_be_missing(place: Place, tmp_path: Path) -> None:
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


def test_what_may_not_be_read_is_not_said_to_be_missing(web: str) -> None:
    with pytest.raises(StorageError, match="the server answers 403"):
        storage_for(web).exists(f"{web}/forbidden")


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


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StorageError, match="pip install s3fs"):
        storage_for("s3://bucket/key").exists("s3://bucket/key")

"""The cache: bounded, for any number of processes, and never wrong."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.artifacts.handle import ArtifactHandle, _file_name
from elsewhere.core.errors import StorageError
from elsewhere.storage import local_path
from elsewhere.storage.copies.cache import evict, hold
from tests.sdk.artifacts.places import Served, kept, over_the_web, serving


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def place(tmp_path: Path) -> str:
    (tmp_path / "storage").mkdir()
    return str(tmp_path / "storage")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def served(place: str) -> Iterator[Served]:
    with serving(Path(place)) as found:
        yield found


class Far:
    """Artifacts of another machine, each of 1000 bytes, in a cache of 2500."""

    def __init__(self, files: Path, place: str, cache: Path, served: Served) -> None:
        self.args = (files, place, cache)
        self.served = served

    def __call__(self, name: str, limit_bytes: int = 2500) -> ArtifactHandle:
        files, place, cache = self.args
        near = kept(name * 1000, files, place, cache, name=name)
        return over_the_web(near, place, self.served, cache, limit_bytes=limit_bytes)


@pytest.fixture
def far(files: Path, place: str, cache: Path, served: Served) -> Far:
    return Far(files, place, cache, served)


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def age(handle: ArtifactHandle, cache: Path, seconds: int) -> None:
    lock = cache / handle.digest / ".lock"
    now = lock.stat().st_mtime
    os.utime(lock, (now - seconds, now - seconds))


def test_the_least_recently_used_makes_room(far: Far, cache: Path) -> None:
    a, b, c = far("a"), far("b"), far("c")
    assert a.get() == "a" * 1000
    assert b.get() == "b" * 1000
    age(a, cache, 200)
    age(b, cache, 100)
    assert far("a").get() == "a" * 1000  # from the cache, and fresh again
    assert len(far.served.requests) == 2
    assert c.get() == "c" * 1000
    assert {path.name for path in cache.iterdir()} == {a.digest, c.digest}
    assert size_bytes(cache) <= 2500


def test_what_is_larger_than_the_cache_is_still_given(far: Far, cache: Path) -> None:
    handle = far("a", limit_bytes=10)
    path = handle.get_local_copy()
    assert path.read_text() == "a" * 1000


def test_a_copy_stays_as_long_as_its_handle(far: Far, cache: Path) -> None:
    a, b = far("a", limit_bytes=10), far("b", limit_bytes=10)
    path = a.get_local_copy()
    age(a, cache, 100)
    b.get()
    assert path.is_file()
    del a
    gc.collect()
    b.get(force_download=True)
    assert not path.exists()


def test_many_copies_by_one_handle_hold_it_once(far: Far, cache: Path) -> None:
    def held() -> int:
        links = (f"/proc/self/fd/{one}" for one in os.listdir("/proc/self/fd"))  # noqa: PTH208
        return sum(Path(os.path.realpath(link)).is_relative_to(cache.resolve()) for link in links)

    handle = far("a")
    handle.get_local_copy()
    before = held()
    assert before
    for _ in range(20):
        handle.get_local_copy()
        handle.get()
    assert held() == before


def test_a_copy_that_was_changed_is_downloaded_anew(far: Far) -> None:
    handle = far("a")
    path = handle.get_local_copy()
    path.chmod(0o644)
    path.write_text("changed")
    assert handle.get() == "a" * 1000
    assert len(far.served.requests) == 2


def test_a_forced_download_is_one(far: Far) -> None:
    handle = far("a")
    handle.get()
    handle.get(force_download=True)
    handle.get_local_copy(force_download=True)
    assert len(far.served.requests) == 3


def test_an_unpacked_folder_counts_and_goes_with_its_archive(
    tmp_path: Path, files: Path, place: str, cache: Path, served: Served
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "zeros").write_bytes(b"\0" * 100_000)  # the archive is much smaller
    handle = over_the_web(kept(tree, files, place, cache), place, served, cache, limit_bytes=50_000)
    folder = handle.get()
    assert (folder / "zeros").stat().st_size == 100_000
    (folder / "zeros").write_bytes(b"spoilt")
    assert (handle.get(force_download=True) / "zeros").stat().st_size == 100_000
    age(handle, cache, 100)
    del handle
    gc.collect()
    evict(cache, 50_000)
    assert list(cache.iterdir()) == []


def test_an_error_may_be_a_warning(far: Far, caplog: pytest.LogCaptureFixture) -> None:
    handle = far("a")
    (Path(far.args[1]) / local_path(handle.url.replace(far.served.url, far.args[1]))).unlink()
    assert handle.get_local_copy(raise_on_error=False) is None
    assert "There is nothing at" in caplog.text
    with pytest.raises(StorageError, match="There is nothing at"):
        handle.get_local_copy()


def test_deletions_that_were_cut_off_are_finished(cache: Path) -> None:
    (cache / ".0123.evicted" / "folder").mkdir(parents=True)
    (cache / "bare").mkdir()  # its process died between the folder and its lock
    evict(cache, 10)
    assert [path.name for path in cache.iterdir()] == ["bare"]
    (cache / "bare" / "file").write_text("x" * 100)
    evict(cache, 10)
    assert list(cache.iterdir()) == []
    evict(cache / "none", 10)


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be used: .* set ELSEWHERE_HOME"):
        hold(tmp_path / "file", "key", Far)


READER = """
import json, sys
from pathlib import Path
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.records import Artifact
cache, rounds, *wanted = json.loads(sys.stdin.read())
for turn in range(rounds):
    for record in wanted:
        name = record["name"]
        handle = ArtifactHandle(Artifact(**record), Path(cache), limit_bytes=2500)
        assert handle.get() == name * 1000
        assert handle.get_local_copy().read_text() == name * 1000
print("ok")
"""


def test_two_processes_fill_one_cache_at_once(far: Far, cache: Path) -> None:
    """Each evicts what the other is about to use."""
    records = []
    for name in "abcdef":
        artifact = far(name)._artifact
        records.append({key: getattr(artifact, key) for key in ("name", "type", "url", "digest")})
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    orders = [records, records[::-1]]
    for process, order in zip(processes, orders, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps([str(cache), 5, *order]))
        process.stdin.close()
        process.stdin = None
    for process in processes:
        output, errors = process.communicate(timeout=100)
        assert (output, errors) == ("ok\n", "")
    evict(cache, 2500)
    assert size_bytes(cache) <= 2500
    assert not [path for path in cache.rglob("*") if path.name.endswith((".partial", ".evicted"))]


@pytest.mark.parametrize(
    "name", ["ü ñ.txt", "a=41.txt", "half \udcff.txt", "plain.txt", "100%.txt"]
)
@pytest.mark.parametrize("is_far", [False, True])
def test_a_local_copy_keeps_the_name_of_the_file(
    name: str, is_far: bool, files: Path, place: str, cache: Path, served: Served, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("content")
    near = kept(tmp_path / name, files, place, cache)
    handle = over_the_web(near, place, served, cache) if is_far else near
    for copy in (handle.get_local_copy(), handle.get(), handle.get_local_copy()):
        assert (copy.name, copy.read_text()) == (name, "content")
    if not is_far:
        assert near.get_local_copy().resolve() == local_path(near.url).resolve()


@pytest.mark.parametrize(
    ("end", "name"),
    [
        ("=2E=2E=2Fout", "artifact"),
        ("=2Elock", "artifact"),
        ("=00", "artifact"),
        ("=FF", "=FF"),
        ("long=~0123", "long=~0123"),
        ("a=41?x=/=42", "aA"),
    ],
)
def test_a_name_in_a_url_leads_nowhere_else(end: str, name: str) -> None:
    url = f"s3://bucket/p/t.{'0' * 32}/artifacts/a/{end}"
    assert _file_name(url) == name
    other = f"s3://bucket/{end}"
    assert _file_name(other) == (end.partition("?")[0])

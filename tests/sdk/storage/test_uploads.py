"""Uploads: tried again while there is hope, and gone on with where they were cut off."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from elsewhere.core.errors import StorageError
from elsewhere.storage import check, file_url, storage_for, upload
from elsewhere.storage import trying as trying_module
from elsewhere.storage.api import PassingError
from elsewhere.storage.s3 import PART_BYTES
from elsewhere.storage.trying import RETRIES, retried
from tests.object_store import ObjectStore, serving_s3
from tests.waiting import wait_until

#: the last part is a short one
PARTS = 5
CONTENT = b"".join(bytes([number]) * PART_BYTES for number in range(1, PARTS)) + b"end"
URL = "s3://bucket/folder/file.bin"

UPLOAD = """
import sys
from pathlib import Path
from elsewhere.storage import upload
upload(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """Without botocore's own tries, which take long; ours do not wait."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(trying_module, "_WAIT_S", 0.001)
    with serving_s3() as store:
        yield store


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


def part_of(asked: str) -> int | None:
    found = re.match(r"PUT .*[?&]partNumber=(\d+)", asked)
    return int(found[1]) if found else None


def sent(s3: ObjectStore) -> list[int]:
    return sorted(part for part in map(part_of, s3.asked) if part is not None)


def test_an_upload_that_was_killed_goes_on_with_the_parts_that_are_there(
    s3: ObjectStore, local: Path
) -> None:
    is_killed = threading.Event()

    def stop_at_the_third(asked: str) -> int | None:
        part = part_of(asked)
        if part is None or part < 3:
            return None
        is_killed.wait(30)
        return 503

    s3.interfere = stop_at_the_third
    command = [sys.executable, "-c", UPLOAD, str(local), URL]
    with subprocess.Popen(command) as process:
        wait_until(lambda: s3.parts() == [1, 2], what="two parts are there")
        process.kill()
    is_killed.set()
    assert not s3.system.exists(URL)

    s3.interfere = lambda _asked: None
    s3.asked.clear()
    upload(local, URL)
    assert sent(s3) == [3, 4, 5]
    assert s3.system.cat_file(URL) == CONTENT
    assert s3.parts() == []


def test_parts_of_another_content_are_not_taken_for_ones_own(s3: ObjectStore, local: Path) -> None:
    s3.interfere = lambda asked: 403 if part_of(asked) == PARTS else None
    with pytest.raises(StorageError, match="Cannot write"):
        upload(local, URL)
    assert len(s3.parts()) >= 1
    s3.interfere = lambda _asked: None
    other = CONTENT[PART_BYTES:] + CONTENT[:PART_BYTES]
    local.write_bytes(other)
    s3.asked.clear()
    upload(local, URL)
    assert sent(s3) == [1, 2, 3, 4, 5]
    assert s3.system.cat_file(URL) == other


def test_an_upload_that_somebody_else_ended_begins_anew(s3: ObjectStore, local: Path) -> None:
    s3.interfere = lambda asked: 403 if part_of(asked) == PARTS else None
    with pytest.raises(StorageError, match="Cannot write"):
        upload(local, URL)
    completed: list[str] = []

    def spoil(asked: str) -> int | None:
        # What another process does that uploads there at the same time.
        if asked.startswith("POST") and "uploadId" in asked and not completed:
            completed.append(asked)
            upload_id = asked.partition("uploadId=")[2]
            s3.system.call_s3(
                "upload_part",
                Bucket="bucket",
                Key="folder/file.bin",
                UploadId=upload_id,
                PartNumber=1,
                Body=b"other" * PART_BYTES,
            )
        return None

    s3.interfere = spoil
    upload(local, URL)
    assert completed
    assert s3.system.cat_file(URL) == CONTENT


def test_a_store_that_does_not_list_pending_uploads_is_uploaded_to(
    s3: ObjectStore, local: Path
) -> None:
    s3.interfere = lambda asked: 403 if re.match(r"GET .*[?&]uploads", asked) else None
    upload(local, URL)
    assert s3.system.cat_file(URL) == CONTENT


@pytest.mark.parametrize("content", [b"small", CONTENT])
def test_a_busy_store_is_tried_again(s3: ObjectStore, local: Path, content: bytes) -> None:
    local.write_bytes(content)
    failures = iter([503, 500, 503])
    s3.interfere = lambda asked: next(failures, None) if asked.startswith("PUT") else None
    upload(local, URL)
    assert s3.system.cat_file(URL) == content
    assert next(failures, None) is None


def test_a_store_that_stays_busy_is_given_up(s3: ObjectStore, local: Path) -> None:
    local.write_bytes(b"small")
    s3.interfere = lambda _asked: 503
    with pytest.raises(PassingError, match=r"Cannot write s3://bucket/.*: .*Service Unavailable"):
        upload(local, URL)
    assert len(s3.asked) == 1 + RETRIES


def test_what_is_forbidden_is_not_tried_again(s3: ObjectStore, local: Path) -> None:
    local.write_bytes(b"small")
    s3.interfere = lambda _asked: 403
    with pytest.raises(StorageError, match="has credentials for it"):
        upload(local, URL)
    assert len(s3.asked) == 1


def test_the_waits_between_tries_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(trying_module, "time", SimpleNamespace(sleep=waits.append))

    def fail() -> None:
        raise PassingError("busy")

    with pytest.raises(PassingError):
        retried(fail)
    assert waits == [0.5, 1.0, 2.0, 4.0]
    with pytest.raises(PassingError):
        retried(fail, 20)
    assert max(waits) == 30.0


AT_THE_END = """
import atexit, sys
from pathlib import Path
import s3fs
from elsewhere.storage import check, upload
check("s3://bucket")
s3fs.S3FileSystem.clear_instance_cache()  # the next connection looks up the name once more
atexit.register(upload, Path(sys.argv[1]), sys.argv[2])
"""


def test_a_program_can_upload_at_its_very_end(s3: ObjectStore, local: Path) -> None:
    """When Python's own pools of threads take no work any more."""
    subprocess.run([sys.executable, "-c", AT_THE_END, str(local), URL], check=True, timeout=60)
    assert s3.system.cat_file(URL) == CONTENT


def test_a_forked_child_uploads(s3: ObjectStore, local: Path, tmp_path: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
from elsewhere.storage import upload
local = Path({str(local)!r})
upload(local, "s3://bucket/parent")
child = os.fork()
if not child:
    upload(local, "s3://bucket/child")
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert s3.system.cat_file("s3://bucket/child") == CONTENT


def test_a_check_leaves_no_upload_begun(s3: ObjectStore) -> None:
    check("s3://bucket/folder")
    assert not s3.system.call_s3("list_multipart_uploads", Bucket="bucket").get("Uploads")


def test_a_bucket_that_is_not_there_is_named(s3: ObjectStore) -> None:
    with pytest.raises(StorageError, match=r"s3://elsewhere/a: .*bucket does not.*Check the"):
        check("s3://elsewhere/a")


def test_missing_credentials_are_named(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    type(s3.system).clear_instance_cache()
    with pytest.raises(StorageError, match="Unable to locate credentials"):
        check("s3://bucket")


def test_a_store_that_hangs_is_not_waited_for(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()

    def hang(_asked: str) -> int:
        is_over.wait(30)
        return 403

    s3.interfere = hang
    monkeypatch.setattr("elsewhere.storage.object_stores.CHECK_S", 0.1)
    with pytest.raises(StorageError, match=r"s3://bucket does not answer within 0.1 seconds"):
        check("s3://bucket")
    is_over.set()
    wait_until(lambda: not any(one.name == "elsewhere-within" for one in threading.enumerate()))


COPY_AND_DIE = """
import os, sys
from pathlib import Path
from elsewhere.storage import upload
copied = []
def copy(source, target, count):
    if len(copied) == 3:
        os._exit(9)
    copied.append(os.write(target, os.read(source, 1 << 20)))
    return copied[-1]
os.copy_file_range = copy
upload(Path(sys.argv[1]), sys.argv[2])
"""


def test_a_copy_that_was_killed_goes_on_where_it_was(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    command = [sys.executable, "-c", COPY_AND_DIE, str(local), str(folder / "copy")]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    [partial] = folder.iterdir()
    assert partial.stat().st_size == 3 << 20
    assert storage_for(str(folder)).list(str(folder)) == []
    copied: list[int] = []
    copy = os.copy_file_range

    def counted(source: int, target: int, count: int) -> int:
        copied.append(copy(source, target, count))
        return copied[-1]

    monkeypatch.setattr(os, "copy_file_range", counted)
    upload(local, file_url(folder / "copy"))
    assert sum(copied) == len(CONTENT) - (3 << 20)
    assert (folder / "copy").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["copy"]


@pytest.mark.parametrize("left", [b"", b"other" * (1 << 20), CONTENT + b"and more"])
def test_what_another_copy_left_is_not_taken_over(local: Path, tmp_path: Path, left: bytes) -> None:
    folder = tmp_path / "folder"
    command = [sys.executable, "-c", COPY_AND_DIE, str(local), str(folder / "copy")]
    subprocess.run(command, check=False, timeout=60)
    [partial] = folder.iterdir()
    partial.write_bytes(left)
    upload(local, str(folder / "copy"))
    assert (folder / "copy").read_bytes() == CONTENT


def test_two_copies_to_one_place_at_once_do_not_meet(local: Path, tmp_path: Path) -> None:
    import fcntl

    folder = tmp_path / "folder"
    command = [sys.executable, "-c", COPY_AND_DIE, str(local), str(folder / "copy")]
    subprocess.run(command, check=False, timeout=60)
    [partial] = folder.iterdir()
    with partial.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        upload(local, str(folder / "copy"))
        assert (folder / "copy").read_bytes() == CONTENT
        assert partial.stat().st_size == 3 << 20

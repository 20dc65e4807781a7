"""Artifacts in the places that a task may name: how they get there, and who can read them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.errors import StorageError
from elsewhere.storage import local_path
from elsewhere.storage import trying as trying_module
from tests.object_store import ObjectStore, serving_s3
from tests.sdk.artifacts.places import kept, staged, uploaded


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(trying_module, "_WAIT_S", 0.001)
    with serving_s3() as store:
        yield store


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_artifact_goes_to_s3_and_comes_back(s3: ObjectStore, files: Path, cache: Path) -> None:
    array = np.arange(3_000_000, dtype=np.float64)
    handle = kept(array, files, "s3://bucket/tasks", cache, name="ä/b")
    assert handle.url.startswith("s3://bucket/tasks/")
    assert (handle.get() == array).all()
    s3.asked.clear()
    assert (handle.get() == array).all()
    assert s3.asked == []


def test_an_artifact_comes_back_although_the_store_is_busy(
    s3: ObjectStore, files: Path, cache: Path
) -> None:
    handle = kept({"a": 1}, files, "s3://bucket", cache)
    failures = iter([503, 503])
    s3.interfere = lambda asked: next(failures, None) if asked.startswith("GET") else None
    assert handle.get() == {"a": 1}
    assert next(failures, None) is None


def test_an_artifact_that_was_replaced_in_s3_is_refused(
    s3: ObjectStore, files: Path, cache: Path
) -> None:
    handle = kept({"a": 1}, files, "s3://bucket", cache)
    s3.system.pipe_file(handle.url, b"{}")
    with pytest.raises(StorageError, match="is not what was uploaded"):
        handle.get()


def test_a_file_is_on_the_machine_that_uploads_it(files: Path, tmp_path: Path) -> None:
    """A program in a container has a machine name of its own, and its agent uploads."""
    artifact, file = staged("data", {}, files)
    artifact = replace(artifact, machine="0123456789ab")
    assert uploaded(artifact, file, str(tmp_path)).machine == socket.gethostname()


def test_a_file_of_another_machine_names_it_and_the_way_out(
    files: Path, tmp_path: Path, cache: Path
) -> None:
    handle = kept({"a": 1}, files, str(tmp_path / "place"), cache)
    path = local_path(handle.url)
    far = ArtifactHandle(replace(handle._artifact, machine="farbox"), cache)
    assert far.get() == {"a": 1}  # a folder that both share
    way_out = rf"on the machine 'farbox', as {path}, and this is .*[Rr]ead it there.*set output_uri"
    path.write_text("another file of that name")
    with pytest.raises(StorageError, match=way_out):
        far.get(force_download=True)
    path.unlink()
    with pytest.raises(StorageError, match=way_out):
        far.get_local_copy()
    with pytest.raises(StorageError, match=r"is gone: there is no file .* any more"):
        handle.get()

"""Bytes that functions of the user make, and pickles, which run code when they are read."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.staging import stage
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.storage import local_path
from tests.sdk.artifacts.places import kept


@dataclass
class Thing:
    """What only a pickle keeps."""

    value: object


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


Keep = Callable[..., ArtifactHandle]


@pytest.fixture
def keep(files: Path, tmp_path: Path) -> Keep:
    def keep_one(obj: object, **options: Any) -> ArtifactHandle:
        return kept(obj, files, str(tmp_path / "storage"), tmp_path / "cache", **options)

    return keep_one


# functions of the user


def test_functions_of_the_user_write_and_read(keep: Keep) -> None:
    handle = keep(
        Thing(3), serialization_function=lambda thing: bytes([thing.value]), extension_name="bin"
    )
    assert handle.type == "custom"
    assert handle.url.endswith("/an=20artifact.bin")
    assert handle.preview == "Thing(value=3)"
    assert handle.get(deserialization_function=lambda block: Thing(block[0])) == Thing(3)
    assert handle.get() == handle.get_local_copy()
    assert keep("/etc/hosts", serialization_function=str.encode).get().read_text() == "/etc/hosts"


def test_errors_of_those_functions_are_theirs(keep: Keep, files: Path) -> None:
    def fail(_: object) -> bytes:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        stage("a", 1, files, serialization_function=fail)
    assert list(files.iterdir()) == []
    with pytest.raises(UsageError, match="returned a str: it must return bytes"):
        stage("a", 1, files, serialization_function=str)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="mine"):
        keep(1).get(deserialization_function=fail)


# pickles of others


class Hostile:
    """Calls what it likes when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("extension", [".pkl", ".pickle"])
def test_a_hostile_pickle_is_refused(extension: str, keep: Keep, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    if extension == ".pkl":
        handle = keep(Hostile(sign))
    else:
        handle = keep(pd.DataFrame({"a": [Hostile(sign)]}), extension_name=extension)
    sign.unlink(missing_ok=True)
    with pytest.raises(StorageError, match="is refused: it is a pickle"):
        handle.get(block_unsafe_artifacts=True)
    assert handle.get_local_copy().is_file()
    assert not sign.exists()
    handle.get()
    assert sign.exists()  # so that the refusal is what kept it away


def test_a_pickle_that_was_exchanged_is_not_read(keep: Keep, tmp_path: Path) -> None:
    handle = keep(Thing(1))
    local_path(handle.url).write_bytes(pickle.dumps(Hostile(tmp_path / "sign")))
    with pytest.raises(StorageError, match="is not what was uploaded"):
        handle.get()
    without = ArtifactHandle(replace(handle._artifact, digest=""), tmp_path / "cache")
    with pytest.raises(StorageError, match="is a pickle without a digest"):
        without.get()
    assert not (tmp_path / "sign").exists()


def test_an_archive_of_arrays_runs_no_pickle(keep: Keep, tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, a=np.array([Hostile(tmp_path / "sign")], dtype=object))
    handle = keep(file)
    disguised = replace(handle._artifact, type="numpy", content_type="application/numpy")
    with pytest.raises(StorageError, match="cannot be read as application/numpy"):
        ArtifactHandle(disguised, tmp_path / "cache").get()
    assert not (tmp_path / "sign").exists()


def test_an_object_of_a_class_that_is_not_here_is_an_error(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = keep(Thing(1))
    monkeypatch.delattr(sys.modules[Thing.__module__], "Thing")
    with pytest.raises(StorageError, match=r"cannot be read as application/pickle.*Thing"):
        handle.get()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"extension_name": 5}, "extension_name must be the end of a file's name.*, not 5"),
        ({"extension_name": "../x"}, r"extension_name must be .*, not '\.\./x'"),
        ({"serialization_function": "dump"}, "serialization_function must be a function"),
        ({"retries": "2"}, "retries must be a whole number, not '2'"),
    ],
)
def test_a_wrong_option_is_an_error(options: Any, sentence: str, files: Path) -> None:
    with pytest.raises(UsageError, match=f"^The artifact 'a' cannot be kept: {sentence}"):
        stage("a", {"a": 1}, files, **options)
    assert not files.exists()

"""Artifacts that are made from files: wildcards, lists, links to URLs, and what becomes of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.originals import delete_original
from elsewhere.artifacts.staging import stage
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.events import ArtifactAdded, encode_event
from tests.sdk.artifacts.places import kept, serving, staged


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a little data in it."""
    root = tmp_path / "data"
    (root / "sub" / "deep").mkdir(parents=True)
    for name in ("a.csv", "b.csv", "b.txt", "sub/c.csv", "sub/deep/d.csv", "sub/e f.csv"):
        (root / name).write_text(name)
    monkeypatch.chdir(root)
    return root


def names(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return sorted(archive.namelist())


ALL = ["a.csv", "b.csv", "sub/c.csv", "sub/deep/d.csv", "sub/e f.csv"]


@pytest.mark.parametrize(
    ("pattern", "found", "archive"),
    [
        ("{data}/*.csv", ALL, "data.zip"),
        ("*.csv", ALL, "data.zip"),
        ("[a]*", ["a.csv"], "data.zip"),
        ("sub/?.csv", ["c.csv", "deep/d.csv"], "sub.zip"),
        ("sub/e *.csv", ["e f.csv"], "sub.zip"),
        ("s*/c.csv", ["sub/c.csv"], "data.zip"),
        ("**/d.csv", ["sub/deep/d.csv"], "data.zip"),
        ("sub/*", ["c.csv", "deep/d.csv", "e f.csv"], "sub.zip"),
        ("s*", ["sub/c.csv", "sub/deep/d.csv", "sub/e f.csv"], "data.zip"),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_wildcard_is_an_archive_of_what_matches(
    pattern: str, found: list[str], archive: str, kind: type, data: Path, files: Path
) -> None:
    artifact, file = staged("some", kind(pattern.format(data=data)), files)
    assert artifact.type == "archive"
    assert file.name == archive
    assert names(file) == found
    assert (
        artifact.preview.splitlines()[0] == f"{found[0]}: {(data / found[0]).stat().st_size} bytes"
        if found[0] in ALL
        else True
    )


def test_a_file_whose_name_looks_like_a_wildcard_is_that_file(data: Path, files: Path) -> None:
    (data / "a[1]*.csv").write_text("1")
    artifact, file = staged("some", "a[1]*.csv", files)
    assert (artifact.type, file.name) == ("file", "a[1]*.csv")


@pytest.mark.parametrize("text", ["*.json", "no/*", "Is this a question?", "a * b", "?", "[", "**"])
def test_a_wildcard_that_finds_nothing_is_text(text: str, files: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "empty")
        assert staged("some", text, files)[0].type == "string"
        with pytest.raises(UsageError, match="there is no such file"):
            stage("some", Path(text), files)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_paths_is_an_archive_relative_to_their_folder(
    kind: type, data: Path, files: Path
) -> None:
    artifact, file = staged("two files", kind([Path("a.csv"), data / "sub" / "c.csv"]), files)
    assert artifact.type == "archive"
    assert file.name == "two files.zip"
    assert names(file) == ["a.csv", "sub/c.csv"]
    assert artifact.preview.splitlines() == ["a.csv: 5 bytes", "sub/c.csv: 9 bytes"]


def test_lists_of_one_of_doubles_and_of_folders(data: Path, files: Path, tmp_path: Path) -> None:
    assert names(staged("l", [Path("sub/c.csv")], files)[1]) == ["c.csv"]
    assert names(staged("l", [Path("a.csv"), data / "sub" / ".." / "a.csv"], files)[1]) == ["a.csv"]
    assert names(staged("l", [Path("sub/deep"), Path("a.csv")], files)[1]) == [
        "a.csv",
        "sub/deep/d.csv",
    ]


def test_a_list_reads_back_as_a_folder(data: Path, files: Path, tmp_path: Path) -> None:
    handle = kept(
        [Path("a.csv"), Path("sub/c.csv")], files, str(tmp_path / "storage"), tmp_path / "cache"
    )
    found = handle.get()
    assert (found / "sub" / "c.csv").read_text() == "sub/c.csv"


def test_links_that_were_named_are_followed(data: Path, files: Path, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("far")
    (data / "link.csv").symlink_to(tmp_path / "far.csv")
    for obj in ([Path("link.csv")], "link*.csv"):
        with zipfile.ZipFile(staged("l", obj, files)[1]) as archive:
            assert archive.read("link.csv") == b"far"


def test_paths_that_are_missing_are_left_out_with_a_warning(
    data: Path, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, file = staged("l", [Path("a.csv"), Path("sub/none"), Path("gone/x")], files)
    assert names(file) == ["a.csv"]
    assert f"2 of 3 paths that are not there, such as {data}/sub/none" in caplog.text
    with pytest.raises(UsageError, match="The 2 paths cannot be an artifact: none of them"):
        stage("l", [Path("gone"), Path("none")], files)


def test_other_lists_are_lists(data: Path, files: Path) -> None:
    assert staged("l", ["a.csv"], files)[0].type == "list"
    assert staged("l", [Path("a.csv"), 1], files)[0].type == "pickle"


# links


@pytest.mark.parametrize(
    "url", ["s3://bucket/key", "https://host/a%20b?c=d", "GS://b/k", "file:///a/b", "az://c/b"]
)
def test_a_url_is_kept_as_a_link(url: str, files: Path) -> None:
    artifact, file = stage("link", url, files, metadata={"a": 1}, preview="mine")
    assert file is None
    assert (artifact.url, artifact.type, artifact.digest, artifact.size_bytes) == (
        url,
        "custom",
        "",
        0,
    )
    assert artifact.uploaded_at > 0
    assert (artifact.preview, artifact.metadata) == ("mine", {"a": "1"})
    assert not files.exists()
    encode_event(ArtifactAdded(artifact=artifact))


@pytest.mark.parametrize("text", ["ftp://host/a", "https://", "https://a b", "see https://a/b"])
def test_other_text_is_no_link(text: str, files: Path) -> None:
    assert stage("text", text, files)[0].type == "string"


def test_a_link_with_a_password_is_refused(files: Path) -> None:
    with pytest.raises(StorageError, match="user name or password"):
        stage("link", "https://me:secret@host/a", files)


def test_links_are_downloaded_and_stay_apart(files: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / "web" / folder).mkdir(parents=True)
        (tmp_path / "web" / folder / "file").write_text(folder)
    with serving(tmp_path / "web") as served:
        handles = [
            ArtifactHandle(stage("l", f"{served.url}/{name}/file", files)[0], tmp_path / "cache")
            for name in ("one", "two")
        ]
        assert [handle.get().read_text() for handle in handles] == ["one", "two"]
        (tmp_path / "web" / "one" / "file").write_text("new")
        assert handles[0].get().read_text() == "one"
        assert handles[0].get(force_download=True).read_text() == "new"
        assert handles[0].get(deserialization_function=len) == 3


# afterwards


def test_the_original_of_a_file_can_be_deleted_and_no_more(data: Path) -> None:
    delete_original("a.csv")
    delete_original(Path("b.csv"))
    for obj in ("sub", "*.csv", [Path("b.txt")], "text", {"a": 1}, "s3://a/b", None):
        delete_original(obj)
    left = sorted(path.name for path in data.rglob("*") if path.is_file())
    assert left == ["b.txt", "c.csv", "d.csv", "e f.csv"]


def test_a_failing_disk_is_tried_again_as_often_as_asked(
    data: Path, files: Path, tmp_path: Path
) -> None:
    calls: list[int] = []

    def fail_twice(_: object) -> bytes:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("away")
        return b"back"

    with pytest.raises(StorageError, match="away"):
        stage("a", 1, files, serialization_function=fail_twice, retries=1)
    calls.clear()
    _, file = staged("a", 1, files, serialization_function=fail_twice, retries=2)
    assert file.read_bytes() == b"back"
    assert [path.parent for path in files.rglob("*") if path.is_file()] == [file.parent]
    assert len(list(files.iterdir())) == 1


def test_metadata_that_is_no_dict_is_refused(files: Path) -> None:
    with pytest.raises(UsageError, match="must be a dict, not "):
        stage("a", 1, files, metadata=["x"])  # type: ignore[arg-type]

"""Objects of every kind, in every format, come back as what they were."""

from __future__ import annotations

import builtins
import enum
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.serializers import SERIALIZERS, TABLE_TYPE
from elsewhere.artifacts.staging import stage
from elsewhere.core.errors import StorageError, UsageError
from tests.sdk.artifacts.places import kept, staged


@dataclass
class Thing:
    """What only a pickle keeps."""

    value: object


class Colour(enum.Enum):
    RED = 1


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - the kind that users have

FRAME = pd.DataFrame(
    {"n": [1, 2, 3], "x": [0.1, float("nan"), -3.0], "s": ["ä", "b,c", '"q"\nr']},
    index=["i", "j", "k"],
)
LEVELS = pd.DataFrame(
    {"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["l", "m"])
)
DATES = pd.DataFrame({"at": pd.to_datetime(["2024-01-02"]), "c": pd.Categorical(["x"])})


def are_equal(first: Any, second: Any) -> Any:
    if isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second)
        return True
    if isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second)
        return bool(first.dtype == second.dtype) and first.shape == second.shape
    if isinstance(first, Image.Image):
        return bool(first.mode == second.mode) and first.tobytes() == second.tobytes()
    return type(first) is type(second) and first == second


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "storage")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


Keep = Callable[..., ArtifactHandle]


@pytest.fixture
def keep(files: Path, place: str, cache: Path) -> Keep:
    def keep_one(obj: object, **options: Any) -> ArtifactHandle:
        return kept(obj, files, place, cache, **options)

    return keep_one


#: object, extension_name, type, the extension it gets, content type, a part of the preview
KINDS: list[tuple[Any, str | None, str, str, str, str]] = [
    ({"b": [1, None], "a": "ü"}, None, "dict", ".json", "application/json", '"a": "ü"'),
    ({"b": [1, None], "a": "ü"}, "yaml", "dict", ".yaml", "application/yaml", "a: ü"),
    ({"b": [1, None], "a": "ü"}, ".yaml", "dict", ".yaml", "application/yaml", "a: ü"),
    ({1: {2: "x"}}, "yml", "dict", ".yml", "application/yaml", "1:"),
    ({}, None, "dict", ".json", "application/json", "{}"),
    ([1, "two", {"x": 3}], None, "list", ".json", "application/json", '"two"'),
    ([], None, "list", ".json", "application/json", "[]"),
    ((1, "two"), None, "tuple", ".json", "application/json", '"two"'),
    (True, None, "bool", ".json", "application/json", "true"),
    (2**70, None, "number", ".json", "application/json", "1180591620717411303424"),
    (1.5e-300, None, "number", ".json", "application/json", "1.5e-300"),
    ("text\n", None, "string", ".txt", "text/plain", "text"),
    ("text", "txt", "string", ".txt", "text/plain", "text"),
    (np.arange(6).reshape(2, 3), None, "numpy", ".npz", "application/numpy", "shape (2, 3), int64"),
    (
        np.array([[1, np.nan]], dtype=np.float32),
        ".npz",
        "numpy",
        ".npz",
        "application/numpy",
        "float32",
    ),
    (np.array(3 + 4j), None, "numpy", ".npz", "application/numpy", "shape (), complex128"),
    (np.array(["ä", "b"]), None, "numpy", ".npz", "application/numpy", "<U1"),
    (np.zeros((0, 3)), None, "numpy", ".npz", "application/numpy", "(0, 3)"),
    (np.arange(6).reshape(2, 3) - 3, "csv.gz", "numpy", ".csv.gz", "text/csv", "shape (2, 3)"),
    (np.array([0.1, np.inf, np.nan]), ".csv.gz", "numpy", ".csv.gz", "text/csv", "float64"),
    (np.array([3.0, 1.0]), ".csv.gz", "numpy", ".csv.gz", "text/csv", "float64"),
    (
        np.array([{"a": 1}, None], dtype=object),
        None,
        "pickle",
        ".pkl",
        "application/pickle",
        "array",
    ),
    (np.ma.array([1, 2], mask=[False, True]), None, "pickle", ".pkl", "application/pickle", "mask"),
    (FRAME, None, "pandas", ".csv.gz", "text/csv", "3 rows, 3 columns"),
    (FRAME, "csv.gz", "pandas", ".csv.gz", "text/csv", "b,c"),
    (FRAME, "parquet", "pandas", ".parquet", "application/parquet", "b,c"),
    (FRAME, ".feather", "pandas", ".feather", "application/feather", "b,c"),
    (FRAME, ".pickle", "pandas", ".pickle", "application/pickle", "b,c"),
    (FRAME, ".pkl", "pickle", ".pkl", "application/pickle", "b,c"),
    (DATES, ".parquet", "pandas", ".parquet", "application/parquet", "2024-01-02"),
    (DATES, ".feather", "pandas", ".feather", "application/feather", "2024-01-02"),
    (LEVELS, None, "pandas", ".pickle", "application/pickle", "2 rows, 1 columns"),
    (LEVELS, ".parquet", "pandas", ".parquet", "application/parquet", "2 rows"),
    (LEVELS, ".feather", "pandas", ".feather", "application/feather", "2 rows"),
    (Image.new("RGB", (4, 3), "red"), None, "image", ".png", "image/png", "4 x 3 pixels, RGB"),
    (Image.new("RGBA", (4, 3)), ".webp", "image", ".webp", "image/webp", "RGBA"),
    (Image.new("L", (4, 3), 7), "bmp", "image", ".bmp", "image/bmp", "L"),
    (Image.new("RGB", (4, 3), "red"), ".tiff", "image", ".tiff", "image/tiff", "RGB"),
    (Image.new("P", (4, 3)), ".gif", "image", ".gif", "image/gif", "P"),
    (None, None, "pickle", ".pkl", "application/pickle", "None"),
    (b"bytes", None, "pickle", ".pkl", "application/pickle", "b'bytes'"),
    ({1, 2}, None, "pickle", ".pkl", "application/pickle", "{1, 2}"),
    (Thing(3), None, "pickle", ".pkl", "application/pickle", "Thing(value=3)"),
    (Colour.RED, None, "pickle", ".pkl", "application/pickle", "Colour.RED"),
    (Pair(1, 2), None, "pickle", ".pkl", "application/pickle", "Pair(a=1, b=2)"),
    ({"a": {1}}, None, "pickle", ".pkl", "application/pickle", "{'a': {1}}"),
    ({"a": {1}}, "yaml", "dict", ".yaml", "application/yaml", "!!set"),
    ({"a": Thing(1)}, "yaml", "pickle", ".pkl", "application/pickle", "Thing"),
    ({"a": 1}, "pkl", "pickle", ".pkl", "application/pickle", "{'a': 1}"),
    ("text", ".pkl", "pickle", ".pkl", "application/pickle", "'text'"),
]


@pytest.mark.parametrize(("obj", "extension", "kind", "suffix", "content_type", "shown"), KINDS)
def test_every_kind_comes_back_from_every_format(
    obj: Any,
    extension: str | None,
    kind: str,
    suffix: str,
    content_type: str,
    shown: str,
    keep: Keep,
) -> None:
    handle = keep(obj, extension_name=extension)
    assert handle.type == kind
    assert handle.url.endswith(f"/an=20artifact{suffix}")
    assert handle._artifact.content_type == content_type
    assert shown in handle.preview
    assert are_equal(obj, handle.get())


def test_every_format_has_a_round_trip_above() -> None:
    tried = {(kind, suffix) for _, _, kind, suffix, _, _ in KINDS}
    known = {
        (kind, extension)
        for kind, serializer in SERIALIZERS.items()
        if kind not in ("image", TABLE_TYPE)
        for extension in serializer.formats()
    }
    assert known <= tried


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("extension", sorted(SERIALIZERS["image"].formats()))
def test_every_extension_of_pillow_makes_a_file_or_a_clear_error(
    extension: str, files: Path
) -> None:
    try:
        artifact, file = staged(
            "image", Image.new("RGB", (64, 64)), files, extension_name=extension
        )
    except UsageError as error:
        assert "Pillow does not write it as" in str(error)  # noqa: PT017 - either is right
        assert list(files.iterdir()) == []
    else:
        assert file.name == f"image{extension}"
        assert artifact.size_bytes > 0


def test_a_lossy_image_has_its_size_again(keep: Keep) -> None:
    found = keep(Image.new("RGB", (40, 30), "red"), extension_name="jpg").get()
    assert (found.format, found.size, found.mode) == ("JPEG", (40, 30), "RGB")


def test_an_image_that_a_format_cannot_hold_is_an_error(files: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be kept as \.jpg: .*RGBA.* choose another"):
        stage("image", Image.new("RGBA", (2, 2)), files, extension_name=".jpg")


def test_all_frames_of_an_image_come_back(keep: Keep, tmp_path: Path) -> None:
    frames = [Image.new("L", (2, 2), value) for value in (0, 255)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "film.gif") as film:
        found = keep(film, extension_name=".gif").get()
    assert (found.format, found.n_frames) == ("GIF", 2)
    found.seek(1)
    assert found.convert("L").getpixel((0, 0)) == 255


def test_keys_are_sorted_unless_asked_not_to(files: Path) -> None:
    for extension, first in ((".json", '{\n    "a"'), (".yaml", "a:")):
        _, file = staged("d", {"b": 1, "a": {"d": 1, "c": 2}}, files, extension_name=extension)
        text = file.read_text()
        assert text.startswith(first)
        assert text.index("c") < text.index("d")
        _, file = staged(
            "d", {"b": 1, "a": {"d": 1, "c": 2}}, files, extension_name=extension, sort_keys=False
        )
        assert file.read_text().index("b") < file.read_text().index("a")


def test_keys_without_an_order_stay_in_theirs(files: Path) -> None:
    _, file = staged("d", OrderedDict({"b": 1, 2: 3}), files)
    assert json.loads(file.read_text()) == {"b": 1, "2": 3}
    _, file = staged("d", {"b": 1, 2: 3}, files, extension_name="yaml")
    assert yaml.safe_load(file.read_text()) == {"b": 1, 2: 3}


@pytest.mark.parametrize("obj", [FRAME, np.arange(9.0), {"a": 1}], ids=["frame", "array", "dict"])
@pytest.mark.parametrize("extension", [None, ".csv.gz"])
def test_the_same_object_gives_the_same_bytes(obj: Any, extension: str | None, files: Path) -> None:
    if isinstance(obj, dict) and extension:
        extension = ".yaml"
    first, file = staged("one", obj, files, extension_name=extension)
    second, _ = staged("one", obj, files, extension_name=extension)
    assert first.digest == second.digest
    if file.name.endswith(".gz"):
        assert file.read_bytes()[4:8] == b"\0\0\0\0"


def test_others_read_the_files(files: Path) -> None:
    _, file = staged("a", np.arange(3), files)
    with np.load(file) as found:
        assert found["a"].tolist() == [0, 1, 2]
    _, file = staged("file", np.arange(3), files)  # an argument's name in numpy's own function
    with np.load(file) as found:
        assert found.files == ["file"]
    _, file = staged("a", np.array([[1, 2]]), files, extension_name=".csv.gz")
    assert gzip.decompress(file.read_bytes()) == b"1,2\n"
    _, file = staged("a", FRAME, files, extension_name=".feather")
    pd.testing.assert_frame_equal(pd.read_feather(file), FRAME)
    _, file = staged("a", FRAME, files, extension_name=".parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(file), FRAME)


@pytest.mark.parametrize(
    "obj",
    [
        np.zeros((2, 2, 2)),
        np.array(["a"]),
        np.array([1j]),
        np.zeros(0),
        np.array([2**64 - 1], dtype=np.uint64),
    ],
)
def test_an_array_that_is_no_table_is_not_kept_as_one(obj: Any, files: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be kept as \.csv\.gz: .* use \.npz"):
        stage("a", obj, files, extension_name="csv.gz")


def test_a_frame_that_parquet_cannot_hold_is_text(
    keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    handle = keep(pd.DataFrame({"a": [1, "x", None]}), extension_name=".parquet")
    assert handle.url.endswith(".csv.gz")
    assert "is kept as .csv.gz: it cannot become an Arrow table" in caplog.text
    assert handle.get()["a"].tolist()[:2] == ["1", "x"]


def test_what_becomes_a_pickle_is_a_warning(keep: Keep, caplog: pytest.LogCaptureFixture) -> None:
    keep({"a": {1}})
    assert "is kept as .pkl: it cannot be kept as JSON" in caplog.text


@pytest.mark.parametrize("obj", [lambda: 0, io.StringIO, (x for x in "a")])
def test_what_no_pickle_holds_is_an_error(obj: Any, files: Path) -> None:
    if obj is io.StringIO:
        obj = Thing(sys.stdout)
    with pytest.raises(UsageError, match=r"cannot be kept as \.pkl: it cannot be pickled"):
        stage("a", obj, files)
    assert list(files.iterdir()) == []


def test_a_pickle_is_only_made_where_it_is_allowed(keep: Keep, files: Path) -> None:
    with pytest.raises(UsageError, match=r"no file format for a .*Thing, and auto_pickle"):
        stage("a", Thing(1), files, auto_pickle=False)
    assert keep(LEVELS, auto_pickle=False).url.endswith(".csv.gz")
    assert keep(Thing(1), auto_pickle=False, extension_name="pkl").get() == Thing(1)


@pytest.mark.parametrize(
    ("obj", "extension", "close"),
    [
        (FRAME, "parket", r"'\.parquet'"),
        (np.zeros(1), ".npy", r"'\.npz'"),
        ({}, "jsn", r"'\.json'"),
        (Image.new("L", (1, 1)), ".jepg", r"'\.jpe?g'"),
        ("text", ".text", r"'\.txt'"),
    ],
)
def test_a_wrong_extension_is_answered_with_the_closest(
    obj: Any, extension: str, close: str, files: Path
) -> None:
    with pytest.raises(UsageError, match=f"Did you mean {close}.* Known: "):
        stage("a", obj, files, extension_name=extension)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    sorted({(kind, content_type) for _, _, kind, _, content_type, _ in KINDS if kind != "string"}),
)
def test_a_broken_file_is_an_error_and_no_path(
    kind: str, content_type: str, keep: Keep, tmp_path: Path
) -> None:
    file = tmp_path / "broken"
    file.write_bytes(b"\x80\x81 : [ no such format \x00")
    broken = replace(keep(file)._artifact, type=kind, content_type=content_type)
    with pytest.raises(StorageError, match="cannot be read as"):
        ArtifactHandle(broken, tmp_path / "cache").get()


TYPED = pd.DataFrame(
    {
        "id": ["007", "NA", None, ""],
        "object": np.array(["1", "", None, "x"], dtype=object),
        "zone": pd.to_datetime(
            ["2024-03-30 23:00", "2024-03-31 01:30", None, "2024-06-01 00:00"], utc=True
        ).tz_convert("Europe/Berlin"),
        "day": pd.to_datetime(["2024-01-01"] * 4),
        "category": pd.Categorical(
            ["b", "NA", None, "b"], categories=["b", "NA", "z"], ordered=True
        ),
        "number": pd.Categorical([3, 1, 3, None], categories=[3, 1]),
        "whole": pd.array([1, 2, None, 2**62], dtype="Int64"),
        "flag": [True, False, True, True],
        "maybe": pd.array([True, None, False, True], dtype="boolean"),
        "small": np.array([0.1, np.nan, np.inf, 1], dtype=np.float32),
        "byte": np.array([1, 2, 3, 255], dtype=np.uint8),
        "lasts": pd.to_timedelta([1, 2, None, 3], unit="s"),
        "month": pd.period_range("2024-01", periods=4, freq="M"),
        7: ["a", "b", "c", "d"],
    },
    index=pd.Index(["01", "02", "NaN", "04"], name="key"),
)


@pytest.mark.parametrize(
    "frame",
    [
        TYPED,
        TYPED.reset_index(drop=True),
        TYPED[:0],
        pd.DataFrame({"id": TYPED["id"]}),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
        TYPED.set_index("zone"),
        pd.DataFrame({"a": ["", "NaN", "<NA>", None]}),
    ],
)
def test_a_frame_in_text_keeps_its_types(frame: pd.DataFrame, keep: Keep) -> None:
    handle = keep(frame)
    assert handle.url.endswith(".csv.gz")
    found = handle.get()
    pd.testing.assert_frame_equal(found, frame)


def test_a_frame_in_text_whose_types_are_not_kept_is_read_as_it_looks(keep: Keep) -> None:
    cells = [np.zeros(2), [1], "y"]
    mixed = keep(pd.DataFrame({"a": [1, "x", None], "b": ["01", "2", "3"], "c": cells})).get()
    assert (mixed["a"].tolist()[:2], mixed["b"].tolist()) == (["1", "x"], ["01", "2", "3"])
    handle = keep(FRAME)
    assert handle._artifact.types
    earlier = ArtifactHandle(replace(handle._artifact, types=""), handle._cache)
    pd.testing.assert_frame_equal(earlier.get(), FRAME)


# third parties


@pytest.mark.parametrize(
    ("obj", "extension", "missing", "package"),
    [
        (FRAME, ".parquet", "pyarrow", "pyarrow"),
        (FRAME, ".feather", "pyarrow", "pyarrow"),
        ({}, "yaml", "yaml", "PyYAML"),
    ],
)
def test_what_is_not_installed_is_named(
    obj: Any,
    extension: str,
    missing: str,
    package: str,
    files: Path,
    keep: Keep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = keep(obj, extension_name=extension)
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StorageError, match=f"{extension} file needs .* pip install {package}$"):
        stage("a", obj, files / "new", extension_name=extension)
    with pytest.raises(StorageError, match=f"pip install {package}$"):
        handle.get()
    assert list((files / "new").iterdir()) == []


def test_plain_objects_import_nothing(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from elsewhere.artifacts.staging import stage
for obj in ({"a": 1}, [1], 1, "text", None, {1}):
    stage("a", obj, Path(sys.argv[1]))
print(sorted({"yaml", "numpy", "pandas", "pyarrow", "PIL", "gzip"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "files")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"


def test_a_class_of_the_same_name_is_another(files: Path) -> None:
    class DataFrame:
        pass

    with pytest.raises(UsageError, match="no file format"):
        stage("a", DataFrame(), files, auto_pickle=False)


def test_a_long_array_has_a_short_preview(files: Path) -> None:
    with np.printoptions(threshold=sys.maxsize):
        artifact, _ = staged("a", np.zeros((1000, 1000)), files)
    assert len(artifact.preview) < 1000
    wide = pd.DataFrame(np.zeros((100, 200)))
    assert len(staged("a", wide, files)[0].preview) < 3000
    assert len(staged("a", {builtins.object() for _ in range(10_000)}, files)[0].preview) < 10_000


def test_a_key_cannot_lead_out_of_an_archive_of_arrays(files: Path) -> None:
    _, file = staged("../a", np.zeros(1), files)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [".._a.npy"]


def test_an_object_is_read_once_unless_asked_anew(keep: Keep) -> None:
    handle = keep({"a": [1]})
    first = handle.get()
    assert handle.get() is first
    again = handle.get(force_download=True)
    assert again == first
    assert again is not first
    assert handle.get() is again
    assert handle.get(deserialization_function=len) == handle.size
    assert keep(None).get() is None

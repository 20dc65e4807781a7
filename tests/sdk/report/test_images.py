"""Images as files: each array and each mode of Pillow as the picture that it is."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from elsewhere.core.errors import UsageError
from elsewhere.report.images import Encoded, encode_image
from tests.properties import PROPERTY

NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 4), np.uint8)
CUT = "what lies outside of 0 to 1 for floats, else of 0 to 255, is cut off"
MODES = (
    *("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBX"),
    *("RGBa", "La", "I;16", "I;16L", "I;16B", "I;16N"),
)


def read(encoded: Encoded) -> Any:
    return np.asarray(Image.open(io.BytesIO(encoded.data)))


def drawn(image: Any) -> Any:
    """The pixels, of an image with few colours, which are exact."""
    encoded = encode_image(image, 87)
    assert encoded.extension == ".png"
    return read(encoded)


@pytest.mark.parametrize(
    ("image", "pixels"),
    [
        ([[0, 128], [255, 1]], [[0, 128], [255, 1]]),
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[0.0, 0.5, 1.0]]), [[0, 128, 255]]),
        (np.array([[0.0, 0.5, 1.0]], np.float16), [[0, 128, 255]]),
        (np.array([[0.0, 100.4, 255.0]]), [[0, 100, 255]]),
        (np.array([[1.0000001, 0.0]]), [[255, 0]]),
        (np.array([[0, 255]], np.int64), [[0, 255]]),
        (np.array([[0, 65535, 257]], np.uint16), [[0, 255, 1]]),
        (np.array([[0, 65535]], ">u2"), [[0, 255]]),
        (np.array([[3, 200]], np.uint16), [[3, 200]]),
        (np.array([[[1, 2, 3]]], np.uint8), [[[1, 2, 3]]]),
        (np.array([[[1, 4]], [[2, 5]], [[3, 6]]], np.uint8), [[[1, 2, 3], [4, 5, 6]]]),
        (np.full((1, 2, 2), 7), [[7, 7], [7, 7]]),
        (np.full((2, 2, 1), 7), [[7, 7], [7, 7]]),
        (np.full((1, 1, 2, 2), 7), [[7, 7], [7, 7]]),
        (np.array([[[1, 2, 3, 4]]], np.uint8), [[[1, 2, 3, 4]]]),
        (NOISE[8:2:-1, :3, 0], NOISE[8:2:-1, :3, 0]),
    ],
)
def test_an_array_is_drawn_to_the_number(image: Any, pixels: Any) -> None:
    assert np.array_equal(drawn(image), np.asarray(pixels))


@pytest.mark.parametrize(
    ("image", "pixels", "note"),
    [
        ([[float("nan"), 1.0]], [[0, 255]], "NaN is drawn as 0"),
        ([[float("nan"), 300.0]], [[0, 255]], f"NaN is drawn as 0 and {CUT}"),
        ([[float("inf"), -float("inf"), 0.5]], [[255, 0, 128]], CUT),
        ([[-1.0, 0.0, 1.0]], [[0, 0, 255]], CUT),
        ([[-5, 300]], [[0, 255]], CUT),
        ([[float("nan")]], [[0]], "NaN is drawn as 0"),
        (np.array([[2**40, 0]]), [[255, 0]], CUT),
    ],
)
def test_what_differs_from_the_array_is_told(image: Any, pixels: Any, note: str) -> None:
    encoded = encode_image(np.asarray(image), 87)
    assert encoded.note == note
    assert np.array_equal(read(encoded), pixels)


@pytest.mark.parametrize("mode", MODES)
def test_an_image_of_each_mode_is_drawn(mode: str) -> None:
    grey = Image.fromarray(NOISE[:, :, 0])
    if mode in ("PA", "La", "RGBa", "LAB", "I;16L", "I;16B", "I;16N"):
        image = Image.new(mode, grey.size)
    else:
        image = grey.convert("RGB" if mode == "HSV" else mode)
    encoded = encode_image(image, 87)
    assert read(encoded).shape[:2] == (40, 30)
    if mode in ("L", "RGB", "CMYK", "YCbCr", "RGBX", "P"):
        shown = read(encoded)
        shown = shown if shown.ndim == 2 else shown[:, :, 0]
        assert abs(shown.astype(int) - NOISE[:, :, 0]).mean() < 12


def test_few_colours_and_alpha_are_a_png_all_else_a_jpeg_of_the_quality() -> None:
    photo = np.kron(NOISE[:, :, :3], np.ones((4, 4, 1), np.uint8))
    assert encode_image(photo, 87).extension == ".jpg"
    assert len(encode_image(photo, 30).data) < len(encode_image(photo, 95).data)
    assert encode_image(NOISE, 87).extension == ".png"
    assert np.array_equal(read(encode_image(NOISE, 87)), NOISE)
    assert encode_image(photo // 128 * 255, 87).extension == ".png"
    transparent = Image.new("P", (9, 9))
    transparent.info["transparency"] = 0
    assert read(encode_image(transparent, 87)).shape == (9, 9, 4)


def test_an_image_of_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    Image.fromarray(NOISE).save(file)
    file.write_bytes(file.read_bytes()[:200])
    with Image.open(file) as image, pytest.raises(UsageError, match="cannot be reported"):
        encode_image(image, 87)


def test_an_image_that_is_too_long_for_a_jpeg_is_a_png() -> None:
    long = np.arange(70_000 * 2, dtype=np.int64).reshape(70_000, 2) % 251
    assert np.array_equal(drawn(long), long)


def test_the_image_of_the_program_stays_as_it_is() -> None:
    image = np.array([[np.nan, 2.0, 0.5]])
    before = image.copy()
    encode_image(image, 87)
    assert np.array_equal(image, before, equal_nan=True)
    read_only = np.zeros((3, 4, 5))
    read_only.flags.writeable = False
    assert drawn(read_only).shape == (4, 5, 3)


@pytest.mark.parametrize(
    "given",
    [
        *("x", None, 5, object(), [[1, 2], [3]], np.zeros((2, 2, 2, 2)), np.zeros(5), b"bytes"),
        *(np.zeros((0, 5)), np.zeros((5, 0, 3)), np.array([["a"]]), np.zeros((2, 2), complex)),
        *(np.zeros((2, 5, 5)), Image.new("L", (0, 3)), np.array([["2020-01-01"]], "datetime64[D]")),
    ],
)
def test_what_is_not_an_image_is_refused_with_a_sentence(given: Any) -> None:
    with pytest.raises(UsageError, match=r"cannot be reported"):
        encode_image(given, 87)


@PROPERTY
@given(
    image=arrays.arrays(
        dtype=st.one_of(
            arrays.boolean_dtypes(),
            arrays.integer_dtypes(),
            arrays.unsigned_integer_dtypes(),
            arrays.floating_dtypes(),
        ),
        shape=arrays.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6),
    )
)
def test_any_array_is_an_image_or_refused(image: Any) -> None:
    try:
        encoded = encode_image(image, 87)
    except UsageError:
        assert image.ndim == 3
        return
    assert read(encoded).size


WITHOUT = """
import sys
sys.modules["PIL"] = None
from elsewhere.core.errors import UsageError
from elsewhere.report.images import encode_image
try:
    encode_image([[1]], 87)
except UsageError as error:
    print(error)
"""


def test_without_pillow_the_sentence_tells_what_to_install() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "An image needs the package 'Pillow'" in said
    assert "pip install Pillow" in said
    assert "local_path" in said

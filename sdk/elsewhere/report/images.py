"""Images as files: what a program has as an image, encoded as PNG or JPEG.

PNG where the image has alpha, or few different colours, as masks, diagrams and screenshots of text
have: JPEG would smear their edges, and is larger. JPEG for all else.

NumPy and Pillow are imported with the first image.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any, Final, NamedTuple

from elsewhere.core.errors import UsageError
from elsewhere.core.imported import is_instance

#: the numbers of channels that an array may have: grey, RGB, RGBA
_CHANNELS: Final = (1, 3, 4)
#: different colours of an image that becomes a PNG
_FEW_COLOURS: Final = 64
#: pixels of a side of a JPEG at most
_MOST_PIXELS: Final = 65_535
#: the largest value of an image of floats from 0 to 1, which interpolation may overshoot
_ONE: Final = 1.1
#: what is cut off without a word
_ROUNDING: Final = 0.5
#: modes of Pillow whose numbers have more than 8 bits
_DEEP: Final = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


class Encoded(NamedTuple):
    """An image as the content of a file. `note` is what differs from the image, if anything."""

    data: bytes
    extension: str
    note: str = ""


def encode_image(image: Any, quality: int) -> Encoded:
    """Encodes an image of Pillow, or an array or tensor; JPEG has this `quality`, 1 to 100.

    An array is H x W, H x W x C or, where that is not it, C x H x W, with 1, 3 or 4 channels; a
    batch of one is one. Whole numbers are 0 to 255, of 16 bits to 65,535 where one is above 255;
    flags are black and white. Floats are 0 to 1, or to 255 where one is above 1.1. What lies
    outside is cut off, and NaN is 0.

    Raises UsageError for anything else, and without Pillow or NumPy.
    """
    pillow, note, drawn = _driver("PIL.Image", "Pillow"), "", image
    if not is_instance(image, "PIL.Image", "Image") or image.mode in _DEEP:
        pixels, note = _pixels(image)
        drawn = pillow.fromarray(pixels)
    if 0 in drawn.size:
        raise UsageError(f"An image of {drawn.width} x {drawn.height} pixels cannot be reported.")
    try:
        return _encoded(_drawable(drawn), quality, note)
    except (OSError, ValueError) as error:  # of a file that is cut off, or a mode of its own
        raise _refused(image, str(error)) from error


def _encoded(drawn: Any, quality: int, note: str) -> Encoded:
    is_flat = drawn.getcolors(_FEW_COLOURS) is not None
    if is_flat or drawn.mode in ("LA", "RGBA") or max(drawn.size) > _MOST_PIXELS:
        return Encoded(_saved(drawn, "PNG"), ".png", note)
    return Encoded(_saved(drawn, "JPEG", quality=quality, subsampling=0), ".jpg", note)


def _drawable(image: Any) -> Any:
    """The image in a mode that both formats, or PNG for those with alpha, have."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        has_alpha = "transparency" in image.info
        return image.convert("RGBA") if has_alpha and image.mode in ("L", "RGB") else image
    if image.mode == "LAB":
        profiles = _driver("PIL.ImageCms", "Pillow")
        lab, srgb = profiles.createProfile("LAB"), profiles.createProfile("sRGB")
        return profiles.profileToProfile(image, lab, srgb, outputMode="RGB")
    if image.mode in ("La", "RGBa"):
        return image.convert(image.mode.upper())
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")


def _saved(image: Any, form: str, **options: Any) -> bytes:
    block = io.BytesIO()
    image.save(block, format=form, **options)
    return block.getvalue()


def _pixels(given: Any) -> tuple[Any, str]:
    """The array `given` as bytes that Pillow takes, and what differs, if anything."""
    numpy = _driver("numpy", "numpy")
    array = _array(numpy, given)
    if array.dtype.kind not in "buif":
        raise _refused(given, f"it holds values of the type {array.dtype}")
    shape = array.shape
    while array.ndim > 3 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] not in _CHANNELS and array.shape[0] in _CHANNELS:
        array = numpy.moveaxis(array, 0, 2)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in _CHANNELS):
        raise _refused(given, f"it has the shape {shape}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    pixels, note = _bytes(numpy, array)
    return numpy.ascontiguousarray(pixels), note


def _array(numpy: Any, given: Any) -> Any:
    """An array of NumPy; a tensor may lie on a device, need gradients, or have a type that NumPy
    lacks."""
    try:
        if is_instance(given, "torch", "Tensor"):
            given = given.detach().cpu()
            if given.is_floating_point():
                given = given.float()
            given = given.numpy()
        return numpy.asarray(given)
    except Exception as error:
        raise _refused(given, f"it cannot be made an array: {error}") from error


def _bytes(numpy: Any, array: Any) -> tuple[Any, str]:
    if array.dtype == bool:
        return array.astype(numpy.uint8) * 255, ""
    if array.dtype == numpy.uint8 or not array.size:
        return array.astype(numpy.uint8), ""
    notes = []
    if array.dtype.kind == "f":
        array = array.astype(numpy.float64)
        if numpy.isnan(array).any():
            notes.append("NaN is drawn as 0")
            array = numpy.nan_to_num(array, posinf=numpy.inf, neginf=-numpy.inf)
        if array.max(initial=0, where=numpy.isfinite(array)) <= _ONE:
            array = array * 255
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2 and array.max() > 255:
        array = array / 257
    low, high = array.min(), array.max()
    if low < -_ROUNDING or high > 255 + _ROUNDING:
        notes.append("what lies outside of 0 to 1 for floats, else of 0 to 255, is cut off")
    return numpy.rint(numpy.clip(array, 0, 255)).astype(numpy.uint8), " and ".join(notes)


def _refused(given: object, why: str) -> UsageError:
    return UsageError(
        f"A {type(given).__module__}.{type(given).__qualname__} cannot be reported as an image:"
        f" {why}. Pass an array of H x W, H x W x C or C x H x W numbers with 1, 3 or 4 channels,"
        " an image of Pillow, or the path of a file as local_path."
    )


def _driver(module: str, package: str) -> Any:
    """The `module`, imported now. Raises UsageError."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"An image needs the package {package!r}, which cannot be imported here: {error}. Call:"
            f" pip install {package}. Or pass the path of a file as local_path."
        ) from error

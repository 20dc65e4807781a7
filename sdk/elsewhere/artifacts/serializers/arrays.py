"""Arrays of numpy: `.npz` for all without Python objects, `.csv.gz` for one or two dimensions."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.serializers.api import (
    Format,
    Serializer,
    UnwritableError,
    driver,
)
from elsewhere.artifacts.serializers.packed import opened_gzip
from elsewhere.core.imported import is_instance

if TYPE_CHECKING:
    from pathlib import Path

#: elements of an array beyond which its preview omits the middle
_SHOWN: Final = 200
#: a first line of whole numbers
_WHOLE: Final = re.compile(rb"[-0-9,]+\s*")


def _numpy() -> Any:
    return driver("numpy", "numpy", "An array")


def _accepts(obj: object) -> bool:
    # Not subclasses, such as masked arrays: the file would not hold what they add.
    return is_instance(obj, "numpy", "ndarray") and type(obj).__name__ in ("ndarray", "memmap")


def _write_npz(obj: Any, file: Path) -> None:
    """Writes as `numpy.savez_compressed`, with the file's stem as the key, whatever it is."""
    if obj.dtype.hasobject:
        raise UnwritableError("an .npz file holds no Python objects")
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{file.name.removesuffix('.npz')}.npy", "w", force_zip64=True) as entry,
    ):
        _numpy().lib.format.write_array(entry, obj, allow_pickle=False)


def _read_npz(file: Path) -> object:
    with _numpy().load(file, allow_pickle=False) as arrays:
        return arrays[arrays.files[0]]


def _write_csv(obj: Any, file: Path) -> None:
    numpy = _numpy()
    is_whole = numpy.can_cast(obj.dtype, numpy.int64)
    is_real = obj.dtype.kind == "f" and numpy.can_cast(obj.dtype, numpy.float64)
    if not (is_whole or is_real) or obj.ndim not in (1, 2) or not obj.size:
        raise UnwritableError(
            f"a .csv.gz file holds numbers of one or two dimensions, and this one has the shape "
            f"{obj.shape} and the type {obj.dtype}: use .npz"
        )
    with opened_gzip(file) as target:
        numpy.savetxt(target, obj, fmt="%d" if is_whole else "%.18e", delimiter=",")


def _read_csv(file: Path) -> object:
    """An array of int64 or float64; a single row or column has one dimension."""
    import gzip  # noqa: PLC0415 - weight

    numpy = _numpy()
    with gzip.open(file) as source:
        is_whole = _WHOLE.fullmatch(source.readline())
        source.seek(0)
        return numpy.loadtxt(
            source, delimiter=",", dtype=numpy.int64 if is_whole else numpy.float64
        )


def _preview(obj: Any, _: Path) -> str:
    head = _numpy().array2string(obj, threshold=_SHOWN)
    return f"shape {obj.shape}, {obj.dtype}\n{head}"


_FORMATS: Final = {
    ".npz": Format(
        content_type="application/numpy", write=_write_npz, read=_read_npz, otherwise=".pkl"
    ),
    ".csv.gz": Format(content_type="text/csv", write=_write_csv, read=_read_csv),
}
ARRAYS: Final = Serializer(accepts=_accepts, formats=lambda: _FORMATS, preview=_preview)

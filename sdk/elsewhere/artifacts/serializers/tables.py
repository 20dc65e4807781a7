"""Registered data frames: the table without its index, and counts of its different values."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.serializers.api import Format, Serializer, UnwritableError
from elsewhere.artifacts.serializers.frames import SHOWN, pandas_of
from elsewhere.artifacts.serializers.packed import opened_gzip
from elsewhere.core.imported import is_instance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: the type of the artifact
TABLE_TYPE: Final = "data-audit-table"


def described(frame: Any, unlike: Sequence[Any] | None = None) -> str:
    """The shape of `frame`, the numbers of different values and rows in its columns `unlike` (None:
    all), and its first rows."""
    rows, columns = frame.shape
    places = [
        place for place, column in enumerate(frame.columns) if unlike is None or column in unlike
    ]
    lines = [f"{rows} rows, {columns} columns"]
    if places:
        counts = (f"{frame.columns[at]} {_differing(frame.iloc[:, [at]])}" for at in places)
        lines.append(f"different values: {', '.join(counts)}")
        lines.append(f"different rows in these columns: {_differing(frame.iloc[:, places])}")
    return "\n".join([*lines, frame.head(SHOWN).to_string(max_cols=SHOWN, max_colwidth=100)])


def fingerprint(frame: Any) -> str:
    """A digest of the content, without the index."""
    digest = hashlib.sha256(repr([*zip(frame.columns, frame.dtypes, strict=True)]).encode())
    hashing = pandas_of().util.hash_pandas_object
    try:
        digest.update(hashing(frame, index=False).to_numpy().tobytes())
    except TypeError:  # cells without a hash, such as lists
        digest.update(frame.to_csv(index=False).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _differing(frame: Any) -> int:
    try:
        return int((~frame.duplicated()).sum())
    except TypeError:
        return int((~frame.astype(str).duplicated()).sum())


def _write(obj: Any, file: Path) -> None:
    if obj.columns.nlevels > 1:
        raise UnwritableError("columns of several levels would not come back from text")
    with (
        opened_gzip(file) as target,
        io.TextIOWrapper(target, encoding="utf-8", errors="surrogatepass", newline="") as text,
    ):
        obj.to_csv(text, index=False)


def _read(file: Path) -> object:
    import gzip  # noqa: PLC0415 - weight

    pandas = pandas_of()
    with gzip.open(file) as source:
        if not source.read(2).strip():  # a frame without columns
            return pandas.DataFrame()
    return pandas.read_csv(file, compression="gzip", encoding_errors="surrogatepass")


TABLES: Final = Serializer(
    accepts=lambda obj: is_instance(obj, "pandas", "DataFrame"),
    formats=lambda: {".csv.gz": Format(content_type="text/csv", write=_write, read=_read)},
    preview=lambda obj, _: described(obj),
)

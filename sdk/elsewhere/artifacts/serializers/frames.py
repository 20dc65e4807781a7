"""Data frames of pandas. Of `.csv.gz` the record keeps the types of the columns."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.serializers import columns
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

#: rows and columns of a preview
SHOWN: Final = 10


def pandas_of() -> Any:
    """The module pandas, imported now. Raises StorageError."""
    return driver("pandas", "pandas", "A data frame")


def _write_csv(obj: Any, file: Path) -> None:
    with (
        opened_gzip(file) as target,
        io.TextIOWrapper(target, encoding="utf-8", errors="surrogatepass", newline="") as text,
    ):
        obj.to_csv(text, na_rep=columns.missing(obj))


def _read_typed_csv(file: Path, types: str) -> object:
    import gzip  # noqa: PLC0415 - weight

    with gzip.open(file) as source:
        return columns.read(source, types)


def _read_csv(file: Path) -> object:
    return pandas_of().read_csv(
        file, index_col=0, compression="gzip", encoding_errors="surrogatepass"
    )


def _arrow(name: str, function: str) -> Format:
    """The format of pyarrow's module `name`, whose `function` writes a table."""
    what = f"A .{name} file"

    def write(obj: Any, file: Path) -> None:
        # Not by pandas, which writes no index into a .feather file.
        pyarrow = driver("pyarrow", "pyarrow", what)
        write_table = getattr(driver(f"pyarrow.{name}", "pyarrow", what), function)
        try:
            table = pyarrow.Table.from_pandas(obj)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise UnwritableError(f"it cannot become an Arrow table ({error})") from error
        write_table(table, str(file))

    def read(file: Path) -> object:
        module = driver(f"pyarrow.{name}", "pyarrow", what)
        # From memory: a table may map its file, which may be deleted.
        return module.read_table(io.BytesIO(file.read_bytes())).to_pandas()

    return Format(content_type=f"application/{name}", write=write, read=read, otherwise=".csv.gz")


def _write_pickle(obj: Any, file: Path) -> None:
    obj.to_pickle(file, compression=None)


def _read_pickle(file: Path) -> object:
    return pandas_of().read_pickle(file, compression=None)


def _default(obj: Any) -> str:
    """The extension: text cannot hold an index or columns of several levels."""
    return ".pickle" if obj.index.nlevels > 1 or obj.columns.nlevels > 1 else ".csv.gz"


def _preview(obj: Any, _: Path) -> str:
    rows, columns = obj.shape
    head = obj.head(SHOWN).to_string(max_cols=SHOWN, max_colwidth=100)
    return f"{rows} rows, {columns} columns\n{head}"


_FORMATS: Final = {
    ".csv.gz": Format(
        content_type="text/csv",
        write=_write_csv,
        read=_read_csv,
        types=columns.described,
        read_typed=_read_typed_csv,
    ),
    ".parquet": _arrow("parquet", "write_table"),
    ".feather": _arrow("feather", "write_feather"),
    ".pickle": Format(
        content_type="application/pickle",
        write=_write_pickle,
        read=_read_pickle,
        otherwise=".csv.gz",
        is_pickle=True,
    ),
}
FRAMES: Final = Serializer(
    accepts=lambda obj: is_instance(obj, "pandas", "DataFrame"),
    formats=lambda: _FORMATS,
    preview=_preview,
    default=_default,
)

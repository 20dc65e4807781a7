"""pandas frames. `.parquet`, `.feather` and `.pickle` keep all types, `.csv.gz` what text keeps."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.serializers.api import (
    Format,
    Serializer,
    UnwritableError,
    driver,
    is_instance,
)
from elsewhere.artifacts.serializers.packed import opened_gzip

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FRAMES", "SHOWN", "pandas_of"]

#: rows and columns of a preview
SHOWN: Final = 10


def pandas_of() -> Any:
    """The module, imported when it is needed. Raises StorageError."""
    return driver("pandas", "pandas", "A data frame")


def _write_csv(obj: Any, file: Path) -> None:
    with (
        opened_gzip(file) as target,
        io.TextIOWrapper(target, encoding="utf-8", errors="surrogatepass", newline="") as text,
    ):
        obj.to_csv(text)


def _read_csv(file: Path) -> object:
    return pandas_of().read_csv(
        file, index_col=0, compression="gzip", encoding_errors="surrogatepass"
    )


def _write_parquet(obj: Any, file: Path) -> None:
    _write_arrow(obj, file, "pyarrow.parquet", "write_table", "A .parquet file")


def _read_parquet(file: Path) -> object:
    return _read_arrow(file, "pyarrow.parquet", "A .parquet file")


def _write_feather(obj: Any, file: Path) -> None:
    _write_arrow(obj, file, "pyarrow.feather", "write_feather", "A .feather file")


def _read_feather(file: Path) -> object:
    return _read_arrow(file, "pyarrow.feather", "A .feather file")


def _write_arrow(obj: Any, file: Path, module: str, function: str, what: str) -> None:
    """Through pyarrow rather than pandas, which writes no index into a .feather file."""
    pyarrow = driver("pyarrow", "pyarrow", what)
    write = getattr(driver(module, "pyarrow", what), function)
    try:
        table = pyarrow.Table.from_pandas(obj)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise UnwritableError(f"it cannot become an Arrow table ({error})") from error
    write(table, str(file))


def _read_arrow(file: Path, module: str, what: str) -> object:
    # From memory: a table may map its file, which may go.
    return driver(module, "pyarrow", what).read_table(io.BytesIO(file.read_bytes())).to_pandas()


def _write_pickle(obj: Any, file: Path) -> None:
    obj.to_pickle(file, compression=None)


def _read_pickle(file: Path) -> object:
    return pandas_of().read_pickle(file, compression=None)


def _default(obj: Any) -> str:
    """An index or columns of several levels would not come back from text."""
    return ".pickle" if obj.index.nlevels > 1 or obj.columns.nlevels > 1 else ".csv.gz"


def _preview(obj: Any, _: Path) -> str:
    rows, columns = obj.shape
    head = obj.head(SHOWN).to_string(max_cols=SHOWN, max_colwidth=100)
    return f"{rows} rows, {columns} columns\n{head}"


_FORMATS: Final = {
    ".csv.gz": Format(content_type="text/csv", write=_write_csv, read=_read_csv),
    ".parquet": Format(
        content_type="application/parquet",
        write=_write_parquet,
        read=_read_parquet,
        otherwise=".csv.gz",
    ),
    ".feather": Format(
        content_type="application/feather",
        write=_write_feather,
        read=_read_feather,
        otherwise=".csv.gz",
    ),
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

"""The types of a data frame's columns, which its `.csv.gz` file does not hold: they are kept beside
it, as a text of the artifact's record."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from elsewhere.artifacts.serializers.api import driver

#: what stands for a missing value: the first that no text of the frame equals
_MISSING: Final = ("", "NaN", "<NA>", "<missing>", "<no value>")
#: types that text becomes again, beside the numbers and times of numpy
_TYPES: Final = re.compile(
    r"U?Int\d+|Float\d+|bool|boolean|string|str|object|period\[.+\]|datetime64\[\w+, .+\]"
)
_BOOLS: Final = {"True": True, "False": False}
#: characters of the description of a frame: it is part of a record
_LONGEST: Final = 64 << 10


def missing(frame: Any) -> str:
    """The text that stands for missing values in the file of `frame`."""
    columns = [frame.index.to_series(), *(frame.iloc[:, at] for at in range(frame.shape[1]))]
    texts = (text for one in columns if _is_text(one) for text in one if isinstance(text, str))
    taken = {text for text in texts if text in _MISSING}
    return next((mark for mark in _MISSING if mark not in taken), "")


def described(frame: Any) -> str:
    """The types of the index and the columns of `frame`, as JSON; empty for levels or labels that
    JSON does not hold. A column of mixed objects has none: its text is read as what it looks like.
    """
    labels, names = list(frame.columns), (frame.index.name, frame.columns.name)
    is_plain = frame.index.nlevels == frame.columns.nlevels == 1
    if not is_plain or not all(type(one) in (str, int) for one in labels):
        return ""
    if not all(isinstance(name, (str, type(None))) for name in names):
        return ""
    kinds = [_kind(frame.iloc[:, at]) for at in range(len(labels))]
    found = {
        "missing": missing(frame),
        "names": names,
        "index": _kind(frame.index.to_series()),
        "columns": list(zip(labels, kinds, strict=True)),
    }
    text = json.dumps(found)
    return text if len(text) <= _LONGEST else ""


def read(source: Any, description: str) -> object:
    """The frame of the text in `source`, with the types of `description`."""
    pandas = driver("pandas", "pandas", "A data frame")
    about = json.loads(description)
    kinds = [about["index"], *(kind for _, kind in about["columns"])]
    texts = pandas.read_csv(
        source,
        header=0,
        names=range(len(kinds)),
        dtype={at: object for at, kind in enumerate(kinds) if kind},
        keep_default_na=False,
        na_values=[about["missing"]],
        encoding_errors="surrogatepass",
    )
    columns = [_typed(pandas, texts[at], kind) for at, kind in enumerate(kinds)]
    index = pandas.Index(columns[0])
    made = pandas.DataFrame(dict(enumerate(columns[1:])), index=texts.index)
    made.columns = pandas.Index([label for label, _ in about["columns"]])
    made.index, (made.index.name, made.columns.name) = index, about["names"]
    return made


def _is_text(column: Any) -> bool:
    return str(column.dtype) in ("object", "str", "string", "category")


def _kind(column: Any) -> Any:
    """The type of a column: a name, a dict for categories, or empty where text does not give it."""
    dtype, name = column.dtype, str(column.dtype)
    pandas = driver("pandas", "pandas", "A data frame")
    if name == "category":
        of = str(dtype.categories.dtype)
        if of not in ("str", "string", "object", "int64") or not _is_of_texts(dtype.categories, of):
            return ""
        values = [str(value) for value in dtype.categories]
        return {"categories": values, "of": of, "is_ordered": bool(dtype.ordered)}
    is_plain = getattr(dtype, "kind", "") in "iufMm" and not hasattr(dtype, "na_value")
    if not is_plain and not _TYPES.fullmatch(name):
        return ""
    if name == "object" and not _is_of_texts(column, name):
        return ""
    try:
        return name if pandas.api.types.pandas_dtype(name) == dtype else ""
    except TypeError:  # a time zone without a name
        return ""


def _is_of_texts(values: Any, of: str) -> bool:
    pandas = driver("pandas", "pandas", "A data frame")
    is_text = pandas.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
    return of != "object" or is_text


def _typed(pandas: Any, column: Any, kind: Any) -> Any:
    if isinstance(kind, dict):
        texts = pandas.CategoricalDtype(kind["categories"], ordered=kind["is_ordered"])
        values = pandas.Index(kind["categories"], dtype=object).astype(kind["of"])
        return column.astype(texts).cat.rename_categories(values)
    # Before pandas 3 "str" is object, which would make a text of a missing value, too.
    if kind in ("", "object") or (kind == "str" and pandas.api.types.is_object_dtype("str")):
        return column
    return (column.map(_BOOLS) if kind in ("bool", "boolean") else column).astype(kind)

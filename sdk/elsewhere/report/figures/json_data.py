"""Data of any library as JSON has it: arrays as nested lists, what is not a number as null.

No library is imported for it: a program with an array of numpy has imported numpy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from elsewhere.core.errors import UsageError

#: numbers in one array at most: a list of more takes gigabytes, and a figure has some millions
_MOST: Final = 10_000_000
#: the ways to a list of numpy, torch, pandas, polars and pyarrow, then of frames and other tensors
_TO_LIST: Final = ("tolist", "to_list", "to_pylist")
_TO_ARRAY: Final = ("to_numpy", "numpy", "toarray")
#: kinds of numpy's dates and durations, whose lists would be whole numbers of nanoseconds
_TIMES: Final = {"M": "datetime64[us]", "m": "timedelta64[us]"}

#: kinds of numpy's numbers and flags, whose lists are JSON but for NaN and infinities: a look at
#: each of some millions of numbers would hold the program up for half a minute
_NUMBERS: Final = "biuf"


class TooLarge(Exception):
    """The data of a figure are more than can be drawn."""


def json_data(what: str, value: object) -> Any:
    """The `value` as JSON has it.

    Arrays, tensors, series and other iterables become lists; NaN, infinities and missing values
    None; dates texts in ISO 8601; all that JSON has no word for its text. Raises UsageError, naming
    `what`, where there is no way, and TooLarge.
    """
    try:
        return _json(value)
    except (TypeError, ValueError, RuntimeError, RecursionError, AttributeError) as error:
        reason = "it contains itself" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"{what} cannot be drawn, {type(value).__name__}: {reason}.") from error


def _json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if hasattr(value, "to_plotly_json"):  # plotly's figures, traces and layouts
        return _json(value.to_plotly_json())
    is_array = any(hasattr(value, name) for name in ("shape", *_TO_LIST))
    return _json_of_array(value) if is_array else _json_of_other(value)


def _json_of_array(array: Any) -> Any:
    shape = tuple(getattr(array, "shape", ()))
    if all(isinstance(size, int) for size in shape) and math.prod(shape) > _MOST:
        raise TooLarge(f"{shape}: more than {_MOST} numbers")
    if (kind := getattr(getattr(array, "dtype", None), "kind", "")) in _TIMES:
        array = getattr(array, "to_numpy", lambda: array)()
        if array.dtype.kind in _TIMES:  # else a series with a time zone, of objects
            return _json(array.astype(_TIMES[kind]).tolist())
    if kind and kind in _NUMBERS and hasattr(array, "__array_interface__"):  # numpy's
        numbers = array.astype("float64") if kind == "f" else array  # a longer one has no list
        is_json = kind != "f" or bool((abs(numbers) < math.inf).all())
        return numbers.tolist() if is_json else _json(numbers.tolist())
    for way in _TO_LIST:
        if hasattr(array, way):
            return _json(getattr(array, way)())
    for way in _TO_ARRAY:
        if hasattr(array, way):
            return _json_of_array(getattr(array, way)())
    raise TypeError("it has a shape, but no way to a list")


def _json_of_other(value: Any) -> Any:
    if isinstance(value, complex):
        raise TypeError("complex numbers have no place on an axis")
    if hasattr(value, "as_integer_ratio"):  # decimals and fractions
        return _json(float(value))
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    if type(value).__name__ in ("NAType", "NaTType"):  # of pandas
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Iterable):
        return [_json(item) for item in value]
    return _json(str(value))

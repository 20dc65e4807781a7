"""Tensors in protocol buffers, as arrays of NumPy."""

from __future__ import annotations

from typing import Any, Final

#: the types of numbers: NumPy's name of each, and the field with its values
_TYPES: Final = {
    1: ("float32", "float_val"),
    2: ("float64", "double_val"),
    3: ("int32", "int_val"),
    9: ("int64", "int64_val"),
}
_STRING: Final = 7


def array_of(tensor: Any) -> Any:
    """The array of a `TensorProto`; one of no values for a type that summaries do not show."""
    import numpy  # noqa: ICN001, PLC0415 - the program has it: its library needs it

    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype == _STRING:
        return numpy.array(list(tensor.string_val), object).reshape(shape)
    if tensor.dtype not in _TYPES:
        return numpy.zeros(0)
    kind, values = _TYPES[tensor.dtype]
    if tensor.tensor_content:
        return numpy.frombuffer(tensor.tensor_content, kind).reshape(shape)
    # One value may stand for all of them.
    return numpy.resize(numpy.array(getattr(tensor, values), kind), shape)

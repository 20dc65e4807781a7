"""What is reported, checked: names, values and iterations. All raise UsageError."""

from __future__ import annotations

from typing import Final, SupportsIndex

from elsewhere.core.checks import plain
from elsewhere.core.errors import UsageError

#: iterations are kept in 64 bits
_MOST_ITERATION: Final = 2**63 - 1


def checked_name(argument: str, name: object) -> str:
    """The `name` given as this `argument`, as UTF-8 can express it, without the character that
    separates title and series in the store."""
    if isinstance(name, str) and name.strip():
        expressed = name.encode("utf-8", "backslashreplace").decode("utf-8")
        return expressed.replace("\x1f", "\\x1f")
    raise UsageError(
        f"A value cannot be reported with {argument}={name!r}: it must be text that is not empty. "
        f"Pass a {argument} such as 'loss'."
    )


def checked_value(value: object) -> float:
    """The one number `value`, also that of an array or a tensor."""
    number = value if isinstance(value, (int, float)) else plain(value)
    if not isinstance(number, (str, bytes, bytearray)):
        try:
            return float(number)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            cause = str(error)
    else:
        cause = "it is text"
    raise UsageError(
        f"The value {value!r:.80} cannot be reported: {cause}. "
        "Pass one number, or an array or tensor that holds one number."
    )


def checked_iteration(iteration: object) -> int:
    """The whole number `iteration`, also that of an array or a tensor."""
    given = iteration if isinstance(iteration, int) else plain(iteration)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        try:
            number = int(given.__index__())
        except TypeError:  # an array or tensor that is no single whole number
            pass
        else:
            if abs(number) <= _MOST_ITERATION:
                return number
    raise UsageError(
        f"A value cannot be reported at iteration={iteration!r:.80}: it must be a whole number, "
        "of 64 bits at most. "
        "Pass the number of the step or epoch as an int."
    )

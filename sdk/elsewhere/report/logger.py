"""The logger of a task: what a script reports by hand."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final, SupportsFloat, SupportsIndex

from elsewhere.core.checks import checked_whole, plain
from elsewhere.core.clock import now_at
from elsewhere.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.events import Event

#: iterations are kept in 64 bits
_MOST_ITERATION: Final = 2**63 - 1


class Logger:
    """Reports scalars, values and texts of one task. All threads may share it.

    `Task.get_logger` makes it: `record` takes the events, `flush` writes them, and `shifted` gives
    the iteration that is recorded for the reported one, since a continued task counts on.
    """

    def __init__(
        self,
        record: Callable[[Event], None],
        *,
        flush: Callable[[bool], object],
        shifted: Callable[[int], int] = lambda iteration: iteration,
    ) -> None:
        self._record = record
        self._flush = flush
        self._shifted = shifted

    @classmethod
    def current_logger(cls) -> Logger | None:
        """Returns the logger of the task that this process is; None if it is not a task."""
        from elsewhere.core.current_task import current_task  # noqa: PLC0415

        task = current_task()
        logger: Logger | None = task.get_logger() if task is not None else None
        return logger

    def report_scalar(self, title: str, series: str, value: SupportsFloat, iteration: int) -> None:
        """Reports `value`, one number, at `iteration`, in the series `series` of the graph `title`.

        NaN and infinities are kept. Both may be scalars of numpy, or arrays or tensors of one
        number. Raises UsageError for an empty name, for a value that is not one number, and for an
        iteration that is not a whole number of 64 bits.
        """
        from elsewhere.core.events import Scalar  # noqa: PLC0415 - weight

        at_iteration = _iteration(self._shifted(_iteration(iteration)))
        event = Scalar(
            title=_name("title", title),
            series=_name("series", series),
            value=_number(value),
            iteration=at_iteration,
            at=now_at(),
        )
        self._record(event)

    def report_single_value(self, name: str, value: SupportsFloat) -> None:
        """Reports a `value` without iterations, such as a final score, under a `name`; the last one
        counts. Raises UsageError for an empty name and for a value that is not one number."""
        from elsewhere.core.events import single_value  # noqa: PLC0415 - weight

        self._record(single_value(_name("name", name), _number(value), now_at()))

    def report_text(self, msg: str, level: int = logging.INFO, print_console: bool = True) -> None:
        """Reports the text `msg` with a `level` of `logging`; prints it unless `print_console` is
        False. Raises UsageError for a level that is not a whole number."""
        from elsewhere.core.events import Text  # noqa: PLC0415 - weight

        note = " such as logging.WARNING"
        level = checked_whole("The level of report_text", level, note=note)
        text = str(msg)
        if print_console and sys.stdout is not None:
            print(text)
        # What UTF-8 cannot express, such as parts of undecodable file names, must not be lost.
        message = text.encode("utf-8", "backslashreplace").decode("utf-8")
        self._record(Text(message=message, level=level, at=now_at()))

    def flush(self, wait: bool = False) -> None:
        """Writes what was reported to disk; with `wait`, also waits until the store has it."""
        self._flush(wait)


def _name(argument: str, name: object) -> str:
    if isinstance(name, str) and name.strip():
        return name.encode("utf-8", "backslashreplace").decode("utf-8")
    raise UsageError(
        f"A value cannot be reported with {argument}={name!r}: it must be text that is not empty. "
        f"Pass a {argument} such as 'loss'."
    )


def _number(value: object) -> float:
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


def _iteration(iteration: object) -> int:
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

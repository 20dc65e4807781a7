"""What is recorded in place of numbers that are not finite: by default they are kept."""

from __future__ import annotations

from dataclasses import dataclass

from elsewhere.core.checks import checked_whole
from elsewhere.core.errors import UsageError
from elsewhere.core.late_logger import late_logger
from elsewhere.report.reported import checked_value

logger = late_logger(__name__)


@dataclass(slots=True)
class Replacement:
    """What stands for a `kind` of number in this process, None while it is kept: the first that is
    replaced is a warning, and each `warn_period`-th behind it."""

    kind: str
    value: float | None = None
    warn_period: int = 1000
    count: int = 0

    def set(self, value: object, warn_period: object) -> None:
        """Raises UsageError for a value that is not one finite number or None."""
        number = None if value is None else checked_value(value)
        if number is not None and number - number:
            raise UsageError(
                f"{self.kind} is replaced by a finite number, or by None, not {number}."
            )
        self.warn_period = checked_whole("warn_period", warn_period, 1)
        self.value, self.count = number, 0

    def replaced(self, number: float, name: str) -> float:
        """The number to record for `number`, which was reported under a `name`."""
        if self.value is None:
            return number
        if self.count % self.warn_period == 0:
            logger.warning("%s of %s is recorded as %s.", self.kind, name, self.value)
        self.count += 1
        return self.value


NAN = Replacement("NaN")
INFINITY = Replacement("An infinity")


def replaced(number: float, name: str) -> float:
    """What is recorded for a `number` that is not finite, of what was reported under a `name`."""
    return (NAN if number != number else INFINITY).replaced(number, name)

"""Hours: the times of the week in which an agent takes tasks, by the machine's own clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * _DAY_MINUTES
_WINDOW: Final = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?)?\s*"
    r"(?:(?P<begin>\d{1,2}:\d\d)-(?P<end>\d{1,2}:\d\d))?"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """Windows of the week, each from a minute of it on and so many minutes long; none: always."""

    text: str = ""
    windows: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Reads windows with commas between them, such as "Mon-Fri 18:00-08:00, Sat-Sun".

        Without days a window is one of each day, without times it is the whole day; one that ends
        before it begins ends on the next day. Raises ValueError.
        """
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return cls(", ".join(parts), tuple(window for part in parts for window in _windows(part)))

    def hold(self, weekday: int, minute: int) -> bool:
        """Whether they hold in this `minute` of a day; `weekday` 0 is Monday."""
        now = weekday * _DAY_MINUTES + minute
        return not self.windows or any(
            (now - begin) % _WEEK_MINUTES < minutes for begin, minutes in self.windows
        )


ALWAYS: Final = Hours()


def _windows(text: str) -> list[tuple[int, int]]:
    found = _WINDOW.fullmatch(text.lower())
    if found is None:
        raise ValueError(f"{text!r} is no window of hours")
    first, last = found["first"] or "mon", found["last"] or found["first"] or "sun"
    if first not in _DAYS or last not in _DAYS:
        raise ValueError(f"{text!r} names no day of the week")
    begin = _minute(found["begin"] or "0:00")
    minutes = (_minute(found["end"] or "0:00") - begin) % _DAY_MINUTES or _DAY_MINUTES
    at, count = _DAYS.index(first), (_DAYS.index(last) - _DAYS.index(first)) % 7 + 1
    days = ((at + number) % 7 for number in range(count))
    return [(day * _DAY_MINUTES + begin, minutes) for day in days]


def _minute(text: str) -> int:
    hour, minute = map(int, text.split(":"))
    if minute > 59 or hour * 60 + minute > _DAY_MINUTES:
        raise ValueError(f"{text!r} is no time of day")
    return hour * 60 + minute

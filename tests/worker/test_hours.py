"""Hours: windows of the week, as an operator writes them."""

from __future__ import annotations

import pytest

from elsewhere_worker.hours import Hours

MON, FRI, SAT, SUN = 0, 4, 5, 6


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("", [(MON, 0), (SUN, 1439)], []),
        ("18:00-08:00", [(MON, 1080), (MON, 0), (SUN, 479)], [(MON, 480), (SUN, 1079)]),
        ("Mon-Fri 18:00-08:00", [(FRI, 1080), (SAT, 479)], [(SAT, 480), (SUN, 1300), (MON, 100)]),
        ("sat-sun", [(SAT, 0), (SUN, 1439)], [(MON, 0), (FRI, 1439)]),
        ("Sun 22:00-06:00", [(SUN, 1320), (MON, 359)], [(MON, 360), (SAT, 1320)]),
        ("Fri-Mon 9:00-10:00", [(FRI, 540), (SUN, 599), (MON, 540)], [(1, 540), (MON, 600)]),
        ("Mon 0:00-24:00", [(MON, 0), (MON, 1439)], [(1, 0), (SUN, 1439)]),
        ("Mon 1:00-2:00, Sat", [(MON, 60), (SAT, 0)], [(MON, 120), (SUN, 0)]),
    ],
)
def test_windows_hold_from_their_first_minute_to_before_their_last(
    text: str, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    hours = Hours.parse(text)
    assert [at for at in inside if not hours.hold(*at)] == []
    assert [at for at in outside if hours.hold(*at)] == []


@pytest.mark.parametrize("text", ["now", "Mon-", "Xyz", "25:00-26:00", "8:00", "8:75-9:00", "Mon;"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no (window|day|time)"):
        Hours.parse(text)

"""Words for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.records import Outcome
from elsewhere.core.wording import duration, number, short, size, why


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((-1, "0.00 s"), (0.25, "0.25 s"), (9.994, "9.99 s"), (10, "10 s"), (119, "119 s")),
        *((120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172799, "48 h"), (172800, "2 d")),
    ],
)
def test_a_duration_has_two_or_three_digits_and_a_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count_bytes", "words"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (2**26, "64.0 MiB")),
        *((2**30, "1.0 GiB"), (2**40, "1.0 TiB"), (2**52, "4096.0 TiB")),
    ],
)
def test_a_size_is_in_the_unit_that_fits(count_bytes: int, words: str) -> None:
    assert size(count_bytes) == words


def test_an_id_and_a_number_are_cut_to_what_people_read() -> None:
    assert short("0123456789abcdef" * 2) == "01234567"
    numbers = [number(value) for value in (0.1 + 0.2, 1e-9, 1234567.0)]
    assert numbers == ["0.3", "1e-09", "1.23457e+06"]


def test_why_leaves_out_what_the_message_repeats() -> None:
    ended = Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3)
    assert why(ended) == "program_failed: exit code 3"
    assert why(replace(ended, message="It ended with exit code 3.")) == "program_failed"
    setup = Outcome(reason=Reason.SETUP_FAILED, phase="install", message="The install failed.")
    assert why(setup) == "setup_failed: install"

"""Duties: threads that begin anew, and what is remembered of their errors."""

from __future__ import annotations

import threading

import pytest

from elsewhere.core.errors import RecordError, StoreUnavailableError
from elsewhere_worker import duty
from elsewhere_worker.duty import Duty, Troubles


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "AGAIN_S", 0.0)


def test_after_an_unforeseen_error_the_work_begins_anew_and_the_error_is_remembered() -> None:
    is_ending, troubles = threading.Event(), Troubles()
    errors = [KeyError("one"), RecordError("two"), StoreUnavailableError("three"), OSError("four")]

    def _listen() -> None:
        if errors:
            raise errors.pop(0)
        is_ending.set()

    thread = Duty(_listen, is_ending, troubles)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    (problem,) = troubles.listed()
    assert problem.endswith("listen failed, and began anew: OSError('four')")


def test_only_a_store_that_is_away_is_let_through_a_guarded_block() -> None:
    troubles = Troubles()
    for error in (RecordError("damaged"), ZeroDivisionError("unforeseen")):
        with troubles.noted("reap"):
            raise error
    with pytest.raises(StoreUnavailableError), troubles.noted("reap"):
        raise StoreUnavailableError("away")
    assert [problem.partition(" reap ")[2] for problem in troubles.listed()] == [
        "failed, and began anew: ZeroDivisionError('unforeseen')"
    ]


def test_the_last_errors_of_a_few_kinds_of_work_are_remembered() -> None:
    troubles = Troubles()
    for number in range(20):
        troubles.note(f"work {number}", ValueError(number))
    troubles.note("work 15", ValueError("x" * 1000))
    listed = troubles.listed()
    assert len(listed) == 10
    assert "work 15" in listed[-1]
    assert max(map(len, listed)) < 300

"""Which of a program's loops its progress follows."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, cast

import pytest

from elsewhere.hooks.progress import loops as module
from elsewhere.hooks.progress.loops import Loop, Loops

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


class World:
    """A program whose loops take as long as said; `seen` is what is recorded of them."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.seen: list[float] = []
        self.loops = Loops(cast("OwnRun", self))

    def follow_progress(self, percent: float) -> None:
        self.seen.append(percent)

    def run(self, took_s: float, *, parts: int = 10, until: int | None = None) -> Loop | None:
        """A loop at the line of the caller, each of whose calls is one place."""
        loop = self.loops.begin(0, parts)
        for part in range(until or parts):
            self.now_s += took_s / parts
            self.loops.move(loop, part + 1, parts)
        self.loops.end(loop)
        return loop


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    # Each line of a test is a place, also in `elsewhere`'s own files.
    monkeypatch.setattr(module, "monotonic_s", lambda: world.now_s)
    return world


def test_it_follows_a_loop_to_its_end(world: World) -> None:
    world.run(100)
    assert world.seen == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_a_loop_that_breaks_stays_where_it_was(world: World) -> None:
    world.run(100, until=3)
    world.loops.close()
    assert world.seen == [10, 20, 30]


def test_there_is_a_look_a_second(world: World) -> None:
    world.run(10, parts=100_000)
    assert world.seen == [pytest.approx(percent, abs=0.2) for percent in range(10, 101, 10)]
    assert world.seen[-1] == 100


def test_a_tenth_of_a_percent_is_recorded_once(world: World) -> None:
    world.run(100_000, parts=100_000, until=1001)
    assert world.seen == [number / 10 for number in range(1, 11)]


def test_a_loop_within_refines_that_around_it(world: World) -> None:
    outer = world.loops.begin(0, 4)
    for epoch in range(4):
        world.run(10)
        world.run(3)  # such as a validation
        world.loops.move(outer, epoch + 1, 4)
    world.loops.end(outer)
    assert world.seen[:10] == [2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20, 22.5, 27.5]
    assert world.seen == sorted(world.seen)
    assert world.seen[-1] == 100


def test_bars_that_were_there_before_their_loops_are_nested_as_well(world: World) -> None:
    outer, inner = world.loops.begin(0, 2), world.loops.begin(0, 10)
    for epoch in range(2):
        for batch in range(11):  # back to 0, too
            world.now_s += 2
            world.loops.move(inner, batch, 10)
        world.loops.move(outer, epoch + 1, 2)
    world.now_s += 1000
    world.loops.move(inner, 3, 10)
    world.loops.end(outer)
    world.loops.end(inner)
    assert (world.seen[0], world.seen[-1]) == (5, 100)
    assert world.seen == sorted(world.seen)


def test_neither_what_is_before_the_longest_loop_nor_what_is_behind_it_counts(world: World) -> None:
    world.run(20)
    assert world.seen[-1] == 100
    world.seen.clear()
    world.run(1000)
    assert world.seen == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    world.run(50)
    world.run(0.5)
    world.loops.close()
    assert world.seen[-1] == 100
    assert len(world.seen) == 10


def test_a_slow_first_part_of_a_later_loop_changes_nothing(world: World) -> None:
    world.run(600)
    loop = world.loops.begin(0, 100)
    world.now_s += 10  # as if it took 1000 s
    world.loops.move(loop, 1, 100)
    assert world.seen[-1] == 100


def test_short_loops_count_at_the_end_alone(world: World) -> None:
    world.run(0.9)
    assert world.seen == []
    world.loops.close()
    assert world.seen == [100]


def test_a_loop_that_comes_again_is_within_one_that_nobody_sees(world: World) -> None:
    for _ in range(3):
        world.run(100)
        world.run(10)
    world.loops.close()
    assert world.seen == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 0]


def test_a_bar_that_begins_anew_is_within_one_that_nobody_sees(world: World) -> None:
    loop = world.loops.begin(0, 10)
    for part in (5, 10, 0, 5, 10):
        world.now_s += 10
        world.loops.move(loop, part, 10)
    world.loops.end(loop)
    world.loops.close()
    assert world.seen == [50, 100, 0]


def test_a_loop_that_goes_on_from_an_earlier_run_begins_where_that_ended(world: World) -> None:
    loop = world.loops.begin(40, 100)
    world.now_s += 2
    world.loops.move(loop, 41, 100)
    assert world.seen == [41]
    assert loop is not None
    assert loop.expected_s == pytest.approx(120)


def test_phases_of_one_display_follow_each_other(world: World) -> None:
    first, second = world.loops.begin(0, 10), world.loops.begin(0, 10)
    for part in range(10):
        world.now_s += 1
        world.loops.move(first, part + 1, 10)
    for part in range(10):
        world.now_s += 100
        world.loops.move(second, part + 1, 10)
    assert world.seen[-10:] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_it_is_never_above_100_nor_goes_back(world: World) -> None:
    loop = world.loops.begin(0, 10)
    for done in (5, 4, 15, -3, 11):
        world.now_s += 5
        if done >= 0:
            world.loops.move(loop, done, 10)
    assert world.seen == [50, 100]


def test_other_threads_and_forks_do_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = threading.Thread(target=world.run, args=(100,))
    thread.start()
    thread.join()
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    world.run(100)
    world.loops.close()
    assert world.seen == []


def test_an_error_is_one_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            world.loops.safely(world.loops.look, "too many")
    assert [record.getMessage() for record in caplog.records] == [
        "The progress of the program is not followed."
    ]

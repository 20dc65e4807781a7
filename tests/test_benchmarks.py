"""The arithmetic of the benchmarks: nothing is measured here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from benchmarks.figures import Beside, Figure, percentile, table


def figure(
    samples: Sequence[float],
    *,
    targets: Mapping[str, float] | None = None,
    beside: Sequence[float] = (1.0,),
    is_on_top: bool = False,
    note: str = "",
) -> Figure:
    return Figure(
        name="start",
        unit="s",
        samples=samples,
        targets=targets or {},
        beside=Beside(name="floor", samples=beside),
        is_on_top=is_on_top,
        note=note,
    )


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (95, 95), (99, 99), (99.5, 100), (100, 100)]
)
def test_a_percentile_is_a_sample(percent: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_a_percentile_of_few_samples_is_the_nearest_rank() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert percentile([7.0], 99) == 7.0


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def test_a_target_is_met_at_its_very_value_and_missed_above() -> None:
    samples = [1.0, 2.0, 3.0]
    assert figure(samples, targets={"median": 2.0, "max": 3.0}).missed == ()
    assert figure(samples, targets={"median": 1.9, "max": 3.0}).missed == ("median",)


def test_the_ratio_is_that_of_the_medians() -> None:
    assert figure([2.0, 3.0, 9.0], beside=[1.0, 1.5, 4.0]).ratio == 2.0


def test_what_comes_on_top_of_its_floor_is_compared_as_a_whole() -> None:
    assert figure([3.0], beside=[1.5], is_on_top=True).ratio == 3.0


def test_there_is_no_ratio_to_nothing() -> None:
    assert figure([1.0], beside=[0.0]).ratio == math.inf
    assert "ours is" not in "\n".join(table([figure([1.0], beside=[0.0])]))


def test_the_table_has_target_floor_ratio_and_note_beside_each_figure() -> None:
    samples = [float(number) for number in range(1, 101)]
    lines = table([figure(samples, targets={"median": 40, "p99": 99}, note="of 100 starts")])
    assert lines[0].split() == ["min", "median", "p95", "p99", "max", "target"]
    assert lines[1].split()[:7] == ["start,", "s", "1", "50", "95", "99", "100"]
    assert lines[1].endswith("median <= 40, p99 <= 99   MISSED: median")
    assert lines[2].split() == ["floor", "1", "1", "-", "-", "1", "ours", "is", "50", "x"]
    assert lines[3:] == ["  (of 100 starts)"]


def test_columns_stand_below_each_other_whatever_the_names() -> None:
    long = Figure(
        name="a much longer name than the other one has",
        unit="ms",
        samples=[0.123456],
        targets={},
        beside=Beside(name="x", samples=[12345.6]),
    )
    lines = table([figure([1.0]), long])
    assert len({line.index("   none") for line in lines if line.endswith("   none")}) == 1
    assert "0.123 " in lines[3]
    assert "12346 " in lines[4]

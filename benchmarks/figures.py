"""Figures and the table of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: column -> the percentile that it shows
STATISTICS: Final[Mapping[str, float]] = {
    "min": 0,
    "median": 50,
    "p95": 95,
    "p99": 99,
    "max": 100,
}
#: samples without which a percentile is only another name for the maximum
_FEWEST: Final[Mapping[str, int]] = {"p95": 20, "p99": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a figure is compared with: a floor that nothing can be below, or a peer."""

    name: str
    samples: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Samples of one thing, all in `unit`. `targets`: column -> what it shall at most be.

    `is_on_top`: the samples hold only what came on top of what is beside.
    """

    name: str
    unit: str
    samples: Sequence[float]
    targets: Mapping[str, float]
    beside: Beside
    is_on_top: bool = False
    note: str = ""

    @property
    def missed(self) -> tuple[str, ...]:
        """The columns that are over their target."""
        return tuple(
            column
            for column, target in self.targets.items()
            if percentile(self.samples, STATISTICS[column]) > target
        )

    @property
    def ratio(self) -> float:
        """Our median in medians of what is beside; infinite where that is nothing."""
        other = percentile(self.beside.samples, STATISTICS["median"])
        ours = percentile(self.samples, STATISTICS["median"]) + (other if self.is_on_top else 0.0)
        return ours / other if other > 0 else math.inf


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest rank: the smallest sample that so many percent of them do not exceed."""
    if not samples:
        raise ValueError("There are no samples to take a percentile of.")
    rank = math.ceil(percent / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]


def table(figures: Sequence[Figure]) -> list[str]:
    """Two lines a figure, ours and what is beside it, and one for its note."""
    width = max(len(_title(figure)) for figure in figures)
    width = max(width, *(len(figure.beside.name) + 2 for figure in figures))
    head = "".join(f"{column:>9}" for column in STATISTICS)
    lines = [f"{'':{width}}{head}   target"]
    for figure in figures:
        ours = _columns(figure.samples)
        lines.append(f"{_title(figure):{width}}{ours}   {_verdict(figure)}")
        other = _columns(figure.beside.samples)
        lines.append(f"{'  ' + figure.beside.name:{width}}{other}   {_ratio(figure)}")
        lines += [f"  ({figure.note})"] if figure.note else []
    return lines


def _title(figure: Figure) -> str:
    return f"{figure.name}, {figure.unit}"


def _columns(samples: Sequence[float]) -> str:
    shown = (
        _number(percentile(samples, percent)) if len(samples) >= _FEWEST.get(column, 1) else "-"
        for column, percent in STATISTICS.items()
    )
    return "".join(f"{text:>9}" for text in shown)


def _verdict(figure: Figure) -> str:
    wanted = ", ".join(f"{column} <= {target:g}" for column, target in figure.targets.items())
    missed = ", ".join(figure.missed)
    return f"{wanted or 'none'}{f'   MISSED: {missed}' if missed else ''}"


def _ratio(figure: Figure) -> str:
    return f"ours is {figure.ratio:.2g} x" if math.isfinite(figure.ratio) else ""


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # three digits

"""What a benchmark finds: rows with a value for each repeat, the bare arm beside it, and the goal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Judged = Literal["ratio", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`least` or `most` of the ratio to the bare arm, or of the value itself where `of` says so."""

    of: Judged = "value"
    least: float | None = None
    most: float | None = None

    def met(self, number: float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        sign, bound = (">=", self.least) if self.least is not None else ("<=", self.most)
        return f"{sign} {bound:g}" + (" of bare" if self.of == "ratio" else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `values` and `bare` hold one number for each repeat."""

    figure: str
    what: str
    unit: str
    values: Sequence[float]
    bare: Sequence[float] = ()
    goal: Goal | None = None
    note: str = ""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """The median of the ratios of neighbouring runs, which share whatever else the machine was doing."""
        pairs = [ours / bare for ours, bare in zip(self.values, self.bare, strict=False) if bare]
        return median(pairs) if pairs else None

    @property
    def met(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        number = self.ratio if self.goal.of == "ratio" else self.value
        return number is not None and self.goal.met(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points for a plot: (x, y) in order."""

    figure: str
    title: str
    x: str
    y: str
    points: Sequence[tuple[float, float]]


@dataclass(slots=True)
class Findings:
    """Everything that one run found."""

    rows: list[Row] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *rows: Row) -> None:
        self.rows += rows


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def spread(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)

"""Series as shapes: what a template draws as SVG. No script and no server of others is needed to look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 160
_LEFT: Final = 46
_BOTTOM: Final = 22
_TOP: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One piece of a stacked bar, in the units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line of the grid with its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing of WIDTH by HEIGHT. `rows` are the same figures as a table, for those who do not see it."""

    title: str
    unit: str
    kinds: Sequence[str]
    bars: Sequence[Bar] = ()
    lines: Mapping[str, str] = field(default_factory=dict)
    across: Sequence[Mark] = ()
    along: Sequence[Mark] = ()
    rows: Sequence[tuple[str, Sequence[str]]] = ()
    latest: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.bars and not any(self.lines.values())


def stacked(
    title: str,
    unit: str,
    buckets: Sequence[tuple[datetime, Mapping[str, float]]],
    kinds: Sequence[str],
    *,
    step: timedelta,
) -> Chart:
    """Bars over time, one a bucket, the kinds on top of each other. Buckets without anything are gaps."""
    top = max((sum(values.values()) for _at, values in buckets), default=0)
    height, width = _ceiling(top), _step(len(buckets))
    bars = []
    for place, (at, values) in enumerate(buckets):
        below = 0.0
        for kind in kinds:
            value = values.get(kind, 0)
            if not value:
                continue
            low, high = _y(below, height), _y(below + value, height)
            says = f"{at:%H:%M} {kind}: {_number(value)} {unit}".rstrip()
            bars.append(
                Bar(
                    x=round(_LEFT + place * width, 1),
                    y=round(high, 1),
                    width=round(max(1.0, width - 1), 1),
                    height=round(low - high, 1),
                    kind=kind,
                    says=says,
                )
            )
            below += value
    return Chart(
        title=title,
        unit=unit,
        kinds=kinds,
        bars=bars,
        across=_across(height),
        along=_along([at for at, _values in buckets], width, step),
        rows=[(f"{at:%H:%M}", [_number(values.get(kind, 0)) for kind in kinds]) for at, values in buckets],
    )


def lines(
    title: str,
    unit: str,
    times: Sequence[datetime],
    values: Mapping[str, Sequence[float | None]],
    *,
    step: timedelta,
) -> Chart:
    """Lines over time; a None interrupts its line: unknown is no zero."""
    known = [each for series in values.values() for each in series if each is not None]
    height, width = _ceiling(max(known, default=0)), _step(len(times))
    drawn = {kind: _line(series, height, width) for kind, series in values.items()}
    last = next(
        (f"{_number(each)} {unit}" for s in values.values() for each in reversed(s) if each is not None), ""
    )
    return Chart(
        title=title,
        unit=unit,
        kinds=list(values),
        lines=drawn,
        across=_across(height),
        along=_along(times, width, step),
        rows=[
            (f"{at:%H:%M}", ["" if s[place] is None else _number(s[place] or 0) for s in values.values()])
            for place, at in enumerate(times)
        ],
        latest=last.rstrip(),
    )


def _line(series: Sequence[float | None], height: float, width: float) -> str:
    """The `d` of an SVG path."""
    pieces, pen_is_up = [], True
    for place, value in enumerate(series):
        if value is None:
            pen_is_up = True
            continue
        x, y = round(_LEFT + (place + 0.5) * width, 1), round(_y(value, height), 1)
        pieces.append(f"{'M' if pen_is_up else 'L'}{x} {y}")
        if pen_is_up and (place + 1 == len(series) or series[place + 1] is None):
            pieces.append(f"L{x + 1} {y}")
        pen_is_up = False
    return " ".join(pieces)


def _step(count: int) -> float:
    return (WIDTH - _LEFT) / max(1, count)


def _y(value: float, height: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / height)


def _ceiling(top: float) -> float:
    """The next round number: 1, 2 or 5 times a power of ten."""
    if top <= 0:
        return 1.0
    size = 1.0
    while size < top:
        size *= 10
    while size / 10 >= top:
        size /= 10
    return next(size * share for share in (0.1, 0.2, 0.5, 1.0) if size * share >= top)


def _across(height: float) -> list[Mark]:
    return [Mark(at=round(_y(height * share, height), 1), text=_number(height * share)) for share in (0, 0.5, 1)]


def _along(times: Sequence[datetime], width: float, step: timedelta) -> list[Mark]:
    every = max(1, len(times) // 6)
    form = "%H:%M" if step < timedelta(hours=1) else "%d %Hh"
    return [
        Mark(at=round(_LEFT + place * width, 1), text=at.strftime(form))
        for place, at in enumerate(times)
        if place % every == 0
    ]


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"

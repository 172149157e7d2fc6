"""The report of a run: a table in the terminal, a results file, and one page with plots."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Findings, Row, Series, spread

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 180, 60, 24


def show(findings: Findings, console: Console) -> None:
    """The table; a goal that was missed stays in it."""
    table = Table(title="Puente: speed", title_justify="left")
    for name in ("", "figure", "ours", "spread", "bare", "spread", "of bare", "goal", "met"):
        table.add_column(name, justify="left" if name in {"", "figure", "goal"} else "right")
    for row in findings.rows:
        table.add_row(*_cells(row), style=None if row.met is not False else "bold red")
    console.print(table)
    for note in findings.notes:
        console.print(f"- {note}")


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    return (
        row.figure,
        row.what,
        f"{number(row.value)} {row.unit}",
        _range(row.values),
        f"{number(_middle(row.bare))} {row.unit}" if row.bare else "",
        _range(row.bare),
        f"{ratio:.2f}" if ratio is not None else "",
        str(row.goal) if row.goal is not None else "",
        {True: "yes", False: "NO", None: ""}[row.met],
    )


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _range(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    low, high = spread(values)
    return f"{number(low)} to {number(high)}"


def number(value: float) -> str:
    """Three figures are all that a shared machine can tell."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def write(findings: Findings, folder: Path, about: Mapping[str, str]) -> None:
    """`results.json` and `index.html` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "figure": row.figure,
            "what": row.what,
            "unit": row.unit,
            "values": list(row.values),
            "bare": list(row.bare),
            "ratio": row.ratio,
            "goal": str(row.goal) if row.goal is not None else None,
            "met": row.met,
            "note": row.note,
        }
        for row in findings.rows
    ]
    series = [msgspec.to_builtins(each) for each in findings.series]
    whole = {"about": dict(about), "rows": rows, "series": series, "notes": findings.notes}
    (folder / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    (folder / "index.html").write_text(page(findings, about), encoding="utf-8")


def page(findings: Findings, about: Mapping[str, str]) -> str:
    head = "".join(
        f"<th>{name}</th>" for name in ("", "figure", "ours", "spread", "bare", "spread", "of bare", "goal", "met")
    )
    lines = "".join(
        f"<tr{' class=missed' if row.met is False else ''}>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row))
        + "</tr>"
        for row in findings.rows
    )
    told = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in about.items())
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in findings.notes)
    bars = "".join(_bars(row) for row in findings.rows if row.bare)
    plots = "".join(_plot(each) for each in findings.series if len(each.points) > 1)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Puente: speed</title><style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem }}
table {{ border-collapse: collapse }}
td, th {{ padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #ccc }}
.missed td {{ color: #a00; font-weight: 600 }}
figure {{ display: inline-block; margin: 1rem 1rem 0 0 }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }} dd {{ margin: 0 }}
text {{ font: 11px system-ui, sans-serif; fill: #444 }}
</style></head><body><h1>Puente: speed</h1>
<dl>{told}</dl><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>
<ul>{notes}</ul><h2>Each repeat beside its bare arm</h2>{bars}<h2>Over time</h2>{plots}
</body></html>
"""


def _bars(row: Row) -> str:
    """Both arms of each repeat, side by side."""
    top = max([*row.values, *row.bare]) or 1.0
    step = (_WIDTH - _LEFT) / max(1, len(row.values))
    parts = []
    for at, (ours, bare) in enumerate(zip(row.values, row.bare, strict=False)):
        for offset, value, colour, name in ((0.15, ours, "#1f6f8b", "ours"), (0.5, bare, "#b9c4c9", "bare")):
            height = value / top * (_HEIGHT - _BOTTOM - 16)
            x, y = _LEFT + (at + offset) * step, _HEIGHT - _BOTTOM - height
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{step * 0.3:.1f}" height="{height:.1f}" fill="{colour}"/>'
                f'<text x="{x:.1f}" y="{y - 3:.1f}">{number(value)}</text>'
                f'<text x="{x:.1f}" y="{_HEIGHT - 8}">{name} {at + 1}</text>'
            )
    return _figure(f"{row.figure}: {row.what} ({row.unit})", "".join(parts))


def _plot(series: Series) -> str:
    """One line over its points."""
    xs, ys = [x for x, _ in series.points], [y for _, y in series.points]
    left, right, top = min(xs), max(xs), max(ys) or 1.0
    across = (right - left) or 1.0
    points = " ".join(
        f"{_LEFT + (x - left) / across * (_WIDTH - _LEFT - 10):.1f},"
        f"{_HEIGHT - _BOTTOM - y / top * (_HEIGHT - _BOTTOM - 16):.1f}"
        for x, y in series.points
    )
    content = (
        f'<polyline points="{points}" fill="none" stroke="#1f6f8b" stroke-width="1.5"/>'
        f'<text x="4" y="14">{number(top)}</text><text x="4" y="{_HEIGHT - _BOTTOM}">0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{number(left)}</text>'
        f'<text x="{_WIDTH - 60}" y="{_HEIGHT - 6}">{number(right)} {html.escape(series.x)}</text>'
    )
    return _figure(f"{series.figure}: {series.title} ({series.y})", content)


def _figure(title: str, content: str) -> str:
    return (
        f"<figure><figcaption>{html.escape(title)}</figcaption>"
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img">{content}</svg></figure>'
    )

"""Grafana's dashboards from a short description each: `python -m deploy.grafana.dashboards` writes the files.

Every sync process tells the same totals, so panels take the largest; what a process counts by itself is added up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS: Final = 24

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Query:
    """One expression and what its lines are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """`warn` and `bad` are the values from which a number is shown in yellow and red."""

    title: str
    says: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    warn: float | None = None
    bad: float | None = None
    stacked: bool = False


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    name: str
    title: str
    says: str
    panels: Sequence[Panel]


def q(expr: str, legend: str = "") -> Query:
    return Query(expr=expr, legend=legend)


def number(
    title: str, says: str, expr: str, *, unit: str = "short", warn: float | None = None, bad: float | None = None
) -> Panel:
    """One figure of the row at the top."""
    return Panel(
        title=title, says=says, queries=[q(expr)], unit=unit, kind="stat", width=4, height=4, warn=warn, bad=bad
    )


OVERVIEW: Final = Dashboard(
    name="overview",
    title="Puente: overview",
    says="Whether everything is in step.",
    panels=[
        number(
            "Not looked at", "Changes in the log that nobody looked at.", "puente:lag_changes", warn=100, bad=1000
        ),
        number(
            "Oldest of them", "Age of the oldest one.", "puente:lag_oldest_seconds", unit="s", warn=60, bad=300
        ),
        number(
            "Needs a person",
            "Changes that wait for a decision or a correction.",
            'sum(puente:waiting_changes:by_reason{person="yes"})',
            warn=1,
            bad=100,
        ),
        number("Paused flows", "Flows that write nothing.", 'max(puente_flows{state="paused"})', warn=1, bad=1),
        number("Sync processes", "Those that hold shards and reach the store.", "sum(puente_sync_ready)"),
        number("Shards held", "64, or somebody's changes are not looked at.", "sum(puente_sync_shards)"),
        Panel(
            title="Looks at records",
            says="How they ended, per second.",
            queries=[q("sum by (outcome) (rate(puente_attempts_total[$__rate_interval]))", "{{outcome}}")],
            unit="ops",
            stacked=True,
        ),
        Panel(
            title="From the hook to the other system",
            says="Half of the changes, and all but one in twenty.",
            queries=[
                q(
                    f"histogram_quantile({share}, "
                    "sum by (le) (rate(puente_way_seconds_bucket[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "half"), (0.95, "95 %"))
            ],
            unit="s",
        ),
        Panel(
            title="The canary",
            says="How long a post to our own address took until sync had it, and since when none came through.",
            queries=[q("max(puente_canary_seconds)", "took"), q("max(puente_canary_age_seconds)", "last")],
            unit="s",
        ),
        Panel(
            title="Hooks",
            says="Requests at the doors by what became of them, per second.",
            queries=[
                q("sum by (outcome) (rate(puente_door_requests_total[$__rate_interval]))", "{{outcome}}"),
            ],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            title="What waits",
            says="By reason.",
            queries=[q("puente:waiting_changes:by_reason > 0", "{{reason}}")],
            stacked=True,
        ),
        Panel(
            title="Flows by state",
            says="A paused flow waits for a person.",
            queries=[q("max by (state) (puente_flows)", "{{state}}")],
            stacked=True,
        ),
        Panel(
            title="Alerts",
            says="Those of deploy/prometheus/alerts.yml that fire.",
            queries=[
                q('sum by (alertname) (ALERTS{alertname=~"Puente.+", alertstate="firing"})', "{{alertname}}")
            ],
        ),
    ],
)

LAG: Final = Dashboard(
    name="lag",
    title="Puente: lag and waiting",
    says="What was not looked at yet, and what was and waits.",
    panels=[
        Panel(
            title="Not looked at, by system",
            says="Changes between the committed position and the end of the log.",
            queries=[q("puente:lag_changes:by_system", "{{system}}")],
            stacked=True,
        ),
        Panel(
            title="Age of the oldest",
            says="The number to watch: it says how late the other system is.",
            queries=[q("puente:lag_oldest_seconds", "oldest")],
            unit="s",
            warn=60,
            bad=300,
        ),
        Panel(
            title="In and out",
            says="Changes that came in at the doors, and looks that ended; per second.",
            queries=[
                q("sum(rate(puente_door_changes_total[$__rate_interval]))", "in"),
                q("sum(rate(puente_attempts_total[$__rate_interval]))", "looked at"),
            ],
            unit="ops",
        ),
        Panel(
            title="Shards by process",
            says="They must add up to 64.",
            queries=[q("puente_sync_shards", "{{instance}}")],
            stacked=True,
        ),
        Panel(
            title="Waiting, without a person",
            says="These cure themselves.",
            queries=[q('puente:waiting_changes:by_reason{person="no"} > 0', "{{reason}}")],
            stacked=True,
        ),
        Panel(
            title="Waiting for a person",
            says="`puente waiting list --person`.",
            queries=[q('puente:waiting_changes:by_reason{person="yes"} > 0', "{{reason}}")],
            stacked=True,
        ),
        Panel(
            title="Oldest of each reason",
            says="An hour of `retry` is a vendor that is down.",
            queries=[q("max by (reason) (puente_waiting_oldest_seconds) > 0", "{{reason}}")],
            unit="s",
        ),
        Panel(
            title="Writes without a known outcome",
            says="Open intents: some always, the same ones never for long.",
            queries=[q("max(puente_intents_open)", "intents")],
        ),
        Panel(
            title="Age of the longest sweep",
            says="Since when a system was not listed whole; beside it, how often it is to be.",
            queries=[
                q("max(puente_sweep_oldest_seconds)", "oldest sweep"),
                q("max(puente_sweep_every_seconds)", "wanted every"),
            ],
            unit="s",
        ),
        Panel(
            title="First loads",
            says="Those that run.",
            queries=[q("max(puente_loads_running)", "loads")],
        ),
    ],
)

VENDORS: Final = Dashboard(
    name="vendors",
    title="Puente: vendors",
    says="What the systems are asked, and how they answer.",
    panels=[
        Panel(
            title="Calls by system",
            says="Per second.",
            queries=[q("sum by (system) (rate(puente_vendor_calls_total[$__rate_interval]))", "{{system}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            title="Calls that did not succeed",
            says="Per second, by what became of them.",
            queries=[
                q(
                    "sum by (system, outcome) "
                    '(rate(puente_vendor_calls_total{outcome!="answered"}[$__rate_interval])) > 0',
                    "{{system}} {{outcome}}",
                )
            ],
            unit="reqps",
        ),
        Panel(
            title="Share of calls that fail",
            says="Errors, timeouts and broken connections; more than half is an alert.",
            queries=[q("puente:vendor_failures:ratio10m", "{{system}}")],
            unit="percentunit",
            warn=0.05,
            bad=0.5,
        ),
        Panel(
            title="Time of a call",
            says="All but one in twenty.",
            queries=[
                q(
                    "histogram_quantile(0.95, "
                    "sum by (le, system) (rate(puente_vendor_call_seconds_bucket[$__rate_interval])))",
                    "{{system}}",
                )
            ],
            unit="s",
        ),
        Panel(
            title="Waiting for the budget",
            says="Seconds that calls waited, per second: 1 means that on average one call stands in line.",
            queries=[
                q("sum by (system) (rate(puente_vendor_wait_seconds_total[$__rate_interval]))", "{{system}}")
            ],
            unit="s",
        ),
        Panel(
            title="Writes",
            says="Per second.",
            queries=[
                q(
                    'sum by (system) (rate(puente_vendor_calls_total{writes="yes"}[$__rate_interval]))',
                    "{{system}}",
                )
            ],
            unit="reqps",
        ),
    ],
)

DOOR: Final = Dashboard(
    name="door",
    title="Puente: the door",
    says="Hooks as they come in.",
    panels=[
        number("Doors whose log is away", "They spool.", "count(puente_door_log_up == 0) or vector(0)", bad=1),
        number("In spools", "Changes on their way to the log.", "sum(puente_door_spooled)", warn=1, bad=10_000),
        number("Open gaps", "Accounts whose hooks were refused.", "sum(puente_door_open_gaps)", warn=1, bad=1),
        number("Doors", "Processes that answer.", "count(puente_door_log_up)"),
        Panel(
            title="Hooks by system",
            says="Per second.",
            queries=[q("sum by (system) (rate(puente_door_requests_total[$__rate_interval]))", "{{system}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            title="Hooks that were not simply taken",
            says="Per second, by what became of them.",
            queries=[
                q(
                    "sum by (system, outcome) "
                    '(rate(puente_door_requests_total{outcome!="accepted"}[$__rate_interval])) > 0',
                    "{{system}} {{outcome}}",
                )
            ],
            unit="reqps",
        ),
        Panel(
            title="Time of an answer",
            says="Half of the hooks, and all but one in a hundred.",
            queries=[
                q(
                    f"histogram_quantile({share}, "
                    "sum by (le, system) (rate(puente_door_seconds_bucket[$__rate_interval])))",
                    f"{{{{system}}}} {name}",
                )
                for share, name in ((0.5, "half"), (0.99, "99 %"))
            ],
            unit="s",
        ),
        Panel(
            title="Changes that were kept",
            says="Per second.",
            queries=[q("sum by (system) (rate(puente_door_changes_total[$__rate_interval]))", "{{system}}")],
            unit="ops",
            stacked=True,
        ),
    ],
)

ALL: Final = (OVERVIEW, LAG, VENDORS, DOOR)


def document(dashboard: Dashboard) -> Json:
    """The dashboard in Grafana's JSON model; the data source is chosen when it is looked at."""
    return {
        "uid": f"puente-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["puente"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [
            {"title": "Puente", "type": "dashboards", "tags": ["puente"], "asDropdown": True, "keepTime": True}
        ],
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": _placed(dashboard.panels),
    }


def _placed(panels: Sequence[Panel]) -> list[Json]:
    placed: list[Json] = []
    x = y = row_height = 0
    for number_, panel in enumerate(panels, start=1):
        if x + panel.width > _COLUMNS or (placed and panel.height != row_height):
            x, y = 0, y + row_height
        row_height = panel.height
        placed.append(_panel(number_, panel) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}})
        x += panel.width
    return placed


def _panel(number_: int, panel: Panel) -> dict[str, Any]:
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [{"color": "yellow", "value": panel.warn}] if panel.warn is not None else []
    steps += [{"color": "red", "value": panel.bad}] if panel.bad is not None else []
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.kind == "stat":
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        options: Json = {"colorMode": "background" if len(steps) > 1 else "value", "graphMode": "area"}
    else:
        custom: dict[str, Any] = {"drawStyle": "line", "fillOpacity": 25 if panel.stacked else 5}
        custom |= {"stacking": {"mode": "normal"}} if panel.stacked else {}
        if len(steps) > 1:
            defaults["thresholds"] = {"mode": "absolute", "steps": steps}
            custom["thresholdsStyle"] = {"mode": "line"}
        defaults["custom"] = custom
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return {
        "id": number_,
        "title": panel.title,
        "description": panel.says,
        "type": panel.kind,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + at), "expr": each.expr, "legendFormat": each.legend, "datasource": _SOURCE}
            for at, each in enumerate(panel.queries)
        ],
    }


def text_of(dashboard: Dashboard) -> str:
    """What the file holds."""
    return json.dumps(document(dashboard), indent=2) + "\n"


def main() -> None:
    for dashboard in ALL:
        (HERE / f"{dashboard.name}.json").write_text(text_of(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()

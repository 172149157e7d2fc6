"""Rules and dashboards: well formed, current, and each alert with its case and its section of the runbook."""

from __future__ import annotations

import re

import pytest
import yaml

from deploy.grafana import dashboards
from tests.docs import pages
from tests.integration.watching import queries
from tests.support import prometheus, requirements
from tests.support.requirements import Unavailable

RULES = queries.rules(queries.ALERTS)
NAMES = [rule["alert"] for rule in RULES]


def promtool(*arguments: str) -> str:
    try:
        code, said = prometheus.promtool(*arguments)
    except Unavailable as problem:
        requirements.missing("prometheus", str(problem))
    assert code == 0, said
    return said


def test_promtool_finds_the_rules_and_the_example_in_order() -> None:
    root = pages.ROOT
    said = promtool("check", "rules", str(root / queries.ALERTS), str(root / queries.RECORDING))
    assert f"{len(RULES)} rules found" in said
    promtool("check", "config", str(root / "deploy" / "prometheus" / "prometheus.yml"))


def test_every_alert_fires_in_its_case_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(pages.ROOT / queries.TESTS))


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(name: str) -> None:
    cases = [
        case
        for test in yaml.safe_load(pages.page(queries.TESTS))["tests"]
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == name
    ]
    assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_who_must_come_and_where_the_way_out_stands(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in pages.anchors(pages.page(path))
    section = pages.section(pages.page(path), f"### `{rule['alert']}`")
    assert len(section.split()) >= 2


def test_the_runbook_tells_of_no_alert_that_is_gone() -> None:
    told = re.findall(r"^### `(Puente\w+)`$", pages.page("deploy/runbook.md"), flags=re.MULTILINE)
    assert sorted(told) == sorted(NAMES)


def test_an_alert_is_listed_for_the_operator() -> None:
    table = pages.section(pages.page("docs/operator.md"), "## Numbers to watch")
    assert {name for name in NAMES if f"`{name}`" not in table} == set()


@pytest.mark.parametrize("dashboard", dashboards.ALL, ids=lambda each: each.name)
def test_a_dashboard_is_what_its_description_makes(dashboard: dashboards.Dashboard) -> None:
    path = pages.ROOT / "deploy" / "grafana" / f"{dashboard.name}.json"
    assert path.read_text(encoding="utf-8") == dashboards.text_of(dashboard), "run: make dashboards"


@pytest.mark.parametrize("dashboard", dashboards.ALL, ids=lambda each: each.name)
def test_the_panels_of_a_dashboard_lie_side_by_side(dashboard: dashboards.Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboards.document(dashboard)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells

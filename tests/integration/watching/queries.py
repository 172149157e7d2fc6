"""What rules and dashboards ask for: every expression, and the series that each of them names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tests.docs import pages

ALERTS: Final = "deploy/prometheus/alerts.yml"
RECORDING: Final = "deploy/prometheus/recording.yml"
TESTS: Final = "deploy/prometheus/tests.yml"
# What Prometheus itself makes.
_OWN: Final = {"up", "ALERTS"}
_NAMED: Final = re.compile(r"\b(puente[:_][a-z0-9_:]+|up|ALERTS)\b(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)(=~|=|!=|!~)"([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One series that an expression names, with the values that its labels must be able to have."""

    place: str
    name: str
    labels: Mapping[str, Sequence[str]]

    @property
    def is_ours(self) -> bool:
        return self.name not in _OWN


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(pages.page(name))["groups"] for rule in group["rules"]]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules(RECORDING)}


def expressions() -> Iterator[tuple[str, str]]:
    """(place, expression) of every rule and every panel."""
    for rule in [*rules(RECORDING), *rules(ALERTS)]:
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in sorted((pages.ROOT / "deploy" / "grafana").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "1m")


def asked() -> Iterator[Asked]:
    """Every series that an expression names. `!=` asks for nothing but the label."""
    for place, expression in expressions():
        for name, matchers in _NAMED.findall(expression):
            labels = {
                label: value.split("|") if how == "=~" else [value] if how == "=" else []
                for label, how, value in _MATCHER.findall(matchers)
            }
            yield Asked(place=place, name=name, labels=labels)

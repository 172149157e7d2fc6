"""Flows, fields, reasons, states and warnings of the code are named in the pages, each where a reader looks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import get_args

import pytest

from shared.connectors.registry import CONNECTORS
from shared.flows import context
from shared.flows.catalog import FLOWS
from shared.flows.catalog import asunto_bitfactura_sugester as asunto
from shared.flows.spec import Side, TwoWay
from shared.operations.alerts.kinds import KINDS, REASONS, AlertKind
from shared.store.rows import PERSON, BindingState, FlowState, Reason
from tests.docs import pages

OPERATOR, RUNBOOK = "docs/operator.md", "deploy/runbook.md"


def page_of(name: str) -> str:
    flow = FLOWS[name]
    return pages.page(f"docs/flows/{flow.left.connector.name}-{flow.right.connector.name}.md")


def first_cells(text: str) -> set[str]:
    return {row[0].strip("`") for row in pages.rows(text)}


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_a_flow_has_its_page_with_its_options(name: str) -> None:
    text = page_of(name)
    assert f"`{name}`" in text
    part = next(each for each in re.split(r"^## ", text, flags=re.MULTILINE) if f"`{name}`" in each.split("\n")[0])
    options = pages.section(f"## {part}", "### Options")
    assert first_cells(options) == {option.name for option in FLOWS[name].options}


@pytest.mark.parametrize("name", sorted(name for name, flow in FLOWS.items() if isinstance(flow, TwoWay)))
def test_every_shared_field_is_in_the_table_with_its_winner(name: str) -> None:
    flow = FLOWS[name]
    assert isinstance(flow, TwoWay)
    table = {
        row[0].strip("`"): row
        for row in pages.rows(pages.section(page_of(name), "### The fields that both sides have"))
    }
    assert list(table) == list(flow.shared_fields())
    for field in flow.shared_fields():
        winner = flow.end(flow.winner_of(field, {})).connector.title
        assert table[field][2] == winner, field
        assert table[field][3] == ("yes" if field in flow.may_clear else "no"), field


def test_what_only_one_side_has_is_told() -> None:
    flow = FLOWS["customer_bitfactura_sugester"]
    assert isinstance(flow, TwoWay)
    table = " ".join(
        row[0] for row in pages.rows(pages.section(page_of(flow.name), "## What is not carried, and why"))
    )
    for side in Side:
        for field in set(flow.end(side).resource.columns) - set(flow.shared_fields()):
            assert f"`{field}`" in table


def test_every_field_of_an_asunto_is_in_the_table() -> None:
    text = page_of(asunto.FLOW.name)
    table = {row[0].strip("`"): row[2] for row in pages.rows(text) if len(row) == 3 and row[2] in {"yes", "no"}}
    columns = asunto.FLOW.right.resource.columns
    assert table == {name: "yes" if columns[name].shown else "no" for name in asunto.FLOW.shared_fields()}


def test_the_kinds_and_statuses_are_those_of_the_flow() -> None:
    text = page_of(asunto.FLOW.name)
    assert f"`{','.join(asunto.KINDS)}`" in text
    for row in pages.rows(text):
        status = row[0].split()[-1].strip("`")
        if len(row) == 3 and row[1] in asunto._STATUSES["es"].values():
            assert [row[1], row[2]] == [asunto._STATUSES[locale][status] for locale in ("es", "en")]
    assert all(word in text for words in asunto._STATUSES.values() for word in words.values())


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_waiting_reason_is_told_where_it_belongs(reason: Reason) -> None:
    waits = pages.section(pages.page(OPERATOR), "## What waits, and why")
    alone, _, person = waits.partition("These need a person.")
    assert reason in first_cells(person if reason in PERSON else alone)
    assert reason in first_cells(pages.section(pages.page(RUNBOOK), "## What waits"))


@pytest.mark.parametrize("word", [*get_args(FlowState), *get_args(BindingState), *get_args(context.Kind)])
def test_a_state_or_outcome_is_told(word: str) -> None:
    assert f"`{word}`" in pages.section(pages.page(OPERATOR), "## States")


# Where the values are found in the program stands in no public page.
WITHOUT_MENUS = {"factusol"}


@pytest.mark.parametrize("system", sorted(CONNECTORS))
def test_a_system_has_its_page_and_its_steps_for_the_owner(system: str) -> None:
    assert (pages.ROOT / "shared" / "connectors" / system / "README.md").is_file()
    for language in ("en", "es"):
        found = [name for name in pages.pages() if re.fullmatch(rf"docs/owner[a-z-]*\.{language}\.md", name)]
        (owner,) = (text for name in found if f"puente account add acme {system} " in (text := pages.page(name)))
        # The menu path that a failed check names is the one that the page tells; some vendors publish none.
        menus = pages.page(f"shared/connectors/{system}/README.md")
        path = re.search(r"\*(Ajustes > [^*]+)\*", menus)
        assert path is not None or system in WITHOUT_MENUS
        assert path is None or path[1] in owner.replace("\n", " ")


# Alerts


@pytest.mark.parametrize("kind", get_args(AlertKind))
def test_an_alert_has_its_section_in_the_runbook(kind: AlertKind) -> None:
    section = pages.section(pages.page(RUNBOOK), f"### alert {kind}")
    assert len(section.split()) > 15, "it says too little"
    assert f"alert-{kind}" in pages.anchors(pages.page(RUNBOOK))


def test_every_alert_has_its_words() -> None:
    assert set(KINDS) == set(get_args(AlertKind))


def test_every_reason_that_needs_a_person_is_told_in_words() -> None:
    assert set(REASONS) == PERSON


# Warnings


def warnings() -> Iterator[Sequence[str]]:
    """(file, fixed part) of every warning and error that a service writes to its log."""
    for path in pages.tracked():
        name = str(path.relative_to(pages.ROOT))
        if path.suffix != ".py" or not name.startswith(("services/", "shared/")) or "/sandbox/" in name:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"warning", "error", "exception", "critical"}
                and isinstance(node.func.value, ast.Name)
                and "log" in node.func.value.id
                and node.args
            ):
                said = node.args[0]
                assert isinstance(said, ast.Constant), f"{name}:{node.lineno} logs a text that is no literal"
                assert isinstance(said.value, str)
                yield name, fixed_part(said.value)


def fixed_part(text: str) -> str:
    """The longest part of a message that is the same every time."""
    return max(re.split(r"%[.\d]*[sdfr]|:", text), key=len).strip()


@pytest.mark.parametrize(("source", "said"), sorted(set(map(tuple, warnings()))), ids=lambda text: text[:50])
def test_a_warning_is_in_the_runbook(source: str, said: str) -> None:
    runbook = " ".join(pages.page(RUNBOOK).split())
    headings = [line.strip("# `") for line in pages.page(RUNBOOK).splitlines() if line.startswith("### ")]
    heading = next((each for each in headings if each in said or said in each), None)
    assert heading is not None or said in runbook, f"{source} warns {said!r}: tell in {RUNBOOK} what to do"

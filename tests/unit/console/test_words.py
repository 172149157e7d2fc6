"""Every sentence of the console has a Spanish form, with the same names to fill in."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import services.console
from services.console import words
from services.console.pages.history import SAYS
from services.console.pages.waits import REASONS
from services.console.spanish import SPANISH
from shared.connectors.contract import CheckName, CheckState
from shared.flows.catalog import FLOWS
from shared.flows.context import Kind
from shared.operations.hookhealth import HookState, SetBy
from shared.operations.movement import Verdict
from shared.operations.noting import Action
from shared.store.matches import Decision, FindingName
from shared.store.rows import BindingState, FlowState, Reason
from shared.store.users import Role

HERE = Path(services.console.__file__).parent
CALLS = re.compile(r"""(?:\b_|\bsay)\(\s*(?:language,\s*)?(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
SAME = {"id", "token", "fax", "probable", "Lag"}


def sentences() -> set[str]:
    found: set[str] = set()
    for path in [*HERE.rglob("*.html"), *HERE.rglob("*.py")]:
        for call in CALLS.finditer(path.read_text(encoding="utf-8")):
            found.add(call[1] or call[2])
    return found


def names() -> set[str]:
    kinds = (FlowState, BindingState, Reason, Kind, FindingName, Decision, Role, Verdict, CheckName, CheckState)
    closed = {word for kind in (*kinds, HookState, SetBy) for word in get_args(kind)} - {"open"}
    fields = {name for flow in FLOWS.values() for name in flow.shared_fields()}
    resources = {end.resource_name for flow in FLOWS.values() for end in (flow.left, flow.right)}
    told = {flow.says for flow in FLOWS.values()} | {each.says for flow in FLOWS.values() for each in flow.options}
    return closed | fields | resources | (told - {"Which side wins, field by field"})


@pytest.mark.parametrize(
    "text", sorted(sentences() | names() | set(REASONS) | set(REASONS.values()) | set(SAYS.values()))
)
def test_a_sentence_has_its_spanish_form(text: str) -> None:
    assert text in SPANISH, f"services/console/spanish.py lacks {text!r}"
    assert fields_of(SPANISH[text]) == fields_of(text)


def test_every_reason_to_wait_is_explained() -> None:
    assert set(REASONS) == set(get_args(Reason))


def test_every_deed_of_a_person_has_its_words() -> None:
    assert set(SAYS) == set(get_args(Action))


def fields_of(text: str) -> set[str | None]:
    return {name for _literal, name, _form, _conversion in Formatter().parse(text) if name is not None}


def test_a_sentence_is_filled_in_both_languages() -> None:
    assert words.say("en", "{count} are tried again.", count=3) == "3 are tried again."
    assert words.say("es", "{count} are tried again.", count=3) == "Se reintentan 3."


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "unknown"), (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (7_300, "2 h"), (2e5, "2 d")],
)
def test_a_span_is_shown_in_its_largest_unit(seconds: float | None, shown: str) -> None:
    assert words.since("en", seconds) == shown

"""How alerts move: told once, grouped, damped, and told as over; never moved by what nobody could look at."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.alerts.states import Finding, Rules, step
from shared.store.alerts import Alert

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = Rules()


def asks(count: int = 1) -> Finding:
    return Finding(kind="needs-person", workspace_id="acme", subject="acme.customers/rejected", count=count)


FAILING = Finding(kind="sweep-failing", workspace_id="acme", subject="acme.sugester/clients")


@dataclass
class Watched:
    """Looks one after the other, and what was told at each."""

    known: dict[str, Alert] = field(default_factory=dict)
    now: datetime = START
    told: list[tuple[str, int]] = field(default_factory=list)

    def look(self, *findings: Finding, after: timedelta = MINUTE, unsure: Sequence[str] = ()) -> list[str]:
        """ "open" and "over" for each message of this look."""
        self.now += after
        done = step(findings, list(self.known.values()), self.now, RULES, unsure=unsure)
        for alert in done.moved:
            old = self.known.get(alert.key)
            assert alert.version == (old.version if old else 0)
            self.known[alert.key] = replace(alert, version=alert.version + 1)
        said = ["open"] * len(done.opened) + ["over"] * len(done.resolved)
        self.told += [(each, round((self.now - START) / MINUTE)) for each in said]
        return said


def test_a_thing_is_told_once_while_it_lasts() -> None:
    watched = Watched()
    assert watched.look(asks()) == ["open"]
    assert [watched.look(asks()) for _ in range(30)] == [[]] * 30
    assert watched.look() == []  # it may be back in a moment
    assert watched.look(after=5 * MINUTE) == ["over"]
    assert watched.look() == []


def test_what_must_last_is_told_only_when_it_has_lasted() -> None:
    watched = Watched()
    assert [watched.look(FAILING) for _ in range(5)] == [[]] * 5
    assert watched.look(FAILING) == ["open"]
    passing = Watched()
    assert [passing.look(FAILING), passing.look(), passing.look(after=9 * MINUTE)] == [[], [], []]


def test_a_group_that_grows_is_told_again_but_not_within_the_hour() -> None:
    watched = Watched()
    assert watched.look(asks(1)) == ["open"]
    assert watched.look(asks(5)) == []
    assert watched.look(asks(5), after=60 * MINUTE) == ["open"]
    assert watched.look(asks(4), after=60 * MINUTE) == []
    assert watched.look(asks(4), after=24 * 60 * MINUTE) == ["open"]


def test_what_comes_and_goes_is_told_once_an_hour_and_its_end_only_if_it_was_told() -> None:
    watched = Watched()
    for _ in range(20):
        watched.look(asks(), after=4 * MINUTE)
        watched.look(after=4 * MINUTE)
    opened = [minute for said, minute in watched.told if said == "open"]
    assert all(later - sooner >= 60 for sooner, later in itertools.pairwise(opened))
    assert len(opened) == 3
    assert sum(said == "over" for said, _minute in watched.told) == len(opened)


def test_what_flickers_faster_than_the_calm_is_one_alert() -> None:
    watched = Watched()
    said = [watched.look(*([asks()] if minute % 2 else []), after=MINUTE) for minute in range(1, 60)]
    assert [each for each in said if each] == [["open"]]


def test_what_could_not_be_looked_at_is_not_over() -> None:
    watched = Watched()
    watched.look(asks())
    assert watched.look(after=60 * MINUTE, unsure=["needs-person"]) == []
    assert watched.look(after=60 * MINUTE) == ["over"]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 90)), max_size=80))
def test_never_more_than_one_message_an_hour_and_no_end_without_a_beginning(
    seen: list[tuple[bool, int, int]],
) -> None:
    watched = Watched()
    for is_there, count, minutes in seen:
        watched.look(*([asks(count)] if is_there else []), after=minutes * MINUTE)
    opened = [minute for said, minute in watched.told if said == "open"]
    assert all(later - sooner >= 60 for sooner, later in itertools.pairwise(opened))
    said = [each for each, _minute in watched.told]
    assert all(before == "open" for before, each in zip([None, *said], said, strict=False) if each == "over")

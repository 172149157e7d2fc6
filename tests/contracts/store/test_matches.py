"""The match report: found in bulk, decided once, and never two records joined with the same one."""

import asyncio
from functools import partial

import pytest

from shared import errors
from shared.store import matches
from shared.store.database import Database
from shared.store.matches import Decision, Finding, FindingName
from shared.store.rows import SideName
from tests.contracts.store import made
from tests.contracts.store.conftest import Open

FLOW = "shop-customers"


def _finding(
    record_id: str, finding: FindingName = "probable", *candidates: str, side: SideName = "left"
) -> Finding:
    return Finding(flow_id=FLOW, side=side, record_id=record_id, finding=finding, candidates=list(candidates))


async def _put(store: Database, *findings: Finding) -> None:
    await store.run(partial(matches.put, findings=findings))


async def _decide(
    store: Database, record_id: str, decision: Decision, chosen_id: str | None = None, side: SideName = "left"
) -> Finding:
    return await store.run(
        lambda connection: matches.decide(
            connection, FLOW, side, record_id, decision, chosen_id=chosen_id, actor="ana", now=made.NOW
        )
    )


async def _bind_all(store: Database) -> int:
    return await store.run(
        lambda connection: matches.decide_all(connection, FLOW, "probable", "bind", actor="ana", now=made.NOW)
    )


async def _known(store: Database, side: SideName, record_id: str) -> tuple[str, str | None] | None:
    found = await store.read(lambda connection: matches.decision(connection, FLOW, side, record_id))
    return None if found is None else (found.decision, found.chosen_id)


async def test_findings_are_counted_paged_and_filtered(store: Database) -> None:
    many = [_finding(f"{number:04}", "new") for number in range(1203)]
    doubtful = _finding("x", "ambiguous", "R1", "R2", side="right")
    await _put(store, *many, doubtful)
    counted = await store.read(lambda connection: matches.counted(connection, FLOW))
    assert counted == {("left", "new"): 1203, ("right", "ambiguous"): 1}
    walked: list[str] = []
    after = ("", "")
    while rows := await store.read(partial(matches.page, flow_id=FLOW, after=after, limit=500)):
        walked += [row.record_id for row in rows]
        after = (rows[-1].side, rows[-1].record_id)
    assert walked == [*(each.record_id for each in many), "x"]
    assert await store.read(partial(matches.page, flow_id=FLOW, finding="ambiguous")) == [doubtful]
    assert await store.read(partial(matches.page, flow_id=FLOW, side="right")) == [doubtful]
    assert await store.read(partial(matches.page, flow_id=FLOW, decision="new")) == []
    assert await store.read(partial(matches.page, flow_id="other")) == []


async def test_a_decision_is_known_from_both_records(store: Database) -> None:
    await _put(store, _finding("L1", "ambiguous", "R1", "R2"), _finding("R2", "ambiguous", "L1", side="right"))
    assert await _known(store, "left", "L1") == ("open", None)
    assert await _known(store, "left", "L9") is None
    decided = await _decide(store, "L1", "bind", "R2")
    assert (decided.decided_by, decided.decided_at, decided.finding) == ("ana", made.NOW, "ambiguous")
    assert await _known(store, "left", "L1") == ("bind", "R2")
    assert await _known(store, "right", "R2") == ("bind", "L1")
    assert await _known(store, "right", "R1") is None
    # Each side has ids of its own: the left record R2 is another one.
    assert await _known(store, "left", "R2") is None


async def test_a_new_report_keeps_what_a_person_decided(store: Database) -> None:
    await _put(store, _finding("L1", "ambiguous", "R1", "R2"), _finding("L2", "new"))
    await _decide(store, "L1", "apart")
    await store.run(lambda connection: matches.start(connection, FLOW))
    assert await _known(store, "left", "L2") is None
    await _put(store, _finding("L1", "probable", "R1"))
    assert await _known(store, "left", "L1") == ("apart", None)
    (row,) = await store.read(partial(matches.page, flow_id=FLOW))
    assert (row.finding, row.candidates) == ("probable", ["R1"])


async def test_a_record_is_joined_with_one_other_only(store: Database) -> None:
    await _decide(store, "L1", "bind", "R1")
    for side, record_id, chosen in (("left", "L2", "R1"), ("right", "R1", "L2"), ("right", "R2", "L1")):
        with pytest.raises(errors.Lost):
            await _decide(store, record_id, "bind", chosen, "left" if side == "left" else "right")
    # The same pair said from the other side is no contradiction; and a person may think again.
    await _decide(store, "R1", "bind", "L1", "right")
    await _decide(store, "L1", "new")
    await _decide(store, "R1", "new", side="right")
    await _decide(store, "L2", "bind", "R1")
    assert await _known(store, "left", "L2") == ("bind", "R1")


async def test_of_two_people_who_choose_the_same_record_at_once_one_is_told(open_store: Open) -> None:
    results = await asyncio.gather(
        _decide(open_store(), "L1", "bind", "R1"),
        _decide(open_store(), "L2", "bind", "R1"),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in results) == ["Finding", "Lost"]


@pytest.mark.parametrize(("decision", "chosen"), [("bind", None), ("bind", ""), ("new", "R1"), ("apart", "R1")])
async def test_joining_needs_a_record_and_nothing_else_does(
    store: Database, decision: Decision, chosen: str | None
) -> None:
    with pytest.raises(errors.Rejected):
        await _decide(store, "L1", decision, chosen)


async def test_findings_of_one_sort_are_decided_together(store: Database) -> None:
    await _put(
        store, *(_finding(f"{number:04}", "new") for number in range(1100)), _finding("x", "probable", "R1")
    )
    await _decide(store, "0007", "apart")

    async def decide_all(side: SideName | None) -> int:
        return await store.run(
            lambda connection: matches.decide_all(
                connection, FLOW, "new", "new", side=side, actor="ana", now=made.NOW
            )
        )

    assert await decide_all("right") == 0
    assert await decide_all(None) == 1099
    assert await decide_all(None) == 0
    assert await _known(store, "left", "0007") == ("apart", None)
    assert await _known(store, "left", "x") == ("open", None)


async def test_joining_all_takes_only_pairs_that_nothing_contradicts(store: Database) -> None:
    await _decide(store, "L9", "bind", "R9")
    await _put(
        store,
        _finding("L1", "probable", "R1"),
        _finding("L2", "probable", "R2"),
        _finding("L3", "probable", "R2"),
        _finding("L4", "probable", "R4", "R5"),
        _finding("L5", "probable", "R9"),
        _finding("L6", "exact", "R6"),
        _finding("R1", "probable", "L1", side="right"),
        _finding("R7", "probable", "L7", side="right"),
    )
    # L2 came first to R2; L3 stays for a person, as do two candidates and a record that is taken.
    assert await _bind_all(store) == 3
    assert await _known(store, "left", "L1") == ("bind", "R1")
    assert await _known(store, "right", "R1") == ("bind", "L1")
    assert await _known(store, "left", "L7") == ("bind", "R7")
    still_open = await store.read(partial(matches.page, flow_id=FLOW, decision="open"))
    assert [each.record_id for each in still_open] == ["L3", "L4", "L5", "L6", "R1"]
    assert await _bind_all(store) == 0


async def test_a_report_is_approved_once(store: Database) -> None:
    await _put(store, _finding("L1", "new"), _finding("L2", "exact", "R2"))
    assert await store.read(lambda connection: matches.report(connection, FLOW)) is None
    approve = partial(matches.approve, flow_id=FLOW, actor="ana", now=made.LATER)
    with pytest.raises(errors.Lost):
        await store.run(approve)
    report = await store.run(lambda connection: matches.finish(connection, FLOW, made.NOW))
    assert report.counts == {"left/new": 1, "left/exact": 1}
    assert await store.read(lambda connection: matches.report(connection, FLOW)) == report
    await store.run(approve)
    with pytest.raises(errors.Lost):
        await store.run(approve)
    approved = await store.read(lambda connection: matches.report(connection, FLOW))
    assert approved is not None
    assert (approved.approved_by, approved.approved_at) == ("ana", made.LATER)
    # A new report needs a new approval.
    await store.run(lambda connection: matches.finish(connection, FLOW, made.LATER))
    again = await store.read(lambda connection: matches.report(connection, FLOW))
    assert again is not None
    assert again.approved_at is None

"""The matching report: what a flow would join, make or ask, told before it writes anything.

Both sides are listed once and remembered as keyed hashes; findings hold ids and reasons, never values. One is
*exact* (one unique strong key, nothing against it), *probable* (only the name is the same), *ambiguous* (several
candidates, or keys that contradict each other), *new*, or *not yet* (the flow's rules do not take it as it is).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared import errors
from shared.connectors.contract import Row
from shared.flows import documents
from shared.flows.context import FlowContext
from shared.flows.spec import Document, Side
from shared.model.normal import is_empty
from shared.operations import noting
from shared.runtime.parts import Parts
from shared.runtime.sweeper import refuse_cut
from shared.runtime.workspaces import Used
from shared.store import bindings, directory, index, matches, sweeps
from shared.store.matches import Finding, FindingName, Report
from shared.store.rows import Seen

_PAGE = 500

Progress = Callable[[str, int, int | None], None]
"""Called with the system's title, how many records were listed and how many there are, if known."""


def _silent(_title: str, _done: int, _total: int | None) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One side's complete listing: its account, resource and id in the index."""

    side: Side
    account: str
    resource: str


async def make(parts: Parts, used: Used, flow_id: str, *, progress: Progress = _silent, actor: str = "") -> Report:
    """List both sides, compare them and save the findings. Calls vendors; writes nothing to them."""
    flow = used.flows[flow_id]
    if flow.row.state == "draft":
        await parts.database.run(lambda connection: directory.set_flow(connection, flow.row, state="matching"))
    await parts.database.run(lambda connection: matches.start(connection, flow_id))
    right = await _list(parts, flow, Side.RIGHT, progress)
    if isinstance(flow.spec, Document):
        left = await _list(parts, flow, Side.LEFT, progress, each_page=partial(_find_documents, parts, flow))
    else:
        left = await _list(parts, flow, Side.LEFT, progress)
        numbers: set[str] = set()
        await _walk(parts, left, partial(_find_records, parts, flow, left, right, numbers))
        await _walk(parts, right, partial(_find_records, parts, flow, right, left, numbers))
    written = noting.line(parts, flow.row.workspace_id, actor, "match.reported", flow=flow_id)

    async def unit(connection: Any) -> Report:
        report = await matches.finish(connection, flow_id, written.at)
        await noting.add(connection, written)
        return report

    return await parts.database.run(unit)


async def approve(parts: Parts, used: Used, flow_id: str, *, actor: str) -> Report:
    """Let a flow be loaded as its report says; makes the report first if there is none.

    What was not decided stays with a person: an ambiguous or probable record waits, it is never guessed.
    """
    flow = used.flows[flow_id]
    report = await parts.database.read(lambda connection: matches.report(connection, flow_id))
    if report is None:
        report = await make(parts, used, flow_id)
    if report.approved_at is not None:
        return report
    now = parts.clock.now()
    # The report may have moved the flow since the caller looked.
    fresh = await parts.database.read(
        lambda connection: directory.load(connection, used.workspace.id, parts.keys.store)
    )
    row = fresh.flows[flow_id] if fresh is not None else flow.row

    written = noting.line(parts, row.workspace_id, actor, "match.approved", flow=flow_id)

    async def unit(connection: Any) -> None:
        await matches.approve(connection, flow_id, actor=actor, now=now)
        await noting.add(connection, written)
        state = row.state_before_pause if row.state == "paused" else row.state
        if state in {"draft", "matching"}:
            await directory.set_flow(connection, row, state="review")

    await parts.database.run(unit)
    approved = await parts.database.read(lambda connection: matches.report(connection, flow_id))
    if approved is None:
        raise errors.Lost("The report was made anew meanwhile.")
    return approved


async def _list(
    parts: Parts,
    flow: FlowContext,
    side: Side,
    progress: Progress,
    *,
    each_page: Callable[[Sequence[Row]], Awaitable[None]] | None = None,
) -> _Listing:
    """List one side into the index and mark it complete."""
    account, resource = flow.accounts[side].id, flow.resource_name(side)
    listing, started = parts.new_id(), parts.clock.now()
    session, cursor, done = flow.session(side), None, 0
    while True:
        page = await session.page(resource, cursor, bulk=True)
        refuse_cut(page)
        rows = [row for row in page.rows if not row.gone]
        seen = [flow.seen(side, row, parts.clock.now(), listing=listing) for row in rows]
        await parts.database.run(partial(index.save, rows=seen))
        if each_page is not None:
            await each_page(rows)
        done += len(page.rows)
        progress(flow.spec.end(side).connector.title, done, page.total)
        if page.next is None:
            break
        cursor = page.next
    row = await parts.database.read(lambda connection: sweeps.find(connection, account, resource))
    if row is not None and row.started_at is None:
        try:
            await parts.database.run(
                lambda connection: sweeps.save(connection, row, seen_until=started, complete_at=started)
            )
        except errors.Lost:
            return _Listing(side=side, account=account, resource=resource)  # a sweep began: it says the same
    return _Listing(side=side, account=account, resource=resource)


async def _walk(
    parts: Parts, listing: _Listing, find: Callable[[Sequence[Seen]], Awaitable[list[Finding]]]
) -> None:
    after = ""
    while True:
        page = await parts.database.read(
            partial(index.page, account_id=listing.account, resource=listing.resource, after=after, limit=_PAGE)
        )
        if page:
            findings = await find(page)
            await parts.database.run(partial(matches.put, findings=findings))
        if len(page) < _PAGE:
            return
        after = page[-1].record_id


async def _find_records(
    parts: Parts, flow: FlowContext, here: _Listing, there: _Listing, numbers: set[str], page: Sequence[Seen]
) -> list[Finding]:
    """Findings for unbound records of one side; of pairs that find each other, the left one tells both.

    `numbers` are the hashes of the left ids that were walked: what a right record's id field must name.
    """
    entity = flow.spec.left.resource.entity.name
    ids = [seen.record_id for seen in page]

    async def unit(connection: Any) -> tuple[Any, ...]:
        bound = await bindings.find_many(connection, flow.bridge.id, entity, flow.spec.role, here.side.value, ids)
        keys = await index.keys_of(connection, here.account, here.resource, ids)
        same_here: dict[str, dict[str, list[str]]] = {}
        same_there: dict[str, dict[str, list[str]]] = {}
        for name in (*flow.match_on, "name"):
            hashes = [own[name] for own in keys.values() if name in own]
            same_here[name] = await index.holders(connection, here.account, here.resource, name, hashes)
            same_there[name] = await index.holders(connection, there.account, there.resource, name, hashes)
        made = await index.holders(
            connection, there.account, there.resource, "_carries", list(references.values())
        )
        by_number: dict[str, list[str]] = {}
        if field is not None and field.side is there.side:
            by_number = await index.holders(
                connection, there.account, there.resource, field.name, list(own_numbers.values())
            )
        found = (*same_there.values(), made, by_number)
        others = {each for some in found for many in some.values() for each in many}
        their_keys = await index.keys_of(connection, there.account, there.resource, sorted(others))
        taken = await bindings.find_many(
            connection, flow.bridge.id, entity, flow.spec.role, there.side.value, sorted(others)
        )
        return bound, keys, same_here, same_there, their_keys, taken, made, by_number

    references = {record_id: flow.reference(here.side, record_id) for record_id in ids}
    field = flow.id_field
    own_numbers: dict[str, str] = {}
    if field is not None and field.side is there.side:
        digest = flow.digester(flow.resource(there.side).entity)
        own_numbers = {record_id: digest(field.name, record_id) for record_id in ids}
        numbers.update(own_numbers.values())
    unit_found = await parts.database.read(unit)
    bound, keys, same_here, same_there, their_keys, taken, made, by_number = unit_found
    found: list[tuple[str, FindingName, list[str], str]] = []
    for record_id in ids:
        if record_id in bound:
            continue
        by_us = made.get(references[record_id], [])
        if len(by_us) == 1 and by_us[0] not in taken:
            found.append((record_id, "exact", by_us, "It was made by us from this record."))
            continue
        numbered = by_number.get(own_numbers.get(record_id, ""), [])
        if numbered:
            found.append(
                (record_id, *_by_number(numbered, keys[record_id], their_keys, flow.match_on, set(taken)))
            )
            continue
        if field is not None and field.side is here.side and field.name in keys[record_id]:
            if keys[record_id][field.name] not in numbers:
                found.append((record_id, "ambiguous", [], "It shows a number that the other side has not got."))
            continue
        if here.side is Side.RIGHT and "_carries" in keys[record_id]:
            continue
        finding, candidates, why = judge(
            keys[record_id], same_here, same_there, their_keys, strong=flow.match_on, taken=frozenset(taken)
        )
        if here.side is Side.RIGHT and finding != "new":
            continue
        if finding == "new" and flow.not_yet_key in keys[record_id]:
            finding, why = "not yet", keys[record_id][flow.not_yet_key]
        found.append((record_id, finding, candidates, why))
    return [
        Finding(
            flow_id=flow.row.id,
            side=here.side.value,
            record_id=record_id,
            finding=finding,
            candidates=candidates,
            why=why,
        )
        for record_id, finding, candidates, why in found
    ]


def judge(
    own: dict[str, str],
    same_here: dict[str, dict[str, list[str]]],
    same_there: dict[str, dict[str, list[str]]],
    their_keys: dict[str, dict[str, str]],
    *,
    strong: Sequence[str],
    taken: frozenset[str] = frozenset(),
) -> tuple[FindingName, list[str], str]:
    """What a record is, told from keyed hashes alone: (finding, candidates, why).

    `own` is {key name: hash}; `same_here` and `same_there` are {key name: {hash: record ids}} of both sides;
    `their_keys` are the keys of every candidate; `taken` are candidates that are bound already.
    """
    shared = {name: same_there[name].get(own[name], []) for name in strong if name in own}
    candidates = list(dict.fromkeys(each for many in shared.values() for each in many))
    if candidates:
        names = " and ".join(name for name, many in shared.items() if many)
        if len(candidates) > 1:
            return "ambiguous", candidates, f"{len(candidates)} records have the same {names}."
        (one,) = candidates
        against = [
            name for name in strong if name in own and their_keys.get(one, {}).get(name, own[name]) != own[name]
        ]
        if against:
            return "ambiguous", candidates, f"The same {names}, but another {' and '.join(against)}."
        if one in taken:
            return "ambiguous", candidates, f"The same {names}, but it is joined with another record."
        if not any(len(same_here[name].get(own[name], [])) == 1 for name, many in shared.items() if many):
            return "ambiguous", candidates, f"Several records of this side have the same {names}."
        return "exact", candidates, f"The same {names}."
    alike = [
        each
        for each in same_there["name"].get(own.get("name", ""), [])
        if each not in taken and not _contradicts(own, their_keys.get(each, {}), strong)
    ]
    if alike:
        return "probable", alike, "Only the name is the same."
    return "new", [], ""


def _by_number(
    candidates: list[str],
    own: dict[str, str],
    their_keys: dict[str, dict[str, str]],
    strong: Sequence[str],
    taken: set[str],
) -> tuple[FindingName, list[str], str]:
    """What a record is that others name by its number."""
    if len(candidates) > 1:
        return "ambiguous", candidates, f"{len(candidates)} records show its number."
    (one,) = candidates
    if one in taken:
        return "ambiguous", candidates, "A record shows its number, but it is joined with another one."
    if _contradicts(own, their_keys.get(one, {}), strong):
        return "ambiguous", candidates, "A record shows its number, but contradicts it in a strong key."
    return "exact", candidates, "It shows its number."


def _contradicts(own: dict[str, str], theirs: dict[str, str], strong: Sequence[str]) -> bool:
    return any(name in own and name in theirs and own[name] != theirs[name] for name in strong)


async def _find_documents(parts: Parts, flow: FlowContext, rows: Sequence[Row]) -> None:
    """Findings for wanted documents: those that are on the other side already are told by their link."""
    spec = flow.spec
    assert isinstance(spec, Document)  # noqa: S101 - the caller chose by the type
    digest = flow.digester(spec.entity)
    wanted = [row for row in rows if not documents.unwanted(flow, row)]
    fields = {row.record_id: spec.make(row.fields, flow.options) for row in wanted}
    account, resource = flow.accounts[Side.RIGHT].id, flow.resource_name(Side.RIGHT)
    found: dict[str, list[str]] = {}
    for name in spec.match_on:
        hashes = {
            record_id: digest(name, made[name])
            for record_id, made in fields.items()
            if not is_empty(made.get(name))
        }
        same = await parts.database.read(
            partial(
                index.holders, account_id=account, resource=resource, key_name=name, hashes=list(hashes.values())
            )
        )
        for record_id, value in hashes.items():
            found.setdefault(record_id, []).extend(same.get(value, []))
    bound = await parts.database.read(
        lambda connection: bindings.find_many(
            connection, flow.bridge.id, spec.left.resource.entity.name, spec.role, "left", list(fields)
        )
    )
    # Without a date, documents of before are not made: only those that stand on both sides are told.
    made_now = documents.created_since(flow) is not None
    findings = [
        _document_finding(flow, record_id, found.get(record_id, []))
        for record_id in fields
        if record_id not in bound and (made_now or found.get(record_id))
    ]
    await parts.database.run(partial(matches.put, findings=findings))


def _document_finding(flow: FlowContext, record_id: str, candidates: list[str]) -> Finding:
    finding: FindingName = "new" if not candidates else "exact" if len(candidates) == 1 else "ambiguous"
    why = {"new": "", "exact": "The same link.", "ambiguous": "Several have the same link."}[finding]
    return Finding(
        flow_id=flow.row.id, side="left", record_id=record_id, finding=finding, candidates=candidates, why=why
    )

"""Matching: which existing record on the other side is this one? Never by name alone, never by an empty value.

Candidates come from the match index and, where a vendor has one, its search; each is read and compared exactly,
because indexes age and filters lie. One exact and unique hit is taken; anything less certain goes to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared import errors
from shared.connectors.contract import Row
from shared.flows import idfield
from shared.flows.context import is_ours
from shared.flows.desk import Desk, Waits
from shared.flows.spec import Document
from shared.model.normal import is_empty
from shared.store import bindings, index
from shared.store.rows import Seen

_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record of the other side and the strong keys that it shares; `contradicts` names those that differ."""

    record_id: str
    shares: frozenset[str]
    contradicts: frozenset[str]
    bound: bool


async def find(
    desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], *, ask_vendor: bool = True
) -> str | None:
    """The id of the counterpart; None if there is none. Raises Waits when a person must choose."""
    maker = await _maker(desk, row)
    if maker:
        made = Candidate(
            record_id=maker, shares=frozenset({"our reference"}), contradicts=frozenset(), bound=False
        )
        candidates = await _with_bound(desk, [made])
    else:
        candidates = await _candidates(desk, row, own, fields, ask_vendor=ask_vendor)
    numbered = [each for each in candidates if idfield.KEY in each.shares]
    candidates = numbered or candidates
    if not candidates:
        question = idfield.nobody_has(desk, row.fields)
        if question is not None and not desk.person_insists:
            raise question
        await _ask_about_names(desk, own)
        return None
    free = [each for each in candidates if not each.bound]
    ids = [each.record_id for each in candidates]
    title = desk.flow.spec.end(desk.look.side.other).connector.title
    if not free:
        raise Waits(
            "bound elsewhere",
            f"{title} has {', '.join(ids)} with the same {_names(candidates)}, joined with another record: "
            "this may be a double. Merge the two, or decide to keep this one apart or to make it new.",
            candidates=ids,
        )
    certain = [each for each in free if not each.contradicts]
    if len(candidates) == 1 and len(certain) == 1 and await _unique_here(desk, own, certain[0].shares):
        return certain[0].record_id
    raise Waits(
        "ambiguous",
        f"{title} has {', '.join(ids)} with the same {_names(candidates)}, and it is not certain which is meant.",
        candidates=ids,
    )


async def _ask_about_names(desk: Desk, own: Seen) -> None:
    """A record of the other side with the same name, not joined, and no key that tells the two apart.

    A name alone joins nothing; but making a second one without asking is how doubles come about.
    """
    flow, other = desk.flow, desk.look.side.other
    if "name" not in own.keys or isinstance(flow.spec, Document):
        return
    account, resource = flow.accounts[other].id, flow.resource_name(other)

    wanted = index.WithKeys(account_id=account, resource=resource, keys=[("name", own.keys["name"])])
    namesakes: Sequence[str] = await desk.grouped(wanted)
    if not namesakes:
        return

    async def unit(connection: Any) -> list[str]:
        keys = await index.keys_of(connection, account, resource, namesakes)
        taken = await bindings.find_many(
            connection, flow.bridge.id, desk.entity, flow.spec.role, other.value, namesakes
        )
        strong = flow.match_on
        return [
            record_id
            for record_id in namesakes
            if record_id not in taken
            and not any(
                name in own.keys and name in keys[record_id] and own.keys[name] != keys[record_id][name]
                for name in strong
            )
        ]

    alike: list[str] = await desk.read(unit)
    if alike:
        title = flow.spec.end(other).connector.title
        raise Waits(
            "ambiguous",
            f"{title} has {', '.join(alike)} with the same name, and nothing else tells whether it is the same.",
            candidates=alike,
        )


def _names(candidates: Sequence[Candidate]) -> str:
    return " or ".join(sorted({name for each in candidates for name in each.shares}))


async def _maker(desk: Desk, row: Row) -> str | None:
    """The record of the other side from which this one was made by us, told by the reference that it carries.

    References are keyed hashes and cannot be turned round; they are made again for each known record. This is
    needed only when a binding was lost (a restored backup).
    """
    if not is_ours(row.reference):
        return None
    flow, other = desk.flow, desk.look.side.other
    account, resource = flow.accounts[other].id, flow.resource_name(other)
    after = ""
    while True:
        page: list[Seen] = await desk.read(partial(_page_of, account=account, resource=resource, after=after))
        for seen in page:
            if flow.reference(other, seen.record_id) == row.reference:
                return seen.record_id
        if len(page) < 1000:
            return None
        after = page[-1].record_id


async def _page_of(connection: Any, *, account: str, resource: str, after: str) -> list[Seen]:
    return await index.page(connection, account, resource, after=after, limit=1000)


async def _candidates(
    desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], *, ask_vendor: bool
) -> list[Candidate]:
    flow, side = desk.flow, desk.look.side
    other = side.other
    account, resource = flow.accounts[other].id, flow.resource(other)
    wanted = wanted_keys(desk, own, fields)
    reference = flow.reference(side, desk.look.record_id)
    field, said = flow.id_field, idfield.shown(flow, side, row.fields)
    number = flow.digester(resource.entity)(field.name, desk.look.record_id) if field is not None else ""

    keys = [("_carries", reference)]
    if field is not None and field.side is other:
        keys.append((field.name, number))
    keys += wanted.items()
    known = await desk.grouped(index.WithKeys(account_id=account, resource=resource.name, keys=keys))
    ids: list[str] = [*([said] if said else ()), *known]
    rows: dict[str, Row] = {}
    if ask_vendor:
        if field is not None and field.side is other and field.name in resource.searchable:
            for hit in await flow.session(other).search(resource.name, field.name, desk.look.record_id):
                rows[hit.record_id] = hit
        for name in wanted:
            if name in resource.searchable and not is_empty(fields.get(name)):
                for hit in await flow.session(other).search(resource.name, name, str(fields[name])):
                    rows[hit.record_id] = hit
    found: list[Candidate] = []
    for record_id in list(dict.fromkeys([*ids, *rows]))[:_MOST]:
        candidate = await _checked(desk, record_id, rows.get(record_id), wanted, reference, said)
        if candidate is not None:
            found.append(candidate)
    return await _with_bound(desk, found)


def wanted_keys(desk: Desk, own: Seen, fields: Mapping[str, Any]) -> dict[str, str]:
    """The strong keys to look for on the other side: a document's come from what it would become."""
    flow = desk.flow
    if not isinstance(flow.spec, Document):
        return {name: own.keys[name] for name in flow.match_on if name in own.keys}
    digest = flow.digester(flow.spec.entity)
    return {name: digest(name, fields[name]) for name in flow.match_on if not is_empty(fields.get(name))}


async def _checked(
    desk: Desk, record_id: str, row: Row | None, wanted: Mapping[str, str], reference: str, said: str | None
) -> Candidate | None:
    """Read a candidate and compare its keys exactly; None if it shares none of them."""
    other = desk.look.side.other
    if row is None:
        row = await desk.flow.session(other).read(desk.flow.resource_name(other), record_id)
    if row is None or row.gone:
        return None
    keys = desk.seen(other, row).keys
    shares = {name for name, digest in wanted.items() if keys.get(name) == digest}
    contradicts = {name for name, digest in wanted.items() if keys.get(name, digest) != digest}
    # The number in the id field: this record's own where it shows one, else the one that the candidate shows.
    theirs = idfield.shown(desk.flow, other, row.fields)
    number, meant = (said, record_id) if said else (theirs, desk.look.record_id)
    if number:
        (shares if number == idfield.plain(meant) else contradicts).add(idfield.KEY)
    if row.reference == reference:
        shares, contradicts = shares | {"our reference"}, set()
    if not shares:
        return None
    return Candidate(
        record_id=record_id, shares=frozenset(shares), contradicts=frozenset(contradicts), bound=False
    )


async def _with_bound(desk: Desk, found: list[Candidate]) -> list[Candidate]:
    if not found:
        return []
    flow, look = desk.flow, desk.look
    ids = [each.record_id for each in found]
    taken = await desk.read(
        lambda connection: bindings.find_many(
            connection, flow.bridge.id, desk.entity, flow.spec.role, look.side.other.value, ids
        )
    )
    if any(each.id_of(look.side.value) == look.record_id for each in taken.values()):
        raise errors.Lost("The record was bound meanwhile.")
    return [
        Candidate(
            record_id=each.record_id,
            shares=each.shares,
            contradicts=each.contradicts,
            bound=each.record_id in taken,
        )
        for each in found
    ]


async def _unique_here(desk: Desk, own: Seen, shares: frozenset[str]) -> bool:
    """Whether at least one shared key belongs to this record alone on its own side."""
    if "our reference" in shares or isinstance(desk.flow.spec, Document):
        return True
    flow, side = desk.flow, desk.look.side
    field = flow.id_field
    if field is not None and idfield.KEY in shares:
        if field.side is not side:
            return True
        shares = frozenset({field.name})
    account, resource = flow.accounts[side].id, flow.resource_name(side)

    async def unit(connection: Any) -> bool:
        for name in shares:
            same = await index.with_key(connection, account, resource, name, own.keys[name], limit=2)
            if same == [own.record_id]:
                return True
        return False

    unique: bool = await desk.read(unit)
    return unique

"""What a person does to flows, pairs and findings: for the command line and the console alike.

A deed saves its audit line in its own transaction; where it is an entry of the log, right after it. `actor` is who
asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared import errors
from shared.eventlog.port import EventLog
from shared.flows.context import FlowContext
from shared.flows.spec import Document, Flow, Side, TwoWay
from shared.model.change import Change, Entity
from shared.operations import administration, noting
from shared.operations.noting import line
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import audit, bindings, directory, matches, sweeps, waiting
from shared.store.directory import Directory, unknown
from shared.store.matches import Decision, FindingName
from shared.store.rows import Account, Binding, FlowRow, SideName

_YES, _NO = frozenset({"yes", "true", "on", "1"}), frozenset({"no", "false", "off", "0"})
_MOST: Final = 100_000
BY_HAND: Final = "by hand"
"""The run of a change that a person asked for: later replays skip it."""


# Flows


async def pause(parts: Parts, row: FlowRow, *, reason: str, actor: str) -> bool:
    """Pause a flow: it writes nothing, and its changes wait. False if it was paused already."""
    written = line(parts, row.workspace_id, actor, "flow.paused", flow=row.id)

    async def unit(connection: Any) -> bool:
        done = await directory.pause_flow(connection, row, reason, "person")
        if done:
            await audit.add(connection, written)
        return done

    return await parts.database.run(unit)


async def resume(parts: Parts, row: FlowRow, *, actor: str) -> bool:
    """Give a paused flow its state back; what waited for it is due at once. False if it was not paused."""
    rows = await parts.database.read(
        lambda connection: waiting.of_workspace(
            connection, row.workspace_id, reason="paused", flow_id=row.id, limit=_MOST
        )
    )
    now = parts.clock.now()
    written = line(parts, row.workspace_id, actor, "flow.resumed", flow=row.id)

    async def unit(connection: Any) -> bool:
        done = await directory.resume_flow(connection, row)
        if done:
            await waiting.retry(connection, [each.id for each in rows], now)
            await audit.add(connection, written)
        return done

    return await parts.database.run(unit)


async def set_options(parts: Parts, row: FlowRow, spec: Flow, wanted: Mapping[str, str], *, actor: str) -> None:
    """Change options of a flow from text. Raises Misconfigured, naming the option."""
    changed = changed_options(row, spec, wanted)
    written = line(parts, row.workspace_id, actor, "flow.options", flow=row.id, options=sorted(wanted))

    async def unit(connection: Any) -> None:
        await directory.set_flow(connection, row, options=changed)
        await audit.add(connection, written)

    await parts.database.run(unit)


def changed_options(row: FlowRow, spec: Flow, wanted: Mapping[str, str]) -> dict[str, object]:
    """The options of a flow with new values, read as each option's kind says; an empty one gives the default back.

    `winner.FIELD` names the side that wins a field. Raises Misconfigured.
    """
    known = {option.name: option for option in spec.options}
    changed = dict(row.options)
    for name, text in wanted.items():
        first, dot, field = name.partition(".")
        if first not in known:
            raise unknown("option", name, sorted(known))
        if dot or first == "winner":
            _set_winner(changed, spec, field, text)
        elif not text:
            changed.pop(name, None)
        elif known[name].kind == "words":
            words = [word.strip() for word in text.split(",") if word.strip()]
            wrong = [word for word in words if known[name].among and word not in known[name].among]
            if wrong:
                raise errors.Misconfigured(
                    f"{name} does not know {', '.join(wrong)}.",
                    way_out=f"Choose from {', '.join(known[name].among)}.",
                )
            changed[name] = words
        elif known[name].kind == "flag":
            if text.lower() not in _YES | _NO:
                raise errors.Misconfigured(f"{name} is yes or no.", way_out=f"Write {name}=yes.")
            changed[name] = text.lower() in _YES
        else:
            changed[name] = text
    return changed


def _set_winner(changed: dict[str, object], spec: Flow, field: str, text: str) -> None:
    if not isinstance(spec, TwoWay) or field not in spec.shared_fields():
        raise unknown("field", field, spec.shared_fields() if isinstance(spec, TwoWay) else ())
    if text and text not in {side.value for side in Side}:
        raise errors.Misconfigured("A winner is left or right.", way_out=f"Write winner.{field}=left.")
    old = changed.get("winner")
    winners = dict(old) if isinstance(old, Mapping) else {}
    winners.pop(field, None)
    if text:
        winners[field] = text
    changed["winner"] = winners


def directions(row: FlowRow, spec: Flow, source: str) -> tuple[SideName, SideName | None]:
    """(first side, the side that follows) of a load. Documents go one way. Raises Misconfigured."""
    if isinstance(spec, Document):
        if source == "right":
            raise errors.Misconfigured(f"{row.id} goes one way, from left to right.", way_out="Give --from left.")
        return "left", None
    match source:
        case "left":
            return "left", None
        case "right":
            return "right", None
        case _:
            return "left", "right"


async def check_shipped_link(
    parts: Parts, used: Used, accounts: Sequence[Account], flows: Sequence[FlowRow]
) -> None:
    """Raises NeedsOperator while the vendors' own link is on: it would double what both of us make."""
    home = used.directory
    bridges = [home.bridges[each] for each in {row.bridge_id for row in flows}]
    joined = {end for each in bridges for end in (each.left_account, each.right_account)}
    for account in accounts:
        for check in await administration.check_account(parts, used, account) if account.id in joined else ():
            if check.name == "shipped link" and check.state in {"failed", "warning"}:
                way_out = check.way_out.en if check.way_out is not None else "Switch it off."
                raise errors.NeedsOperator(
                    f"{check.says.en} Puente does not go live beside it: records would be doubled.",
                    way_out=f"{way_out} Or insist with --insist.",
                )


async def check_fields(parts: Parts, used: Used, flows: Sequence[FlowRow]) -> None:
    """Raises NeedsOperator while a field of ours, which the flows need at a vendor, is not there."""
    for bridge_id in {row.bridge_id for row in flows}:
        for field in await administration.ensure_fields(parts, used, used.directory.bridges[bridge_id]):
            if not field.usable:
                way_out = field.way_out.en if field.way_out is not None else ""
                raise errors.NeedsOperator(field.says.en, way_out=way_out)


async def ask_sweeps(
    parts: Parts, home: Directory, *, full: bool = False, since: datetime | None = None, actor: str = ""
) -> int:
    """Ask for a sweep of every resource of a workspace now, from `since` if that is given; returns how many."""
    now = parts.clock.now()
    written = line(parts, home.workspace.id, actor, "sweep.asked", full=full)

    async def unit(connection: Any) -> int:
        asked = [
            await sweeps.request(connection, each, None, now=now, full=full, since=since) for each in home.accounts
        ]
        await noting.add(connection, written)
        return sum(asked)

    return await parts.database.run(unit)


# Findings of a matching report, and doubts


async def decide_all(
    parts: Parts, row: FlowRow, finding: FindingName, choice: Decision, *, actor: str, side: SideName | None = None
) -> int:
    """Decide every open finding of one sort; what waited for a decision is tried again. Returns how many."""
    now = parts.clock.now()

    async def unit(connection: Any) -> int:
        count = await matches.decide_all(connection, row.id, finding, choice, side=side, actor=actor, now=now)
        detail = {"flow": row.id, "finding": finding, "decision": choice, "count": count}
        await audit.add(connection, line(parts, row.workspace_id, actor, "match.decided", **detail))
        rows = await waiting.of_workspace(
            connection, row.workspace_id, reason="ambiguous", flow_id=row.id, limit=_MOST
        )
        await waiting.retry(connection, [each.id for each in rows], now)
        return count

    return await parts.database.run(unit)


async def decide(
    parts: Parts, flow: FlowContext, side: Side, record_id: str, choice: Decision, *, other: str = "", actor: str
) -> None:
    """Decide one record; what waited for it is tried again.

    Raises Rejected where "bind" names no record, Lost where that one is joined with another already.
    """
    now, row = parts.clock.now(), flow.row
    chosen = other if choice == "bind" else None

    async def unit(connection: Any) -> None:
        await matches.decide(
            connection, row.id, side.value, record_id, choice, chosen_id=chosen, actor=actor, now=now
        )
        detail = {"flow": row.id, "record": f"{side.value}/{record_id}", "decision": choice, "chosen": chosen}
        await audit.add(connection, line(parts, row.workspace_id, actor, "match.decided", **detail))
        ends = [(side, record_id), *([(side.other, chosen)] if chosen else [])]
        ids = []
        for end, each in ends:
            found = await waiting.find(connection, row.id, flow.accounts[end].id, flow.resource_name(end), each)
            ids += [found.id] if found is not None else []
        await waiting.retry(connection, ids, now)

    await parts.database.run(unit)


# Pairs


async def unlink(parts: Parts, flow: FlowContext, binding: Binding, *, actor: str) -> None:
    """Take a pair apart: neither record is written or made again because of the other."""
    written = line(parts, flow.workspace.id, actor, "pair.unlinked", **_pair(flow, binding))

    async def unit(connection: Any) -> None:
        await bindings.set_state(connection, binding.id, "detached", parts.clock.now())
        await audit.add(connection, written)

    await parts.database.run(unit)


async def relink(
    parts: Parts, log: EventLog, flow: FlowContext, binding: Binding, *, other_id: str = "", side: Side, actor: str
) -> None:
    """Join a pair again, with `other_id` as the record at `side` where it shall be another one.

    Both sides are then compared as if for the first time. Raises Lost if that record is in another pair, or the
    pair was changed meanwhile.
    """
    ids = {Side.LEFT: binding.left_id, Side.RIGHT: binding.right_id}
    if other_id:
        ids[side] = other_id
    detail = _pair(flow, binding) | {"with": f"{side.value}/{other_id}"} if other_id else _pair(flow, binding)
    written = line(parts, flow.workspace.id, actor, "pair.relinked", **detail)
    now = parts.clock.now()

    async def unit(connection: Any) -> None:
        await bindings.rejoin(connection, binding, left_id=ids[Side.LEFT], right_id=ids[Side.RIGHT], now=now)
        await audit.add(connection, written)

    await parts.database.run(unit)
    await look_now(parts, log, flow, Side.LEFT, ids[Side.LEFT])


async def look_now(
    parts: Parts, log: EventLog, flow: FlowContext, side: Side, record_id: str, *, actor: str = ""
) -> str:
    """Have a record looked at now, as if its system had told; returns the id of the change."""
    account = flow.accounts[side]
    entity: Entity = flow.resource(side).entity.name
    change = Change(
        id=parts.new_id(),
        what=entity,
        workspace=flow.workspace.id,
        system=account.system,
        account=account.id,
        seen_at=parts.clock.now(),
        resource=flow.resource_name(side),
        record_id=record_id,
        run=BY_HAND,
    )
    await log.append(change)
    detail = {"flow": flow.row.id, "record": f"{side.value}/{record_id}"}
    await noting.note(parts, flow.workspace.id, actor, "record.looked_at", **detail)
    return change.id


def side_in(used: Used, flow_id: str, account_id: str) -> tuple[FlowContext, Side]:
    """A flow of a workspace and which of its sides an account is. Raises Misconfigured."""
    flow = used.flows.get(flow_id)
    if flow is None:
        raise unknown("flow", flow_id, sorted(used.flows))
    for side in Side:
        if flow.accounts[side].id == account_id:
            return flow, side
    raise unknown("account of this flow", account_id, sorted(each.id for each in flow.accounts.values()))


def _pair(flow: FlowContext, binding: Binding) -> dict[str, object]:
    return {"flow": flow.row.id, "pair": binding.id, "left": binding.left_id, "right": binding.right_id}

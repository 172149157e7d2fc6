"""What the end is judged by: all that the vendors, the store and the log hold once nothing moves any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import select

from shared.connectors.registry import CONNECTORS
from shared.eventlog.port import Entry
from shared.model.change import Change
from shared.operations import administration, views
from shared.operations.views import Status
from shared.runtime.parts import Parts, opened, opened_log
from shared.runtime.settings import Settings
from shared.store import attempts, bindings, tables, waiting
from shared.store.rows import Attempt, Binding, Waiting
from tests.kill.bridges import Side
from tests.kill.place import WORKSPACE, Place
from tests.kill.vendors import Json, Vendors

_ALL = 100_000


@dataclass(frozen=True, kw_only=True)
class Books:
    """Records by side, the deleted ones too; pairs by entity; what waits; which changes were looked at."""

    status: Status
    clients: Mapping[str, Sequence[Json]]
    deals: Sequence[Json]
    deal_statuses: Mapping[int, str]
    pairs: Mapping[str, Sequence[Binding]]
    waits: Sequence[Waiting]
    entries: Sequence[Entry]
    seen_changes: frozenset[str]
    told: Mapping[tuple[str, str], Sequence[Attempt]]

    def row_of(self, system: str, resource: str, record_id: str) -> Waiting | None:
        """What waits for this record, if anything does."""
        account = f"{WORKSPACE}.{system}"
        for row in self.waits:
            if (row.account_id, row.resource, row.record_id) == (account, resource, record_id):
                return row
        return None

    def is_within(self, change: Change) -> bool:
        """Whether the change lies between those that a full row named: of so many, it keeps both ends."""
        told = self.told.get((f"{change.system}/{change.resource}", change.record_id), ())
        row = self.row_of(change.system, change.resource, change.record_id)
        named = [each.change_ids for each in told] + ([row.change_ids] if row is not None else [])
        return any(len(ids) >= waiting.KEPT_IDS and min(ids) < change.id < max(ids) for ids in named)

    def story(self, system: str, resource: str, record_id: str) -> list[str]:
        """The last attempts of a record, oldest first, one line each."""
        found = self.told.get((f"{system}/{resource}", record_id), ())
        return [_line(each) for each in sorted(found, key=lambda each: each.at)[-14:]]


def settings_of(place: Place) -> Settings:
    """The settings by which the rig itself opens the store; those of the services."""
    names = {f"PUENTE_{name.upper()}": name for name in Settings.model_fields}
    return Settings.model_validate({names[key]: value for key, value in place.env.items() if key in names})


async def read(place: Place) -> Books:
    async with opened(settings_of(place), clock=place.clock, migrate=False) as parts, opened_log(parts) as log:
        used = await administration.used_of(parts, WORKSPACE)
        told = await _attempts(parts)
        waits = await parts.database.read(lambda each: waiting.of_workspace(each, WORKSPACE, limit=_ALL))
        seen = {name for each in told for name in each.change_ids} | {n for each in waits for n in each.change_ids}
        bridge_id, bridge = next(iter(used.directory.bridges)), place.bridge
        right = bridge.right.system
        statuses = await place.vendors.records(right, "statuses") if bridge.documents else ()
        return Books(
            status=await views.status(parts, log, WORKSPACE),
            clients={name: await _clients(place, side) for name, side in bridge.sides.items()},
            deals=await place.vendors.records(right, "deals", deleted=True) if bridge.documents else (),
            deal_statuses={each["id"]: str(each["name"]) for each in statuses},
            pairs={entity: await _pairs(parts, bridge_id, entity) for entity in ("customer", "invoice")},
            waits=waits,
            entries=[entry async for entry in log.read(workspace=WORKSPACE)],
            seen_changes=frozenset(seen),
            told=_by_record(told),
        )


async def retry_what_waits(place: Place) -> int:
    """Make due what only waits for its time, as a person may; the number of rows."""
    async with opened(settings_of(place), clock=place.clock, migrate=False) as parts:
        rows = await parts.database.read(lambda each: waiting.of_workspace(each, WORKSPACE, limit=_ALL))
        ids = [row.id for row in rows if not row.needs_person and row.not_before > parts.clock.now()]
        return await parts.database.run(lambda each: waiting.retry(each, ids, parts.clock.now()))


async def accepted(vendors: Vendors, known: dict[int, tuple[str, str, str]]) -> None:
    """Add to `known` every delivery that the door answered with 2xx: by its id, (system, hook kind, record)."""
    for each in (await vendors.get("hooks", limit="2000"))["hooks"]:
        status = each["status"]
        if each["id"] not in known and each["state"] == "delivered" and status and 200 <= status < 300:
            connector = CONNECTORS[each["system"]]
            kinds = connector.hooks.kinds
            # Where one slot sends every event of an entity, the event is no kind of hook.
            kind = each["kind"] if each["kind"] in kinds else next(iter(kinds))
            told = connector.changes_in(kind, msgspec.json.encode(each["body"]))
            known[each["id"]] = (each["system"], kind, told[0].record_id if told else "")


def unlogged(books: Books, known: Mapping[int, tuple[str, str, str]]) -> list[str]:
    """Accepted deliveries of which the log holds fewer entries than the vendor was told of."""
    logged = Counter((e.change.system, e.change.hook_kind, e.change.record_id) for e in books.entries)
    found = Counter(known.values())
    return [
        f"{' '.join(key)}: {many} accepted, {logged[key]} in the log"
        for key, many in found.items()
        if logged[key] < many
    ]


async def _clients(place: Place, side: Side) -> Sequence[Json]:
    """The clients of a system with their fields as Puente names them, without what left no trace."""
    found = await place.vendors.records(side.system, side.resource, deleted=True)
    return [{"deleted": False, **side.shown(each)} for each in found]


async def _pairs(parts: Parts, bridge: str, entity: str) -> Sequence[Binding]:
    return await parts.database.read(lambda each: bindings.page(each, bridge, entity, "", after="", limit=_ALL))


async def _attempts(parts: Parts) -> Sequence[Attempt]:
    async def unit(connection: Any) -> list[Attempt]:
        rows = await connection.execute(select(tables.attempt))
        return [attempts._attempt(row) for row in rows]

    return await parts.database.read(unit)


def _by_record(told: Sequence[Attempt]) -> dict[tuple[str, str], list[Attempt]]:
    found: dict[tuple[str, str], list[Attempt]] = {}
    for each in told:
        system = each.account_id.partition(".")[2]
        found.setdefault((f"{system}/{each.resource}", each.record_id), []).append(each)
    return found


def _line(each: Attempt) -> str:
    fields, many = ",".join(each.fields), len(each.change_ids)
    what = f"{each.origin} of {many} {each.outcome} other={each.other_id}"
    return f"{each.at:%H:%M:%S.%f} {what} [{fields}] {each.says}"

"""The control API: accounts, stored records, faults, switches, counts, the clock. No vendor has it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.sandbox import faults, hook_rows
from services.sandbox.accounts import Account
from services.sandbox.courier import Delivery
from services.sandbox.endpoint import VendorEndpoint
from services.sandbox.refusals import No, documented
from services.sandbox.storage import Fields, Record
from services.sandbox.switches import BadValueError
from services.sandbox.system import Call, Wanted
from services.sandbox.wire import Answer, Refused, parse_object, stamp
from services.sandbox.world import World

What = Literal["data", "faults", "stats", "hooks"]
_DELETED: Mapping[str, Literal["no", "also", "only"]] = {"false": "no", "0": "no", "": "no", "only": "only"}
EVERYTHING: tuple[What, ...] = ("data", "faults", "stats", "hooks")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewAccount(_Body):
    system: str
    account: str | None = None


class SetFault(_Body):
    """A fault or a switch of one system, of all its accounts or of one."""

    system: str
    fault: str
    on: bool = True
    value: JsonValue = None
    times: Annotated[int, Field(ge=1)] | None = None
    match: str | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    account: str | None = None


class Reset(_Body):
    what: list[What] = list(EVERYTHING)


class Clock(_Body):
    advance: Annotated[float, Field(ge=0, le=10 * 366 * 86_400)]


class Seed(_Body):
    system: str
    account: str | None = None
    resource: str
    records: list[dict[str, JsonValue]]
    year: str | None = None
    """Where the vendor keeps a database for each year; its newest one if not given."""


class Drain(_Body):
    seconds: Annotated[float, Field(ge=0, le=3600)] = 10.0


class OwnerAct(_Body):
    """What a person does in the vendor's own pages, said as the vendor's API would."""

    system: str
    account: str | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: dict[str, JsonValue] = {}


class HookRow(_Body):
    system: str
    account: str | None = None
    kind: str
    url: str
    api_token: str | None = None
    active: bool = True


def control_router(world: World, endpoints: Mapping[str, VendorEndpoint]) -> APIRouter:
    router = APIRouter(prefix="/control", responses=documented(400, 404, 422))
    _add_accounts(router, world)
    _add_faults(router, world)
    _add_records(router, world, endpoints)
    _add_hooks(router, world)
    return router


def systems_of(world: World, origin: str) -> dict[str, dict[str, str]]:
    return {name: access(world, world.account(name), origin) for name in world.systems}


def access(world: World, account: Account, origin: str) -> dict[str, str]:
    """What a user needs to connect."""
    return {
        "base_url": f"{origin}/{account.system}",
        "token": world.token(account),
        "account": account.name,
    }


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _account(world: World, system: str, name: str | None) -> Account:
    """Raises 404 for what the sandbox does not have."""
    try:
        return world.account(system, name)
    except KeyError:
        field = "account" if system in world.systems else "system"
        raise No(404, f"no account {name or 'demo'!r} of system {system!r}", field=field) from None


def _add_accounts(router: APIRouter, world: World) -> None:
    @router.get("/systems")
    async def systems(request: Request) -> dict[str, dict[str, dict[str, str]]]:
        return {"systems": systems_of(world, _origin(request))}

    @router.post("/accounts", status_code=201, responses=documented(409))
    async def add_account(request: Request, new: NewAccount) -> dict[str, str]:
        try:
            account = world.add_account(new.system, new.account)
        except KeyError:
            raise No(404, f"no system {new.system!r}", field="system") from None
        except ValueError as problem:
            raise No(409, str(problem), field="account") from None
        return access(world, account, _origin(request))

    @router.get("/accounts")
    async def accounts(request: Request) -> dict[str, list[dict[str, str]]]:
        return {
            "accounts": [
                {
                    "system": system,
                    **access(world, account, _origin(request)),
                    "login": account.login,
                    "password": account.password,
                }
                for system in world.systems
                for account in world.accounts(system)
            ]
        }


# Faults, switches, clock, counts


def _add_faults(router: APIRouter, world: World) -> None:
    @router.get("/faults")
    async def list_faults() -> dict[str, list[dict[str, object]]]:
        return {"faults": world.faults.describe(list(world.systems)), "switches": world.switches.describe()}

    @router.post("/faults")
    async def set_fault(wanted: SetFault) -> dict[str, object]:
        if wanted.system not in world.systems:
            raise No(404, f"no system {wanted.system!r}", field="system")
        if wanted.account is not None:
            _account(world, wanted.system, wanted.account)
        if wanted.fault in faults.BY_NAME:
            return _turn_fault(world, wanted)
        return _turn_switch(world, wanted)

    @router.post("/reset")
    async def reset(wanted: Reset | None = None) -> dict[str, list[str]]:
        what = set((wanted or Reset()).what)
        world.reset(set(what))
        return {"reset": sorted(what)}

    @router.post("/clock")
    async def advance(clock: Clock) -> dict[str, str]:
        world.clock.advance(timedelta(seconds=clock.advance))
        return {"now": stamp(world.clock.now(), millis=True)}

    @router.get("/clock")
    async def now() -> dict[str, str]:
        return {"now": stamp(world.clock.now(), millis=True)}

    @router.get("/stats")
    async def stats(account: str | None = None) -> dict[str, dict[str, int]]:
        return world.counts(account)

    @router.get("/pace")
    async def pace() -> dict[str, dict[str, int]]:
        """Requests in the busiest minute of each account, by the vendors' clock."""
        found: dict[str, dict[str, int]] = {system: {} for system in world.systems}
        for (system, account), each in world.pace.items():
            found[system][account] = each.busiest
        return found


def _turn_fault(world: World, wanted: SetFault) -> dict[str, object]:
    fault = faults.BY_NAME[wanted.fault]
    if wanted.value is not None:
        raise No(422, f"{fault.name} is a fault and takes no value", field="value")
    if not wanted.on:
        world.faults.turn_off(wanted.system, fault.name, account=wanted.account, match=wanted.match)
        return {"system": wanted.system, "fault": fault.name, "on": False}
    world.faults.turn_on(
        faults.ActiveFault(
            system=wanted.system,
            name=fault.name,
            account=wanted.account,
            match=wanted.match,
            times=wanted.times,
            seconds=wanted.seconds if wanted.seconds is not None else fault.seconds or 0.0,
            since=world.clock.now(),
        )
    )
    if fault.name == "hooks_off":
        _switch_rows_off(world, wanted)
    return {"system": wanted.system, "fault": fault.name, "on": True}


def _switch_rows_off(world: World, wanted: SetFault) -> None:
    for account in world.accounts(wanted.system):
        for hook in account.tables["webhooks"].live():
            if world.faults.find(wanted.system, "hooks_off", account.name, hook.text("kind")):
                account.tables["webhooks"].change(hook, {"active": False}, world.clock.now())


def _turn_switch(world: World, wanted: SetFault) -> dict[str, object]:
    known = world.switches.known(wanted.system)
    if wanted.fault not in known:
        names = ", ".join(sorted([*faults.BY_NAME, *known]))
        said = f"no fault or switch {wanted.fault!r} at {wanted.system}; there are {names}"
        raise No(422, said, field="fault")
    try:
        value = world.switches.turn(
            wanted.system, wanted.fault, account=wanted.account, on=wanted.on, value=wanted.value
        )
    except BadValueError as problem:
        raise No(422, str(problem), field="value") from None
    return {"system": wanted.system, "switch": wanted.fault, "value": value}


# Records


def _add_records(router: APIRouter, world: World, endpoints: Mapping[str, VendorEndpoint]) -> None:
    @router.post("/seed", status_code=201)
    async def seed(wanted: Seed) -> dict[str, list[int]]:
        account = _account(world, wanted.system, wanted.account)
        create = _seeder(world, wanted.system, wanted.resource)
        return {"ids": [_insert(world, account, create, wanted, n) for n in range(len(wanted.records))]}

    @router.get("/records")
    async def records(
        system: str,
        resource: str,
        account: str | None = None,
        deleted: str = "false",
        year: str | None = None,
        limit: Annotated[int | None, Query(ge=1)] = None,
    ) -> dict[str, object]:
        """Live records; with `deleted=true` all, with `deleted=only` the deleted ones; the last `limit`."""
        found = _account(world, system, account)
        _seeder(world, system, resource)
        wanted = Wanted(year=year, deleted=_DELETED.get(deleted, "also"), limit=limit)
        shelf = world.systems[system].shelf or _tables
        shown, total = shelf(world, found, resource, wanted)
        return {"records": shown, "total": total}

    @router.post("/owner")
    async def owner(act: OwnerAct) -> dict[str, object]:
        """Runs the vendor's own rules: hooks are raised; faults and counts are left alone."""
        account = _account(world, act.system, act.account)
        answer = endpoints[act.system].act(account, act.method, act.path, dict(act.body))
        return {"status": answer.status, "body": _readable(answer)}


def _tables(world: World, account: Account, resource: str, wanted: Wanted) -> tuple[list[Fields], int]:
    table = account.tables[resource]
    if wanted.deleted == "no":
        rows = table.live()
    else:
        rows = [r for r in table.everything() if wanted.deleted == "also" or r.deleted]
    return [_dump(record) for record in wanted.last(rows)], len(rows)


def _seeder(world: World, system: str, resource: str) -> Callable[[Call, Fields], Record]:
    """Raises 422 for a resource that the vendor does not have."""
    seeders = world.systems[system].seeders
    if resource not in seeders:
        said = f"no resource {resource!r} at {system}; there are {', '.join(seeders)}"
        raise No(422, said, field="resource")
    return seeders[resource]


def _insert(
    world: World, account: Account, create: Callable[[Call, Fields], Record], wanted: Seed, number: int
) -> int:
    """`created_at`, `updated_at` and `deleted` may be given; everything else is as if a person had typed it."""
    given: Fields = dict(wanted.records[number])
    year = () if wanted.year is None else (("year", wanted.year),)
    call = Call(world=world, account=account, now=world.clock.now(), query=year, quiet=True, owner=True)
    try:
        record = create(call, given)
    except Refused as refused:
        reason = refused.answer.body.decode()
        raise No(422, f"record {number} of {wanted.resource}: {reason}", field=f"records.{number}") from None
    dated = replace(
        record,
        created_at=_time(given, "created_at") or record.created_at,
        updated_at=_time(given, "updated_at") or record.updated_at,
        deleted=given.get("deleted") is True,
    )
    if dated != record:
        account.tables[wanted.resource].put(dated, call.now)
    return record.id


def _time(given: Fields, name: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        raise No(422, f"{name} is no time: {value!r}", field=name) from None
    if when.tzinfo is None:
        raise No(422, f"{name} needs an offset: {value!r}", field=name)
    return when


def _dump(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        **record.fields,
        "deleted": record.deleted,
        "created_at": stamp(record.created_at, millis=True),
        "updated_at": stamp(record.updated_at, millis=True),
    }


def _readable(answer: Answer) -> object:
    """The answer's JSON, or its text when it is none."""
    try:
        return msgspec.json.decode(answer.body) if answer.body else None
    except msgspec.DecodeError:
        return answer.body.decode("utf-8", "replace")


# Hooks


def _add_hooks(router: APIRouter, world: World) -> None:
    @router.get("/hooks")
    async def hooks(system: str | None = None, account: str | None = None, limit: int = 200) -> dict[str, object]:
        """Deliveries, the newest first."""
        chosen = [
            _show_delivery(delivery)
            for delivery in reversed(world.courier.deliveries)
            if system in (None, delivery.system) and account in (None, delivery.account)
        ]
        return {"hooks": chosen[:limit], "pending": world.courier.pending}

    @router.post("/hooks/drain")
    async def drain(wanted: Drain | None = None) -> dict[str, int]:
        return {"pending": await world.courier.drain((wanted or Drain()).seconds)}

    @router.get("/webhooks")
    async def rows(system: str, account: str | None = None) -> dict[str, list[dict[str, object]]]:
        table = _account(world, system, account).tables["webhooks"]
        return {"webhooks": [_dump(record) for record in table.live()]}

    @router.post("/webhooks", status_code=201)
    async def add_row(row: HookRow) -> dict[str, object]:
        """Saves a row as in the vendor's settings page; also where the vendor has no API for it."""
        account = _account(world, row.system, row.account)
        call = Call(world=world, account=account, now=world.clock.now(), owner=True)
        save = world.systems[row.system].save_hook or hook_rows.create
        try:
            return _dump(save(call, row.model_dump(include={"kind", "url", "api_token", "active"})))
        except Refused as refused:
            raise No(422, refused.answer.body.decode(), field="kind") from None

    @router.delete("/webhooks/{row_id}")
    async def delete_row(row_id: int, system: str, account: str | None = None) -> dict[str, bool]:
        table = _account(world, system, account).tables["webhooks"]
        record = table.get(row_id)
        if record is None:
            raise No(404, f"no webhook row {row_id}", field="row_id")
        table.delete(record, world.clock.now())
        return {"deleted": True}


def _show_delivery(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.id,
        "system": delivery.system,
        "account": delivery.account,
        "hook_id": delivery.hook_id,
        "kind": delivery.kind,
        "url": delivery.url,
        "state": delivery.state,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "detail": delivery.detail,
        "raised_at": stamp(delivery.raised_at, millis=True),
        "body": parse_object(delivery.body),
    }

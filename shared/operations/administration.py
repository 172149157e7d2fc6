"""Setting up: workspaces, accounts, bridges and flows, as the command line and the console do it.

`actor` is the person who asked, for the audit; none where a program sets up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared import errors
from shared.connectors.contract import Access, Check, Connector, OwnField
from shared.connectors.settings import needed
from shared.flows import catalog
from shared.operations import noting
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used, access_of, must_get
from shared.store import directory, loads, sweeps
from shared.store.directory import unknown
from shared.store.rows import Account, Bridge, FlowRow, Load, SideName

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


async def add_workspace(
    parts: Parts,
    name: str,
    *,
    title: str,
    country: str = "ES",
    locale: str = "es",
    time_zone: str = "Europe/Madrid",
    actor: str = "",
) -> None:
    """Raises Misconfigured for a name that cannot be one or is taken."""
    if not _NAME.fullmatch(name):
        raise errors.Misconfigured(
            f"{name!r} cannot be a workspace's name.", way_out="Use 1 to 40 of a-z, 0-9 and the hyphen."
        )
    if not re.fullmatch(r"[A-Z]{2}", country) or locale not in {"es", "en"}:
        raise errors.Misconfigured(
            "The country is two letters (ES), the language es or en.", way_out="Give --country ES --locale es."
        )
    written = noting.line(parts, name, actor, "workspace.added")

    async def unit(connection: Any) -> None:
        await directory.add_workspace(
            connection,
            name,
            title=title or name,
            country=country,
            locale=locale,
            time_zone=time_zone,
            store_keys=parts.keys.store,
            now=written.at,
        )
        await noting.add(connection, written)

    try:
        await parts.database.run(unit)
    except errors.Lost:
        raise errors.Misconfigured(
            f"There is a workspace {name!r} already.", way_out="Choose another name."
        ) from None


def connector_of(parts: Parts, system: str) -> Connector:
    connector = parts.workspaces.connectors.get(system)
    if connector is None:
        raise unknown("system", system, sorted(parts.workspaces.connectors))
    return connector


def new_account(
    parts: Parts,
    used: Used,
    system: str,
    *,
    base_url: str,
    credentials: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
    name: str = "",
) -> Account:
    """The account as it would be saved; nothing is saved here. Raises Misconfigured for a wrong value."""
    connector = connector_of(parts, system)
    wanted = needed(connector.credentials, [name for name, value in credentials.items() if value])
    missing = [each for each in wanted if not credentials.get(each)]
    if missing:
        raise errors.Misconfigured(
            f"{connector.title} needs {', '.join(missing)}.", way_out="Give it at the prompt or on standard input."
        )
    if not _NAME.fullmatch(name or system):
        raise errors.Misconfigured(
            "That cannot be an account's name.", way_out="Use 1 to 40 of a-z, 0-9 and the hyphen."
        )
    account = Account(
        id=f"{used.workspace.id}.{name or system}",
        workspace_id=used.workspace.id,
        system=system,
        base_url=base_url.strip().rstrip("/"),
        identity="",
        credentials={each: credentials[each].strip() for each in wanted},
        settings=dict(settings or {}),
        generation=1,
    )
    return replace(account, identity=connector.identity(access_of(account, used.workspace)))


async def save_account(parts: Parts, used: Used, account: Account, *, actor: str = "") -> None:
    """Raises Misconfigured if the name or the vendor's account is in use in this installation."""
    written = noting.line(parts, account.workspace_id, actor, "account.added", account=account.id)

    async def unit(connection: Any) -> None:
        await directory.add_account(connection, account, used.workspace.keys, written.at)
        await noting.add(connection, written)

    try:
        await parts.database.run(unit)
    except errors.Lost:
        raise errors.Misconfigured(
            f"{account.id} is there already, or {account.identity} belongs to another workspace.",
            way_out="`puente account list` shows the accounts; change one with `puente account set`.",
        ) from None


async def change_account(parts: Parts, used: Used, account: Account, *, actor: str = "") -> None:
    """Save new credentials, address or settings. Raises Misconfigured if that account is in use elsewhere."""
    written = noting.line(parts, account.workspace_id, actor, "account.changed", account=account.id)

    async def unit(connection: Any) -> None:
        await directory.change_account(connection, account, used.workspace.keys)
        await noting.add(connection, written)

    try:
        await parts.database.run(unit)
    except errors.Lost:
        raise errors.Misconfigured(
            f"{account.identity} belongs to another account of this installation.",
            way_out="`puente account list` shows the accounts.",
        ) from None


async def check_account(parts: Parts, used: Used, account: Account) -> list[Check]:
    """Every check of activation, in order; ends after the first that makes the rest meaningless."""
    session = parts.workspaces.open(account, used.workspace)
    try:
        return [check async for check in session.checks()]
    finally:
        await session.close()


def remembering(parts: Parts, used: Used, account: Account, checks: Sequence[Check]) -> Account:
    """The account with what its checks found out, and the identity that follows from it. Nothing is saved here."""
    found = {name: value for check in checks for name, value in check.remember.items()}
    made = replace(account, settings={**account.settings, **found})
    identity = connector_of(parts, account.system).identity(access_of(made, used.workspace))
    return replace(made, identity=identity)


async def keep_found(
    parts: Parts, used: Used, account: Account, checks: Sequence[Check], *, actor: str = ""
) -> Account:
    """Save what checks found out of an account that is there, if it is new: a version decides what is carried.

    Raises Misconfigured if it turns out to be an account that belongs elsewhere.
    """
    made = remembering(parts, used, account, checks)
    if made != account:
        await change_account(parts, used, made, actor=actor)
    return made


async def add_bridge(parts: Parts, used: Used, left: str, right: str, *, actor: str = "") -> Bridge:
    """Join two accounts of a workspace; every flow between their systems starts as a draft."""
    accounts = used.directory.accounts
    names = {each: f"{used.workspace.id}.{each}" if each not in accounts else each for each in (left, right)}
    for each in names.values():
        if each not in accounts:
            raise unknown("account", each, sorted(accounts))
    one, two = accounts[names[left]], accounts[names[right]]
    specs = catalog.between(one.system, two.system)
    if not specs and catalog.between(two.system, one.system):
        one, two = two, one
        specs = catalog.between(one.system, two.system)
    if not specs:
        raise errors.Misconfigured(
            f"There is no flow between {one.system} and {two.system}.",
            way_out=f"Flows: {', '.join(sorted(catalog.FLOWS))}.",
        )
    short = [each.id.removeprefix(f"{used.workspace.id}.") for each in (one, two)]
    bridge = Bridge(
        id=f"{used.workspace.id}.{short[0]}-{short[1]}",
        workspace_id=used.workspace.id,
        left_account=one.id,
        right_account=two.id,
    )
    several = len(used.directory.bridges) > 0
    flows = [
        FlowRow(
            id=f"{used.workspace.id}.{spec.name}" + (f".{short[0]}-{short[1]}" if several else ""),
            workspace_id=used.workspace.id,
            bridge_id=bridge.id,
            spec=spec.name,
            entity=spec.left.resource.entity.name,
            state="draft",
            state_before_pause=None,
            pause_reason=None,
            options={},
            live_since=None,
        )
        for spec in specs
    ]
    ends = {
        (account.id, end.resource_name) for spec in specs for account, end in ((one, spec.left), (two, spec.right))
    }
    written = noting.line(parts, bridge.workspace_id, actor, "bridge.added", bridge=bridge.id)
    now = written.at

    async def unit(connection: Any) -> None:
        await directory.add_bridge(connection, bridge, flows, now)
        for account_id, resource in sorted(ends):
            await sweeps.ensure(connection, bridge.workspace_id, account_id, resource, now=now)
        await noting.add(connection, written)

    try:
        await parts.database.run(unit)
    except errors.Lost:
        raise errors.Misconfigured(
            f"{one.id} and {two.id} are joined already.", way_out="`puente flow list` shows their flows."
        ) from None
    return bridge


async def ensure_fields(parts: Parts, used: Used, bridge: Bridge) -> list[OwnField]:
    """Have the fields made that the flows of a bridge add to a vendor's records; how each stands."""
    found = []
    for flow in used.flows.values():
        field = flow.id_field
        if flow.bridge.id == bridge.id and field is not None:
            session = flow.session(field.side)
            found.append(await session.ensure_field(flow.resource_name(field.side), field.name))
    return found


async def start_load(
    parts: Parts,
    flow: FlowRow,
    *,
    side: SideName,
    then_side: SideName | None,
    since: str | None,
    actor: str = "",
) -> Load:
    """Ask for a load. The flow must have been reviewed. Raises Misconfigured otherwise."""
    state = flow.state_before_pause if flow.state == "paused" else flow.state
    if state in {"draft", "matching"}:
        raise errors.Misconfigured(
            f"{flow.id} is in state {flow.state}: it was not reviewed.",
            way_out=f"Run `puente match approve {flow.id}` first.",
        )
    now = parts.clock.now()
    load = Load(
        id=parts.new_id(),
        workspace_id=flow.workspace_id,
        flow_id=flow.id,
        side=side,
        then_side=then_side,
        state="running",
        since=None,
        cursor=None,
        pages=0,
        done=0,
        total=None,
        counts={},
        problem=None,
        next_at=now,
        started_at=now,
        updated_at=now,
        version=1,
    )
    options = dict(flow.options) | ({"since": since} if since else {})

    written = noting.line(parts, flow.workspace_id, actor, "load.begun", flow=flow.id, load=load.id)

    async def unit(connection: Any) -> None:
        for old in await loads.of_flow(connection, flow.id):
            if old.state == "running":
                raise errors.Misconfigured(
                    f"A load of {flow.id} is running.", way_out="`puente status` shows how far it is."
                )
        await loads.add(connection, load)
        await directory.set_flow(
            connection, flow, state="loading", options=options, live_since=flow.live_since or now
        )
        await noting.add(connection, written)

    await parts.database.run(unit)
    return load


def flow_of(used: Used, name: str) -> FlowRow:
    """A flow by its id or its short name. Raises Misconfigured with the known ones."""
    flows = used.directory.flows
    for candidate in (name, f"{used.workspace.id}.{name}"):
        if candidate in flows:
            return flows[candidate]
    raise unknown("flow", name, sorted(flows))


async def used_of(parts: Parts, name: str) -> Used:
    """The workspace that a name (of it, or of something in it) belongs to."""
    return await must_get(parts.workspaces, name.partition(".")[0])


def access_in(used: Used, account: Account) -> Access:
    return access_of(account, used.workspace)

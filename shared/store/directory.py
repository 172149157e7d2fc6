"""Who is who: workspaces, accounts, bridges and flows. Every change moves the workspace's version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Row, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.keys import StoreKeys, WorkspaceKeys
from shared.model.change import shard_of
from shared.store import tables
from shared.store.rows import Account, Bridge, FlowRow, FlowState, PauseCause, Workspace
from shared.store.sql import among

_W, _A, _B, _F = tables.workspace, tables.account, tables.bridge, tables.flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One workspace with all that belongs to it."""

    workspace: Workspace
    accounts: Mapping[str, Account]
    bridges: Mapping[str, Bridge]
    flows: Mapping[str, FlowRow]


async def add_workspace(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    title: str,
    country: str,
    locale: str,
    time_zone: str,
    store_keys: StoreKeys,
    now: datetime,
) -> WorkspaceKeys:
    """Raises IntegrityError (Lost, outside) if the id is taken."""
    keys = store_keys.new_workspace_keys()
    await connection.execute(
        insert(_W).values(
            id=workspace_id,
            shard=shard_of(workspace_id),
            title=title,
            country=country,
            locale=locale,
            time_zone=time_zone,
            wrapped_keys=store_keys.wrap(keys, workspace=workspace_id),
            version=1,
            created_at=now,
        )
    )
    return keys


async def add_account(connection: AsyncConnection, account: Account, keys: WorkspaceKeys, now: datetime) -> None:
    """Raises IntegrityError (Lost, outside) if the id or the vendor identity is taken."""
    await connection.execute(
        insert(_A).values(
            id=account.id,
            workspace_id=account.workspace_id,
            shard=shard_of(account.workspace_id),
            system=account.system,
            base_url=account.base_url,
            identity=account.identity,
            credentials=_seal_credentials(account.id, account.credentials, keys),
            settings=dict(account.settings),
            generation=account.generation,
            created_at=now,
        )
    )
    await touch(connection, account.workspace_id)


async def change_account(
    connection: AsyncConnection,
    account: Account,
    keys: WorkspaceKeys,
) -> None:
    """Save new credentials, base URL, settings or hook generation of an account that exists."""
    await connection.execute(
        update(_A)
        .where(_A.c.id == account.id)
        .values(
            base_url=account.base_url,
            identity=account.identity,
            credentials=_seal_credentials(account.id, account.credentials, keys),
            settings=dict(account.settings),
            generation=account.generation,
        )
    )
    await touch(connection, account.workspace_id)


async def add_bridge(connection: AsyncConnection, bridge: Bridge, flows: Sequence[FlowRow], now: datetime) -> None:
    shard = shard_of(bridge.workspace_id)
    await connection.execute(
        insert(_B).values(
            id=bridge.id,
            workspace_id=bridge.workspace_id,
            shard=shard,
            left_account=bridge.left_account,
            right_account=bridge.right_account,
            created_at=now,
        )
    )
    for flow in flows:
        await connection.execute(
            insert(_F).values(
                id=flow.id,
                workspace_id=flow.workspace_id,
                shard=shard,
                bridge_id=flow.bridge_id,
                spec=flow.spec,
                entity=flow.entity,
                state=flow.state,
                options=dict(flow.options),
                created_at=now,
            )
        )
    await touch(connection, bridge.workspace_id)


async def set_flow(
    connection: AsyncConnection,
    flow: FlowRow,
    *,
    state: FlowState | None = None,
    options: Mapping[str, object] | None = None,
    live_since: datetime | None = None,
) -> None:
    """Move a flow to another state or change its options. A paused flow moves the state it remembers."""
    values: dict[str, Any] = {}
    if state is not None:
        # Decided in the row, which another process may have paused since `flow` was read.
        paused = _F.c.state == "paused"
        values["state"] = case((paused, _F.c.state), else_=state)
        values["state_before_pause"] = case((paused, state), else_=_F.c.state_before_pause)
    if options is not None:
        values["options"] = dict(options)
    if live_since is not None:
        values["live_since"] = live_since
    if values:
        await connection.execute(update(_F).where(_F.c.id == flow.id).values(**values))
        await touch(connection, flow.workspace_id)


async def pause_flow(connection: AsyncConnection, flow: FlowRow, reason: str, cause: PauseCause) -> bool:
    """Pause a flow, remembering its state. False if it is paused already."""
    changed = await connection.execute(
        update(_F)
        .where(_F.c.id == flow.id, _F.c.state != "paused")
        .values(state="paused", state_before_pause=_F.c.state, pause_reason=reason, pause_cause=cause)
    )
    await touch(connection, flow.workspace_id)
    return changed.rowcount == 1


async def resume_flow(connection: AsyncConnection, flow: FlowRow) -> bool:
    """Give a paused flow its state back. False if it was not paused."""
    changed = await connection.execute(
        update(_F)
        .where(_F.c.id == flow.id, _F.c.state == "paused")
        .values(state=_F.c.state_before_pause, state_before_pause=None, pause_reason=None, pause_cause=None)
    )
    await touch(connection, flow.workspace_id)
    return changed.rowcount == 1


async def touch(connection: AsyncConnection, workspace_id: str) -> None:
    await connection.execute(update(_W).where(_W.c.id == workspace_id).values(version=_W.c.version + 1))


_VERSIONS = select(_W.c.id, _W.c.version).where(among(_W.c.id, "ids"))


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOf:
    """Asks for the version of a workspace; None if there is none. A process asks for all its own each second."""

    workspace_id: str

    reads: ClassVar[bool] = True

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[VersionOf]) -> Sequence[int | None]:
        rows = await connection.execute(_VERSIONS, {"ids": [unit.workspace_id for unit in units]})
        versions = {row.id: row.version for row in rows}
        return [versions.get(unit.workspace_id) for unit in units]


async def workspace_ids(connection: AsyncConnection, shards: Sequence[int] | None = None) -> list[str]:
    statement = select(_W.c.id).order_by(_W.c.id)
    if shards is not None and len(shards) < 64:
        statement = statement.where(_W.c.shard.in_(list(shards)))
    return list((await connection.execute(statement)).scalars())


async def wrapped_by(connection: AsyncConnection) -> dict[str, int]:
    """How many workspaces' keys each store key wraps: {key id: count}."""
    wrapped = (await connection.execute(select(_W.c.wrapped_keys))).scalars()
    return dict(Counter(text.partition(":")[0] for text in wrapped))


async def rewrap(connection: AsyncConnection, workspace_id: str, store_keys: StoreKeys) -> bool:
    """Wrap a workspace's keys with the current store key; they themselves stay. False if that was done already."""
    row = (await connection.execute(select(_W.c.wrapped_keys).where(_W.c.id == workspace_id))).first()
    if row is None or row.wrapped_keys.partition(":")[0] == store_keys.current:
        return False
    keys = store_keys.unwrap(row.wrapped_keys, workspace=workspace_id)
    changed = await connection.execute(
        update(_W)
        .where(_W.c.id == workspace_id, _W.c.wrapped_keys == row.wrapped_keys)
        .values(wrapped_keys=store_keys.wrap(keys, workspace=workspace_id))
    )
    return changed.rowcount == 1


async def load(connection: AsyncConnection, workspace_id: str, store_keys: StoreKeys) -> Directory | None:
    """Everything of one workspace; None if there is no such. Raises NeedsOperator without its store key."""
    row = (await connection.execute(select(_W).where(_W.c.id == workspace_id))).first()
    if row is None:
        return None
    keys = store_keys.unwrap(row.wrapped_keys, workspace=workspace_id)
    workspace = Workspace(
        id=row.id,
        shard=row.shard,
        title=row.title,
        country=row.country,
        locale=row.locale,
        time_zone=row.time_zone,
        keys=keys,
        version=row.version,
    )
    accounts = await connection.execute(select(_A).where(_A.c.workspace_id == workspace_id).order_by(_A.c.id))
    bridges = await connection.execute(select(_B).where(_B.c.workspace_id == workspace_id).order_by(_B.c.id))
    flows = await connection.execute(select(_F).where(_F.c.workspace_id == workspace_id).order_by(_F.c.id))
    return Directory(
        workspace=workspace,
        accounts={each.id: _account(each, keys) for each in accounts},
        bridges={each.id: _bridge(each) for each in bridges},
        flows={each.id: _flow(each) for each in flows},
    )


def _seal_credentials(account_id: str, credentials: Mapping[str, str], keys: WorkspaceKeys) -> bytes:
    return keys.seal(msgspec.json.encode(dict(credentials)), context=f"credentials|{account_id}")


def _account(row: Row[Any], keys: WorkspaceKeys) -> Account:
    plain = keys.open(row.credentials, context=f"credentials|{row.id}")
    return Account(
        id=row.id,
        workspace_id=row.workspace_id,
        system=row.system,
        base_url=row.base_url,
        identity=row.identity,
        credentials=msgspec.json.decode(plain, type=dict[str, str]),
        settings=row.settings,
        generation=row.generation,
    )


def _bridge(row: Row[Any]) -> Bridge:
    return Bridge(
        id=row.id, workspace_id=row.workspace_id, left_account=row.left_account, right_account=row.right_account
    )


def _flow(row: Row[Any]) -> FlowRow:
    return FlowRow(
        id=row.id,
        workspace_id=row.workspace_id,
        bridge_id=row.bridge_id,
        spec=row.spec,
        entity=row.entity,
        state=row.state,
        state_before_pause=row.state_before_pause,
        pause_reason=row.pause_reason,
        options=row.options,
        live_since=row.live_since,
        pause_cause=row.pause_cause,
    )


def unknown(what: str, name: str, known: Sequence[str]) -> errors.Misconfigured:
    """The error for a name that a person typed and that is not there."""
    listed = ", ".join(known) if known else "none yet"
    return errors.Misconfigured(f"There is no {what} {name!r}.", way_out=f"Known: {listed}.")

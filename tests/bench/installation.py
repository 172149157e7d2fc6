"""An installation to measure: workspaces with their two accounts, bridge and flow, and pairs that are bound.

Pairs are saved as a load would leave them, a day ago, so that a benchmark begins where the work begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import insert, update

from shared.clock import SystemClock
from shared.connectors.contract import Row
from shared.eventlog.urls import event_log
from shared.flows.context import FlowContext
from shared.flows.spec import Side, TwoWay
from shared.keys import DoorKeys, Hook, Ring, generate_ring
from shared.model.change import Change, shard_of
from shared.model.normal import NORMALISER
from shared.operations import administration
from shared.runtime import parts
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings
from shared.store import bindings, directory, index, statistics, tables
from shared.store.rows import Binding, PairBase, SideBase
from shared.store.sql import chunks
from tests.bench import vendor
from tests.bench.vendor import RIGHT_ID

WIDE: Mapping[str, str] = {"calls_per_minute": "600000", "calls_at_once": "64"}
"""Settings of an account whose vendor bears more than any vendor does."""

_LONG = timedelta(days=3650)
_RINGS = {name: generate_ring() for name in ("door_keys", "log_keys", "store_keys")}


class HookKeys:
    """The door's keys of every benchmark: what a vendor needs to post hooks."""

    def __init__(self) -> None:
        self._door = DoorKeys(Ring.parse(_RINGS["door_keys"], setting="PUENTE_DOOR_KEYS"))

    def token(self, workspace: str, kind: str = "client:update") -> str:
        return self._door.token(_hook(workspace, kind))

    def secret(self, workspace: str, kind: str = "client:update") -> str:
        return self._door.secret(_hook(workspace, kind))

    def reader(self) -> DoorKeys:
        """What the door proves tokens and secrets with."""
        return self._door

    @staticmethod
    def shard(workspace: str) -> int:
        return shard_of(workspace)

    @staticmethod
    def door_environment(data: Path, log_url: str, port: int, **more: str) -> dict[str, str]:
        """What an ingress is given: the door's and the log's keys, never the store's."""
        return {
            "PUENTE_DATA": str(data),
            "PUENTE_LOG_URL": log_url,
            "PUENTE_PORT": str(port),
            "PUENTE_DOOR_KEYS": _RINGS["door_keys"],
            "PUENTE_LOG_KEYS": _RINGS["log_keys"],
            **more,
        }


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A store with workspaces, opened here, and the environment by which services open it."""

    parts: Parts
    log_url: str
    workspaces: Sequence[str]

    def environment(self, data: Path, **more: str) -> dict[str, str]:
        settings = self.parts.settings
        return {
            "PUENTE_DATA": str(data),
            "PUENTE_LOG_URL": self.log_url,
            "PUENTE_STORE_URL": settings.store_url,
            "PUENTE_OUTGOING_ALLOW": "127.0.0.0/8",
            "PUENTE_PORT": "0",
            **{f"PUENTE_{name.upper()}": ring for name, ring in _RINGS.items()},
            **more,
        }

    def change(self, workspace: str, number: int) -> Change:
        """What the door appends for an edit of client `number`."""
        return Change(
            id=self.parts.new_id(),
            what="customer",
            workspace=workspace,
            system="bitfactura",
            account=f"{workspace}.bitfactura",
            seen_at=self.parts.clock.now(),
            resource="clients",
            record_id=str(number),
            hook_kind="client:update",
            generation=1,
        )

    async def append(self, changes: Iterable[Change]) -> None:
        log = event_log(self.log_url, clock=self.parts.clock)
        await log.start()
        try:
            for some in chunks(list(changes), 500):
                await asyncio.gather(*(log.append(change) for change in some))
        finally:
            await log.close()


def _hook(workspace: str, kind: str) -> Hook:
    return Hook(
        system="bitfactura",
        workspace=workspace,
        account=f"{workspace}.bitfactura",
        hook_kind=kind,
        generation=1,
    )


@asynccontextmanager
async def installed(
    folder: Path, *, log_url: str, store_url: str, workspaces: Sequence[str], vendor_url: str
) -> AsyncIterator[Installation]:
    """Workspaces on the bare vendor, their customer flows live, nothing bound and nothing to be swept."""
    settings = Settings(
        data=folder,
        log_url=log_url,
        store_url=store_url,
        outgoing_allow="127.0.0.0/8",
        door_keys=SecretStr(_RINGS["door_keys"]),
        log_keys=SecretStr(_RINGS["log_keys"]),
        store_keys=SecretStr(_RINGS["store_keys"]),
    )
    async with parts.opened(settings, clock=SystemClock(), migrate=True) as opened:
        for name in workspaces:
            await add_workspace(
                opened,
                name,
                {
                    "bitfactura": (f"{vendor_url}/{name}/bitfactura", f"bench/{name}"),
                    "sugester": (f"{vendor_url}/{name}/sugester", f"bench/{name}"),
                },
            )
        await postpone_sweeps(opened)
        yield Installation(parts=opened, log_url=log_url, workspaces=workspaces)


async def add_workspace(opened: Parts, name: str, accounts: Mapping[str, tuple[str, str]]) -> None:
    """One workspace with accounts {system: (base URL, token)}, a bridge, and its customer flow live."""
    await administration.add_workspace(opened, name, title=name)
    used = await administration.used_of(opened, name)
    for system, (base_url, token) in accounts.items():
        account = administration.new_account(
            opened, used, system, base_url=base_url, credentials={"token": token}, settings=WIDE
        )
        await administration.save_account(opened, used, account)
    used = await administration.used_of(opened, name)
    left, right = accounts
    await administration.add_bridge(opened, used, left, right)
    used = await administration.used_of(opened, name)
    now = opened.clock.now()
    flow = next(each for each in used.directory.flows.values() if each.entity == "customer")
    await opened.database.run(
        lambda connection: directory.set_flow(connection, flow, state="live", live_since=now)
    )


async def postpone_sweeps(opened: Parts) -> None:
    """Count every list as just read, and read none while the benchmark lasts."""
    now = opened.clock.now()
    values: dict[str, Any] = {
        "next_at": now + _LONG,
        "full_at": now + _LONG,
        "seen_until": now,
        "complete_at": now,
    }
    await opened.database.run(lambda connection: connection.execute(update(tables.sweep).values(**values)))


async def bind(here: Installation, workspace: str, numbers: Sequence[int]) -> None:
    """Bind client N of BitFactura with client N + RIGHT_ID of Sugester, both as the bare vendor showed them."""
    used = await administration.used_of(here.parts, workspace)
    flow = next(flow for flow in used.flows.values() if flow.row.entity == "customer")
    now = here.parts.clock.now() - timedelta(days=1)
    for some in chunks(numbers, 500):
        rows = [_binding(flow, number, here.parts.new_id(), now) for number in some]
        seen = {side: [flow.seen(side, _shown(flow, side, number), now) for number in some] for side in Side}

        async def unit(connection: Any, rows: Any = rows, seen: Any = seen) -> None:
            await connection.execute(insert(tables.binding), [bindings._values(row) for row in rows])
            for each in seen.values():
                await index.save(connection, each)

        await here.parts.database.run(unit)
    # As PostgreSQL does by itself within a minute: the store is measured as it stands then.
    await here.parts.database.run(statistics.refresh)


def _shown(flow: FlowContext, side: Side, number: int) -> Row:
    """The client as the connector of this side reads it, before its edit."""
    session: Any = flow.session(side)
    wire = vendor.client(number + (RIGHT_ID if side is Side.RIGHT else 0), vendor.BEFORE)
    if side is Side.RIGHT:
        wire = vendor.client(number, vendor.BEFORE) | {"id": number + RIGHT_ID}
    row: Row = session._rest.resources["clients"].row(wire, session.access)
    return row


def _binding(flow: FlowContext, number: int, binding_id: str, now: datetime) -> Binding:
    spec = flow.spec
    assert isinstance(spec, TwoWay)
    digest = flow.digester(spec.entity)
    left = _shown(flow, Side.LEFT, number).fields
    shown = {name: digest(name, left[name]) for name in spec.shared_fields()}
    side = SideBase(shown=shown)
    return Binding(
        id=binding_id,
        workspace_id=flow.workspace.id,
        bridge_id=flow.bridge.id,
        entity="customer",
        role=spec.role,
        left_id=str(number),
        right_id=str(number + RIGHT_ID),
        state="active",
        version=1,
        base=PairBase(left=side, right=side, normaliser=NORMALISER, map_version=flow.map_version),
        reference=flow.reference(Side.LEFT, str(number)),
        created_at=now,
        updated_at=now,
    )

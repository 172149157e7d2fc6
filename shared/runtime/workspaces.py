"""Workspaces in use: their flows made concrete, their sessions open, refreshed when the store changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared import errors
from shared.clock import Clock
from shared.connectors.contract import Access, Connector, Session, Wire
from shared.flows.catalog import FLOWS
from shared.flows.context import FlowContext, lacking
from shared.flows.spec import Side
from shared.keys import StoreKeys
from shared.store import directory
from shared.store.database import Database
from shared.store.directory import Directory
from shared.store.rows import Account, Workspace

LOOK_EVERY = timedelta(seconds=1)
"""How old a process's view of a workspace may be: a change of it is seen everywhere after this."""
_IDLE = timedelta(minutes=30)


@dataclass(slots=True)
class Used:
    """One workspace as the engine needs it. `flows_of` answers which flows a record of an account concerns."""

    directory: Directory
    flows: Mapping[str, FlowContext]
    sessions: Mapping[str, Session]
    checked_at: datetime
    by_end: Mapping[tuple[str, str], Sequence[tuple[FlowContext, Side]]] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        return self.directory.workspace

    def is_fresh(self, now: datetime, look_every: timedelta) -> bool:
        """Whether it was checked within this time; not if the clock has been set back since."""
        return timedelta(0) <= now - self.checked_at < look_every

    def flows_of(self, account_id: str, resource: str) -> Sequence[tuple[FlowContext, Side]]:
        return self.by_end.get((account_id, resource), ())


class Workspaces:
    """A cache of workspaces; every entry is checked against the store's version at most once a second."""

    def __init__(
        self,
        *,
        database: Database,
        store_keys: StoreKeys,
        connectors: Mapping[str, Connector],
        wire: Wire,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store_keys = store_keys
        self._connectors = connectors
        self._wire = wire
        self._clock = clock
        self._used: dict[str, Used] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    @property
    def connectors(self) -> Mapping[str, Connector]:
        return self._connectors

    async def get(self, workspace_id: str, *, look_every: timedelta = LOOK_EVERY) -> Used | None:
        """The workspace as it stands now; None if there is no such. Raises NeedsOperator without its store key.

        Whoever has just changed it asks with `look_every` zero, and sees the change.
        """
        used = self._used.get(workspace_id)
        if used is not None and used.is_fresh(self._clock.now(), look_every):
            return used
        lock = self._loading.setdefault(workspace_id, asyncio.Lock())
        async with lock:
            used = self._used.get(workspace_id)
            now = self._clock.now()
            if used is not None and used.is_fresh(now, look_every):
                return used
            version = await self._database.grouped(directory.VersionOf(workspace_id=workspace_id))
            if used is not None and version == used.workspace.version:
                used.checked_at = now
                return used
            return await self._load(workspace_id, used)

    def forget_idle(self) -> None:
        """Let go of workspaces that nobody asked for in a while."""
        limit = self._clock.now() - _IDLE
        for workspace_id in [name for name, used in self._used.items() if used.checked_at < limit]:
            del self._used[workspace_id]
            self._loading.pop(workspace_id, None)

    async def _load(self, workspace_id: str, old: Used | None) -> Used | None:
        found = await self._database.read(
            lambda connection: directory.load(connection, workspace_id, self._store_keys)
        )
        if found is None:
            self._used.pop(workspace_id, None)
            self._loading.pop(workspace_id, None)
            return None
        sessions = self._sessions(found, old)
        flows = concrete_flows(found, sessions)
        used = Used(found, flows, sessions, self._clock.now(), by_end=_by_end(flows))
        self._used[workspace_id] = used
        if old is not None:
            for account_id, session in old.sessions.items():
                if sessions.get(account_id) is not session:
                    await session.close()
        return used

    def _sessions(self, found: Directory, old: Used | None) -> dict[str, Session]:
        """One session an account; an account that did not change keeps the one that it had."""
        sessions: dict[str, Session] = {}
        for account in found.accounts.values():
            if old is not None and old.directory.accounts.get(account.id) == account:
                sessions[account.id] = old.sessions[account.id]
            elif account.system in self._connectors:
                sessions[account.id] = self.open(account, found.workspace)
        return sessions

    def open(self, account: Account, workspace: Workspace) -> Session:
        """A session of its own, for whoever checks an account outside the cache."""
        return self._connectors[account.system].open(access_of(account, workspace), self._wire)


def access_of(account: Account, workspace: Workspace) -> Access:
    return Access(
        account=account.id,
        base_url=account.base_url,
        credentials=account.credentials,
        settings=account.settings,
        country=workspace.country,
        time_zone=workspace.time_zone,
        system=account.system,
    )


def concrete_flows(found: Directory, sessions: Mapping[str, Session]) -> dict[str, FlowContext]:
    """Every flow of the workspace with its sessions; flows that this version does not know are left out."""
    flows: dict[str, FlowContext] = {}
    for row in found.flows.values():
        spec, bridge = FLOWS.get(row.spec), found.bridges[row.bridge_id]
        sides = {Side.LEFT: bridge.left_account, Side.RIGHT: bridge.right_account}
        if spec is None or any(account not in sessions for account in sides.values()):
            continue
        opened = {side: sessions[account] for side, account in sides.items()}
        without = lacking(spec, opened)
        flows[row.id] = FlowContext(
            row=replace(row, options={"locale": found.workspace.locale, **row.options}),
            spec=spec.without(without),
            bridge=bridge,
            workspace=found.workspace,
            accounts={side: found.accounts[account] for side, account in sides.items()},
            sessions=opened,
            lacking=without,
        )
    return {flow_id: replace(flow, siblings=_siblings(flow, flows)) for flow_id, flow in flows.items()}


def _siblings(flow: FlowContext, flows: Mapping[str, FlowContext]) -> dict[str, FlowContext]:
    return {
        other.spec.left.resource.entity.name: other
        for other in flows.values()
        if other.bridge.id == flow.bridge.id and other.row.id != flow.row.id
    }


def _by_end(flows: Mapping[str, FlowContext]) -> dict[tuple[str, str], list[tuple[FlowContext, Side]]]:
    found: dict[tuple[str, str], list[tuple[FlowContext, Side]]] = {}
    for flow in flows.values():
        for side in Side:
            found.setdefault((flow.accounts[side].id, flow.resource_name(side)), []).append((flow, side))
    return found


async def must_get(workspaces: Workspaces, workspace_id: str) -> Used:
    """The workspace, or Misconfigured for a name that a person typed."""
    used = await workspaces.get(workspace_id, look_every=timedelta(0))
    if used is None:
        raise errors.Misconfigured(
            f"There is no workspace {workspace_id!r}.", way_out="`puente workspace list` shows which there are."
        )
    return used

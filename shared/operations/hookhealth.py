"""How the hooks of a workspace's accounts stand, as a person is told: who set them, when they last told something.

What the hook watch found is read from its marks; no vendor is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

from shared.connectors.contract import Connector
from shared.operations import hooking
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import hooks, marks, series
from shared.store.hooks import Hook
from shared.store.marks import Mark
from shared.store.rows import Account

_BACK: Final = timedelta(days=14)

SetBy = Literal["registered by Puente", "pasted by hand", "no hooks: lists alone"]
HookState = Literal["in order", "failing", "silent", "held by another", "mended", "nothing told yet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookHealth:
    """One account. `kinds` are the hooks that Puente registered; `state` is None where there are none to judge.

    `last_told_at` is when a change that was told was last looked at, within the last 14 days. `says` is the
    vendor's or the watch's own word for what is wrong.
    """

    account: Account
    set_by: SetBy
    kinds: Sequence[str]
    checked_at: datetime | None
    last_told_at: datetime | None
    state: HookState | None
    says: str


async def of_workspace(parts: Parts, used: Used) -> list[HookHealth]:
    found = await parts.database.read(partial(marks.of_workspace, workspace_id=used.workspace.id))
    return [await _of(parts, used, account, found) for account in used.directory.accounts.values()]


async def _of(parts: Parts, used: Used, account: Account, found: Sequence[Mark]) -> HookHealth:
    rows = await parts.database.read(lambda connection: hooks.of_account(connection, account.id))
    flows = [flow.row.id for flow in used.flows.values() if account in flow.accounts.values()]
    since = parts.clock.now() - _BACK
    told = await parts.database.read(partial(series.last_told, account_id=account.id, flow_ids=flows, since=since))
    about = [each for each in found if each.subject.split("/", 1)[0] == account.id]
    connector = parts.workspaces.connectors.get(account.system)
    set_by = _set_by(connector, rows, told)
    return HookHealth(
        account=account,
        set_by=set_by,
        kinds=[row.hook_kind for row in rows],
        checked_at=min((row.checked_at for row in rows), default=None),
        last_told_at=told,
        state=None if set_by == "no hooks: lists alone" else _state(rows, about, told),
        says="; ".join(str(each.facts["says"]) for each in about if "says" in each.facts),
    )


def _set_by(connector: Connector | None, rows: Sequence[Hook], told: datetime | None) -> SetBy:
    if rows:
        return "registered by Puente"
    has_hooks = connector is not None and bool(connector.hooks.kinds)
    return "pasted by hand" if has_hooks and told is not None else "no hooks: lists alone"


def _state(rows: Sequence[Hook], about: Sequence[Mark], told: datetime | None) -> HookState:
    """What needs somebody comes first."""
    kinds = {each.kind for each in about}
    if "hooks failing" in kinds:
        return "failing"
    if "hooks silent" in kinds:
        return "silent"
    if any(row.says == hooking.HELD for row in rows):
        return "held by another"
    if "hooks mended" in kinds:
        return "mended"
    return "in order" if told is not None else "nothing told yet"

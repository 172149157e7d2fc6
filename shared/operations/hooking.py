"""Hooks at the vendors: registered once per kind with a secret of their own, watched, and switched on again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared import errors
from shared.connectors.contract import Connector, RegisteredHook, Session
from shared.keys import Hook
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import hooks as stored
from shared.store import sweeps
from shared.store.rows import Account

HELD = "held by another"
"""The state of a hook whose one slot at the vendor points elsewhere: it is left alone."""

# Kinds that a person sets on purpose, since saving one makes the vendor send everything.
_BY_HAND = frozenset({"client:sync"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HookLine:
    """One kind of hook of one account: where it should point and how it stands at the vendor."""

    hook_kind: str
    url: str
    secret: str
    state: str  # "active", "switched on again", "registered", "to paste", HELD
    hook_id: str = ""


def url_of(public_url: str, account: Account, token: str) -> str:
    return f"{public_url.rstrip('/')}/hooks/{account.system}/{token}"


def wanted(parts: Parts, account: Account, connector: Connector, public_url: str) -> list[HookLine]:
    """Every hook that this account should have, with what to paste where a person must do it."""
    lines = []
    for kind, rule in connector.hooks.kinds.items():
        hook = _hook(account, kind)
        token = parts.keys.door.token(hook)
        url = url_of(public_url, account, token)
        if rule.bulk and connector.hooks.extra_paths:
            url += connector.hooks.extra_paths[0]
        lines.append(HookLine(hook_kind=kind, url=url, secret=parts.keys.door.secret(hook), state="to paste"))
    return lines


async def register(parts: Parts, used: Used, account: Account, public_url: str) -> list[HookLine]:
    """Bring the vendor's hook rows to one set of ours: one per kind, active, none left from before.

    Returns what was done, or what to paste where the vendor has no API for hooks. A row that was found switched
    off is switched on, and the account is swept, since hooks were lost meanwhile.
    """
    if not public_url:
        raise errors.Misconfigured(
            "PUENTE_PUBLIC_URL is not set, so no system can reach the door.",
            setting="PUENTE_PUBLIC_URL",
            way_out="Set it to the address of the ingress, or go on without hooks: sweeps carry the changes.",
        )
    connector = parts.workspaces.connectors[account.system]
    session = parts.workspaces.open(account, used.workspace)
    try:
        rows = await session.hooks()
        lines = wanted(parts, account, connector, public_url)
        if rows is None:
            return lines
        settled = [
            await _settle(session, line, rows, account, public_url, one_slot=connector.hooks.one_slot)
            for line in lines
            if line.hook_kind not in _BY_HAND
        ]
        done = [line for line, _ in settled]
        await _remember(parts, account, done)
    finally:
        await session.close()
    if any(lost for _, lost in settled):
        await _sweep(parts, account)
    return done


async def _settle(
    session: Session,
    line: HookLine,
    rows: Sequence[RegisteredHook],
    account: Account,
    public_url: str,
    *,
    one_slot: bool,
) -> tuple[HookLine, bool]:
    """The hook as it stands now, and whether changes may have been lost on the way."""
    if one_slot and any(
        row.hook_kind == line.hook_kind and not is_ours(row.url, account, public_url) for row in rows
    ):
        return _as(line, HELD, ""), False
    ours = [row for row in rows if row.hook_kind == line.hook_kind and is_ours(row.url, account, public_url)]
    right = [row for row in ours if row.url == line.url]
    old = [row for row in ours if row not in right[:1]]
    if right or one_slot:
        for row in old:
            await session.remove_hook(row)
    if not right:
        made = await session.register_hook(line.hook_kind, line.url, line.secret)
        if not one_slot:
            # The new one stands already: a kind is never without a hook, and what is told twice costs a read.
            for row in old:
                await session.remove_hook(row)
        return _as(line, "registered", made.hook_id), one_slot and bool(old)
    if not right[0].active:
        await session.activate_hook(right[0], line.secret)
        return _as(line, "switched on again", right[0].hook_id), True
    return _as(line, "active", right[0].hook_id), False


def _as(line: HookLine, state: str, hook_id: str) -> HookLine:
    return HookLine(hook_kind=line.hook_kind, url=line.url, secret=line.secret, state=state, hook_id=hook_id)


def is_ours(url: str, account: Account, public_url: str) -> bool:
    """Whether a hook row points at our door for this system, whatever its token."""
    return url.startswith(f"{public_url.rstrip('/')}/hooks/{account.system}/")


async def remove(parts: Parts, used: Used, account: Account, public_url: str) -> int:
    """Remove our rows at the vendor; returns how many there were."""
    session = parts.workspaces.open(account, used.workspace)
    try:
        rows = [row for row in await session.hooks() or () if is_ours(row.url, account, public_url)]
        for row in rows:
            await session.remove_hook(row)
        # Else whoever looks after hooks would put them back.
        await parts.database.run(lambda connection: stored.remove_all(connection, account.id))
        return len(rows)
    finally:
        await session.close()


async def _remember(parts: Parts, account: Account, lines: Sequence[HookLine]) -> None:
    now = parts.clock.now()
    rows = [
        stored.Hook(
            account_id=account.id,
            hook_kind=line.hook_kind,
            hook_id=line.hook_id,
            active=line.state != HELD,
            generation=account.generation,
            checked_at=now,
            says=line.state,
        )
        for line in lines
    ]
    await parts.database.run(lambda connection: stored.save(connection, rows))


async def _sweep(parts: Parts, account: Account) -> None:
    now = parts.clock.now()
    await parts.database.run(lambda connection: sweeps.request(connection, account.id, None, now=now, gap=True))


def _hook(account: Account, kind: str) -> Hook:
    return Hook(
        system=account.system,
        workspace=account.workspace_id,
        account=account.id,
        hook_kind=kind,
        generation=account.generation,
    )


async def tokens_at(parts: Parts, used: Used, account: Account) -> list[str]:
    """What may be tokens of ours in a vendor's hooks, wherever they point; none where it cannot tell its hooks.

    Raises Retryable and NeedsOperator.
    """
    session = parts.workspaces.open(account, used.workspace)
    try:
        rows = await session.hooks() or ()
    finally:
        await session.close()
    return [row.url.partition(f"/hooks/{account.system}/")[2].partition("/")[0] for row in rows]

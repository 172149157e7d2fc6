"""Rotating keys while everything runs: what uses which key, wrapping anew, and when an old key may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from shared import errors, keyfile
from shared.eventlog.port import EventLog
from shared.keyfile import RINGS, RingName
from shared.keys import LOOK_SECONDS, Ring
from shared.operations import administration, hooking, views
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings, key_rings
from shared.store import directory

_SURELY_SEEN: Final = timedelta(seconds=3 * LOOK_SECONDS)
"""After so long no process wraps anything with the key that was current before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingShown:
    """One ring without its secrets. `wrapped` is {key id: workspaces}, of the store keys only."""

    name: RingName
    current: str
    others: tuple[str, ...]
    place: str
    wrapped: dict[str, int] | None = None


async def shown(parts: Parts) -> list[RingShown]:
    """Every ring, where it is kept, and what the store keys wrap."""
    wrapped = await parts.database.read(directory.wrapped_by)
    found = []
    for name, text in key_rings(parts.settings).items():
        ring = Ring.parse(text, setting=name)
        found.append(
            RingShown(
                name=name,
                current=ring.current,
                others=tuple(key_id for key_id in ring.keys if key_id != ring.current),
                place=_place(parts.settings, name),
                wrapped=wrapped if name == "store_keys" else None,
            )
        )
    return found


def rotate(settings: Settings, names: tuple[RingName, ...] = RINGS) -> dict[RingName, str]:
    """A new key in front of rings of the key file; {ring: id}. Raises Misconfigured for one of the environment."""
    path = _file_of(settings, names)
    key_rings(settings)
    return keyfile.rotate(path, names)


async def rewrap(parts: Parts) -> int:
    """Wrap every workspace's keys with the current store key; how many were changed."""
    names = await views.workspace_ids(parts)
    changed = 0
    for name in names:
        again = partial(directory.rewrap, workspace_id=name, store_keys=parts.keys.store)
        changed += await parts.database.run(again)
    return changed


async def retire(parts: Parts, log: EventLog, name: RingName, key_id: str) -> None:
    """Take an old key out of the key file once nothing needs it.

    Raises Misconfigured, saying what still does: a workspace, a hook at a vendor, a body in the log.
    """
    path = _file_of(parts.settings, (name,))
    keyfile.refuse_in_use(Ring.parse(key_rings(parts.settings)[name], setting=name), name, key_id)
    match name:
        case "store_keys":
            # Whoever made a workspace a moment ago may have done so before it saw the new key.
            await parts.clock.sleep(_SURELY_SEEN)
            wrapped = (await parts.database.read(directory.wrapped_by)).get(key_id, 0)
            if wrapped:
                raise _needed(name, key_id, f"{wrapped} workspaces are wrapped with it", "`puente keys rewrap`")
        case "door_keys":
            await _refuse_registered(parts, key_id)
        case "log_keys":
            await _refuse_sealed(parts, log, key_id)
    keyfile.retire(path, name, key_id)


async def _refuse_registered(parts: Parts, key_id: str) -> None:
    """Raises Misconfigured while a vendor has a hook under this key, or Retryable where one cannot be asked."""
    for name in await views.workspace_ids(parts):
        used = await administration.used_of(parts, name)
        for account in used.directory.accounts.values():
            tokens = await hooking.tokens_at(parts, used, account)
            if any(parts.keys.door.key_of(token, system=account.system) == key_id for token in tokens):
                raise _needed("door_keys", key_id, f"hooks of {account.id} carry it", f"`puente doctor {name}`")


async def _refuse_sealed(parts: Parts, log: EventLog, key_id: str) -> None:
    async for entry in log.read():
        if entry.change.body_key == key_id:
            gone = entry.appended_at + timedelta(days=parts.settings.log_retention_days)
            why = f"bodies in the log are sealed with it, the oldest until about {gone:%Y-%m-%d}"
            raise _needed("log_keys", key_id, why, "the same command then")


def _needed(name: RingName, key_id: str, why: str, then: str) -> errors.Misconfigured:
    return errors.Misconfigured(f"{key_id} of the {name} is still needed: {why}.", way_out=f"Run {then}.")


def _place(settings: Settings, name: RingName) -> str:
    return f"PUENTE_{name.upper()}" if settings.ring(name) else str(settings.key_file)


def _file_of(settings: Settings, names: tuple[RingName, ...]) -> Path:
    """The key file that holds these rings. Raises Misconfigured where the environment does."""
    fixed = [f"PUENTE_{name.upper()}" for name in names if settings.ring(name)]
    if fixed or settings.key_file is None:
        raise errors.Misconfigured(
            f"{', '.join(fixed) or 'A key ring'} comes from the environment and cannot be changed from here.",
            setting=fixed[0] if fixed else "PUENTE_KEYS_FILE",
            way_out="Change it where it is set, in three steps (docs/operator.md, Keys), or use PUENTE_KEYS_FILE.",
        )
    return settings.key_file

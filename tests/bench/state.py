"""P7: what one change leaves behind, and what a million workspaces would need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text

from shared.eventlog import envelope
from tests.bench.changes import VendorWatch, all_saved, start_sync, start_vendor
from tests.bench.figures import Findings, Row
from tests.bench.installation import Installation, bind, installed
from tests.bench.servers import Servers
from tests.bench.settings import Effort

_WORKSPACES = tuple(f"w{number}" for number in range(8))
_PAIRS_OF_A_WORKSPACE = 500
_CHANGES_A_DAY = 50
_LOG_DAYS = _ATTEMPT_DAYS = 14
_BODY_BYTES = 1024
_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the database holds and has done."""

    rows: Mapping[str, int]
    size: int
    transactions: int
    log_bytes: int


async def state_per_change(servers: Servers, effort: Effort, findings: Findings) -> None:
    """Bound pairs are edited once each; the difference in the store is what the edits cost."""
    numbers = range(1, effort.changes // len(_WORKSPACES) + 1)
    total = len(numbers) * len(_WORKSPACES)
    with servers.processes() as started:
        async with servers.database() as store, aiohttp.ClientSession() as http:
            url = await start_vendor(started, 0)
            async with installed(
                started.folder,
                log_url=await servers.topic(),
                store_url=store,
                workspaces=_WORKSPACES,
                vendor_url=url,
            ) as here:
                empty = await _stored(here)
                for name in _WORKSPACES:
                    await bind(here, name, numbers)
                before = await _stored(here)
                await here.append(here.change(name, number) for number in numbers for name in _WORKSPACES)
                process = start_sync(started, here)
                await VendorWatch(url, http).until_writes(total, process)
                await all_saved(here, total)
                process.stop()
                after = await _stored(here)
                lines = _log_bytes(started.folder)
                entry = _entry_bytes(here)
    per_pair = (before.size - empty.size) / total
    per_change = (after.size - before.size) / total
    findings.add(
        _row("rows added per change", "rows", sum(after.rows.values()) - sum(before.rows.values()), total),
        _row("bytes added to the store per change", "B", after.size - before.size, total),
        _row("bytes of a bound pair", "B", before.size - empty.size, total),
        _row("bytes of write-ahead log per change", "B", after.log_bytes - before.log_bytes, total),
        _row("transactions per change", "", after.transactions - before.transactions, total),
        _row("bytes of log lines per change", "B", lines, total),
        Row(figure="P7", what="Kafka bytes per change, a body of 1 KB", unit="B", values=[entry]),
    )
    findings.notes += _of_a_million(per_pair, per_change, entry, (after.log_bytes - before.log_bytes) / total)


def _row(what: str, unit: str, whole: float, total: int) -> Row:
    return Row(figure="P7", what=what, unit=unit, values=[whole / total])


async def _stored(here: Installation) -> Stored:
    async def unit(connection: Any) -> Stored:
        names = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = {}
        for name in names.all():
            if re.fullmatch(r"[a-z0-9_]+", name):
                rows[name] = int(await connection.scalar(text(f'SELECT count(*) FROM ONLY "{name}"')))  # noqa: S608
        done = await connection.execute(
            text(
                "SELECT pg_database_size(current_database()), xact_commit, "
                "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') FROM pg_stat_database "
                "WHERE datname = current_database()"
            )
        )
        size, transactions, log_bytes = done.one()
        return Stored(rows=rows, size=int(size), transactions=int(transactions), log_bytes=int(log_bytes))

    found: Stored = await here.parts.database.read(unit)
    return found


def _entry_bytes(here: Installation) -> float:
    """An entry of the log with its body, as Kafka counts it before its own framing of batches."""
    change = here.change(_WORKSPACES[0], 1)
    sealed = here.parts.keys.log.seal(b"x" * _BODY_BYTES, workspace=change.workspace, change_id=change.id)
    return float(envelope.size_of(change.workspace, envelope.headers_of(change), sealed))


def _log_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("sync*.err"))


def _of_a_million(per_pair: float, per_change: float, entry: float, wal: float) -> list[str]:
    """What a million workspaces would need, from the figures of one change."""
    workspaces = 1_000_000
    a_second = workspaces * _CHANGES_A_DAY / 86_400
    pairs = workspaces * _PAIRS_OF_A_WORKSPACE * per_pair
    attempts = workspaces * _CHANGES_A_DAY * _ATTEMPT_DAYS * per_change
    log = workspaces * _CHANGES_A_DAY * _LOG_DAYS * entry
    return [
        (
            f"A million workspaces with {_PAIRS_OF_A_WORKSPACE} pairs and {_CHANGES_A_DAY} changes a day each: "
            f"{a_second:,.0f} changes/s on average, {pairs / 1e12:.1f} TB of pairs, "
            f"{attempts / 1e12:.1f} TB of attempts ({_ATTEMPT_DAYS} days), "
            f"{log / 1e12:.1f} TB of log per copy ({_LOG_DAYS} days), "
            f"{a_second * wal / 1e6:.0f} MB/s of write-ahead log."
        ),
        (
            "The limit is then the one PostgreSQL that every process writes to. Workspaces share nothing in it "
            "but the schema: several stores, each with shards of its own, are the way further."
        ),
    ]

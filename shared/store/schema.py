"""The schema: brings a database to the version of this code, and refuses one of another version.

Migrations are the files of `migrations/versions`, in one line of descent. Each has `upgrade(op: Operations)`, is
frozen once released, and works on both dialects. There is nothing to configure and no way down: a restored
backup is the way back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store.database import Database

T = TypeVar("T")

_log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).parent / "migrations"
# Held by whoever migrates a PostgreSQL database; any number that nothing else of ours locks.
_LOCK = 7_305_801


async def migrate(database: Database) -> list[str]:
    """Apply what is missing, all of it or nothing, and return the names of the migrations applied.

    Two processes may do so at once: one applies, the other waits and finds nothing to do. Raises Misconfigured
    for a database that a newer Puente has migrated, StoreUnreachable while it does not answer.
    """
    if database.is_sqlite:
        # BEGIN IMMEDIATE holds the file's one write lock from before the first look at the version.
        return await database.run(_in_sync(_upgrade))
    # Of its own, since a migration may take longer than any other statement may.
    patient = Database(database.url.render_as_string(hide_password=False), statement_limit=None)
    try:
        return await patient.run(_upgrade_alone)
    finally:
        await patient.close()


async def check(database: Database) -> None:
    """Return if the database has exactly the schema of this code. Raises Misconfigured if not."""
    found = await database.read(_in_sync(_revision))
    scripts = _scripts()
    if found == scripts.get_current_head():
        return
    if found is not None and not _is_known(scripts, found):
        raise _newer(found)
    says = "has no tables yet" if found is None else f"is of an older version ({found})"
    raise errors.Misconfigured(
        f"The store {says}.", setting="PUENTE_STORE_URL", way_out="Run `puente migrate`, then start again."
    )


async def _upgrade_alone(connection: AsyncConnection) -> list[str]:
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return await connection.run_sync(_upgrade)


def _in_sync(work: Callable[[Connection], T]) -> Callable[[AsyncConnection], Any]:
    async def unit(connection: AsyncConnection) -> T:
        return await connection.run_sync(work)

    return unit


def _upgrade(connection: Connection) -> list[str]:
    """Runs inside the caller's transaction: SQLite too can take back the making of tables."""
    scripts = _scripts()
    applied: list[str] = []

    def steps(found: tuple[str, ...], _context: MigrationContext) -> list[Any]:
        missing = _missing(scripts, found)
        applied.extend(script.revision for script in missing)
        return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in missing]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    # Handed to the migrations, not found by them in a module: several databases may be migrated at once.
    context.run_migrations(op=Operations(context))
    if applied:
        _log.info("store.migrated", extra={"migrations": applied})
    return applied


def _missing(scripts: ScriptDirectory, found: tuple[str, ...]) -> list[Any]:
    for revision in found:
        if not _is_known(scripts, revision):
            raise _newer(revision)
    newest_first = scripts.iterate_revisions("head", found[0] if found else "base")
    return list(reversed(list(newest_first)))


def _is_known(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False


def _newer(revision: str) -> errors.Misconfigured:
    return errors.Misconfigured(
        f"The store was migrated by a newer version of Puente ({revision}).",
        setting="PUENTE_STORE_URL",
        way_out="Start that version or a later one, or restore a backup from before `puente migrate`.",
    )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))

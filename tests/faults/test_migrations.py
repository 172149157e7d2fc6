"""Migrations are append-only: a released one stays as it is, and what it made is brought forward by later ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Inspector, inspect, text

from shared.store import schema
from shared.store.database import Database
from tests.support import earlier
from tests.support.processes import Processes, python

VERSIONS = "shared/store/migrations/versions"
SOON = timedelta(seconds=60)
FORMS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
MakeUrl = Callable[[], Any]


@pytest.fixture(params=FORMS)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> MakeUrl:
    """`await new_url()`: the URL of one more empty database."""
    if request.param == "postgresql":
        made: MakeUrl = request.getfixturevalue("postgres_database")
        return made
    count = iter(range(100))

    async def make() -> str:
        return f"sqlite:///{tmp_path}/{next(count)}.db"

    return make


def test_a_released_migration_is_as_it_was() -> None:
    released = earlier.files(VERSIONS)
    assert released
    for path in released:
        now = earlier.ROOT / path
        assert now.exists(), f"{path} was released and is gone"
        assert now.read_text(encoding="utf-8") == earlier.file(path), f"{path} was released: add a later migration"


async def test_a_store_of_the_earlier_version_becomes_one_of_this(
    new_url: MakeUrl, earlier_version: Path, processes: Processes
) -> None:
    old, fresh = await new_url(), await new_url()
    made = processes.start(
        *python("-m", "services.cli.main", "migrate"),
        name="migrate",
        env=earlier.environment(earlier_version, PUENTE_STORE_URL=old, PUENTE_DATA=str(earlier_version / "data")),
        cwd=earlier_version,
    )
    assert await made.exits(within=SOON) == 0, made.tail()
    assert await _described(old, migrate=False) != {}, "the earlier version made its tables"
    assert await _described(old) == await _described(fresh)


async def _described(url: str, *, migrate: bool = True) -> dict[str, Any]:
    """All that the database says of its tables, by name; first brought to this version, if asked."""
    database = Database(url)
    try:
        if migrate:
            await schema.migrate(database)
            await schema.check(database)
        async with database.engine.connect() as connection:
            return await connection.run_sync(_described_now)
    finally:
        await database.close()


def _described_now(connection: Connection) -> dict[str, Any]:
    found = inspect(connection)
    tables = {name: _table(found, name) for name in found.get_table_names()}
    if connection.dialect.name == "postgresql":
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        # A day's partition is made when it is needed, and is no part of a version.
        rows = [row for row in connection.execute(text(query)) if not row[0].startswith("attempt_2")]
        tables["indexes"] = {row[0]: row[1] for row in rows}
    return tables


def _table(found: Inspector, name: str) -> dict[str, Any]:
    columns = {
        each["name"]: (repr(each["type"]), each["nullable"], each["default"]) for each in found.get_columns(name)
    }
    return {
        "columns": columns,
        "key": found.get_pk_constraint(name),
        "unique": sorted(found.get_unique_constraints(name), key=repr),
        "indexes": sorted(found.get_indexes(name), key=repr),
        "checks": sorted(found.get_check_constraints(name), key=repr),
        "references": sorted(found.get_foreign_keys(name), key=repr),
    }

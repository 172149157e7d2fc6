"""The schema's promises: one version, made by whoever starts first, equal to the tables of the code."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared import errors
from shared.store import schema, tables
from tests.contracts.store.conftest import Open


def _differences(connection: Connection) -> Sequence[Any]:
    def is_no_partition(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or not (name or "").startswith("attempt_")

    options = {"compare_type": True, "compare_server_default": True, "include_name": is_no_partition}
    context = MigrationContext.configure(connection, opts=options)
    found: Sequence[Any] = compare_metadata(context, tables.metadata)
    return found


async def test_the_migrations_make_exactly_the_tables_of_the_code(open_empty: Open) -> None:
    store = open_empty()
    await schema.migrate(store)
    async with store.engine.connect() as connection:
        assert list(await connection.run_sync(_differences)) == []


def _all() -> list[str]:
    """Every migration, the first one first."""
    folder = Path(schema.__file__).parent / "migrations"
    return [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()][::-1]


async def test_a_second_start_finds_nothing_to_do(open_empty: Open) -> None:
    database = open_empty()
    assert await schema.migrate(database) == _all()
    assert await schema.migrate(database) == []
    await schema.check(database)


async def test_of_processes_that_start_at_once_one_migrates(open_empty: Open) -> None:
    applied = await asyncio.gather(*(schema.migrate(open_empty()) for _ in range(4)))
    assert sorted(applied) == [[], [], [], _all()]
    await schema.check(open_empty())


async def test_a_store_without_tables_is_refused_with_the_command_to_type(open_empty: Open) -> None:
    with pytest.raises(errors.Misconfigured) as refused:
        await schema.check(open_empty())
    assert "puente migrate" in refused.value.way_out


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(open_empty: Open) -> None:
    store = open_empty()
    await schema.migrate(store)
    await store.run(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(errors.Misconfigured, match="newer version"):
        await schema.check(store)
    with pytest.raises(errors.Misconfigured, match="newer version"):
        await schema.migrate(store)


async def test_a_migration_that_fails_in_the_middle_leaves_nothing(open_empty: Open) -> None:
    database = open_empty()
    # Stands in the way of the last table of the first migration.
    await database.run(lambda connection: connection.execute(text("CREATE TABLE audit (id INTEGER)")))
    with pytest.raises(Exception, match="audit"):
        await schema.migrate(database)
    await database.run(lambda connection: connection.execute(text("DROP TABLE audit")))
    assert await schema.migrate(database) == _all()

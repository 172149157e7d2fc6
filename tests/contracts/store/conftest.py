"""The store's suite runs on a SQLite file and on a real PostgreSQL; no test sees another's rows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.clock import ManualClock
from shared.store import schema, tables
from shared.store.database import Database
from tests.support.postgres import Postgres

Open = Callable[[], Database]
MakeStore = Callable[[], Awaitable[str]]

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, for this test alone."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="package")
def _migrated_postgres(postgres: Postgres) -> Iterator[MakeStore]:
    """One PostgreSQL database with the tables, for all tests here: making one takes longer than most tests."""
    made: list[str] = []

    async def make() -> str:
        if not made:
            made.append(await postgres.database())
        database = Database(made[0])
        try:
            await schema.migrate(database)
            names = ", ".join(table.name for table in tables.metadata.sorted_tables)
            await database.run(lambda connection: connection.execute(text(f"TRUNCATE {names}")))
        finally:
            await database.close()
        return made[0]

    yield make
    for url in made:
        asyncio.run(postgres.drop(url))


@pytest.fixture
def _make_store(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    async def make_sqlite() -> str:
        database = Database(f"sqlite:///{tmp_path}/store.db")
        await schema.migrate(database)
        await database.close()
        return f"sqlite:///{tmp_path}/store.db"

    if dialect == "sqlite":
        return make_sqlite
    make_postgres: MakeStore = request.getfixturevalue("_migrated_postgres")
    return make_postgres


@pytest.fixture
async def store_url(_make_store: MakeStore) -> str:
    """The URL of a store with its tables, all of them empty."""
    return await _make_store()


@pytest.fixture
async def open_empty(empty_url: str) -> AsyncIterator[Open]:
    """Opens the database without tables, as one more process would; all are closed after the test."""
    async for each in _opened(empty_url):
        yield each


@pytest.fixture
async def open_store(store_url: str) -> AsyncIterator[Open]:
    """Opens the store with its tables, as one more process would; all are closed after the test."""
    async for each in _opened(store_url):
        yield each


async def _opened(url: str) -> AsyncIterator[Open]:
    opened: list[Database] = []

    def open_one() -> Database:
        opened.append(Database(url))
        return opened[-1]

    yield open_one
    for database in opened:
        await database.close()


@pytest.fixture
def store(open_store: Open) -> Database:
    return open_store()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()

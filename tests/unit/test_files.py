"""What Puente keeps on a machine is its user's alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from shared.files import private_file, private_folder, private_opener
from shared.store import schema
from shared.store.database import Database


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


def all_rights(folder: Path) -> dict[str, int]:
    return {each.name: rights(each) for each in folder.iterdir()}


def test_what_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    private_folder(tmp_path / "new")
    private_file(tmp_path / "new" / "file")
    with open(tmp_path / "new" / "other", "w", opener=private_opener):
        pass
    assert [rights(tmp_path / "new" / name) for name in ("", "file", "other")] == [0o700, 0o600, 0o600]


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_folder(tmp_path)
    assert rights(tmp_path) == 0o755


async def test_a_store_of_before_is_mended_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE kept (value)")
    path.chmod(0o644)
    database = Database(f"sqlite:///{path}")
    try:
        await schema.migrate(database)
        assert all_rights(tmp_path) == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)
    finally:
        await database.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_locks_of_a_database_that_is_open_are_kept(tmp_path: Path) -> None:
    """Closing any descriptor of a file drops the locks that the process has on it."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE kept (value)")
        writer.execute("BEGIN EXCLUSIVE")
        path.chmod(0o644)
        private_file(path)
        taken = Path("/proc/locks").read_text().count(f":{path.stat().st_ino} ")
        writer.execute("COMMIT")
    assert taken > 0
    assert rights(path) == 0o600

"""A backup file is taken for what anybody may have written, and a restore writes over nothing."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared import errors
from shared.operations import administration, backup, views
from shared.runtime.parts import opened
from shared.runtime.settings import Settings

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
PASSPHRASE = "correct horse battery"


async def a_machine(folder: Path) -> Settings:
    """A data folder with one workspace in its store."""
    settings = Settings(data=folder)
    async with opened(settings) as parts:
        await administration.add_workspace(parts, "acme", title="Acme")
    return settings


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return asyncio.run(a_machine(tmp_path_factory.mktemp("machine") / "data"))


@pytest.fixture(scope="module")
def made(machine: Settings) -> Path:
    file = machine.data.parent / "backup"
    backup.make(machine, file, now=NOW, passphrase=PASSPHRASE)
    return file


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copy2(made, tmp_path / "backup"))


async def restore(file: Path, data: Path, **given: object) -> backup.Restored:
    how: dict[str, object] = {"passphrase": PASSPHRASE, "key_file": None, "actor": "test"}
    return await backup.restore(Settings(data=data), file, **(how | given))  # type: ignore[arg-type]


async def workspaces_at(data: Path) -> list[str]:
    async with opened(Settings(data=data)) as parts:
        names = await views.workspace_ids(parts)
        for name in names:
            await administration.used_of(parts, name)
        return names


async def test_a_backup_comes_back_with_its_keys(file: Path, tmp_path: Path) -> None:
    restored = await restore(file, tmp_path / "new")
    assert (restored.made_at, restored.workspaces) == (NOW, ["acme"])
    assert await workspaces_at(tmp_path / "new") == ["acme"]
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["keys", "store.db"]


async def test_keys_that_were_left_out_are_named_and_then_given(machine: Settings, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    assert backup.make(machine, plain, now=NOW, passphrase=None).keys == "apart"
    with pytest.raises(errors.Misconfigured, match="without its keys") as refused:
        await restore(plain, tmp_path / "new")
    assert "--key-file" in refused.value.way_out
    await restore(plain, tmp_path / "new", key_file=machine.data / "keys")
    assert await workspaces_at(tmp_path / "new") == ["acme"]


async def test_keys_of_another_installation_are_refused_and_nothing_is_left(file: Path, tmp_path: Path) -> None:
    other = await a_machine(tmp_path / "other")
    with pytest.raises(errors.NeedsOperator):
        await restore(file, tmp_path / "new", key_file=other.data / "keys")
    with pytest.raises(errors.NeedsOperator, match="passphrase"):
        await restore(file, tmp_path / "new", passphrase="something else")
    assert list((tmp_path / "new").iterdir()) == []


async def test_a_restore_writes_over_nothing(file: Path, machine: Settings, tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured, match="not empty"):
        await restore(file, machine.data)
    elsewhere = Settings(data=tmp_path / "new", store_url=f"sqlite:///{machine.data}/store.db")
    with pytest.raises(errors.Misconfigured, match="not empty"):
        await backup.restore(elsewhere, file, passphrase=PASSPHRASE, key_file=None, actor="test")
    with pytest.raises(errors.Misconfigured, match="exists"):
        backup.make(machine, file, now=NOW, passphrase=None)


def test_only_the_owner_may_read_a_backup(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in made.parent.iterdir()) == ["backup", "data"], "no draft is left"


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None], *, links: Mapping[str, str]) -> None:
    """The same backup with other members in it; `links` are symbolic ones."""
    with tarfile.open(file) as archive:
        found = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        members = {name: body.read() for name, body in found.items() if body is not None}
    change(members)
    with tarfile.open(file, "w:gz") as archive:
        for name, raw in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
        for name, to in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, to
            archive.addfile(member)


def _escapes(members: dict[str, bytes]) -> None:
    members["../escaped"] = b"x"


def _declares_an_escape(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b'"keys.sealed"', b'"../escaped"')
    members["../escaped"] = members.pop("keys.sealed")


def _flips_a_bit(members: dict[str, bytes]) -> None:
    store = bytearray(members["store.db"])
    store[len(store) // 2] ^= 1
    members["store.db"] = bytes(store)


def _loses_the_store(members: dict[str, bytes]) -> None:
    del members["store.db"]


def _is_of_another_form(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b'"form": 1', b'"form": 2')


def _says_nothing(members: dict[str, bytes]) -> None:
    members["manifest.json"] = b"[]"


HOSTILE = [_escapes, _declares_an_escape, _flips_a_bit, _loses_the_store, _is_of_another_form, _says_nothing]


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
async def test_what_is_no_whole_backup_is_refused(
    file: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    rewritten(file, change, links={})
    await refused(file, tmp_path)


async def test_a_link_in_a_backup_is_refused(file: Path, tmp_path: Path) -> None:
    rewritten(file, _loses_the_store, links={"store.db": "/etc/hostname"})
    await refused(file, tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.9])
async def test_a_cut_backup_is_refused(file: Path, tmp_path: Path, part: float) -> None:
    cut(file, part)
    await refused(file, tmp_path)


def cut(file: Path, part: float) -> None:
    os.truncate(file, int(file.stat().st_size * part))


async def refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured):
        backup.check(file)
    with pytest.raises(errors.Misconfigured):
        await restore(file, tmp_path / "new")
    assert not (tmp_path / "escaped").exists()
    assert list((tmp_path / "new").iterdir()) == []

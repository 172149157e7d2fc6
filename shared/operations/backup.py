"""Backup and restore of one machine: one file, made while Puente runs, checked after it was written.

What is copied, and in which order, so that nothing falls between two copies: where the log's readers stand,
then the door's spool and gaps, then the log, then the store. A change that was settled stands in a store that
was copied later, one that left the spool stands in a log that was copied later. What comes twice is harmless:
changes are nudges.

A restored store is older than the vendors' records. So it is stepped back (`recovery.step_back`) before it
comes to stand where a sync process would find it: nothing is written to a vendor until somebody approves what
is found.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Final, Literal

import msgspec

from shared import errors, keyfile
from shared.eventlog.logfile import translated
from shared.eventlog.urls import sqlite_folder
from shared.files import private_folder, private_opener, sync_folder
from shared.keyfile import RingName
from shared.keys import open_with_passphrase, seal_with_passphrase
from shared.operations import administration, recovery, views
from shared.runtime import parts
from shared.runtime.settings import KEY_FILE, LOCK_FILE, Settings, key_rings
from shared.store import users
from shared.store.database import database_url

FORM: Final = 1
_MANIFEST: Final = "manifest.json"
_SEALED_KEYS: Final = "keys.sealed"
_OFFSETS, _SPOOL, _LOG, _STORE = "log/offsets.db", "spool/spool.db", "log/log.db", "store.db"
_IN_ORDER: Final = (_OFFSETS, _SPOOL, _LOG, _STORE)
_GAP: Final = re.compile(r"gaps/[0-9a-f]{32}\.json")
_MANIFEST_LIMIT: Final = 1024 * 1024
_PIECE: Final = 1024 * 1024
_COMPRESSION: Final = 1

KeysAre = Literal["sealed", "apart"]


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup says of itself. `files` is {name: what it must be}."""

    form: int
    made_at: datetime
    keys: KeysAre
    files: dict[str, Noted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back: of when it is, and which workspaces were stepped back."""

    made_at: datetime
    workspaces: Sequence[str]


def make(settings: Settings, target: Path, *, now: datetime, passphrase: str | None) -> Manifest:
    """Write a backup of this machine's data folder to a new file, and read it again. Blocks.

    With a passphrase the keys are in it, sealed; without one they are left out. Raises Misconfigured where
    there is nothing to copy, or the file exists, or cannot be written; Retryable when a file of ours cannot be
    read now.
    """
    _embedded(settings)
    places = _places(settings)
    if not places[_STORE].is_file():
        raise errors.Misconfigured(
            f"There is no store at {places[_STORE]}: nothing to back up.",
            setting="PUENTE_DATA",
            way_out="Set PUENTE_DATA to the folder that Puente runs on.",
        )
    if target.exists():
        raise errors.Misconfigured(f"{target} exists already.", way_out="Give the name of a new file.")
    with _written(target), _draft_beside(target) as draft:
        for name in _IN_ORDER:
            if places[name].is_file():
                _copy(places[name], draft / name)
            if name == _SPOOL:
                _copy_gaps(settings.data / "gaps", draft / "gaps")
        if passphrase is not None:
            rings = msgspec.json.encode(key_rings(settings))
            _write(draft / _SEALED_KEYS, seal_with_passphrase(rings, passphrase))
        manifest = Manifest(
            form=FORM,
            made_at=now,
            keys="apart" if passphrase is None else "sealed",
            files={str(path.relative_to(draft)): _noted(path) for path in _files_in(draft)},
        )
        _write(draft / _MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        written = draft / "backup"
        _pack(draft, manifest, written)
        check(written)
        # Never over a file that came meanwhile; both are on one disk.
        os.link(written, target)
        sync_folder(target.absolute().parent)
    return manifest


def check(path: Path) -> Manifest:
    """Read a backup to its end: every file is there and is what was noted. Raises Misconfigured."""
    return _read(path, into=None)


async def restore(
    settings: Settings, source: Path, *, passphrase: str | None, key_file: Path | None, actor: str
) -> Restored:
    """Put a backup into an empty data folder, every workspace stepped back. Calls no vendor.

    The keys come from the settings, else from `key_file`, else out of the backup with its passphrase. Raises
    Misconfigured for a place that is in use, or a file that is no whole backup; NeedsOperator when the keys are
    not those of the store. Then nothing is left behind.
    """
    refuse_used(settings)
    places = _places(settings)
    private_folder(settings.data)
    with _written(settings.data), _draft_in(settings.data) as draft:
        manifest = _read(source, into=draft)
        rings = _rings_for(settings, draft, manifest, passphrase=passphrase, key_file=key_file)
        if rings:
            keyfile.make(draft / KEY_FILE, rings)
        names = await _stepped_back(settings, draft, actor)
        (draft / _SEALED_KEYS).unlink(missing_ok=True)
        _place(draft, settings, places)
    return Restored(made_at=manifest.made_at, workspaces=names)


def refuse_used(settings: Settings) -> None:
    """Raises Misconfigured unless everything that a restore would write is new."""
    _embedded(settings)
    data = settings.data
    used = [data] if data.exists() and any(each.name != LOCK_FILE for each in data.iterdir()) else []
    used += [path for path in _places(settings).values() if path.exists()]
    if used:
        raise errors.Misconfigured(
            f"{used[0]} is not empty: a restore writes over nothing.",
            setting="PUENTE_DATA",
            way_out="Stop Puente and move the folder away, or set PUENTE_DATA to a new one.",
        )


async def _stepped_back(settings: Settings, draft: Path, actor: str) -> list[str]:
    """Bring the copied store to this version, prove that its keys fit, and step every workspace back."""
    there = settings.model_copy(update={"data": draft, "log_url": "", "store_url": ""})
    async with parts.opened(there) as opened:
        names = await views.workspace_ids(opened)
        for name in names:
            used = await administration.used_of(opened, name)
            await recovery.step_back(opened, used, actor=actor)
        # Whoever was logged in when the backup was made may have been locked out since.
        await opened.database.run(users.end_all_sessions)
    for name in _IN_ORDER:
        if (draft / name).is_file():
            _check_database(draft / name)
    return names


def _rings_for(
    settings: Settings, draft: Path, manifest: Manifest, *, passphrase: str | None, key_file: Path | None
) -> dict[RingName, str]:
    """The key rings to write beside the store; none where the settings name all of them."""
    if settings.keys_given:
        return {}
    if key_file is not None:
        try:
            return _rings_in(key_file.read_bytes())
        except (OSError, msgspec.DecodeError):
            raise errors.Misconfigured(
                f"The key file {key_file} cannot be read.", way_out="Give the `keys` of the data folder."
            ) from None
    if manifest.keys == "sealed" and passphrase is not None:
        return _rings_in(open_with_passphrase((draft / _SEALED_KEYS).read_bytes(), passphrase))
    raise errors.Misconfigured(
        "The backup's store cannot be opened without its keys.",
        setting="PUENTE_STORE_KEYS",
        way_out="Give --passphrase-file FILE."
        if manifest.keys == "sealed"
        else "The keys are not in this backup: give --key-file FILE, the `keys` of the data folder.",
    )


def _rings_in(raw: bytes) -> dict[RingName, str]:
    return msgspec.json.decode(raw, type=dict[RingName, str])


# Where things are


def _embedded(settings: Settings) -> None:
    if not settings.embedded:
        raise errors.Misconfigured(
            "This installation keeps its log or its store on a server.",
            setting="PUENTE_STORE_URL",
            way_out="Back it up with pg_dump: see 'Backup and restore' in docs/operator.md.",
        )


def _places(settings: Settings) -> dict[str, Path]:
    """Where each database is, by its name in a backup."""
    log = sqlite_folder(settings.effective_log_url)
    return {
        _OFFSETS: log / "offsets.db",
        _SPOOL: settings.data / "spool" / "spool.db",
        _LOG: log / "log.db",
        _STORE: Path(str(database_url(settings.effective_store_url).database)),
    }


def _place(draft: Path, settings: Settings, places: Mapping[str, Path]) -> None:
    """Move what was unpacked to where it belongs, the store last: with it the restore is whole."""
    found = {draft / KEY_FILE: settings.data / KEY_FILE}
    found |= {path: settings.data / "gaps" / path.name for path in (draft / "gaps").glob("*.json")}
    found |= {draft / name: places[name] for name in _IN_ORDER}
    for path, place in found.items():
        if path.is_file():
            private_folder(place.parent)
            shutil.move(path, place)
            sync_folder(place.parent)


# Writing


def _copy(source: Path, target: Path) -> None:
    """Copy a database as it stands at one moment, by SQLite's online backup: nobody waits for it meanwhile."""
    private_folder(target.parent)
    _write(target, b"")
    with translated(source), closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as copy:
        reading.execute("PRAGMA query_only = ON")
        reading.execute("PRAGMA busy_timeout = 30000")
        # All pages in one step: in pieces it would begin anew with every write of the running process.
        reading.backup(copy, pages=-1)
    _check_database(target)


def _check_database(path: Path) -> None:
    """Read every page; and leave the database in one file, without a journal beside it."""
    with translated(path), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise errors.Misconfigured(
            f"{path.name} is damaged: {found}.", way_out="Use an older backup; sweeps find what it lacks."
        )


def _copy_gaps(source: Path, target: Path) -> None:
    for path in source.glob("*.json") if source.is_dir() else ():
        if _GAP.fullmatch(f"gaps/{path.name}"):
            try:
                raw = path.read_bytes()
            except FileNotFoundError:
                continue  # told and closed meanwhile
            private_folder(target)
            _write(target / path.name, raw)


def _write(path: Path, raw: bytes) -> None:
    with open(path, "wb", opener=private_opener) as stream:
        stream.write(raw)


def _files_in(draft: Path) -> list[Path]:
    return sorted(path for path in draft.rglob("*") if path.is_file())


def _noted(path: Path) -> Noted:
    with path.open("rb") as stream:
        return Noted(size=path.stat().st_size, sha256=hashlib.file_digest(stream, "sha256").hexdigest())


def _pack(draft: Path, manifest: Manifest, target: Path) -> None:
    with open(target, "wb", opener=private_opener) as stream:
        with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=_COMPRESSION) as archive:
            for name in (_MANIFEST, *manifest.files):
                archive.add(draft / name, arcname=name, recursive=False, filter=_nobodys)
        stream.flush()
        os.fsync(stream.fileno())


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the name of the user who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


# Reading


def _read(path: Path, *, into: Path | None) -> Manifest:
    """Read a whole backup, checking each file against the manifest; with `into`, unpack it there.

    A backup is taken for what anybody may have written: only names that a backup has, only plain files, only the
    sizes that were noted.
    """
    try:
        with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r|gz") as archive:
            manifest = _manifest_of(archive)
            missing = dict(manifest.files)
            while (member := archive.next()) is not None:
                noted = missing.pop(member.name, None)
                body = archive.extractfile(member) if member.isreg() else None
                if noted is None or body is None or member.size != noted.size:
                    raise _broken(path, f"{member.name} does not belong to it")
                if _unpacked(body, into / member.name if into is not None else None) != noted.sha256:
                    raise _broken(path, f"{member.name} was changed")
    except FileNotFoundError:
        raise errors.Misconfigured(f"There is no file {path}.") from None
    except (tarfile.TarError, EOFError, OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise _broken(path, "it cannot be read to its end") from problem
    if missing:
        raise _broken(path, f"{next(iter(missing))} is missing")
    return manifest


def _manifest_of(archive: tarfile.TarFile) -> Manifest:
    member = archive.next()
    body = archive.extractfile(member) if member is not None and member.isreg() else None
    if member is None or body is None or member.name != _MANIFEST or member.size > _MANIFEST_LIMIT:
        raise tarfile.ReadError
    manifest = msgspec.json.decode(body.read(), type=Manifest)
    known = {*_IN_ORDER, _SEALED_KEYS}
    if manifest.form != FORM:
        raise errors.Misconfigured(
            f"The backup is of form {manifest.form}, which this version does not know.",
            way_out="Restore it with the version of Puente that made it.",
        )
    if _STORE not in manifest.files or any(n not in known and not _GAP.fullmatch(n) for n in manifest.files):
        raise tarfile.ReadError
    if (manifest.keys == "sealed") != (_SEALED_KEYS in manifest.files):
        raise tarfile.ReadError
    return manifest


def _unpacked(body: IO[bytes], target: Path | None) -> str:
    """Read a member to its end, into `target` if one is named; its SHA-256."""
    digest = hashlib.sha256()
    if target is not None:
        private_folder(target.parent)
    with open(target or os.devnull, "wb", opener=private_opener) as stream:
        for piece in iter(partial(body.read, _PIECE), b""):
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()


def _broken(path: Path, why: str) -> errors.Misconfigured:
    return errors.Misconfigured(f"{path} is no whole backup: {why}.", way_out="Use another backup.")


# Drafts


@contextmanager
def _draft_beside(target: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.absolute().parent) as draft:
        yield Path(draft)


@contextmanager
def _draft_in(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".restoring.", dir=folder) as draft:
        yield Path(draft)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """What the disk says, as a sentence."""
    try:
        yield
    except OSError as problem:
        raise errors.Misconfigured(
            f"{path} cannot be written: {problem.strerror or problem}.",
            way_out="Name a place that this user may write and that has room.",
        ) from problem

"""The key file: the rings of an installation in one JSON object, `{"door_keys": "k2:...,k1:...", ...}`.

A process that was given its keys in this file reads it again when it changes, so a key is put in front and an old
one taken out while everything runs. It is written whole or not at all, and is its user's alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

import msgspec

from shared import errors
from shared.files import private_folder, private_opener
from shared.keys import LiveRing, Randomness, Ring, generate_ring

T = TypeVar("T")

RingName = Literal["door_keys", "log_keys", "store_keys"]
RINGS: Final[tuple[RingName, ...]] = get_args(RingName)

_log = logging.getLogger(__name__)
_Stamp = tuple[int, int, int]


def live_ring(path: Path, name: RingName) -> LiveRing:
    """One ring of the file, followed while it is used. Raises Misconfigured."""
    stamp = _stamp_of(path)
    ring = _ring_in(path, name)

    def reread() -> Ring | None:
        nonlocal stamp
        found = _stamp_of(path)
        if found == stamp or found is None:
            return None
        stamp = found
        try:
            return _ring_in(path, name)
        except errors.Misconfigured as problem:
            # Whoever mends the file is read again; meanwhile what was known goes on.
            _log.warning("the key file was changed and cannot be used: %s", problem.message)
            return None

    return LiveRing(ring, reread)


def read(path: Path, *, wanted: tuple[RingName, ...] = RINGS) -> dict[RingName, str]:
    """The text of each ring that the file holds. Raises Misconfigured if one that is wanted is missing."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as problem:
        raise errors.Misconfigured(
            f"The key file {path} cannot be read.",
            setting="PUENTE_KEYS_FILE",
            way_out="Restore it from a backup; without its keys nothing of the store can be opened.",
        ) from problem
    for name in wanted:
        if not found.get(name):
            raise errors.Misconfigured(
                f"The key file {path} lacks {name}.",
                setting="PUENTE_KEYS_FILE",
                way_out="Restore it from a backup, or add the ring; `puente keys new` prints one.",
            )
    return {name: found[name] for name in RINGS if found.get(name)}


def make(path: Path, rings: Mapping[RingName, str] | None = None) -> None:
    """Write a key file where there is none, with fresh rings or these; whoever was first, theirs counts."""
    with _draft(path, rings or {name: generate_ring() for name in RINGS}) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return


def rotate(path: Path, names: tuple[RingName, ...], randomness: Randomness = os.urandom) -> dict[RingName, str]:
    """Put a new key in front of these rings; the old ones stay behind it. Returns the id of each new key."""

    def turned(rings: dict[RingName, str]) -> dict[RingName, str]:
        made: dict[RingName, str] = {}
        for name in names:
            made[name] = _new_id(Ring.parse(rings[name], setting=name))
            rings[name] = f"{generate_ring(randomness, key_id=made[name])},{rings[name]}"
        return made

    return _changed(path, turned)


def retire(path: Path, name: RingName, key_id: str) -> None:
    """Take a key out of a ring. Raises Misconfigured for the current one, and one that is not there."""

    def without(rings: dict[RingName, str]) -> None:
        ring = Ring.parse(rings[name], setting=name)
        refuse_in_use(ring, name, key_id)
        kept = [part.strip() for part in rings[name].split(",") if part.strip()]
        rings[name] = ",".join(part for part in kept if part.partition(":")[0] != key_id)

    _changed(path, without)


def refuse_in_use(ring: Ring, name: RingName, key_id: str) -> None:
    """Raises Misconfigured for a key that the ring lacks, or that is its current one."""
    if key_id not in ring.keys:
        raise errors.Misconfigured(
            f"There is no key {key_id!r} among the {name}.", way_out="`puente keys list` shows which there are."
        )
    if key_id == ring.current:
        raise errors.Misconfigured(
            f"{key_id} is the current key of the {name}.", way_out="Run `puente keys rotate` first."
        )


def _ring_in(path: Path, name: RingName) -> Ring:
    return Ring.parse(read(path, wanted=(name,))[name], setting=f"{name} of {path}")


def _new_id(ring: Ring) -> str:
    numbers = [int(key_id[1:]) for key_id in ring.keys if key_id[:1] == "k" and key_id[1:].isdecimal()]
    return f"k{max(numbers, default=0) + 1}"


def _stamp_of(path: Path) -> _Stamp | None:
    """What differs after every change: a new file is moved into its place."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _changed(path: Path, change: Callable[[dict[RingName, str]], T]) -> T:
    """Change the file in one step; two that do so at once go one after the other."""
    try:
        with _held(path.with_name(f".{path.name}.lock")):
            rings = read(path)
            done = change(rings)
            with _draft(path, rings) as draft:
                draft.replace(path)
    except OSError as problem:
        raise errors.Misconfigured(
            f"The key file {path} cannot be changed: {problem.strerror}.",
            setting="PUENTE_KEYS_FILE",
            way_out="Change it where it is kept, as docs/operator.md tells under Keys.",
        ) from problem
    return done


@contextmanager
def _held(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _draft(path: Path, rings: Mapping[RingName, str]) -> Iterator[Path]:
    """The rings in a file beside, on the disk; gone at the end unless it was moved."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    with open(draft, "wb", opener=private_opener) as file:
        file.write(msgspec.json.format(msgspec.json.encode(dict(rings)), indent=2))
        file.flush()
        os.fsync(file.fileno())
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)

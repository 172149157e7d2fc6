"""Files and folders of this machine that only their owner may read: they hold keys, pairs and bodies of hooks."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> None:
    """Make a folder for its owner alone. One that is there already is left as it is: it may hold more than ours.

    Raises OSError when it cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def private_file(path: Path) -> None:
    """Make an empty file for its owner alone, or take the rights of everybody else from the one that is there.

    SQLite gives its journals the rights of their database. An existing one is never opened: closing it would drop
    the locks that SQLite holds on it in this process. A file of another user, and one that cannot be made, stay as
    they are: whoever opens it next says what is wrong.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with suppress(OSError):
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_mode & _OTHERS and found.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def private_opener(path: str, flags: int) -> int:
    """For `open(..., opener=...)`: what is made is its owner's alone."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Bring a folder's own list of names to the disk: a new or moved file is then there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

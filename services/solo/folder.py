"""The data folder of a solo: one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared import errors
from shared.eventlog.logfile import file_lock
from shared.files import private_folder
from shared.runtime.settings import LOCK_FILE


@contextmanager
def folder_held(data: Path) -> Iterator[None]:
    """Hold a data folder for this process. Raises Misconfigured if another one runs on it."""
    try:
        private_folder(data)
        lock = file_lock(data / LOCK_FILE, wait=False)
    except OSError as problem:
        raise errors.Misconfigured(
            f"The folder {data} cannot be made: {problem.strerror}.",
            setting="PUENTE_DATA",
            way_out="Set PUENTE_DATA to a folder that this user may write.",
        ) from problem
    with lock as held:
        if not held:
            raise errors.Misconfigured(
                f"Puente runs on the folder {data} already.",
                setting="PUENTE_DATA",
                way_out="Stop that process, or set PUENTE_DATA to another folder.",
            )
        yield

"""The version before this one, taken from the project's own history: for tests in which both meet."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The first version that an installation may run: whatever came later has to live with its tables and its entries.
COMMIT = "9aca4424d0eb7cbbf06078f65c42eaa18450fd29"


class NoEarlierVersion(AssertionError):
    """The history that these tests read is not here."""


def unpack(folder: Path) -> Path:
    """Write the files of the earlier version below `folder`, which is also returned.

    The tests of faults come along as they are now: what they start there runs on the earlier version's code.
    """
    packed = _git("archive", "--format=tar", COMMIT)
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(folder, filter="data")
    shutil.copytree(ROOT / "tests/faults", folder / "tests/faults", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder / "tests/faults").glob("*.py"):
        # What people ask of an installation was a part of the runtime then.
        path.write_text(path.read_text("utf-8").replace("shared.operations", "shared.runtime"), "utf-8")
    return folder


def file(path: str) -> str:
    """One file as it was."""
    return _git("show", f"{COMMIT}:{path}").decode()


def files(folder: str) -> list[str]:
    """The files below a folder, by their paths from the root of the project."""
    return _git("ls-tree", "-r", "--name-only", COMMIT, folder).decode().splitlines()


def environment(root: Path, **settings: str) -> dict[str, str]:
    """What a process needs to import the earlier version and not this one."""
    return {"PYTHONPATH": str(root), **settings}


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, check=False)
    except FileNotFoundError as problem:
        raise NoEarlierVersion("git is not installed, and the earlier version is read from git.") from problem
    if done.returncode:
        raise NoEarlierVersion(
            f"The earlier version {COMMIT} cannot be read: {done.stderr.decode(errors='replace').strip()} "
            "Run the tests in a clone of the project with its history (`git fetch --unshallow` completes one)."
        )
    return done.stdout

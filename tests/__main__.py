"""All suites, in two processes side by side: most tests wait more than they work. `make test` runs this.

Each lane is a run of pytest with servers of its own, in a file of its own; what it says is printed whole when it
ends, so that lines of two tests never mix. `python -m pytest` alone runs everything in one process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent

LANES: Final[tuple[tuple[str, ...], ...]] = (
    ("unit", "architecture", "docs", "sandbox", "contracts", "integration", "security", "browser"),
    ("crashes", "kill", "scenarios", "faults", "large"),
)
_SAYS_EVERY: Final = 60.0


def main(arguments: Sequence[str]) -> int:
    """Run every lane; the highest exit code of them. Arguments go to each pytest."""
    with tempfile.TemporaryDirectory(prefix="puente-lanes-") as folder:
        files = [Path(folder) / f"lane-{number}.txt" for number in range(len(LANES))]
        running = [_start(lane, file, arguments) for lane, file in zip(LANES, files, strict=True)]
        try:
            return _followed(running, files)
        finally:
            for each in running:
                if each.poll() is None:
                    each.terminate()
            for each in running:
                each.wait()


def _start(lane: Sequence[str], file: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    suites = [str(HERE / suite) for suite in lane]
    with file.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *suites, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=HERE.parent,
        )


def _followed(running: Sequence[subprocess.Popen[bytes]], files: Sequence[Path]) -> int:
    """Print each lane when it ends, and a sign of life meanwhile."""
    open_lanes, said_at = set(range(len(running))), time.monotonic()
    while open_lanes:
        for number in sorted(open_lanes):
            if running[number].poll() is not None:
                open_lanes.remove(number)
                print(f"\n== lane {number + 1}: {', '.join(LANES[number])}\n", flush=True)  # noqa: T201 - a program
                print(files[number].read_text(errors="replace"), flush=True)  # noqa: T201
        if time.monotonic() - said_at > _SAYS_EVERY:
            said_at = time.monotonic()
            for number in sorted(open_lanes):
                print(f"lane {number + 1}: {_last_line(files[number])}", flush=True)  # noqa: T201
        time.sleep(0.5)
    return max(each.returncode if each.returncode >= 0 else 1 for each in running)


def _last_line(file: Path) -> str:
    lines = file.read_text(errors="replace").splitlines()
    return lines[-1][-110:] if lines else "starts"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Print the part of requirements.lock that the services need, hashes and markers as they are.

The lock holds the development packages as well. What a service needs follows from the lock's own notes (`# via`):
a package stays if pyproject.toml names it, or if it is there for one that stays. Standard library only, since it
runs before anything is installed: `python deploy/runtime_requirements.py > runtime.lock`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)")
_VIA = re.compile(r"^ +# +(?:via +)?(\S.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One package of the lock: its lines without the notes, and which packages it is there for."""

    name: str
    lines: Sequence[str]
    wanted_by: frozenset[str]


def normal(name: str) -> str:
    """A package's name in the one form of PEP 503, extras cut off. Raises ValueError for what is no name."""
    found = _NAME.match(name)
    if found is None:
        raise ValueError(f"{name!r} is no requirement")
    return re.sub(r"[-_.]+", "-", found[1]).lower()


def locked_in(text: str) -> Iterator[Locked]:
    """Every package of a lock that uv or pip-compile wrote."""
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if block and not line.startswith(" "):
            yield _locked(block)
            block = []
        if line and not line.startswith("#"):
            block.append(line)


def _locked(block: Sequence[str]) -> Locked:
    notes = [found[1] for line in block if (found := _VIA.match(line))]
    return Locked(
        name=normal(block[0]),
        lines=[line for line in block if not line.lstrip().startswith("#")],
        wanted_by=frozenset(normal(note) for note in notes if note != "via"),
    )


def runtime(packages: Mapping[str, Locked], named: Sequence[str]) -> set[str]:
    """The names that stay. Raises ValueError if the lock lacks one that the project names."""
    kept = {normal(each) for each in named}
    missing = sorted(kept - set(packages))
    if missing:
        raise ValueError(f"requirements.lock lacks {', '.join(missing)}: run `make lock`")
    while True:
        more = {name for name, each in packages.items() if name not in kept and each.wanted_by & kept}
        if not more:
            return kept
        kept |= more


def runtime_lock(root: Path) -> str:
    """The text of the lock for the services of the project in `root`."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = {each.name: each for each in locked_in((root / "requirements.lock").read_text(encoding="utf-8"))}
    kept = runtime(packages, project["dependencies"])
    return "".join(f"{line}\n" for name in sorted(kept) for line in packages[name].lines)


if __name__ == "__main__":
    sys.stdout.write(runtime_lock(Path(__file__).resolve().parent.parent))

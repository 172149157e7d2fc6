"""What the documents say, taken apart: pages, tables, links, and the commands that they name."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from services.cli.main import app

ROOT: Final = Path(__file__).resolve().parents[2]

_FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
_RUN: Final = re.compile(r"^docker (?:compose run --rm cli|run --rm puente:\S+) (.+)$")
_COMMON: Final = {"--json": 0, "--lang": 1, "--env-file": 1}


@lru_cache(maxsize=1)
def tracked() -> Sequence[Path]:
    """Every file of the project, also one that is not committed yet; ignored ones are left out."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return sorted(_files_below(ROOT))  # an unpacked archive, or a machine without git
    return [ROOT / name for name in sorted(filter(None, listed.split("\0"))) if (ROOT / name).is_file()]


def _files_below(folder: Path) -> Iterator[Path]:
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines() if line]
    for each in folder.iterdir():
        if each.name == ".git" or any(each.match(pattern) for pattern in ignored):
            continue
        if each.is_dir():
            yield from _files_below(each)
        else:
            yield each


@lru_cache(maxsize=1)
def pages() -> Mapping[str, str]:
    """Every document, by its path in the project."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in tracked()
        if path.suffix == ".md" or path.name in {".env.example", "docker-compose.yml"}
    }


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str) -> Iterator[Sequence[str]]:
    """The cells of every row of every table, without heads and rules."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("|") and not line.startswith("| ---") and not following.startswith("| ---"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its rank. Raises ValueError if it is not there."""
    rank = heading.partition(" ")[0]
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    if not found:
        raise ValueError(f"there is no heading {heading!r}")
    return re.split(rf"^#{{1,{len(rank)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the usual viewers make them."""
    plain = _FENCE.sub("", text)
    headings = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@dataclass(frozen=True, slots=True)
class Command:
    """One `puente ...` as a page shows it."""

    page: str
    text: str

    def words(self) -> list[str]:
        """What follows `puente`, without the options that every command takes."""
        try:
            given = shlex.split(self.text, comments=True)[1:]
        except ValueError:
            given = self.text.split()[1:]
        found: list[str] = []
        while given:
            word = given.pop(0)
            name, equals, _ = word.partition("=")
            if name in _COMMON:
                del given[: 0 if equals else _COMMON[name]]
            elif word == "&":
                break
            else:
                found.append(word)
        return found


def commands() -> Iterator[Command]:
    """Every command in every page: fenced lines, and `puente ...` in the running text."""
    for name, text in pages().items():
        for language, block in _FENCE.findall(text):
            if language in {"sh", ""}:
                yield from (Command(name, line) for line in map(_program, block.splitlines()) if line)
        for span in _INLINE.findall(_FENCE.sub("", text)):
            if span.startswith("puente "):
                yield Command(name, span)


def _program(line: str) -> str:
    """The `puente ...` of a line of a shell, "" if it runs something else."""
    line = line.strip()
    through = _RUN.match(line)
    if through:
        return f"puente {through[1]}"
    return line if line.startswith("puente ") else ""


def leaves() -> Mapping[tuple[str, ...], Any]:
    """Every command of the program by its words: ("account", "add")."""
    found: dict[tuple[str, ...], Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, each in getattr(command, "commands", {}).items():
            walk(each, (*words, name))
        if not hasattr(command, "commands"):
            found[words] = command

    walk(get_command(app), ())
    return found


def options(command: Any) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("-")}


def mistake_in(command: Command) -> str:
    """What is wrong about a command that a page shows, "" for nothing. A group alone is no mistake."""
    known, words = leaves(), command.words()
    taken: tuple[str, ...] = ()
    while words and taken not in known:
        word = words[0]
        if not taken and word in options(get_command(app)):
            return ""
        if word in {"...", "--help"} or (word.isupper() and taken):
            return ""
        longer = (*taken, word)
        if not any(each[: len(longer)] == longer for each in known):
            return f"there is no command {' '.join(longer)!r}"
        taken = longer
        words.pop(0)
    if taken not in known:
        return ""
    strange = (
        {word.partition("=")[0] for word in words if word.startswith("--")} - options(known[taken]) - {"--help"}
    )
    return f"{' '.join(taken)} has no option {', '.join(sorted(strange))}" if strange else ""

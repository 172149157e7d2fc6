"""What a command has: the settings, the language, and one way out for its results.

Results go to standard output, as text for a person or as one JSON object; everything else to standard error. What
a command needs beyond that is imported where it is needed: `puente --help` shall not load a database.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
import typer

from services.cli import words
from shared import errors
from shared.model.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from shared.connectors.contract import Check
    from shared.eventlog.port import EventLog
    from shared.runtime.parts import Parts
    from shared.runtime.settings import Settings

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
ASKS: Final = 3
CREDENTIALS: Final = 4
UNREACHABLE: Final = 5
INTERRUPTED: Final = 130

T = TypeVar("T")

Language = Literal["en", "es"]
_MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("+", "green"),
    "failed": ("x", "red"),
    "warning": ("!", "yellow"),
    "not checked": ("-", "dim"),
}


def exit_code(problem: errors.PuenteError) -> int:
    """What a script is told of an expected error."""
    match problem:
        case errors.Misconfigured():
            return USAGE
        case errors.NeedsOperator():
            return CREDENTIALS
        case errors.Retryable():
            return UNREACHABLE
        case _:
            return FAILED


def chosen_language(wanted: str, environment: Mapping[str, str]) -> Language:
    """The language of `--lang`, else of PUENTE_LANG, else of LANG; English otherwise."""
    for text in (wanted, environment.get("PUENTE_LANG", ""), environment.get("LANG", "")):
        if text:
            return "es" if text.lower().startswith("es") else "en"
    return "en"


@dataclass(slots=True, kw_only=True)
class Cli:
    """One run of the program. `json` asks for one object on standard output instead of text."""

    json: bool = False
    language: Language = "en"
    _settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """Raises Misconfigured, naming the setting that is wrong."""
        if self._settings is None:
            from shared.runtime.settings import load_settings

            self._settings = load_settings()
        return self._settings

    # Saying

    def emit(self, result: Mapping[str, object], show: Callable[[Cli], None]) -> None:
        """The one result of a command: the object for a script, or what `show` writes for a person."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(_plain(result)).decode() + "\n")
            sys.stdout.flush()
        else:
            show(self)

    def say(self, key: str, **values: object) -> None:
        """A sentence of the catalogue, for a person only."""
        if not self.json:
            self.line(words.say(self.language, key, **values))

    def told(self, says: str) -> str:
        """A sentence that is stored in English, for a person; a script is given the stored one."""
        from shared.operations.sentences import in_language

        return in_language(says, self.language)

    def line(self, text: str) -> None:
        """A line for a person only."""
        if not self.json:
            from rich.text import Text as Styled

            self.console.print(Styled(text), soft_wrap=True)

    def tell(self, text: str) -> None:
        """A line on standard error: what a script need not read."""
        sys.stderr.write(text.rstrip() + "\n")

    def then(self, command: str) -> None:
        """The command to type next, for a person."""
        self.say("next", command=command)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
        if self.json:
            return
        if not rows:
            self.say("nothing")
            return
        from rich.table import Table
        from rich.text import Text as Styled

        table = Table(title=Styled(title) if title else None, title_justify="left", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Styled(_shown(each)) for each in row))
        self.console.print(table)

    def checks(self, checks: Sequence[Check]) -> None:
        """One line a check, and below a failed one where to mend it."""
        from rich.text import Text as Styled

        for check in checks:
            mark, style = _MARKS[check.state]
            line = Styled(f"  {mark} ", style=style)
            line.append(f"{check.name}: {self.of(check.says)}", style="")
            self.console.print(line, soft_wrap=True)
            if check.way_out is not None and check.state != "ok":
                self.line(f"      {self.of(check.way_out)}")

    def of(self, text: Text) -> str:
        return words.of(self.language, text)

    @property
    def console(self) -> Console:
        # Made when used: a test may have put another standard output in place.
        from rich.console import Console

        return Console(highlight=False, width=None if sys.stdout.isatty() else 160)

    # Doing

    def run(self, work: Callable[[Parts], Awaitable[int]]) -> int:
        """Open the store, do the work, close it. Raises PuenteError for what was to be expected."""
        from shared.runtime import parts

        settings = self.settings
        _quiet_logging(settings)

        async def whole() -> int:
            async with parts.opened(settings) as opened:
                return await work(opened)

        return run_loop(whole())

    def run_with_log(self, work: Callable[[Parts, EventLog], Awaitable[int]]) -> int:
        """As `run`, with the event log open too."""
        from shared.runtime import parts

        async def whole(opened: Parts) -> int:
            async with parts.opened_log(opened) as log:
                return await work(opened, log)

        return self.run(whole)


def run_loop(work: Awaitable[T]) -> T:
    async def whole() -> T:
        return await work

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())


def cli_of(context: typer.Context) -> Cli:
    found = context.find_root().obj
    assert isinstance(found, Cli)  # noqa: S101 - made by the program's entry
    return found


def _quiet_logging(settings: Settings) -> None:
    """Commands say what they do themselves: their log holds warnings, unless more is asked for."""
    from shared.runtime import logging

    level = settings.log_level if "PUENTE_LOG_LEVEL" in os.environ else "WARNING"
    logging.configure(level=level, form=settings.log_format if "PUENTE_LOG_FORMAT" in os.environ else "text")


def _plain(value: object) -> Any:
    """A value as JSON has it: times in ISO 8601, durations in seconds."""
    match value:
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case str() | int() | float() | bool() | None:
            return value
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return round(value.total_seconds(), 3)
        case Decimal():
            return str(value)
        case Sequence() | frozenset() | set():
            return [_plain(each) for each in value]
        case _:
            return str(value)


def _shown(value: object) -> str:
    """A value as a person reads it in a table."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case timedelta():
            return span(value)
        case float():
            return f"{value:.1f}"
        case Mapping():
            return ", ".join(f"{name} {_shown(each)}" for name, each in value.items()) or "-"
        case str():
            return value
        case Sequence():
            return ", ".join(map(_shown, value)) or "-"
        case _:
            return str(value)


def span(value: timedelta) -> str:
    """A duration to two units: `2 h 5 min`, `14 s`, `120 ms`."""
    seconds = value.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    whole = round(seconds)
    found = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            found.append(f"{count} {unit}")
    return " ".join(found[:2]) or "0 s"

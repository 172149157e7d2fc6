"""Progress while a command waits: bars in place on a terminal's standard error, nothing elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text as Styled

from services.cli.console import Cli, span
from shared.operations import views
from shared.operations.views import Status

_WIDTH = 30


class Shown:
    """A context whose block may say how far it is. `console` is for tests."""

    def __init__(self, cli: Cli, *, console: Console | None = None) -> None:
        visible = console is not None or (sys.stderr.isatty() and not cli.json)
        self._live = Live(console=console or Console(stderr=True), transient=True) if visible else None

    def __enter__(self) -> Shown:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def listed(self, title: str, done: int, total: int | None) -> None:
        """How many records of a system were listed, of how many if it says so."""
        table = _bars()
        of = f" of {total:,}" if total is not None else ""
        table.add_row(Styled(title), _bar(done, total), Styled(f"{done:,}{of} listed"))
        self._update(table)

    def look(self, found: Status) -> None:
        """The loads that run with their bars, then what else is on its way."""
        table = _bars()
        for row in found.running_loads:
            progress = views.progress_of(row)
            left = f", {span(progress.eta)} left" if progress.eta is not None else ""
            of = f" of {row.total:,}" if row.total is not None else ""
            says = f"{row.done:,}{of}, {progress.per_second:.1f}/s{left}"
            table.add_row(Styled(f"{row.flow_id} from {row.side}"), _bar(row.done, row.total), Styled(says))
        for sweep in found.running_sweeps:
            table.add_row(Styled(f"sweep of {sweep.account_id} {sweep.resource}"), _bar(0, None), Styled(""))
        for reason, count in found.waiting.items():
            table.add_row(Styled(f"{count} waiting ({reason})"), "", "")
        self._update(table)

    def _update(self, table: Table) -> None:
        if self._live is not None:
            self._live.update(table, refresh=True)


def _bars() -> Table:
    return Table.grid(padding=(0, 1))


def _bar(done: int, total: int | None) -> ProgressBar:
    """A bar that is filled, or one that only moves where nobody knows how much there is."""
    return ProgressBar(total=total, completed=done, width=_WIDTH, pulse=total is None)

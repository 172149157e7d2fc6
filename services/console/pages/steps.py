"""A flow on its way to live, as the set-up page shows it: its options, its report, its load."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.console.context import Visit
from services.console.jobs import Job
from shared import errors
from shared.flows import catalog
from shared.flows.spec import Document
from shared.model.text import Text
from shared.operations import views
from shared.operations.views import Progress
from shared.runtime.workspaces import Used
from shared.store import loads, matches
from shared.store.matches import Finding, FindingName, Report
from shared.store.rows import FlowRow, Load

FINDINGS: Final[tuple[FindingName, ...]] = ("exact", "probable", "ambiguous", "new")
_EXAMPLES: Final = 10
_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """One flow on its way to live: its report with examples, its loads, and what runs now."""

    row: FlowRow
    says: str
    titles: tuple[str, str]
    options: Sequence[tuple[str, str, str]]
    winners: Sequence[tuple[str, str]]
    lacking: Mapping[str, Text]
    report: Report | None
    open: int
    examples: Mapping[str, Sequence[Finding]]
    job: Job | None
    load: tuple[Load, Progress] | None

    @property
    def is_running(self) -> bool:
        is_loading = self.load is not None and self.load[0].state == "running"
        return is_loading or (self.job is not None and self.job.state == "running")


async def flow_of(visit: Visit, workspace_id: str, flow_id: str) -> tuple[Used, FlowRow]:
    used = await visit.workspace(workspace_id, "admin")
    row = used.directory.flows.get(flow_id)
    if row is None or row.spec not in catalog.FLOWS:
        raise errors.Misconfigured("There is no such flow.")
    return used, row


def in_order(used: Used) -> list[FlowRow]:
    order = list(catalog.FLOWS)
    known = [row for row in used.directory.flows.values() if row.spec in order]
    return sorted(known, key=lambda row: (order.index(row.spec), row.id))


async def step_of(visit: Visit, used: Used, row: FlowRow) -> FlowStep:
    parts = visit.parts
    # As it stands before its report is read: one that ends meanwhile counts as running, and is asked for again.
    found = visit.console.jobs.find(f"report {row.id}")
    job = replace(found) if found is not None else None
    kept = await parts.database.read(lambda connection: matches.report(connection, row.id))
    examples: dict[str, Sequence[Finding]] = {}
    open_ones = 0
    if kept is not None:
        counted = await parts.database.read(
            lambda connection: matches.counted(connection, row.id, decision="open")
        )
        open_ones = sum(many for (_side, finding), many in counted.items() if finding in {"ambiguous", "probable"})
        for finding in FINDINGS:
            examples[finding] = await parts.database.read(
                lambda connection, finding=finding: matches.page(  # type: ignore[misc] # mypy infers no lambda with a default
                    connection, row.id, finding=finding, limit=_EXAMPLES
                )
            )
    running = await parts.database.read(lambda connection: loads.of_flow(connection, row.id))
    newest = max(running, key=lambda each: each.started_at, default=None)
    return FlowStep(
        row=row,
        says=catalog.FLOWS[row.spec].says,
        titles=(catalog.FLOWS[row.spec].left.connector.title, catalog.FLOWS[row.spec].right.connector.title),
        options=options_of(row),
        winners=winners_of(used, row),
        lacking=lacking_of(used, row),
        report=kept,
        open=open_ones,
        examples=examples,
        job=job,
        load=(newest, views.progress_of(newest)) if newest is not None else None,
    )


def options_of(row: FlowRow) -> list[tuple[str, str, str]]:
    """(name, what it is, its value as text) of every option but who wins."""
    found: list[tuple[str, str, str]] = []
    for option in catalog.FLOWS[row.spec].options:
        if option.name == "winner":
            continue
        value = row.options.get(option.name, option.default)
        match value:
            case None:
                text = ""
            case bool():
                text = "yes" if value else "no"
            case str():
                text = value
            case Sequence():
                text = ", ".join(str(each) for each in value)
            case _:
                text = str(value)
        found.append((option.name, option.says, text))
    return found


def winners_of(used: Used, row: FlowRow) -> list[tuple[str, str]]:
    """(field, the side that wins it) of a two-way flow, for the fields that its accounts have."""
    spec = catalog.FLOWS[row.spec]
    if isinstance(spec, Document):
        return []
    lacking = lacking_of(used, row)
    names = [name for name in spec.shared_fields() if name not in lacking]
    return [(name, spec.winner_of(name, row.options).value) for name in names]


def lacking_of(used: Used, row: FlowRow) -> Mapping[str, Text]:
    """The fields that the accounts of a flow do not carry, each with the reason."""
    flow = used.flows.get(row.id)
    return flow.lacking if flow is not None else {}


async def as_csv(visit: Visit, row: FlowRow) -> AsyncIterator[str]:
    """Every finding of a flow's report, line by line, under a line of names."""

    def text_of(cells: Sequence[object]) -> str:
        page = io.StringIO()
        # A cell that begins like a formula would be one in a spreadsheet.
        csv.writer(page).writerow(
            [f"'{each}" if str(each)[:1] in {"=", "+", "-", "@"} else each for each in cells]
        )
        return page.getvalue()

    yield text_of(["side", "record", "finding", "candidates", "why", "decision", "chosen"])
    after = ("", "")
    while True:
        some = await visit.parts.database.read(
            lambda connection, after=after: matches.page(connection, row.id, after=after, limit=_PAGE)  # type: ignore[misc] # mypy infers no lambda with a default
        )
        for each in some:
            yield text_of(
                [
                    each.side,
                    each.record_id,
                    each.finding,
                    " ".join(each.candidates),
                    each.why,
                    each.decision,
                    each.chosen_id or "",
                ]
            )
        if len(some) < _PAGE:
            return
        after = (some[-1].side, some[-1].record_id)

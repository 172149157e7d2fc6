"""`puente match` and `puente load`: what would be joined, what a person decides of it, and the first load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, get_args

import typer

from services.cli import given, progress
from services.cli.commands import accounts, bridges, seeing
from services.cli.console import ASKS, DONE, Cli, cli_of
from shared import errors
from shared.eventlog.port import EventLog
from shared.flows.catalog import FLOWS
from shared.flows.spec import Side
from shared.operations import administration, matching_report, steering, views
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import matches
from shared.store.matches import Decision, Finding, FindingName, Report
from shared.store.rows import FlowRow, Load

_FINDINGS: Sequence[FindingName] = get_args(FindingName)
From = Literal["left", "right", "both"]

match = typer.Typer(no_args_is_help=True, help="What a flow would join and make, before it writes anything.")

_NAME = typer.Argument(metavar="NAME", help="A flow, or a bridge or workspace for all of its flows.")


def register(app: typer.Typer) -> None:
    app.add_typer(match, name="match")
    app.command("load")(load)


@match.command("report")
def report(
    context: typer.Context,
    name: str = _NAME,
    finding: str = typer.Option("", help="Only these: exact, probable, ambiguous, new or not yet."),
    limit: int = typer.Option(50, min=0, help="How many findings to show for each flow."),
    kept: bool = typer.Option(False, "--kept", help="Show the report that is there, without listing the systems."),
) -> int:
    """List both systems and tell what would be joined, made or asked. Nothing is written to them."""
    cli = cli_of(context)
    _known_finding(finding)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, name)
        reports: list[dict[str, object]] = []
        for row in bridges.in_order(target.flows):
            with progress.Shown(cli) as shown:
                made = (
                    await _kept(parts, row)
                    if kept
                    else await matching_report.make(
                        parts, target.used, row.id, progress=shown.listed, actor=given.actor()
                    )
                )
            found = await _findings(parts, row, finding, limit)
            reports.append(_report_as_dict(target.used, row, made, found))
            _show_report(cli, target.used, row, made, found)
        if cli.json:
            cli.emit({"reports": reports}, lambda _cli: None)
        cli.then(f"puente match approve {target.id}")
        return DONE

    return cli.run(work)


@match.command("decide")
def decide(
    context: typer.Context,
    name: str = typer.Argument(metavar="FLOW"),
    record: str = typer.Option("", help="left/ID or right/ID: the record that is decided."),
    every: str = typer.Option(
        "", "--all", help="All open findings of this sort: probable, ambiguous, new, exact."
    ),
    bind: str = typer.Option(
        "", metavar="ID", help="Join it with this record of the other side; `yes` with --all."
    ),
    new: bool = typer.Option(False, "--new", help="It has no counterpart: one is made."),
    apart: bool = typer.Option(False, "--apart", help="It stays alone: none is made."),
) -> int:
    """Decide what a report left open, one by one or in bulk. What waited for it is tried again."""
    cli = cli_of(context)
    _known_finding(every)
    if bool(record) == bool(every):
        raise given.usage("Say which: --record left/ID, or --all probable.")
    choice = _choice(bind=bind, new=new, apart=apart)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, name)
        row = bridges.one_flow(target)
        count = 0
        try:
            if every:
                sort = next(each for each in _FINDINGS if each == every)
                count = await steering.decide_all(parts, row, sort, choice, actor=given.actor())
            else:
                side, record_id = _end(record)
                flow = target.used.flows[row.id]
                await steering.decide(parts, flow, side, record_id, choice, other=bind, actor=given.actor())
                count = 1
        except errors.Lost as problem:
            raise given.usage(problem.message) from None
        result = {"flow": row.id, "decided": count, "decision": choice}
        cli.emit(result, lambda cli: cli.say("decided", count=count))
        return DONE

    return cli.run(work)


@match.command("approve")
def approve(context: typer.Context, name: str = _NAME) -> int:
    """Approve reports, making those that are missing. The flows may be loaded from here on."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, name)
        reports = []
        for row in bridges.in_order(target.flows):
            made = await matching_report.approve(parts, target.used, row.id, actor=given.actor())
            reports.append(_report_as_dict(target.used, row, made, []))
        fresh = await views.find(parts, target.id)

        def show(cli: Cli) -> None:
            for row in bridges.in_order(fresh.flows):
                cli.say("approved", flow=row.id)
            cli.then(f"puente load {target.id} --wait")

        flows = [bridges.flow_as_dict(row, fresh.home) for row in bridges.in_order(fresh.flows)]
        cli.emit({"flows": flows, "reports": reports}, show)
        return DONE

    return cli.run(work)


def load(
    context: typer.Context,
    name: str = _NAME,
    source: str = typer.Option("", "--from", help="left, right or both; both where a flow works both ways."),
    since: str = typer.Option("", help="Take documents issued from this date, as 2026-01-31."),
    wait: bool = typer.Option(
        False, "--wait", help="Wait until the loads are through and the workspace is quiet."
    ),
    timeout: float = typer.Option(3600, min=0, help="Seconds to wait at most."),
    insist: bool = typer.Option(False, "--insist", help="Go live although the vendors' own link is on."),
) -> int:
    """Load flows that were approved: every record once, then live. It goes on after a crash where it stood."""
    cli = cli_of(context)
    if source not in {"", "left", "right", "both"}:
        raise given.usage("--from is left, right or both.")
    first_day = given.day(since)

    async def work(parts: Parts, log: EventLog) -> int:
        target = await views.find(parts, name)
        if not insist:
            await steering.check_shipped_link(parts, target.used, accounts.accounts_of(target), target.flows)
        await steering.check_fields(parts, target.used, target.flows)
        started = []
        for row in bridges.in_order(target.flows):
            side, then_side = steering.directions(row, FLOWS[row.spec], source)
            made = await administration.start_load(
                parts, row, side=side, then_side=then_side, since=first_day, actor=given.actor()
            )
            started.append(made)
            sides = ", ".join(each for each in (side, then_side) if each)
            cli.say("load started", flow=row.id, sides=sides)
        if not wait:
            cli.emit({"loads": [seeing.load_as_dict(each) for each in started]}, lambda cli: None)
            cli.then(f"puente status {target.used.workspace.id}")
            return DONE
        return await _wait_for_loads(cli, parts, log, target, started, timedelta(seconds=timeout))

    return cli.run_with_log(work)


async def _wait_for_loads(
    cli: Cli, parts: Parts, log: EventLog, target: views.Target, started: Sequence[Load], limit: timedelta
) -> int:
    workspace_id = target.used.workspace.id
    with progress.Shown(cli) as shown:
        status = await views.wait_quiet(parts, log, workspace_id, limit=limit, look=shown.look)
    ids = {each.id for each in started}
    ours = [each for each in status.loads if each.id in ids]
    cli.emit(
        {"loads": [seeing.load_as_dict(each) for each in ours], **seeing.status_as_dict([status])},
        lambda cli: seeing.show_end(cli, status),
    )
    return DONE if status.quiet and not status.needs_person and not status.paused else ASKS


# Decisions


def _choice(*, bind: str, new: bool, apart: bool) -> Decision:
    chosen: list[Decision] = []
    if bind:
        chosen.append("bind")
    if new:
        chosen.append("new")
    if apart:
        chosen.append("apart")
    if len(chosen) != 1:
        raise given.usage("Say what: --bind ID, --new or --apart.")
    return chosen[0]


def _end(record: str) -> tuple[Side, str]:
    """The side and id of `left/ID`."""
    side, slash, record_id = record.partition("/")
    if not slash or side not in {"left", "right"} or not record_id:
        raise given.usage(f"{record!r} names no record.", "Write left/ID or right/ID.")
    return Side(side), record_id


# Showing


def _known_finding(text: str) -> None:
    if text and text not in _FINDINGS:
        raise given.usage(f"There is no finding {text!r}.", f"Choose from {', '.join(_FINDINGS)}.")


async def _kept(parts: Parts, row: FlowRow) -> Report:
    found = await parts.database.read(lambda connection: matches.report(connection, row.id))
    if found is None:
        raise given.usage(f"There is no report of {row.id}.", f"Make it with `puente match report {row.id}`.")
    return found


async def _findings(parts: Parts, row: FlowRow, finding: str, limit: int) -> list[Finding]:
    """What a person should look at: the chosen sort, else those that ask for a decision first."""
    wanted = [each for each in _FINDINGS if each == finding] or ["ambiguous", "probable", "new", "exact"]
    found: list[Finding] = []
    for each in wanted:
        room = limit - len(found)
        if room > 0:
            found += await parts.database.read(
                lambda connection, each=each, room=room: matches.page(  # type: ignore[misc]
                    connection, row.id, finding=each, limit=room
                )
            )
    return found


def _report_as_dict(used: Used, row: FlowRow, made: Report, found: Sequence[Finding]) -> dict[str, object]:
    counts: dict[str, object] = {"by_side": dict(made.counts)}
    for each in _FINDINGS:
        counts[each] = sum(n for key, n in made.counts.items() if key.endswith(f"/{each}"))
    return {
        "flow": row.id,
        "counts": counts,
        "made_at": made.made_at,
        "approved_at": made.approved_at,
        "approved_by": made.approved_by,
        "findings": [_finding_as_dict(used, each) for each in found],
    }


def _finding_as_dict(used: Used, found: Finding) -> dict[str, object]:
    flow = used.flows[found.flow_id]
    side = Side(found.side)

    def link(end: Side, record_id: str) -> str:
        return flow.session(end).link(flow.resource_name(end), record_id)

    return {
        "side": found.side,
        "record": found.record_id,
        "link": link(side, found.record_id),
        "finding": found.finding,
        "candidates": [{"record": each, "link": link(side.other, each)} for each in found.candidates],
        "why": found.why,
        "decision": found.decision,
        "chosen": found.chosen_id,
    }


def _show_report(cli: Cli, used: Used, row: FlowRow, made: Report, found: Sequence[Finding]) -> None:
    cli.say("report of", flow=row.id)
    counts = [[key.replace("/", ": "), count] for key, count in sorted(made.counts.items())]
    cli.table(("finding", "records"), counts)
    rows = [
        [f"{each.side}/{each.record_id}", each.finding, cli.told(each.why), list(each.candidates), each.decision]
        for each in found
    ]
    if rows:
        cli.table(("record", "finding", "why", "candidates", "decision"), rows)

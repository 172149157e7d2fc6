"""`puente status` and `sync`: how things stand, and having both systems asked now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import typer

from services.cli import given, progress
from services.cli.commands import alerts, bridges
from services.cli.console import ASKS, DONE, Cli, cli_of, span
from shared.eventlog.port import EventLog
from shared.operations import administration, steering, views
from shared.operations.alerts import asking
from shared.operations.views import Beside, Noted, Resting, Status
from shared.runtime.parts import Parts
from shared.store.directory import Directory
from shared.store.rows import Load, Sweep, Waiting


def register(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("sync")(sync)


def status(
    context: typer.Context, workspace: str = typer.Argument("", metavar="[WORKSPACE]", help="All without it.")
) -> int:
    """Show whether both sides agree, what waits, what runs, and how far loads are."""
    cli = cli_of(context)

    async def work(parts: Parts, log: EventLog) -> int:
        names = [workspace] if workspace else await views.workspace_ids(parts)
        found, homes, shown = [], [], []
        for name in names:
            used = await administration.used_of(parts, name)
            homes.append(used.directory)
            found.append(await views.status(parts, log, name))
            shown.append(await views.beside(parts, used))
        open_now = await asking.listed(parts, language=cli.language)
        items = [each for each in open_now if not workspace or each.workspace in {workspace, ""}]
        result = status_as_dict(found) | {
            "alerts": [alerts.as_dict(each) for each in items],
            "workspaces": [each.workspace for each in found],
            "accounts": [
                {"id": account.id, "system": account.system, "base_url": account.base_url}
                for home in homes
                for account in home.accounts.values()
            ],
            "flows": [
                bridges.flow_as_dict(row, home)
                for home in homes
                for row in bridges.in_order(list(home.flows.values()))
            ],
            "loads": [load_as_dict(row) for each in found for row in each.loads],
            "sweeps": [_sweep_as_dict(row) for each in found for row in each.sweeps],
            "not_yet": [_resting_as_dict(row) for each in shown for row in each.resting],
            "noted": [_noted_as_dict(row) for each in shown for row in each.noted],
        }

        def show(cli: Cli) -> None:
            _show_status(cli, found, homes, shown)
            alerts.show_items(cli, items)

        cli.emit(result, show)
        return DONE

    return cli.run_with_log(work)


def sync(
    context: typer.Context,
    workspace: str = typer.Argument(help="The workspace whose systems are asked for changes now."),
    wait: bool = typer.Option(False, "--wait", help="Wait until nothing is left to do without a person."),
    timeout: float = typer.Option(300, min=0, help="Seconds to wait at most."),
    full: bool = typer.Option(False, "--full", help="List everything instead of what changed lately."),
    since: str = typer.Option(
        "", help="What changed since 24h ago, or since 2026-11-01, instead of since last time."
    ),
) -> int:
    """Have both systems asked for changes now, instead of at the next sweep."""
    cli = cli_of(context)

    async def work(parts: Parts, log: EventLog) -> int:
        used = await administration.used_of(parts, workspace)
        moment = given.moment(since, parts.clock.now(), used.workspace.time_zone)
        count = await steering.ask_sweeps(parts, used.directory, full=full, since=moment, actor=given.actor())
        if not wait:
            cli.emit({"sweeps": count}, lambda cli: cli.say("sweeps asked", count=count))
            return DONE
        limit = timedelta(seconds=timeout)
        with progress.Shown(cli) as shown:
            found = await views.wait_quiet(parts, log, used.workspace.id, limit=limit, look=shown.look)
        beside = await views.beside(parts, used)
        asks = await views.asks(parts, workspace)
        result = status_as_dict([found]) | {
            "sweeps": [_sweep_as_dict(row) for row in found.sweeps],
            "errors": [_ask_as_dict(row) for row in asks],
            "not_yet": [_resting_as_dict(row) for row in beside.resting],
            "noted": [_noted_as_dict(row) for row in beside.noted],
        }
        cli.emit(result, lambda cli: _show_summary(cli, found, beside, asks))
        if not found.quiet and len(found.running_sweeps) == count and not any(s.started_at for s in found.sweeps):
            cli.tell("Nobody takes the sweeps up: is `puente solo` or `puente serve sync` running?")
        return DONE if found.quiet and not found.needs_person and not found.paused else ASKS

    return cli.run_with_log(work)


# The pieces that other commands show too


def status_as_dict(found: Sequence[Status]) -> dict[str, object]:
    """The form that scripts know: `waiting` are rows that only wait, `needs_person` those for a person.

    `behind_persons` of those that wait are waiting for one of these.
    """
    plain: Counter[str] = Counter()
    asks: Counter[str] = Counter()
    for each in found:
        plain.update(each.waiting)
        asks.update(each.asks)
    return {
        "quiet": all(each.quiet for each in found),
        "lag": sum(each.lag for each in found),
        "waiting": dict(plain),
        "needs_person": sum(asks.values()),
        "person_reasons": dict(asks),
        "behind_persons": sum(each.behind_persons for each in found),
        "intents": sum(each.intents for each in found),
        "running": sum(each.running for each in found),
        "paused": sorted(row.id for each in found for row in each.paused),
    }


def load_as_dict(row: Load) -> dict[str, object]:
    far = views.progress_of(row)
    return {
        "id": row.id,
        "flow": row.flow_id,
        "side": row.side,
        "then_side": row.then_side,
        "state": row.state,
        "done": row.done,
        "total": row.total,
        "pages": row.pages,
        "per_second": round(far.per_second, 2),
        "eta_seconds": far.eta,
        "counts": dict(row.counts),
        "problem": row.problem,
        "started_at": row.started_at,
        "updated_at": row.updated_at,
    }


def _sweep_as_dict(row: Sweep) -> dict[str, object]:
    return {
        "account": row.account_id,
        "resource": row.resource,
        "running": row.started_at is not None,
        "next_at": row.next_at,
        "seen_until": row.seen_until,
        "complete_at": row.complete_at,
        "counts": dict(row.counts),
        "problem": row.problem,
    }


def load_line(cli: Cli, row: Load) -> str:
    """One line of progress: `customers from left: 1,200 of 4,000, 85.2/s, 33 s left`."""
    far = views.progress_of(row)
    total = f" of {row.total:,}" if row.total is not None else ""
    eta = f", {span(far.eta)} left" if far.eta is not None else ""
    problem = f" -- {cli.told(row.problem)}" if row.problem else ""
    rate = f", {far.per_second:.1f}/s" if row.done else ""
    return f"{row.flow_id} from {row.side}: {row.state}, {row.done:,}{total}{rate}{eta}{problem}"


def show_end(cli: Cli, found: Status) -> None:
    """How a wait ended."""
    for row in found.loads:
        cli.line(load_line(cli, row))
    _show_state(cli, found)


def _show_state(cli: Cli, found: Status) -> None:
    if found.quiet:
        cli.say("quiet but" if found.needs_person or found.paused else "quiet")
    else:
        left = {"lag": found.lag, "open writes": found.intents, "running": found.running}
        parts = [f"{name} {count}" for name, count in left.items() if count]
        parts += [f"{count} waiting ({reason})" for reason, count in found.waiting.items()]
        cli.say("not quiet", what=", ".join(parts))
    if found.needs_person:
        cli.say("asks person", count=found.needs_person)
    if found.behind_persons:
        cli.say("behind persons", count=found.behind_persons)
    for row in found.paused:
        cli.say("flow is paused", flow=row.id, reason=cli.told(row.pause_reason or ""))


def _show_summary(cli: Cli, found: Status, beside: Beside, asks: Sequence[Waiting]) -> None:
    """How a sync ended: what was done, what could not be carried, what waits to be carried."""
    for sweep in found.sweeps:
        counts = ", ".join(f"{name} {count}" for name, count in sweep.counts.items() if count)
        cli.line(f"{sweep.account_id} {sweep.resource} ({'full' if sweep.full else 'modified'}): {counts or '0'}")
    rows = [[f"{row.account_id} {row.resource} {row.record_id}", row.reason, cli.told(row.says)] for row in asks]
    if rows:
        cli.table(("record", "reason", "field and way out"), rows)
    _show_beside(cli, beside)
    show_end(cli, found)


def _show_beside(cli: Cli, beside: Beside) -> None:
    """What is no error: records that are not carried yet, and values that are carried although they are wrong."""
    for resting in beside.resting:
        why = ", ".join(f"{many}: {cli.told(reason)}" for reason, many in resting.why.items())
        cli.say("not yet", count=sum(resting.why.values()), system=resting.system, why=why)
    for noted in beside.noted:
        more = ", ..." if noted.count > len(noted.records) else ""
        records = ", ".join(noted.records) + more
        cli.say("noted", count=noted.count, account=noted.account, field=noted.field, records=records)


def _resting_as_dict(row: Resting) -> dict[str, object]:
    return {"flow": row.flow, "side": row.side, "system": row.system, "why": dict(row.why)}


def _noted_as_dict(row: Noted) -> dict[str, object]:
    return {
        "account": row.account,
        "resource": row.resource,
        "field": row.field,
        "count": row.count,
        "records": list(row.records),
    }


def _ask_as_dict(row: Waiting) -> dict[str, object]:
    return {
        "account": row.account_id,
        "resource": row.resource,
        "record": row.record_id,
        "reason": row.reason,
        "says": row.says,
    }


def _show_status(cli: Cli, found: Sequence[Status], homes: Sequence[Directory], shown: Sequence[Beside]) -> None:
    if not found:
        cli.say("nothing")
        cli.then("puente workspace add NAME")
    for each, home, beside in zip(found, homes, shown, strict=True):
        cli.line(each.workspace)
        _show_state(cli, each)
        flows = [[row.id, row.state, row.live_since] for row in bridges.in_order(list(home.flows.values()))]
        cli.table(("flow", "state", "live since"), flows)
        for row in each.loads:
            cli.line(load_line(cli, row))
        for sweep in each.sweeps:
            if sweep.problem:
                cli.line(f"  ! {sweep.account_id} {sweep.resource}: {cli.told(sweep.problem)}")
        _show_beside(cli, beside)

"""`puente waiting` and `puente replay`: changes that were put aside, and changes that are looked at again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import typer

from services.cli import given
from services.cli.commands import seeing
from services.cli.console import ASKS, DONE, FAILED, Cli, cli_of
from shared.eventlog.port import EventLog
from shared.eventlog.urls import event_log
from shared.flows.preview import Preview
from shared.flows.spec import Side
from shared.operations import administration, attention, views
from shared.operations.noting import MOVED, note
from shared.runtime import replay
from shared.runtime.parts import Parts
from shared.runtime.replay import Dry, Wants
from shared.runtime.workspaces import Used
from shared.store import runs
from shared.store import waiting as rows_of
from shared.store.rows import Reason, Waiting
from shared.store.runs import Run

waiting = typer.Typer(no_args_is_help=True, help="Changes that wait: for a time, another record, or a person.")

_IDS = typer.Argument(None, metavar="[ID...]", help="As `puente waiting list` shows them.")
_IN = typer.Option("", "--in", metavar="NAME", help="All of a workspace or flow, instead of ids.")
_REASON = typer.Option("", help="With --in: only those of this reason.")
_MOST = 100_000
_REASONS: Sequence[Reason] = get_args(Reason)
_MOVES = {"pause": replay.pause, "resume": replay.resume, "cancel": replay.cancel}


def register(app: typer.Typer) -> None:
    app.add_typer(waiting, name="waiting")
    app.command("replay")(replay_command)


@waiting.command("list")
def list_all(
    context: typer.Context,
    name: str = typer.Argument("", metavar="[NAME]", help="A workspace or flow; all without it."),
    reason: str = typer.Option("", help="Only those of this reason."),
    person: bool = typer.Option(False, "--person", help="Only those that need a person."),
    limit: int = typer.Option(200, min=1, help="How many to show of each workspace."),
) -> int:
    """List what waits, those that need a person first."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found: list[dict[str, object]] = []
        for each in [name] if name else await views.workspace_ids(parts):
            target = await views.find(parts, each)
            rows = await _rows(parts, target, reason, limit=limit)
            found += [_as_dict(target.used, row) for row in rows if row.needs_person or not person]
        found.sort(key=lambda row: (not row["needs_person"], str(row["first_seen"])))
        columns = ("id", "reason", "account", "resource", "record", "not_before", "says")
        cli.emit(
            {"waiting": found},
            lambda cli: cli.table(columns, [[_told(cli, name, each[name]) for name in columns] for each in found]),
        )
        return DONE

    return cli.run(work)


@waiting.command("show")
def show_one(context: typer.Context, waiting_id: str = typer.Argument(metavar="ID")) -> int:
    """Show one waiting change with what is kept beside it: candidates, or the traceback of an error of ours."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        row = await attention.find(parts, waiting_id)
        used = await administration.used_of(parts, row.workspace_id)
        detail = attention.detail_of(used, row)
        shown = _as_dict(used, row) | {
            "candidates": _candidates(used, row, detail.candidates),
            "traceback": detail.traceback or None,
        }

        def show(cli: Cli) -> None:
            for name, value in shown.items():
                if value not in (None, "", []):
                    cli.line(f"{name}: {_told(cli, name, value)}")
            if row.reason == "ambiguous" and row.flow_id:
                flow, side = used.flows[row.flow_id], _side(used, row)
                cli.then(
                    f"puente match decide {flow.row.id} --record {side.value}/{row.record_id} --bind ID|--new"
                )

        cli.emit({"waiting": [shown]}, show)
        return DONE

    return cli.run(work)


@waiting.command("retry")
def retry(context: typer.Context, ids: list[str] = _IDS, inside: str = _IN, reason: str = _REASON) -> int:
    """Have changes tried again now. A hook that could not be read is read again."""
    cli = cli_of(context)

    async def work(parts: Parts, log: EventLog) -> int:
        rows = await _chosen(parts, ids, inside, reason)
        done = await attention.retry(parts, log, rows, actor=given.actor())
        result = {
            "retried": done.total,
            "due": done.due,
            "read": done.read,
            "swept": done.swept,
            "unreadable": done.unreadable,
        }
        cli.emit(result, lambda cli: cli.say("retried", count=done.total))
        return DONE if not done.unreadable else FAILED

    return cli.run_with_log(work)


@waiting.command("dismiss")
def dismiss(context: typer.Context, ids: list[str] = _IDS, inside: str = _IN, reason: str = _REASON) -> int:
    """Forget changes that wait. A record that differs still is found again by the next sweep."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        rows = await _chosen(parts, ids, inside, reason)
        count = await attention.dismiss(parts, rows, actor=given.actor())
        cli.emit({"dismissed": count}, lambda cli: cli.say("dismissed", count=count))
        return DONE

    return cli.run(work)


async def _chosen(parts: Parts, ids: Sequence[str] | None, inside: str, reason: str) -> list[Waiting]:
    if bool(ids) == bool(inside):
        raise given.usage("Say which: ids, or --in WORKSPACE.", "`puente waiting list` shows them.")
    if inside:
        return await _rows(parts, await views.find(parts, inside), reason, limit=_MOST)
    return [await attention.find(parts, each) for each in ids or ()]


async def _rows(parts: Parts, target: views.Target, reason: str, *, limit: int) -> list[Waiting]:
    known = {each.id for each in target.flows}
    wanted = [each for each in _REASONS if each == reason] if reason else [None]
    if not wanted:
        raise given.usage(f"There is no reason {reason!r}.", f"Choose from {', '.join(_REASONS)}.")
    rows = await parts.database.read(
        lambda connection: rows_of.of_workspace(
            connection,
            target.used.workspace.id,
            reason=wanted[0],
            limit=limit if target.what == "workspace" else _MOST,
        )
    )
    if target.what == "workspace":
        return rows
    if target.what == "account":
        return [row for row in rows if row.account_id == target.id][:limit]
    return [row for row in rows if row.flow_id in known][:limit]


def _side(used: Used, row: Waiting) -> Side:
    flow = used.flows[row.flow_id]
    return next(side for side in Side if flow.accounts[side].id == row.account_id)


def _candidates(used: Used, row: Waiting, ids: Sequence[str]) -> list[dict[str, str]]:
    if row.flow_id not in used.flows:
        return []
    flow, side = used.flows[row.flow_id], _side(used, row)
    other = side if row.reason == "merged" else side.other
    resource = flow.resource_name(other)
    return [{"record": each, "link": flow.session(other).link(resource, each)} for each in ids]


def _told(cli: Cli, name: str, value: object) -> object:
    return cli.told(value) if name == "says" and isinstance(value, str) else value


def _as_dict(used: Used, row: Waiting) -> dict[str, object]:
    session = used.sessions.get(row.account_id)
    return {
        "id": row.id,
        "workspace": row.workspace_id,
        "flow": row.flow_id,
        "account": row.account_id,
        "resource": row.resource,
        "record": row.record_id,
        "link": session.link(row.resource, row.record_id) if session is not None and row.flow_id else None,
        "reason": row.reason,
        "needs_person": row.needs_person,
        "not_before": row.not_before,
        "first_seen": row.first_seen,
        "tries": row.tries,
        "deletion": row.deletion,
        "blocked_on": row.blocked_on,
        "changes": list(row.change_ids),
        "says": row.says,
    }


# Replay


def replay_command(
    context: typer.Context,
    name: str = typer.Argument(
        metavar="WORKSPACE", help="A workspace; or `list`; or `pause`, `resume`, `cancel` with RUN."
    ),
    run_id: str = typer.Argument("", metavar="[RUN]", help="A run's id; with `list`: a workspace."),
    since: str = typer.Option("", help="2026-01-31, 2026-01-31T09:00, or 2h for two hours ago."),
    until: str = typer.Option("", help="The same; this moment is excluded."),
    system: str = typer.Option("", help="Only changes of this system."),
    account: str = typer.Option("", help="Only changes of this account."),
    kind: str = typer.Option("", help="Only this entity, resource or hook kind."),
    record: str = typer.Option("", help="Only changes of the record with this id."),
    mode: str = typer.Option("nudge", help="nudge: as usual. repair: the source counts as changed. export."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show what would be written, field by field; write nothing."
    ),
    to: str = typer.Option(
        "", help="With --mode export: a file, or kafka://host/topic; standard output without it."
    ),
    wait: bool = typer.Option(False, "--wait", help="Wait until the replayed changes are settled."),
    timeout: float = typer.Option(300, min=0, help="Seconds to wait at most."),
) -> int:
    """Look at changes of the log again. It reads what the systems hold now, and never rebuilds what they held."""
    cli = cli_of(context)
    if name == "list":
        return cli.run(lambda parts: _list_runs(cli, parts, run_id))
    if name in _MOVES:
        return cli.run(lambda parts: _move_run(cli, parts, name, run_id))
    if mode not in {"nudge", "repair", "export"}:
        raise given.usage(f"There is no mode {mode!r}.", "Choose nudge, repair or export.")
    if to and mode != "export":
        raise given.usage("--to belongs to --mode export.")

    async def work(parts: Parts, log: EventLog) -> int:
        used = await administration.used_of(parts, name)
        now, zone = parts.clock.now(), used.workspace.time_zone
        if account and f"{name}.{account.removeprefix(f'{name}.')}" not in used.directory.accounts:
            raise given.usage(f"There is no account {account!r}.", "`puente account list` shows them.")
        wants = Wants(
            workspace=used.workspace.id,
            since=given.moment(since, now, zone),
            until=given.moment(until, now, zone),
            system=system,
            account=f"{name}.{account.removeprefix(f'{name}.')}" if account else "",
            kind=kind,
            record=record,
        )
        if mode == "export":
            await note(parts, used.workspace.id, given.actor(), "changes.exported", to=to, **wants.dump())
            return await _export(cli, parts, log, wants, to)
        cli.tell("Replay reads what the systems hold now; it never rebuilds what they held at the time.")
        if dry_run:
            return await _dry_run(cli, parts, log, used, wants, repair=mode == "repair")
        return await _begin(cli, parts, log, wants, mode, timedelta(seconds=timeout) if wait else None)

    return cli.run_with_log(work)


async def _begin(cli: Cli, parts: Parts, log: EventLog, wants: Wants, mode: str, limit: timedelta | None) -> int:
    chosen: Literal["nudge", "repair"] = "repair" if mode == "repair" else "nudge"
    run = await replay.begin(parts.database, wants, chosen, clock=parts.clock, new_id=parts.new_id)
    await note(parts, wants.workspace, given.actor(), "replay", mode=mode, **wants.dump(), run=run.id)
    if limit is None:
        cli.emit({"run": _run_as_dict(run)}, lambda cli: cli.line(f"Run {run.id} has begun."))
        return DONE
    status = await views.wait_quiet(parts, log, wants.workspace, limit=limit)
    ended = await parts.database.read(lambda connection: runs.by_id(connection, run.id)) or run
    result = {"run": _run_as_dict(ended), **seeing.status_as_dict([status])}

    def show(cli: Cli) -> None:
        cli.line(f"Run {ended.id}: {ended.state}, {ended.counts.get('changes', 0)} changes.")
        seeing.show_end(cli, status)

    cli.emit(result, show)
    return DONE if status.quiet and not status.needs_person and ended.state == "done" else ASKS


async def _dry_run(cli: Cli, parts: Parts, log: EventLog, used: Used, wants: Wants, *, repair: bool) -> int:
    dry = await replay.dry_run(log, used, wants, database=parts.database, clock=parts.clock, repair=repair)
    result = {
        "changes": dry.changes,
        "records": dry.records,
        "previews": [
            {"flow": flow, "account": account, "record": record_id, **preview_as_dict(found)}
            for flow, account, record_id, found in dry.previews
        ],
    }
    cli.emit(result, lambda cli: _show_dry(cli, dry))
    return DONE


def _show_dry(cli: Cli, dry: Dry) -> None:
    cli.line(f"{dry.changes} changes of {dry.records} records.")
    for flow, account, record_id, found in dry.previews:
        cli.line(f"{account} {record_id} ({flow}): {cli.told(found.says)}")
        show_fields(cli, found, only_writes=True)


def preview_as_dict(found: Preview) -> dict[str, object]:
    """What a look would write, field by field, with what both sides show."""
    return {
        "says": found.says,
        "state": found.state,
        "writes": found.writes,
        "fields": [
            {
                "name": each.name,
                "left": each.left,
                "right": each.right,
                "agrees": each.agrees,
                "writes": each.writes.value if each.writes is not None else None,
                "value": each.value if each.writes is not None else None,
                "why": each.why,
            }
            for each in found.fields
        ],
    }


def show_fields(cli: Cli, found: Preview, *, only_writes: bool = False) -> None:
    rows = [
        [each.name, each.left, each.right, each.writes.value if each.writes else "", cli.told(each.why)]
        for each in found.fields
        if each.writes is not None or (not only_writes and not each.agrees)
    ]
    if rows:
        cli.table(("field", "left", "right", "would write", "why"), rows)


async def _export(cli: Cli, parts: Parts, log: EventLog, wants: Wants, to: str) -> int:
    """One CloudEvent a line; to another topic as it stands in ours, sealed."""
    count = 0
    async with AsyncExitStack() as stack:
        entries = await stack.enter_async_context(aclosing(replay.chosen(log, wants)))  # type: ignore[type-var]
        if to.startswith("kafka:"):
            target = event_log(to, clock=parts.clock)
            await target.start()
            stack.push_async_callback(target.close)
            async for entry in entries:
                await target.append(entry.change)
                count += 1
        else:
            stream = stack.enter_context(_opened(to)) if to else sys.stdout.buffer
            async for entry in entries:
                stream.write(msgspec.json.encode(replay.exported(entry, parts.keys.log)) + b"\n")
                count += 1
    if to:
        cli.emit({"exported": count, "to": to}, lambda cli: cli.line(f"{count} changes were written to {to}."))
    else:
        sys.stdout.flush()
        cli.tell(f"{count} changes.")
    return DONE


def _opened(path: str) -> Any:
    try:
        return Path(path).open("wb")
    except OSError as problem:
        raise given.usage(f"{path} cannot be written: {problem.strerror}.") from None


async def _list_runs(cli: Cli, parts: Parts, name: str) -> int:
    found = []
    for each in [name] if name else await views.workspace_ids(parts):
        await administration.used_of(parts, each)
        found += await parts.database.read(lambda connection, each=each: runs.of_workspace(connection, each))  # type: ignore[misc]
    shown = [_run_as_dict(run) for run in found]
    columns = ("id", "workspace", "mode", "state", "counts", "created_at")
    cli.emit({"runs": shown}, lambda cli: cli.table(columns, [[run[name] for name in columns] for run in shown]))
    return DONE


async def _move_run(cli: Cli, parts: Parts, word: str, run_id: str) -> int:
    run = await _MOVES[word](parts.database, run_id, clock=parts.clock)
    await note(parts, run.workspace_id, given.actor(), MOVED[run.state], run=run.id)
    cli.emit({"run": _run_as_dict(run)}, lambda cli: cli.line(f"Run {run.id} is {run.state}."))
    return DONE


def _run_as_dict(run: Run) -> Mapping[str, object]:
    return {
        "id": run.id,
        "workspace": run.workspace_id,
        "mode": run.mode,
        "state": run.state,
        "wants": dict(run.wants),
        "counts": dict(run.counts),
        "created_at": run.created_at,
        "updated_at": run.updated_at,
    }

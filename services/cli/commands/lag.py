"""`puente lag`: what nobody has looked at yet and what waits, in records and in the age of the oldest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

from services.cli.console import DONE, Cli, cli_of, span
from shared.eventlog.port import EventLog
from shared.model.change import shard_of
from shared.operations import administration, canary, movement, views
from shared.operations.canary import Flown
from shared.runtime.parts import Parts
from shared.store import waiting


def register(app: typer.Typer) -> None:
    app.command("lag")(lag)


def lag(
    context: typer.Context, workspace: str = typer.Argument("", metavar="[WORKSPACE]", help="All without it.")
) -> int:
    """Show what was not looked at yet, per system, workspace and partition, and what waits, with the oldest."""
    cli = cli_of(context)

    async def work(parts: Parts, log: EventLog) -> int:
        if workspace:
            await administration.used_of(parts, workspace)
        found = await movement.sample(parts, log)
        verdicts = await movement.verdicts(parts, found)
        waits = await parts.database.read(lambda connection: views.waits_of(connection, workspace or None))
        flows = await parts.database.read(lambda connection: waiting.by_flow(connection, workspace or None))
        now = parts.clock.now()
        own = shard_of(workspace) if workspace and len(found.partitions) > 1 else None
        mine = views.behind_of(found, workspace or None)
        flown = await canary.flown_lately(parts)
        result: dict[str, Any] = {
            "canary": _canary_as_dict(flown, now),
            "lag": mine.count,
            "verdict": movement.worst(each for number, each in verdicts.items() if own in {None, number}),
            "oldest_seconds": mine.oldest,
            "systems": [
                {"system": name, "lag": each.count, "oldest_seconds": each.oldest}
                for name, each in views.behind_by(found, workspace or None, "system").items()
            ],
            "workspaces": [
                {"workspace": name, "lag": each.count, "oldest_seconds": each.oldest}
                for name, each in views.behind_by(found, workspace or None, "workspace").items()
            ],
            "partitions": [
                {
                    "partition": each.partition,
                    "committed": each.committed,
                    "end": each.end,
                    "lag": each.lag,
                    "oldest_seconds": each.oldest_age,
                    "verdict": verdicts[each.partition],
                }
                for each in found.partitions
                if each.lag or each.end or len(found.partitions) == 1
            ],
            "flows": [_flow_as_dict(row, now) for row in flows],
            "waiting": [_waits_as_dict(each, now) for each in waits],
        }

        def show(cli: Cli) -> None:
            _show(cli, result)
            _show_canary(cli, flown, now)

        cli.emit(result, show)
        return DONE

    return cli.run_with_log(work)


def _canary_as_dict(flown: Flown, now: datetime) -> dict[str, object] | None:
    """The newest canary that came through, and what did not; None while none is sent."""
    if flown.last is None and not flown.refused and not flown.stuck:
        return None
    last = flown.last
    return {
        "took_seconds": last.took if last is not None else None,
        "age_seconds": now - last.posted_at if last is not None else None,
        "refused": [{"system": each.system, "problem": each.problem} for each in flown.refused],
        "stuck": [{"system": each.system, "partition": each.shard} for each in flown.stuck],
    }


def _show_canary(cli: Cli, flown: Flown, now: datetime) -> None:
    if flown.last is not None and flown.last.took is not None:
        took, age = span(flown.last.took), span(now - flown.last.posted_at)
        cli.say("canary came", system=flown.last.system, took=took, age=age)
    for each in flown.refused:
        cli.say("canary refused", system=each.system, says=cli.told(each.problem))
    for each in flown.stuck:
        cli.say("canary stuck", system=each.system, partition=each.shard)


def _waits_as_dict(waits: views.Waits, now: datetime) -> dict[str, object]:
    return {
        "reason": waits.reason,
        "count": waits.count,
        "oldest_at": waits.oldest_at,
        "oldest_seconds": round((now - waits.oldest_at).total_seconds(), 3),
        "needs_person": waits.needs_person,
    }


def _flow_as_dict(waits: waiting.FlowWaits, now: datetime) -> dict[str, object]:
    return {
        "flow": waits.flow_id,
        "waiting": waits.count,
        "oldest_seconds": now - waits.oldest_at,
        "needs_person": waits.persons,
    }


def _show(cli: Cli, result: Mapping[str, Any]) -> None:
    age = f", the oldest since {span(result['oldest_seconds'])}" if result["oldest_seconds"] else ""
    verdict = str(result["verdict"]).upper()
    count = "an unknown number of" if result["lag"] is None else result["lag"]
    cli.line(f"Lag: {count} changes not looked at yet{age}. By its movement: {verdict}.")
    behind = ("lag", "oldest_seconds")
    for kind in ("system", "workspace"):
        _table(cli, (kind, *behind), [each for each in result[f"{kind}s"] if each["lag"]])
    partitions = [each for each in result["partitions"] if each["lag"]]
    _table(cli, ("partition", "committed", "end", *behind, "verdict"), partitions)
    columns = ("reason", "count", "oldest_at", "needs_person")
    cli.table(columns, [[each[name] for name in columns] for each in result["waiting"]], title="Waiting")
    _table(cli, ("flow", "waiting", "oldest_seconds", "needs_person"), result["flows"])


def _table(cli: Cli, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        cli.table(
            [name.removesuffix("_seconds") for name in columns], [[row[name] for name in columns] for row in rows]
        )

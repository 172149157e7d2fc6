"""`puente why`: a record's story, from the first word of it to what waits now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import typer

from services.cli import given
from services.cli.commands import changes
from services.cli.console import DONE, FAILED, Cli, cli_of
from shared import errors
from shared.eventlog.port import Entry, EventLog
from shared.operations import administration, story, views
from shared.operations.story import InFlow, Story
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store.rows import Account, Attempt


def register(app: typer.Typer) -> None:
    app.command("why")(why)


def why(
    context: typer.Context,
    system: str = typer.Argument(help="bitfactura, sugester, ... or the name of an account."),
    kind: str = typer.Argument(help="client, invoice, deal, ..."),
    record: str = typer.Argument(metavar="ID", help="The record's id in that system."),
    workspace: str = typer.Option("", help="Where several workspaces use the system."),
    offline: bool = typer.Option(False, "--offline", help="Do not ask the systems what they show now."),
    details: bool = typer.Option(False, "--details", help="Also what each attempt read and wrote."),
) -> int:
    """Tell a record's story: its pair, the changes, the attempts, what waits and until when."""
    cli = cli_of(context)

    async def work(parts: Parts, log: EventLog) -> int:
        used, account = await _account(parts, system, workspace)
        resource = story.resource_named(administration.connector_of(parts, account.system), kind)
        found = await story.tell(parts, log, used, account.id, resource, record, ask=not offline)
        cli.emit(_as_dict(used, found, details=details), lambda cli: _show(cli, used, found, details=details))
        shown = any(each.shown is not None and each.shown.state != "gone" for each in found.flows)
        return DONE if found.is_known or shown else FAILED

    return cli.run_with_log(work)


async def _account(parts: Parts, system: str, workspace: str) -> tuple[Used, Account]:
    """The one account of a system (or of that name) that is meant. Raises Misconfigured where it is not clear."""
    found: list[tuple[Used, Account]] = []
    for name in [workspace] if workspace else await views.workspace_ids(parts):
        used = await administration.used_of(parts, name)
        found += [
            (used, account)
            for account in used.directory.accounts.values()
            if system in {account.system, account.id, account.id.removeprefix(f"{name}.")}
        ]
    if len(found) == 1:
        return found[0]
    exact = [each for each in found if each[1].id == system]
    if len(exact) == 1:
        return exact[0]
    if not found:
        raise given.usage(f"There is no account of {system!r}.", "`puente account list` shows the accounts.")
    names = ", ".join(account.id for _used, account in found)
    raise given.usage(f"{system!r} may be several accounts.", f"Type one of: {names}.")


def _as_dict(used: Used, found: Story, *, details: bool) -> dict[str, object]:
    return {
        "account": found.account,
        "resource": found.resource,
        "record": found.record_id,
        "known": found.is_known,
        "changes": [_change_as_dict(each) for each in found.changes],
        "flows": [_flow_as_dict(used, each, details=details) for each in found.flows],
    }


def _change_as_dict(entry: Entry) -> dict[str, object]:
    change = entry.change
    return {
        "id": change.id,
        "type": change.type,
        "hook_kind": change.hook_kind,
        "seen_at": change.seen_at,
        "partition": entry.position.partition,
        "offset": entry.position.offset,
        "deletion": change.deletion,
        "run": change.run or None,
        "mode": change.mode,
    }


def _flow_as_dict(used: Used, each: InFlow, *, details: bool) -> dict[str, object]:
    pair, decision = each.binding, each.decision
    return {
        "flow": each.flow.row.id,
        "state": each.flow.row.state,
        "side": each.side.value,
        "binding": {
            "id": pair.id,
            "left": pair.left_id,
            "right": pair.right_id,
            "state": pair.state,
            "version": pair.version,
            "reference": pair.reference,
            "created_at": pair.created_at,
            "updated_at": pair.updated_at,
        }
        if pair is not None
        else None,
        "decision": {"finding": decision.finding, "decision": decision.decision, "chosen": decision.chosen_id}
        if decision is not None
        else None,
        "attempts": [_attempt_as_dict(used, row, details=details) for row in each.attempts],
        "waiting": [
            {
                "id": row.id,
                "resource": row.resource,
                "record": row.record_id,
                "reason": row.reason,
                "needs_person": row.needs_person,
                "not_before": row.not_before,
                "says": row.says,
            }
            for row in each.waiting
        ],
        "intents": [
            {"id": row.id, "kind": row.kind, "opened_at": row.opened_at, "deadline": row.deadline}
            for row in each.intents
        ],
        "now": changes.preview_as_dict(each.shown) if each.shown is not None else None,
        "problem": each.problem or None,
    }


def _attempt_as_dict(used: Used, row: Attempt, *, details: bool) -> dict[str, object]:
    shown: dict[str, object] = {
        "at": row.at,
        "resource": row.resource,
        "record": row.record_id,
        "other": row.other_id or None,
        "origin": row.origin,
        "outcome": row.outcome,
        "says": row.says,
        "fields": list(row.fields),
        "changes": list(row.change_ids),
        "took_ms": row.took_ms,
    }
    return shown | {"detail": _detail(used, row)} if details else shown


def _detail(used: Used, row: Attempt) -> Mapping[str, Any] | None:
    """What an attempt read and wrote; None where nothing is kept, or its key is gone."""
    if row.detail is None:
        return None
    try:
        return msgspec.json.decode(used.workspace.keys.open(row.detail, context=row.id), type=dict[str, Any])
    except (errors.NeedsOperator, msgspec.DecodeError):
        return None


def _show(cli: Cli, used: Used, found: Story, *, details: bool) -> None:
    name = f"{found.account} {found.resource} {found.record_id}"
    if not found.is_known:
        cli.say("unknown record", record=name)
    else:
        cli.line(name)
    if found.changes:
        rows = [[e.change.seen_at, e.change.hook_kind or e.change.type, e.change.id] for e in found.changes]
        cli.table(("told at", "what", "change"), rows, title="Changes")
    for each in found.flows:
        _show_flow(cli, used, each, details=details)


def _show_flow(cli: Cli, used: Used, each: InFlow, *, details: bool) -> None:
    cli.line("")
    cli.line(f"{each.flow.row.id} ({each.flow.row.state})")
    if each.binding is not None:
        cli.line(f"  joined: left {each.binding.left_id}, right {each.binding.right_id}; {each.binding.state}")
    if each.attempts:
        rows = [
            [row.at, row.resource, row.record_id, row.origin, row.outcome, cli.told(row.says)]
            for row in each.attempts
        ]
        cli.table(("at", "resource", "record", "came from", "outcome", "says"), rows, title="Attempts")
    if details:
        for row in each.attempts:
            cli.line(f"  {row.at:%H:%M:%S} {_detail(used, row)}")
    for waits in each.waiting:
        until = "a person" if waits.needs_person else f"{waits.not_before.astimezone():%Y-%m-%d %H:%M:%S}"
        cli.line(f"  waits for {until} ({waits.reason}): {cli.told(waits.says)} [{waits.id}]")
    for intent in each.intents:
        cli.line(f"  a {intent.kind} is on its way; its deadline is {intent.deadline.astimezone():%H:%M:%S}")
    if each.shown is not None:
        cli.line(f"  now: {cli.told(each.shown.says)}")
        changes.show_fields(cli, each.shown)
    elif each.problem:
        cli.line(f"  now: {cli.told(each.problem)}")

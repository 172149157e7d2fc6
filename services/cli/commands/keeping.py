"""`puente doctor`, `recover`, `forget` and `move`: looking after an installation, and its bad days."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext

import typer

from services.cli import given
from services.cli.commands import accounts
from services.cli.commands.alerts import channel_states, state_as_dict
from services.cli.console import DONE, FAILED, Cli, cli_of
from services.solo.folder import folder_held
from shared.eventlog.port import EventLog
from shared.operations import administration, doctor, forgetting, recovery, story, views
from shared.runtime.parts import Parts
from shared.runtime.settings import key_rings
from shared.store.matches import Report


def register(app: typer.Typer) -> None:
    app.command("doctor")(examine)
    app.command("recover")(recover)
    app.command("forget")(forget)
    app.command("move")(move)


def examine(
    context: typer.Context,
    workspace: str = typer.Argument("", metavar="[WORKSPACE]", help="All without it."),
    look_only: bool = typer.Option(
        False, "--look-only", help="Change nothing: leave hooks that are off as they are."
    ),
) -> int:
    """Repeat every check of activation; hooks that a system switched off are switched on, and the gap is swept."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = []
        for name in [workspace] if workspace else await views.workspace_ids(parts):
            used = await administration.used_of(parts, name)
            found += await doctor.examine(parts, used, mend=not look_only)
        shown = [
            {
                "id": each.account,
                "system": each.system,
                "failed": each.failed,
                "checks": accounts.checks_as_dicts(cli, each.checks),
                "hooks": [{"hook_kind": line.hook_kind, "state": line.state} for line in each.hooks],
            }
            for each in found
        ]
        failed = sum(check.state == "failed" for each in found for check in each.checks)
        states = await channel_states(parts)
        failed += sum(each.failing_since is not None for each in states)

        def show(cli: Cli) -> None:
            for each in found:
                cli.say("checks of", account=each.account)
                cli.checks(each.checks)
            for state in states:
                if state.failing_since is not None:
                    cli.say("channel fails", channel=state.channel, says=cli.told(state.problem))
            if failed:
                cli.say("not well", count=failed)
            else:
                cli.say("all well")

        channels = [state_as_dict(each) for each in states]
        cli.emit({"accounts": shown, "channels": channels, "failed": failed}, show)
        code = max((accounts.code_of(each.checks) for each in found), default=DONE)
        return code or (FAILED if any(each.failing_since for each in states) else DONE)

    return cli.run(work)


def recover(
    context: typer.Context,
    workspace: str = typer.Argument(help="The workspace whose store was restored from a backup."),
) -> int:
    """After a restored backup: flows go back to review, and what is there is found before anything is made."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        used = await administration.used_of(parts, workspace)
        reports = await recovery.recover(parts, used, actor=given.actor())

        def show(cli: Cli) -> None:
            show_reports(cli, reports)
            cli.then(f"puente match approve {workspace}, then puente load {workspace}")

        cli.emit({"reports": reports_as_dicts(reports)}, show)
        return DONE

    return cli.run(work)


def reports_as_dicts(reports: Mapping[str, Report]) -> list[dict[str, object]]:
    return [{"flow": flow_id, "counts": dict(made.counts)} for flow_id, made in reports.items()]


def show_reports(cli: Cli, reports: Mapping[str, Report]) -> None:
    for flow_id, made in reports.items():
        cli.say("report of", flow=flow_id)
        counts = [[key.replace("/", ": "), count] for key, count in sorted(made.counts.items())]
        cli.table(("finding", "records"), counts)


def forget(
    context: typer.Context,
    account: str = typer.Argument(help="The account in which the person's record is."),
    kind: str = typer.Argument(help="client, ..."),
    record: str = typer.Argument(metavar="ID", help="The record's id there."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> int:
    """Erase what Puente holds of one person. The record stays in the systems and is not kept in step any more."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, account)
        if target.what != "account":
            raise given.usage(f"{account} is a {target.what} and not an account.", "See `puente account list`.")
        system = target.home.accounts[target.id].system
        resource = story.resource_named(administration.connector_of(parts, system), kind)
        if not yes and not sys.stdin.isatty():
            raise given.usage("Forgetting cannot be undone.", "Say --yes to do it without being asked.")
        if not yes:
            typer.confirm(f"Forget {resource} {record} of {target.id} for good?", abort=True, err=True)
        done = await forgetting.forget(parts, target.used, target.id, resource, record, actor=given.actor())
        result = {
            "bindings": done.bindings,
            "attempts": done.attempts,
            "waiting": done.waiting,
            "keys": done.keys,
            "paired": done.paired,
            "log_empty_by": done.log_empty_by,
            "backups_gone_by": done.backups_gone_by,
            "scrubbed": done.scrubbed,
        }

        def show(cli: Cli) -> None:
            cli.say(
                "forgotten",
                pairs=done.bindings,
                attempts=done.attempts,
                waiting=done.waiting,
                keys=done.keys,
                log=f"{done.log_empty_by:%Y-%m-%d}",
                backups=f"{done.backups_gone_by:%Y-%m-%d}",
            )
            if not done.paired:
                cli.say("forgotten alone", record=record, account=target.id)
            if not done.scrubbed:
                cli.say("not scrubbed")

        cli.emit(result, show)
        return DONE

    return cli.run(work)


def move(
    context: typer.Context,
    to: str = typer.Argument("", metavar="[STORE_URL]", help="The empty database; else PUENTE_MOVE_STORE_URL."),
) -> int:
    """Copy the store of this machine into an empty database. Stop Puente first, with nothing left to do."""
    cli = cli_of(context)
    target = to or os.environ.get("PUENTE_MOVE_STORE_URL", "")
    if not target:
        raise given.usage("Say where to.", "Give postgresql://user:password@host/database.")

    async def work(parts: Parts, log: EventLog) -> int:
        with folder_held(parts.settings.data) if parts.settings.embedded else nullcontext():
            copied = await recovery.move(parts, log, target)
        rings = {f"PUENTE_{name.upper()}": ring for name, ring in key_rings(parts.settings).items()}

        def show(cli: Cli) -> None:
            cli.table(("table", "rows"), [[name, count] for name, count in copied.items() if count])
            cli.line("Set these where the services run; without them nothing of the store can be read:")
            for name, ring in rings.items():
                cli.line(f"{name}={ring}")
            cli.then("puente topics, then puente serve sync, with the new PUENTE_STORE_URL and PUENTE_LOG_URL")

        cli.emit({"tables": copied, "keys": rings}, show)
        return DONE

    return cli.run_with_log(work)

"""`puente alerts`: what is open, how the channels do, and a message to try them."""

from __future__ import annotations

from typing import Final

import typer

from services.cli import given
from services.cli.console import ASKS, DONE, FAILED, Cli, cli_of
from shared.operations import administration
from shared.operations.alerts import asking
from shared.operations.alerts.asking import ChannelState, Tried
from shared.operations.alerts.channels import channels_of
from shared.operations.alerts.messages import Item
from shared.operations.noting import note
from shared.runtime.parts import Parts
from shared.store.users import EVERYWHERE

alerts = typer.Typer(no_args_is_help=True, help="What is told by mail, webhook and chat.")

_WORKSPACE: Final = typer.Argument("", metavar="[WORKSPACE]", help="All, and the installation, without it.")


def register(app: typer.Typer) -> None:
    app.add_typer(alerts, name="alerts")


@alerts.command("list")
def list_open(context: typer.Context, workspace: str = _WORKSPACE) -> int:
    """List the open alerts with the command that helps, and how each channel does. Ends with 3 if any is open."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        if workspace:
            await administration.used_of(parts, workspace)
        states = await channel_states(parts)
        items = await asking.listed(parts, workspace or None, language=cli.language)
        result = {
            "alerts": [as_dict(each) for each in items],
            "channels": [state_as_dict(each) for each in states],
        }
        cli.emit(result, lambda cli: _show(cli, items, states))
        return ASKS if items else DONE

    return cli.run(work)


@alerts.command("test")
def try_out(
    context: typer.Context,
    channel: str = typer.Option("", help="mail, webhook or chat; all of them without it."),
) -> int:
    """Send a test message now, and say whether it was taken."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        channels = channels_of(parts.settings, parts.clock)
        try:
            tried = await asking.try_out(parts, channels, language=cli.language, only=channel)
        finally:
            await channels.close()
        await note(parts, EVERYWHERE, given.actor(), "alerts.tested", channels=[each.channel for each in tried])
        result = {
            "tests": [
                {"channel": each.channel, "ok": not each.problem, "problem": each.problem, "way_out": each.way_out}
                for each in tried
            ]
        }
        cli.emit(result, lambda cli: _show_tried(cli, tried))
        return FAILED if any(each.problem for each in tried) else DONE

    return cli.run(work)


async def channel_states(parts: Parts) -> list[ChannelState]:
    """How each channel that is set does."""
    channels = channels_of(parts.settings, parts.clock)
    try:
        return await asking.states(parts, channels.names)
    finally:
        await channels.close()


def as_dict(item: Item) -> dict[str, object]:
    """An open alert as scripts know it."""
    told = ("key", "workspace", "kind", "since", "count", "title", "says", "command", "page", "runbook")
    return {name: getattr(item, name) for name in told}


def show_items(cli: Cli, items: list[Item]) -> None:
    """The open alerts, each with the command that helps."""
    for item in items:
        where = f"[{item.workspace}] " if item.workspace else ""
        cli.line(f"! {where}{item.title} ({item.kind}, {item.since.astimezone():%Y-%m-%d %H:%M})")
        cli.line(f"  {item.says}")
        cli.say("next", command=item.command)


def _show(cli: Cli, items: list[Item], states: list[ChannelState]) -> None:
    show_items(cli, items)
    if not items:
        cli.say("no alerts")
    if not states:
        cli.say("no channels")
        return
    columns = ("channel", "pending", "last_sent", "failing_since", "problem")
    cli.table(columns, [[getattr(each, column) for column in columns] for each in states])


def _show_tried(cli: Cli, tried: list[Tried]) -> None:
    for each in tried:
        if each.problem:
            cli.line(f"{each.channel}: {cli.told(f'{each.problem} {each.way_out}'.strip())}")
        else:
            cli.say("alert sent", channel=each.channel)


def state_as_dict(state: ChannelState) -> dict[str, object]:
    return {
        "channel": state.channel,
        "ok": state.failing_since is None,
        "pending": state.pending,
        "last_sent": state.last_sent,
        "failing_since": state.failing_since,
        "problem": state.problem,
    }

"""`puente workspace`, `migrate`, `topics`: what an installation needs before anything is joined."""

from __future__ import annotations

from datetime import timedelta

import typer

from services.cli import given
from services.cli.console import DONE, FAILED, Cli, cli_of, run_loop
from shared.eventlog.topics import TopicReport, create_or_check
from shared.operations import administration, views
from shared.runtime.parts import Parts
from shared.store import schema
from shared.store.database import Database

workspace = typer.Typer(no_args_is_help=True, help="The businesses that use this installation.")


def register(app: typer.Typer) -> None:
    app.add_typer(workspace, name="workspace")
    app.command("migrate")(migrate)
    app.command("topics")(topics)


@workspace.command("add")
def add(
    context: typer.Context,
    name: str = typer.Argument(help="1 to 40 of a-z, 0-9 and the hyphen."),
    title: str = typer.Option("", help="How people call it."),
    country: str = typer.Option("ES", help="Two letters: how tax and phone numbers are read."),
    locale: str = typer.Option("es", help="es or en: the language of what Puente writes into the systems."),
    time_zone: str = typer.Option("Europe/Madrid", help="Where its days begin."),
) -> int:
    """Add a workspace: one business with its accounts and bridges."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        await administration.add_workspace(
            parts, name, title=title, country=country, locale=locale, time_zone=time_zone, actor=given.actor()
        )

        def show(cli: Cli) -> None:
            cli.say("workspace added", name=name)
            systems = ", ".join(parts.workspaces.connectors)
            cli.then(f"puente account add {name} SYSTEM    # {systems}")

        cli.emit({"workspace": {"id": name, "title": title or name, "country": country, "locale": locale}}, show)
        return DONE

    return cli.run(work)


@workspace.command("list")
def list_all(context: typer.Context) -> int:
    """List the workspaces."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = []
        for name in await views.workspace_ids(parts):
            used = await administration.used_of(parts, name)
            home = used.directory
            found.append(
                {
                    "id": name,
                    "title": used.workspace.title,
                    "country": used.workspace.country,
                    "locale": used.workspace.locale,
                    "time_zone": used.workspace.time_zone,
                    "shard": used.workspace.shard,
                    "accounts": sorted(home.accounts),
                    "bridges": sorted(home.bridges),
                    "flows": sorted(home.flows),
                }
            )
        columns = ("id", "title", "country", "accounts", "bridges")
        cli.emit(
            {"workspaces": found},
            lambda cli: cli.table(columns, [[each[name] for name in columns] for each in found]),
        )
        return DONE

    return cli.run(work)


def migrate(context: typer.Context) -> int:
    """Bring the store to this version. Start the new services afterwards."""
    cli = cli_of(context)
    settings = cli.settings

    async def work() -> int:
        database = Database(settings.effective_store_url)
        try:
            applied = await schema.migrate(database)
        finally:
            await database.close()

        def show(cli: Cli) -> None:
            if applied:
                cli.say("migrated", count=len(applied))
            else:
                cli.say("up to date")

        cli.emit({"migrations": applied}, show)
        return DONE

    return run_loop(work())


def topics(
    context: typer.Context,
    replication: int | None = typer.Option(None, min=1, help="Copies; three, or as many as there are brokers."),
) -> int:
    """Make the topic if it is missing, and check it. A topic that is there is never changed."""
    cli = cli_of(context)
    settings = cli.settings
    url = settings.effective_log_url
    if url.startswith("sqlite:"):
        cli.emit({"topics": []}, lambda cli: cli.line("The log is a folder of this machine: there is no topic."))
        return DONE

    async def work() -> int:
        days = timedelta(days=settings.log_retention_days)
        report = await create_or_check(url, retention=days, replication=replication)
        cli.emit({"topics": [_as_dict(report)]}, lambda cli: _show(cli, report))
        return DONE if report.fits else FAILED

    return run_loop(work())


def _as_dict(report: TopicReport) -> dict[str, object]:
    return {
        "topic": report.topic,
        "created": report.created,
        "partitions": report.partitions,
        "replication": report.replication,
        "retention_seconds": report.retention,
        "differences": [
            {"what": each.what, "way_out": each.way_out, "fatal": each.fatal} for each in report.differences
        ],
    }


def _show(cli: Cli, report: TopicReport) -> None:
    made = "was made" if report.created else "is there"
    cli.line(f"{report.topic} {made}: {report.partitions} partitions, {report.replication} replicas.")
    for each in report.differences:
        cli.line(f"  ! {each.what} {each.way_out}")

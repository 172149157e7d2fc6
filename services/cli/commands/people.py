"""`puente users`: who may log in to the console, and what they may do there."""

from __future__ import annotations

import getpass
import secrets
import sys
from datetime import timedelta
from functools import partial
from typing import Final

import typer

from services.cli import given, words
from services.cli.console import DONE, Cli, cli_of
from services.console.people import People, check_role
from shared.operations import views
from shared.operations.noting import Action, note
from shared.runtime.parts import Parts
from shared.store import users as rows
from shared.store.users import EVERYWHERE, User

users = typer.Typer(no_args_is_help=True, help="Who may log in to the console.")

_ROLE: Final = typer.Option("operator", help="viewer, operator or admin.")
_WORKSPACE: Final = typer.Option(EVERYWHERE, help="The workspace of the role; all of them without it.")
_NAME: Final = typer.Argument(metavar="NAME", help="An e-mail address or a short name.")


def register(app: typer.Typer) -> None:
    app.add_typer(users, name="users")


@users.command("add")
def add(context: typer.Context, name: str = _NAME, role: str = _ROLE, workspace: str = _WORKSPACE) -> int:
    """Add a user. The password comes from the prompt or standard input, never from an option."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        await _check_workspace(parts, workspace)
        roles = {workspace: check_role(role)}
        made = await _people(parts).add(name, _password(cli, name), roles, locale=cli.language)
        await _note(parts, workspace, "user.added", user=made.name, role=role)
        cli.emit({"user": _as_dict(made)}, lambda cli: cli.say("user added", name=made.name))
        return DONE

    return cli.run(work)


@users.command("list")
def list_all(context: typer.Context) -> int:
    """List the users with their roles."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = [_as_dict(each) for each in await parts.database.read(rows.everybody)]
        columns = ("name", "roles", "locale", "disabled")
        cli.emit(
            {"users": found},
            lambda cli: cli.table(columns, [[each[column] for column in columns] for each in found]),
        )
        return DONE

    return cli.run(work)


@users.command("role")
def role_of(
    context: typer.Context,
    name: str = _NAME,
    role: str = typer.Argument(help="viewer, operator, admin, or none."),
    workspace: str = _WORKSPACE,
) -> int:
    """Give a user a role in a workspace, or take it away with `none`."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        await _check_workspace(parts, workspace)
        user = await _user(parts, name)
        roles = {each: held for each, held in user.roles.items() if each != workspace}
        if role != "none":
            roles[workspace] = check_role(role)
        await parts.database.run(partial(rows.set_roles, user_id=user.id, roles=roles))
        await _note(parts, workspace, "user.role", user=user.name, role=role)
        cli.emit({"user": _as_dict(await _user(parts, name))}, lambda cli: cli.say("user changed", name=user.name))
        return DONE

    return cli.run(work)


@users.command("password")
def password(context: typer.Context, name: str = _NAME) -> int:
    """Set a new password; every log-in of the user ends."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        user = await _user(parts, name)
        await _people(parts).set_password(user, _password(cli, user.name))
        await _note(parts, EVERYWHERE, "user.password", user=user.name)
        cli.emit({"user": _as_dict(user)}, lambda cli: cli.say("user changed", name=user.name))
        return DONE

    return cli.run(work)


@users.command("remove")
def remove(context: typer.Context, name: str = _NAME) -> int:
    """Remove a user with every log-in."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        user = await _user(parts, name)
        await parts.database.run(partial(rows.remove, user_id=user.id))
        await _note(parts, EVERYWHERE, "user.removed", user=user.name)
        cli.emit({"removed": user.name}, lambda cli: cli.say("user removed", name=user.name))
        return DONE

    return cli.run(work)


def _password(cli: Cli, name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(words.say(cli.language, "password of", name=name))
    return sys.stdin.readline().rstrip("\r\n")


def _people(parts: Parts) -> People:
    """The users, for adding and changing: nobody logs in here."""
    return People(
        database=parts.database,
        clock=parts.clock,
        new_id=parts.new_id,
        session_length=timedelta(hours=1),
        idle=timedelta(hours=1),
        new_token=partial(secrets.token_urlsafe, 32),
    )


async def _user(parts: Parts, name: str) -> User:
    user = await parts.database.read(lambda connection: rows.by_name(connection, name))
    if user is None:
        raise given.usage(f"There is no user {name!r}.", "`puente users list` shows them.")
    return user


async def _check_workspace(parts: Parts, workspace: str) -> None:
    if workspace != EVERYWHERE and workspace not in await views.workspace_ids(parts):
        raise given.usage(f"There is no workspace {workspace!r}.", "`puente workspace list` shows them.")


async def _note(parts: Parts, workspace: str, action: Action, **detail: str) -> None:
    await note(parts, workspace, given.actor(), action, **detail)


def _as_dict(user: User) -> dict[str, object]:
    return {"name": user.name, "roles": dict(user.roles), "locale": user.locale, "disabled": user.disabled}

"""`puente account` and `puente hooks`: logins at the systems, checked one by one, and the hooks they send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import typer

from services.cli import given
from services.cli.console import CREDENTIALS, DONE, FAILED, UNREACHABLE, Cli, cli_of
from shared import errors
from shared.connectors.contract import Check, CheckName
from shared.connectors.settings import renewed
from shared.operations import administration, hooking, views
from shared.operations.hooking import HookLine
from shared.operations.noting import note
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import hooks as stored
from shared.store.rows import Account

# A failure of one of these means that nothing would work; the others are mended while the account is there.
_LATER: Final[frozenset[CheckName]] = frozenset({"hooks", "shipped link"})
_NEEDED: Final = frozenset(get_args(CheckName)) - _LATER

account = typer.Typer(no_args_is_help=True, help="Logins of a workspace at the systems.")

_BASE_URL = typer.Option("", "--base-url", "--url", help="The address of the account, as the system shows it.")
_SECRETS = typer.Option(None, "--secrets-file", help="name=value lines, or the bare token; else standard input.")
_SETTING = typer.Option([], "--setting", help="name=value; the system's page lists them. May be given again.")
_FORCE = typer.Option(False, "--force", help="Save it although a check failed.")


def register(app: typer.Typer) -> None:
    app.add_typer(account, name="account")
    app.command("hooks")(hooks)


@account.command("add")
def add(
    context: typer.Context,
    workspace: str = typer.Argument(help="The workspace that it belongs to."),
    system: str = typer.Argument(help="bitfactura, sugester, ..."),
    address: str = typer.Argument("", metavar="[BASE_URL]", help="The address of the account; also --base-url."),
    base_url: str = _BASE_URL,
    name: str = typer.Option("", help="A name of its own, for a second account at the same system."),
    secrets_file: Path | None = _SECRETS,
    setting: list[str] = _SETTING,
    force: bool = _FORCE,
) -> int:
    """Add an account. Secrets come from the prompt, --secrets-file or standard input, never from an option."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        used = await administration.used_of(parts, workspace)
        connector = administration.connector_of(parts, system)
        url = address or base_url
        secrets = given.secrets_for(connector, path=secrets_file, language=cli.language, base_url=url)
        url = url or secrets.pop("base_url", "")
        secrets.pop("base_url", None)
        if not url:
            raise given.usage(f"{connector.title} needs its address.", "Give it with --base-url.")
        settings = given.pairs(setting, option="--setting")
        made = administration.new_account(
            parts, used, system, base_url=url, credentials=secrets, settings=settings, name=name
        )
        if made.id in used.directory.accounts:
            raise given.usage(f"{made.id} is there already.", f"Change it with `puente account set {made.id}`.")
        return await _check_and_save(cli, parts, used, made, is_new=True, force=force)

    return cli.run(work)


@account.command("set")
def change(
    context: typer.Context,
    name: str = typer.Argument(metavar="ACCOUNT", help="The account, as `puente account list` shows it."),
    base_url: str = _BASE_URL,
    secrets_file: Path | None = _SECRETS,
    setting: list[str] = _SETTING,
    secrets: bool = typer.Option(
        False, "--secrets", help="Ask for new secrets, or take them from standard input."
    ),
    new_hooks: bool = typer.Option(False, "--new-hooks", help="Make every hook URL and secret anew."),
    force: bool = _FORCE,
) -> int:
    """Change an account's address, secrets or settings. An empty value removes a setting."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        used, old = await _account(parts, name)
        connector = administration.connector_of(parts, old.system)
        fresh: dict[str, str] = {}
        if secrets or secrets_file is not None:
            fresh = given.secrets_for(connector, path=secrets_file, language=cli.language, optional=True)
        url = base_url or fresh.pop("base_url", "") or old.base_url
        fresh.pop("base_url", None)
        settings = dict(old.settings) | given.pairs(setting, option="--setting")
        made = administration.new_account(
            parts,
            used,
            old.system,
            base_url=url,
            credentials=renewed(connector.credentials, old.credentials, fresh),
            settings={each: value for each, value in settings.items() if value},
            name=old.id.removeprefix(f"{used.workspace.id}."),
        )
        made = replace(made, generation=old.generation + (1 if new_hooks else 0))
        return await _check_and_save(cli, parts, used, made, is_new=False, force=force)

    return cli.run(work)


@account.command("list")
def list_all(
    context: typer.Context, workspace: str = typer.Argument("", help="Of one workspace; all without it.")
) -> int:
    """List the accounts. Secrets are never shown."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = []
        for each in [workspace] if workspace else await views.workspace_ids(parts):
            used = await administration.used_of(parts, each)
            found += [_as_dict(row) for row in used.directory.accounts.values()]
        columns = ("id", "system", "base_url", "identity", "settings")
        cli.emit(
            {"accounts": found},
            lambda cli: cli.table(columns, [[each[name] for name in columns] for each in found]),
        )
        return DONE

    return cli.run(work)


@account.command("check")
def check(
    context: typer.Context, name: str = typer.Argument(metavar="ACCOUNT", help="An account, or a workspace.")
) -> int:
    """Check an account, or all of a workspace: host, certificate, token, rights, hooks. What is found is kept."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, name)
        found: list[tuple[Account, Sequence[Check]]] = []
        for each in accounts_of(target):
            checks = await administration.check_account(parts, target.used, each)
            each = await administration.keep_found(parts, target.used, each, checks, actor=given.actor())
            found.append((each, checks))
            cli.say("checks of", account=each.id)
            if not cli.json:
                cli.checks(checks)
        if cli.json:
            shown = [{**_as_dict(each), "checks": checks_as_dicts(cli, checks)} for each, checks in found]
            cli.emit({"accounts": shown}, lambda _cli: None)
        return max((code_of(checks) for _account, checks in found), default=DONE)

    return cli.run(work)


def hooks(
    context: typer.Context,
    name: str = typer.Argument(metavar="WORKSPACE|ACCOUNT"),
    register: bool = typer.Option(False, "--register", help="Register them at the system; again leaves one set."),
    remove: bool = typer.Option(False, "--remove", help="Remove ours at the system."),
) -> int:
    """Show the hooks that an account should have: what to paste where. They hold secrets."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        if register and remove:
            raise given.usage("--register and --remove exclude each other.")
        target = await views.find(parts, name)
        public = parts.settings.public_url
        if not public:
            raise errors.Misconfigured(
                "PUENTE_PUBLIC_URL is not set, so no system can send hooks here: sweeps alone carry the changes.",
                setting="PUENTE_PUBLIC_URL",
                way_out="Set it to the address at which the door is reached from outside.",
            )
        lines: list[tuple[Account, HookLine]] = []
        for each in accounts_of(target):
            if remove:
                gone = await hooking.remove(parts, target.used, each, public)
                await note(parts, each.workspace_id, given.actor(), "hooks.removed", account=each.id, count=gone)
                cli.say("hooks removed", count=gone, account=each.id)
                continue
            lines += [(each, line) for line in await hook_lines(parts, target.used, each, register=register)]
            if register:
                await note(parts, each.workspace_id, given.actor(), "hooks.registered", account=each.id)
        shown = [_hook_as_dict(each, line) for each, line in lines]
        cli.emit({"hooks": shown}, lambda cli: _show_hooks(cli, lines))
        return DONE

    return cli.run(work)


async def hook_lines(parts: Parts, used: Used, account: Account, *, register: bool) -> Sequence[HookLine]:
    """The hooks of an account: registered now, or as they should be, with how they stood when last looked at."""
    if register:
        return await hooking.register(parts, used, account, parts.settings.public_url)
    connector = administration.connector_of(parts, account.system)
    rows = await parts.database.read(lambda connection: stored.of_account(connection, account.id))
    known = {each.hook_kind: each for each in rows if each.generation == account.generation}
    return [
        _as_stored(line, known[line.hook_kind]) if line.hook_kind in known else line
        for line in hooking.wanted(parts, account, connector, parts.settings.public_url)
    ]


def _as_stored(line: HookLine, row: stored.Hook) -> HookLine:
    return replace(line, state="active" if row.active else "off", hook_id=row.hook_id or "")


def accounts_of(target: views.Target) -> list[Account]:
    """The accounts that a name means: itself, those of a bridge or flow, or all of a workspace."""
    accounts, bridges = target.home.accounts, target.home.bridges
    match target.what:
        case "account":
            return [accounts[target.id]]
        case "bridge":
            found = bridges[target.id]
        case "flow":
            found = bridges[target.flows[0].bridge_id]
        case "workspace":
            return list(accounts.values())
    return [accounts[found.left_account], accounts[found.right_account]]


async def _account(parts: Parts, name: str) -> tuple[Used, Account]:
    target = await views.find(parts, name)
    if target.what != "account":
        raise given.usage(f"{name} is a {target.what} and not an account.", "See `puente account list`.")
    return target.used, target.home.accounts[target.id]


async def _check_and_save(
    cli: Cli, parts: Parts, used: Used, account: Account, *, is_new: bool, force: bool
) -> int:
    cli.say("checks of", account=account.id)
    checks = await administration.check_account(parts, used, account)
    if not cli.json:
        cli.checks(checks)
    code = code_of([each for each in checks if each.name in _NEEDED])
    saved = code == DONE or force
    lines: Sequence[HookLine] = ()
    if saved:
        account = administration.remembering(parts, used, account, checks)
        if is_new:
            await administration.save_account(parts, used, account, actor=given.actor())
        else:
            await administration.change_account(parts, used, account, actor=given.actor())
        used = await administration.used_of(parts, used.workspace.id)
        lines = await _hooks_after_saving(cli, parts, used, account)
    result = {
        "account": _as_dict(account),
        "saved": saved,
        "checks": checks_as_dicts(cli, checks),
        "hooks": [_hook_as_dict(account, line) for line in lines],
    }
    cli.emit(result, lambda cli: _show_saved(cli, parts, account, lines, saved=saved, is_new=is_new))
    return DONE if saved else code


async def _hooks_after_saving(cli: Cli, parts: Parts, used: Used, account: Account) -> Sequence[HookLine]:
    """Register the hooks where the system allows it; a refusal leaves them to be pasted."""
    connector = administration.connector_of(parts, account.system)
    if not parts.settings.public_url or not connector.hooks.kinds:
        return ()
    try:
        return await hook_lines(parts, used, account, register=True)
    except errors.PuenteError as problem:
        cli.tell(f"The hooks could not be registered: {problem.message} {problem.way_out}")
        cli.tell(f"Paste them, or try again with `puente hooks {account.id} --register`.")
        return await hook_lines(parts, used, account, register=False)


def _show_saved(
    cli: Cli, parts: Parts, account: Account, lines: Sequence[HookLine], *, saved: bool, is_new: bool
) -> None:
    if not saved:
        cli.say("account not saved", account=account.id)
        return
    cli.say("account saved" if is_new else "account changed", account=account.id)
    connector = administration.connector_of(parts, account.system)
    to_paste = [(account, line) for line in lines if line.state == "to paste"]
    if not parts.settings.public_url:
        cli.say("by sweeps alone", seconds=f"{parts.settings.sweep_seconds:g}")
    elif to_paste:
        cli.say("hooks to paste", title=connector.title)
        _show_hooks(cli, to_paste)
    elif any(line.state == hooking.HELD for line in lines):
        cli.say("hooks held", title=connector.title)
    elif lines:
        cli.say("hooks registered", count=len(lines), account=account.id)
    else:
        cli.say("sweeps carry", title=connector.title)
    if is_new:
        cli.then(f"puente bridge add {account.workspace_id} LEFT RIGHT")


def _show_hooks(cli: Cli, lines: Sequence[tuple[Account, HookLine]]) -> None:
    for account, line in lines:
        cli.line(f"{account.id}  {line.hook_kind}  ({line.state})")
        cli.line(f"    URL: {line.url}")
        cli.line(f"    api_token: {line.secret}")


def _hook_as_dict(account: Account, line: HookLine) -> dict[str, object]:
    return {
        "account": account.id,
        "system": account.system,
        "hook_kind": line.hook_kind,
        "url": line.url,
        "secret": line.secret,
        "state": line.state,
        "hook_id": line.hook_id,
    }


def _as_dict(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "workspace": account.workspace_id,
        "system": account.system,
        "base_url": account.base_url,
        "identity": account.identity,
        "settings": dict(account.settings),
        "generation": account.generation,
        "credentials": dict.fromkeys(account.credentials, "configured"),
    }


def checks_as_dicts(cli: Cli, checks: Sequence[Check]) -> list[dict[str, object]]:
    return [
        {
            "name": each.name,
            "state": each.state,
            "says": cli.of(each.says),
            "way_out": cli.of(each.way_out) if each.way_out is not None and each.state != "ok" else None,
        }
        for each in checks
    ]


def code_of(checks: Sequence[Check]) -> int:
    """The exit code of a list of checks."""
    failed = {each.name for each in checks if each.state == "failed"}
    if not failed:
        return DONE
    if failed & {"host", "certificate"}:
        return UNREACHABLE
    return CREDENTIALS if failed & _NEEDED else FAILED

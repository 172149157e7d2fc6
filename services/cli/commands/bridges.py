"""`puente bridge` and `puente flow`: what is joined with what, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer

from services.cli import given
from services.cli.console import CREDENTIALS, DONE, Cli, cli_of
from shared.connectors.contract import OwnField
from shared.flows.catalog import FLOWS
from shared.operations import administration, steering, views
from shared.runtime.parts import Parts
from shared.runtime.workspaces import LOOK_EVERY, Used
from shared.store.directory import Directory, unknown
from shared.store.rows import Bridge, FlowRow

bridge = typer.Typer(no_args_is_help=True, help="Two accounts of one workspace, joined.")
flow = typer.Typer(no_args_is_help=True, help="What a bridge keeps in step.")

_NAME_OF_FLOW = typer.Argument(metavar="FLOW")
_OPTIONS = typer.Argument(metavar="OPTION=VALUE...", help="kinds=vat,receipt; winner.note=left; ...")


def register(app: typer.Typer) -> None:
    app.add_typer(bridge, name="bridge")
    app.add_typer(flow, name="flow")


@bridge.command("add")
def add(
    context: typer.Context,
    workspace: str,
    left: str = typer.Argument(help="An account of the workspace."),
    right: str = typer.Argument(help="Another one."),
) -> int:
    """Join two accounts. Every flow between their systems starts as a draft and writes nothing yet."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        used = await administration.used_of(parts, workspace)
        made = await administration.add_bridge(parts, used, left, right, actor=given.actor())
        used = await administration.used_of(parts, workspace)
        flows = [each for each in used.directory.flows.values() if each.bridge_id == made.id]
        fields = await administration.ensure_fields(parts, used, made)
        usable = all(each.usable for each in fields)

        def show(cli: Cli) -> None:
            cli.say("bridge added", bridge=made.id, left=made.left_account, right=made.right_account)
            for each in fields:
                cli.line(f"  {'+' if each.usable else 'x'} {cli.of(each.says)}")
                if each.way_out is not None and not each.usable:
                    cli.line(f"    {cli.of(each.way_out)}")
            _show_flows(cli, _listed(cli, used, flows))
            cli.then(f"puente match report {made.id}")

        result = {
            "bridge": _bridge_as_dict(made),
            "own_fields": [_field_as_dict(cli, each) for each in fields],
            "flows": _listed(cli, used, flows),
        }
        cli.emit(result, show)
        return DONE if usable else CREDENTIALS

    return cli.run(work)


@bridge.command("list")
def list_bridges(context: typer.Context, workspace: str = typer.Argument("", help="All without it.")) -> int:
    """List the bridges."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = []
        for each in [workspace] if workspace else await views.workspace_ids(parts):
            home = (await administration.used_of(parts, each)).directory
            found += [_bridge_as_dict(row) for row in home.bridges.values()]
        columns = ("id", "left", "right")
        cli.emit(
            {"bridges": found},
            lambda cli: cli.table(columns, [[each[name] for name in columns] for each in found]),
        )
        return DONE

    return cli.run(work)


@flow.command("list")
def list_flows(
    context: typer.Context, name: str = typer.Argument("", metavar="[NAME]", help="A workspace, bridge or flow.")
) -> int:
    """List the flows with their state and options, and the fields that their accounts do not carry."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = []
        for each in [name] if name else await views.workspace_ids(parts):
            target = await views.find(parts, each)
            found += _listed(cli, target.used, in_order(target.flows))
        cli.emit({"flows": found}, lambda cli: _show_flows(cli, found))
        return DONE

    return cli.run(work)


@flow.command("set")
def set_options(
    context: typer.Context,
    name: str = _NAME_OF_FLOW,
    options: list[str] = _OPTIONS,
) -> int:
    """Change options of a flow. An empty value gives an option its default back."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        row = one_flow(await views.find(parts, name))
        wanted = given.pairs(options, option="An option")
        await steering.set_options(parts, row, FLOWS[row.spec], wanted, actor=given.actor())
        fresh = one_flow(await views.find(parts, row.id))
        home = (await administration.used_of(parts, row.workspace_id)).directory
        cli.emit({"flow": flow_as_dict(fresh, home)}, lambda cli: cli.say("flow set", flow=row.id))
        return DONE

    return cli.run(work)


@flow.command("pause")
def pause(
    context: typer.Context,
    name: str = typer.Argument(metavar="NAME", help="A flow, or a bridge or workspace for all of its flows."),
    reason: str = typer.Option("Paused by a person.", help="What others read of it."),
) -> int:
    """Pause flows: they write nothing, and changes wait."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, name)
        for row in target.flows:
            await steering.pause(parts, row, reason=reason, actor=given.actor())
        # Until every sync has seen it: what is told after this command has returned waits.
        await parts.clock.sleep(LOOK_EVERY)
        return await _tell_states(cli, parts, target, "flow paused")

    return cli.run(work)


@flow.command("resume")
def resume(
    context: typer.Context,
    name: str = typer.Argument(metavar="NAME", help="A flow, or a bridge or workspace for all of its flows."),
) -> int:
    """Let paused flows go on in the state that they had; what waited for it is due at once."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        target = await views.find(parts, name)
        for row in target.flows:
            await steering.resume(parts, row, actor=given.actor())
        return await _tell_states(cli, parts, target, "flow resumed")

    return cli.run(work)


async def _tell_states(cli: Cli, parts: Parts, target: views.Target, key: str) -> int:
    fresh = await views.find(parts, target.id)

    def show(cli: Cli) -> None:
        for row in fresh.flows:
            cli.say(key, flow=row.id, state=row.state)

    cli.emit({"flows": [flow_as_dict(row, fresh.home) for row in fresh.flows]}, show)
    return DONE


def one_flow(target: views.Target) -> FlowRow:
    """The one flow that a name means. Raises Misconfigured for a bridge or workspace with several."""
    if len(target.flows) == 1:
        return target.flows[0]
    raise unknown("single flow", target.id, sorted(each.id for each in target.flows))


def in_order(flows: Sequence[FlowRow]) -> list[FlowRow]:
    """Flows in the order of the catalogue: what others are linked to comes first."""
    order = list(FLOWS)
    return sorted(flows, key=lambda each: (order.index(each.spec) if each.spec in order else len(order), each.id))


def flow_as_dict(row: FlowRow, home: Directory) -> dict[str, object]:
    bridge_row = home.bridges[row.bridge_id]
    spec = FLOWS.get(row.spec)
    return {
        "id": row.id,
        "workspace": row.workspace_id,
        "bridge": row.bridge_id,
        "spec": row.spec,
        "says": spec.says if spec is not None else "",
        "entity": row.entity,
        "left": bridge_row.left_account,
        "right": bridge_row.right_account,
        "state": row.state,
        "state_before_pause": row.state_before_pause,
        "pause_reason": row.pause_reason,
        "options": dict(row.options),
        "live_since": row.live_since,
    }


def _listed(cli: Cli, used: Used, rows: Sequence[FlowRow]) -> list[dict[str, object]]:
    """Flows with the fields that these accounts do not carry: {field: why not}."""
    found = []
    for row in rows:
        flow = used.flows.get(row.id)
        lacking = {name: cli.of(why) for name, why in flow.lacking.items()} if flow is not None else {}
        found.append({**flow_as_dict(row, used.directory), "not_carried": lacking})
    return found


def _field_as_dict(cli: Cli, field: OwnField) -> dict[str, object]:
    way_out = cli.of(field.way_out) if field.way_out is not None and not field.usable else None
    return {"name": field.name, "state": field.state, "says": cli.of(field.says), "way_out": way_out}


def _bridge_as_dict(row: Bridge) -> dict[str, object]:
    return {"id": row.id, "workspace": row.workspace_id, "left": row.left_account, "right": row.right_account}


def _show_flows(cli: Cli, flows: Sequence[Mapping[str, object]]) -> None:
    columns = ("id", "state", "says", "options", "pause_reason")
    rows = [{**each, "pause_reason": cli.told(str(each["pause_reason"] or "")) or None} for each in flows]
    cli.table(columns, [[each[name] for name in columns] for each in rows])
    for each in flows:
        lacking = each["not_carried"]
        for name, why in lacking.items() if isinstance(lacking, Mapping) else ():
            cli.say("not carried", flow=each["id"], field=name, why=why)

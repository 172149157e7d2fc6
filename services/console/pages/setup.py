"""First run: two accounts, the flows between them, a report before anything is written, the first load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, Response, StreamingResponse

from services.console.context import Acts, Asks, Visit
from services.console.jobs import Job
from services.console.pages import steps
from services.console.pages.home import bridges_of
from shared import errors
from shared.connectors.contract import Check, CheckName, Connector
from shared.connectors.settings import renewed
from shared.flows import catalog
from shared.flows.spec import Document, Side
from shared.model.change import is_record_id
from shared.operations import administration, hooking, matching_report, steering
from shared.runtime.workspaces import Used
from shared.store import matches
from shared.store.matches import Decision
from shared.store.rows import Account
from shared.store.users import EVERYWHERE

router = APIRouter()

# What is mended while the account is there; a failure of anything else means that nothing would work.
_LATER: Final[frozenset[CheckName]] = frozenset({"hooks", "shipped link"})
_SECRET: Final = "credential."  # noqa: S105 - the beginning of a form field's name
_SETTING: Final = "setting."

Text = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two systems that can be joined."""

    left: Connector
    right: Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An account as it was typed into the form at `place`, and what its check said. `given` holds no secret."""

    place: str
    base_url: str
    given: Mapping[str, str]
    checks: Sequence[Check]
    is_well: bool


@router.get("/new")
async def new(visit: Asks) -> HTMLResponse:
    visit.need("admin", EVERYWHERE)
    return visit.page("new.html")


@router.post("/new")
async def add_workspace(
    visit: Acts,
    name: Text,
    title: Text = "",
    country: Text = "ES",
    locale: Text = "es",
    time_zone: Text = "Europe/Madrid",
) -> Response:
    visit.need("admin", EVERYWHERE)
    await administration.add_workspace(
        visit.parts,
        name.strip(),
        title=title.strip(),
        country=country,
        locale=locale,
        time_zone=time_zone,
        actor=visit.actor,
    )
    return visit.go(f"/w/{name.strip()}/setup")


@router.get("/w/{workspace_id}/setup")
async def page(visit: Asks, workspace_id: str) -> HTMLResponse:
    return await _page(visit, await visit.workspace(workspace_id, "admin"), None)


@router.get("/w/{workspace_id}/setup/flows")
async def moving(visit: Asks, workspace_id: str) -> HTMLResponse:
    """The part of the page that moves while reports are made and loads run."""
    used = await visit.workspace(workspace_id, "admin")
    return HTMLResponse(visit.text("flows.html", used=used, **await _flows(visit, used)))


# Accounts


@router.post("/w/{workspace_id}/setup/account")
async def account(visit: Acts, workspace_id: str, request: Request) -> Response:
    """Check an account as it was typed, and save it if asked to and nothing that is needed failed."""
    used = await visit.workspace(workspace_id, "admin")
    form = await request.form()
    system, step = _text(form, "system"), _text(form, "step")
    connector = administration.connector_of(visit.parts, system)
    old = used.directory.accounts.get(f"{workspace_id}.{system}")
    given = _given(form, _SECRET)
    fresh = {name: value for name, value in given.items() if value}
    made = administration.new_account(
        visit.parts,
        used,
        system,
        base_url=_text(form, "base_url"),
        credentials=renewed(connector.credentials, old.credentials if old is not None else {}, fresh),
        settings=(dict(old.settings) if old is not None else {}) | _given(form, _SETTING),
    )
    checks = await administration.check_account(visit.parts, used, made)
    is_well = not any(each.state == "failed" and each.name not in _LATER for each in checks)
    if step != "save" or not is_well:
        if visit.wants_piece:
            return HTMLResponse(
                visit.text("checks.html", checks=checks, is_well=is_well, title=connector.title), status_code=200
            )
        shown = {each.name: given.get(each.name, "") for each in connector.credentials if not each.secret}
        tried = Tried(
            place=_place(visit, _text(form, "place"), system),
            base_url=made.base_url,
            given=shown,
            checks=checks,
            is_well=is_well,
        )
        return await _page(visit, used, tried)
    made = administration.remembering(visit.parts, used, made, checks)
    if old is None:
        await administration.save_account(visit.parts, used, made, actor=visit.actor)
    else:
        await administration.change_account(visit.parts, used, made, actor=visit.actor)
    await _after_account(visit, workspace_id, made)
    said = visit.say("{title} is connected.", title=connector.title)
    return visit.go(f"/w/{workspace_id}/setup", said=said)


async def _after_account(visit: Visit, workspace_id: str, account: Account) -> None:
    """Register hooks where that is possible, and join the accounts that can be joined."""
    used = await visit.workspace(workspace_id, "admin")
    connector = administration.connector_of(visit.parts, account.system)
    if visit.parts.settings.public_url and connector.hooks.kinds:
        await hooking.register(visit.parts, used, account, visit.parts.settings.public_url)
    joined = {(each.left_account, each.right_account) for each in used.directory.bridges.values()}
    for one in used.directory.accounts.values():
        for two in used.directory.accounts.values():
            if catalog.between(one.system, two.system) and (one.id, two.id) not in joined:
                await administration.add_bridge(visit.parts, used, one.id, two.id, actor=visit.actor)


# Flows


@router.post("/w/{workspace_id}/setup/{flow_id}/options")
async def options(visit: Acts, workspace_id: str, flow_id: str, request: Request) -> Response:
    used, row = await steps.flow_of(visit, workspace_id, flow_id)
    spec = catalog.FLOWS[row.spec]
    form = await request.form()
    wanted = _given(form, "option.")
    current = {name: text for name, _says, text in steps.options_of(row)} | {
        f"winner.{n}": s for n, s in steps.winners_of(used, row)
    }
    changed = {name: text for name, text in wanted.items() if current.get(name) != text}
    if changed:
        await steering.set_options(visit.parts, row, spec, changed, actor=visit.actor)
    target = f"/w/{workspace_id}/setup"
    if _text(form, "back") == "flow":
        is_used = bool(changed) and row.state in {"loading", "live", "paused"}
        target = f"/w/{workspace_id}/flows/{quote(row.id, safe='')}{'?changed=1' if is_used else ''}"
    return visit.go(target, said=visit.say("The options are saved."))


@router.post("/w/{workspace_id}/setup/{flow_id}/report")
async def report(visit: Acts, workspace_id: str, flow_id: str) -> Response:
    """Make the matching report in the background: both systems are listed, nothing is written to them."""
    used, row = await steps.flow_of(visit, workspace_id, flow_id)

    async def work(job: Job) -> None:
        await matching_report.make(visit.parts, used, row.id, progress=job.progress, actor=visit.actor)

    visit.console.jobs.start(f"report {row.id}", work)
    return visit.go(f"/w/{workspace_id}/setup")


@router.get("/w/{workspace_id}/setup/{flow_id}/report.csv")
async def as_csv(visit: Asks, workspace_id: str, flow_id: str) -> StreamingResponse:
    """Every finding of a report, for a spreadsheet."""
    _used, row = await steps.flow_of(visit, workspace_id, flow_id)
    headers = {"content-disposition": f'attachment; filename="{row.id}.csv"'}
    return StreamingResponse(steps.as_csv(visit, row), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/w/{workspace_id}/setup/{flow_id}/decide")
async def decide(
    visit: Acts,
    workspace_id: str,
    flow_id: str,
    choice: Annotated[Decision, Form()],
    record: Text = "",
    side: Text = "left",
    other: Text = "",
    every: Text = "",
) -> Response:
    """Decide one finding, or all open ones of a sort."""
    used, row = await steps.flow_of(visit, workspace_id, flow_id)
    if every:
        sort = next((each for each in steps.FINDINGS if each == every), None)
        if sort is None:
            raise errors.Misconfigured(f"There is no finding {every!r}.")
        count = await steering.decide_all(visit.parts, row, sort, choice, actor=visit.actor)
    else:
        if (
            side not in {"left", "right"}
            or not is_record_id(record)
            or (choice == "bind" and not is_record_id(other))
        ):
            raise errors.Misconfigured("Say with which record it shall be joined.")
        flow = used.flows[row.id]
        await steering.decide(visit.parts, flow, Side(side), record, choice, other=other, actor=visit.actor)
        count = 1
    return visit.go(f"/w/{workspace_id}/setup", said=visit.say("{count} decided.", count=count))


@router.post("/w/{workspace_id}/setup/load")
async def load(visit: Acts, workspace_id: str, since: Text = "", insist: Text = "") -> Response:
    """Approve what was reported, and begin the first load of every flow that waits for it."""
    used = await visit.workspace(workspace_id, "admin")
    rows = [row for row in steps.in_order(used) if row.state in {"draft", "matching", "review"}]
    if not insist:
        accounts = list(used.directory.accounts.values())
        await steering.check_shipped_link(visit.parts, used, accounts, rows)
    await steering.check_fields(visit.parts, used, rows)
    for row in rows:
        kept = await visit.parts.database.read(lambda connection, row=row: matches.report(connection, row.id))  # type: ignore[misc] # mypy infers no lambda with a default
        if kept is None:
            raise errors.Misconfigured(
                f"There is no report of {row.id} yet.", way_out="Make the report first, and look at it."
            )
        await matching_report.approve(visit.parts, used, row.id, actor=visit.actor)
    fresh = await visit.workspace(workspace_id, "admin")
    for row in rows:
        spec = catalog.FLOWS[row.spec]
        side, then_side = steering.directions(row, spec, "")
        day = since.strip() or None if isinstance(spec, Document) else None
        await administration.start_load(
            visit.parts,
            fresh.directory.flows[row.id],
            side=side,
            then_side=then_side,
            since=day,
            actor=visit.actor,
        )
    return visit.go(f"/w/{workspace_id}/setup", said=visit.say("The first load has begun."))


# Looking


async def _page(visit: Visit, used: Used, tried: Tried | None) -> HTMLResponse:
    return visit.page(
        "setup.html",
        used=used,
        pairs=_pairs(visit),
        accounts=_accounts(visit, used),
        bridges=bridges_of(visit, used),
        tried=tried,
        **await _flows(visit, used),
    )


async def _flows(visit: Visit, used: Used) -> dict[str, Any]:
    """What `flows.html` shows."""
    found = [await steps.step_of(visit, used, row) for row in steps.in_order(used)]
    return {
        "steps": found,
        "running": any(step.is_running for step in found),
        "all_live": bool(found) and all(step.row.state in {"loading", "live", "paused"} for step in found),
        "findings": steps.FINDINGS,
    }


def _place(visit: Visit, named: str, system: str) -> str:
    """The form of the page that an account was typed into; the first of its system where none is named."""
    places = [
        f"{pair.left.name}-{system}" for pair in _pairs(visit) if system in {pair.left.name, pair.right.name}
    ]
    return named if named in places else places[0]


def _pairs(visit: Visit) -> list[Pair]:
    connectors = visit.parts.workspaces.connectors
    names = dict.fromkeys((flow.left.connector.name, flow.right.connector.name) for flow in catalog.FLOWS.values())
    return [Pair(left=connectors[left], right=connectors[right]) for left, right in names]


def _accounts(visit: Visit, used: Used) -> Mapping[str, Account]:
    """The first account of each system."""
    found: dict[str, Account] = {}
    for each in used.directory.accounts.values():
        found.setdefault(each.system, each)
    return found


def _given(form: FormData, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value.strip()
        for name, value in form.items()
        if name.startswith(prefix) and isinstance(value, str)
    }


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip()[:500] if isinstance(value, str) else ""

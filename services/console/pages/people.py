"""Logging in and out, the first user, and who may do what."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.console import words
from services.console.context import (
    COOKIE,
    LANGUAGE_COOKIE,
    Acts,
    Asks,
    Console,
    console_of,
    language_of,
    open_page,
)
from services.console.people import LoggedIn, Refused, check_role
from shared import errors
from shared.operations import views
from shared.operations.noting import Action, note
from shared.store import users
from shared.store.users import EVERYWHERE, ROLES, User

router = APIRouter()

_YEAR: Final = 365 * 86_400

Text = Annotated[str, Form(max_length=500)]


@router.get("/login")
async def ask(request: Request, to: str = "/") -> Response:
    console = console_of(request)
    if console.oidc is None and await console.parts.database.read(users.count) == 0:
        return open_page(request, "nobody.html", lang=language_of(request))
    return login_page(request, to=ours(to))


def login_page(
    request: Request, *, status: int = 200, to: str = "/", name: str = "", problem: str = ""
) -> HTMLResponse:
    provider = console_of(request).oidc
    return open_page(
        request,
        "login.html",
        status=status,
        to=to,
        name=name,
        problem=problem,
        lang=language_of(request),
        elsewhere=provider.title if provider is not None else "",
    )


@router.post("/login")
async def log_in(request: Request, name: Text = "", password: Text = "", to: Text = "/") -> Response:
    console = console_of(request)
    try:
        opened = await console.people.log_in(name, password)
    except Refused as problem:
        language = language_of(request)
        says = f"{words.say(language, problem.message)} {words.say(language, problem.way_out)}"
        return login_page(request, status=401, to=ours(to), name=name, problem=says)
    return with_cookie(console, opened, ours(to))


@router.post("/logout")
async def log_out(visit: Acts) -> Response:
    await visit.console.people.log_out(visit.session)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@router.post("/language")
async def choose_language(request: Request, language: Text, to: Text = "/") -> Response:
    """The language of pages that are seen without a log-in."""
    answer = RedirectResponse(ours(to), status_code=303)
    answer.set_cookie(LANGUAGE_COOKIE, "es" if language == "es" else "en", max_age=_YEAR, samesite="lax")
    return answer


@router.get("/first")
async def first_page(request: Request, token: str = "") -> HTMLResponse:
    await _check_first(console_of(request), request, token)
    return open_page(request, "first.html", token=token, name="", problem="", lang=language_of(request))


@router.post("/first")
async def first_user(request: Request, token: Text, name: Text, password: Text) -> Response:
    """The first user is everybody's administrator. The link works until there is one."""
    console = console_of(request)
    await _check_first(console, request, token)
    language = language_of(request)
    try:
        made = await console.people.add(name, password, {EVERYWHERE: "admin"}, locale=language)
    except errors.Misconfigured as problem:
        says = f"{words.say(language, problem.message)} {words.say(language, problem.way_out)}"
        return open_page(request, "first.html", status=422, token=token, name=name, problem=says, lang=language)
    await note(console.parts, EVERYWHERE, f"console:{made.name}", "user.added", user=made.name, role="admin")
    return with_cookie(console, await console.people.log_in(name, password), "/")


async def _check_first(console: Console, request: Request, token: str) -> None:
    is_first = await console.parts.database.read(users.count) == 0
    if not (is_first and console.first_token and words.same(token, console.first_token)):
        raise HTTPException(404, words.say(language_of(request), "There is no such page."))


def with_cookie(console: Console, opened: LoggedIn, to: str) -> Response:
    answer = RedirectResponse(to, status_code=303)
    answer.set_cookie(
        COOKIE,
        opened.token,
        max_age=int((opened.session.expires_at - opened.session.created_at).total_seconds()),
        httponly=True,
        samesite="lax",
        secure=console.settings.is_https,
    )
    return answer


def ours(path: str) -> str:
    """A path of this console; anything that a browser would take to another host becomes the first page."""
    is_path = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_path else "/"


# Users


@router.get("/people")
async def everybody(visit: Asks) -> HTMLResponse:
    visit.need("admin")
    found = await visit.parts.database.read(users.everybody)
    workspaces = await views.workspace_ids(visit.parts)
    return visit.page("people.html", people=found, workspaces=workspaces, roles=ROLES, everywhere=EVERYWHERE)


@router.post("/people")
async def add(visit: Acts, name: Text, password: Text, role: Text, workspace: Text = EVERYWHERE) -> Response:
    visit.need("admin")
    await _check_workspace(visit.console, workspace)
    made = await visit.console.people.add(name, password, {workspace: check_role(role)}, locale=visit.language)
    await _note(visit, workspace, "user.added", user=made.name, role=role)
    return visit.go("/people", said=visit.say("{name} may log in now.", name=made.name))


@router.post("/people/{user_id}/role")
async def set_role(visit: Acts, user_id: str, role: Text = "", workspace: Text = EVERYWHERE) -> Response:
    """Give a user a role in a workspace, or take it away with an empty one."""
    visit.need("admin")
    await _check_workspace(visit.console, workspace)
    user = await _user(visit, user_id)
    roles = {each: held for each, held in user.roles.items() if each != workspace}
    if role:
        roles[workspace] = check_role(role)
    if user.id == visit.user.id and roles.get(EVERYWHERE) != "admin":
        raise errors.Misconfigured(
            "You cannot take your own administrator's role away.", way_out="Ask another administrator."
        )
    await visit.parts.database.run(partial(users.set_roles, user_id=user.id, roles=roles))
    await _note(visit, workspace, "user.role", user=user.name, role=role or "none")
    return visit.go("/people", said=visit.say("The role of {name} is changed.", name=user.name))


@router.post("/people/{user_id}/password")
async def set_password(visit: Acts, user_id: str, password: Text) -> Response:
    """An administrator, or the user: every log-in of that user ends."""
    if user_id != visit.user.id:
        visit.need("admin")
    user = await _user(visit, user_id)
    await visit.console.people.set_password(user, password)
    await _note(visit, EVERYWHERE, "user.password", user=user.name)
    return visit.go(
        "/login" if user_id == visit.user.id else "/people", said=visit.say("The password is changed.")
    )


@router.post("/people/{user_id}/remove")
async def remove(visit: Acts, user_id: str) -> Response:
    visit.need("admin")
    user = await _user(visit, user_id)
    if user.id == visit.user.id:
        raise errors.Misconfigured("You cannot remove yourself.", way_out="Ask another administrator.")
    await visit.parts.database.run(partial(users.remove, user_id=user.id))
    await _note(visit, EVERYWHERE, "user.removed", user=user.name)
    return visit.go("/people", said=visit.say("{name} cannot log in any more.", name=user.name))


@router.get("/me")
async def me(visit: Asks) -> HTMLResponse:
    return visit.page("me.html")


@router.post("/me/language")
async def set_language(visit: Acts, language: Text, to: Text = "/me") -> Response:
    locale = "es" if language == "es" else "en"
    await visit.parts.database.run(lambda connection: users.change(connection, visit.user.id, locale=locale))
    return visit.go(ours(to))


async def _user(visit: Asks, user_id: str) -> User:
    user = await visit.parts.database.read(lambda connection: users.by_id(connection, user_id))
    if user is None:
        raise HTTPException(404, visit.say("There is no such user."))
    return user


async def _check_workspace(console: Console, workspace: str) -> None:
    known = await views.workspace_ids(console.parts)
    if workspace != EVERYWHERE and workspace not in known:
        raise errors.Misconfigured(f"There is no workspace {workspace!r}.", way_out=f"Known: {', '.join(known)}.")


async def _note(visit: Asks, workspace: str, action: Action, **detail: Any) -> None:
    await note(visit.parts, workspace, visit.actor, action, **detail)

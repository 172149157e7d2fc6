"""Who may ask for what: every route of the console for each role, for another business's people and for strangers.

The same routes are asked with hostile values: whatever stands in a path, a query or a form, nothing breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import httpx
import pytest

from services.console.context import COOKIE
from shared.store.users import ROLES, Role
from tests.integration.console.desk import PEOPLE, Desk, filled, routes
from tests.scenarios.world import CUSTOMERS, WORKSPACE

Needs = Literal[
    "nothing",
    "log-in",
    "everywhere viewer",
    "everywhere operator",
    "everywhere admin",
    "viewer",
    "operator",
    "admin",
]

GETS: Final[Mapping[str, Needs]] = {
    "/login": "nothing",
    "/login/oidc": "nothing",
    "/login/oidc/back": "nothing",
    "/first": "nothing",
    "/": "log-in",
    "/me": "log-in",
    "/people": "everywhere admin",
    "/new": "everywhere admin",
    "/lag": "everywhere viewer",
    "/alerts": "everywhere viewer",
    "/w/{workspace_id}/alerts": "viewer",
    "/w/{workspace_id}": "viewer",
    "/w/{workspace_id}/now": "viewer",
    "/w/{workspace_id}/events": "viewer",
    "/w/{workspace_id}/records": "viewer",
    "/w/{workspace_id}/settled": "viewer",
    "/w/{workspace_id}/records/{account_id}/{resource}/{record_id:path}": "viewer",
    "/w/{workspace_id}/waiting": "viewer",
    "/w/{workspace_id}/replay": "viewer",
    "/w/{workspace_id}/replay/runs": "viewer",
    "/w/{workspace_id}/lag": "viewer",
    "/w/{workspace_id}/plots": "viewer",
    "/w/{workspace_id}/history": "viewer",
    "/w/{workspace_id}/setup": "admin",
    "/w/{workspace_id}/setup/flows": "admin",
    "/w/{workspace_id}/setup/{flow_id}/report.csv": "admin",
    "/w/{workspace_id}/flows/{flow_id}": "admin",
    "/w/{workspace_id}/forget": "admin",
}
POSTS: Final[Mapping[str, Needs]] = {
    "/login": "nothing",
    "/language": "nothing",
    "/first": "nothing",
    "/logout": "log-in",
    "/me/language": "log-in",
    "/people": "everywhere admin",
    "/people/{user_id}/role": "everywhere admin",
    "/people/{user_id}/password": "everywhere admin",
    "/people/{user_id}/remove": "everywhere admin",
    "/new": "everywhere admin",
    "/alerts/test": "everywhere operator",
    "/w/{workspace_id}/sweep": "operator",
    "/w/{workspace_id}/flows/{flow_id}/{word}": "operator",
    "/w/{workspace_id}/sync-now": "operator",
    "/w/{workspace_id}/unlink": "operator",
    "/w/{workspace_id}/relink": "operator",
    "/w/{workspace_id}/waiting/retry": "operator",
    "/w/{workspace_id}/waiting/dismiss": "operator",
    "/w/{workspace_id}/waiting/{waiting_id}/decide": "operator",
    "/w/{workspace_id}/replay": "operator",
    "/w/{workspace_id}/replay/pairs": "operator",
    "/w/{workspace_id}/replay/{run_id}/{word}": "operator",
    "/w/{workspace_id}/setup/account": "admin",
    "/w/{workspace_id}/setup/{flow_id}/options": "admin",
    "/w/{workspace_id}/setup/{flow_id}/report": "admin",
    "/w/{workspace_id}/setup/{flow_id}/decide": "admin",
    "/w/{workspace_id}/setup/load": "admin",
    "/w/{workspace_id}/forget": "admin",
}
FLOW: Final = f"{WORKSPACE}.{CUSTOMERS}"
PATH: Final = {
    "workspace_id": WORKSPACE,
    "flow_id": FLOW,
    "account_id": f"{WORKSPACE}.bitfactura",
    "resource": "clients",
    "record_id": "1",
    "word": "pause",
}
# Enough for every form and query to be read; what a deed is about is not there.
FORM: Final = {
    "account": f"{WORKSPACE}.bitfactura",
    "resource": "clients",
    "record": "1",
    "flow": FLOW,
    "choice": "apart",
    "step": "dry",
    "name": "nobody",
    "password": "not the right one",
    "role": "viewer",
    "language": "en",
    "token": "guess",
    "since": "2026-01-31T09:00:00+00:00",
}
# Not there for who may not see it: while there is a user, and where no provider is set.
HIDDEN: Final = frozenset({"/first", "/login/oidc", "/login/oidc/back"})
STREAM: Final = "/w/{workspace_id}/events"
HOSTILE: Final = (
    "",
    "x",
    "'; DROP TABLE binding; --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "{{7*7}}",
    "%00",
    "\x00",
    "ñ" * 150,
    "9" * 150,
    "-1",
    "nan",
    "2026-13-45T99:99",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "//evil.example",
    "\ud7ff\uffff",
)

in_one_loop = pytest.mark.asyncio(loop_scope="package")


def test_every_route_says_what_it_needs() -> None:
    assert (set(GETS), set(POSTS)) == (set(routes("GET")), set(routes("POST")))


def answer_to(where: str, role: Role, needs: Needs) -> int | None:
    """What somebody is refused with; None where they may."""
    if needs in {"nothing", "log-in"}:
        return None
    place, _, least = needs.rpartition(" ")
    if where != "*" and (place == "everywhere" or where != WORKSPACE):
        return 404
    return None if ROLES.index(role) >= ROLES.index(_role(least)) else 403


def _role(word: str) -> Role:
    return next(each for each in ROLES if each == word)


async def ask(client: httpx.AsyncClient, method: str, route: str) -> httpx.Response:
    path = filled(route, PATH)
    if method == "GET":
        return await client.get(path, params=FORM)
    return await client.post(path, data=FORM)


@in_one_loop
@pytest.mark.parametrize(("name", "where", "role"), PEOPLE)
async def test_a_role_gets_what_it_may_and_nothing_more(desk: Desk, name: str, where: str, role: Role) -> None:
    client = await desk.as_(name)
    wrong = []
    for method, table in (("GET", GETS), ("POST", POSTS)):
        for route, needs in table.items():
            refused = answer_to(where, role, needs)
            if refused is None and (method == "POST" or route == STREAM):
                continue  # deeds.py does it
            got = (await ask(client, method, route)).status_code
            is_right = (
                got == refused if refused is not None else got in {200, 204, 303, 404 if route in HIDDEN else 200}
            )
            if not is_right:
                wrong.append(f"{method} {route}: {got} instead of {refused or 'an answer'}")
    assert not wrong, "\n".join(wrong)


@in_one_loop
async def test_a_stranger_is_asked_to_log_in(desk: Desk) -> None:
    stranger = desk.stranger()
    stale = desk.stranger()
    stale.cookies.set(COOKIE, "a session of before", domain="console.example")
    for client in (stranger, stale):
        for method, table in (("GET", GETS), ("POST", POSTS)):
            for route in (route for route, needs in table.items() if needs != "nothing"):
                answer = await ask(client, method, route)
                assert answer.status_code == 303, (method, route)
                assert answer.headers["location"].startswith("/login"), (method, route)


@in_one_loop
async def test_a_form_without_the_word_of_the_session_does_nothing(desk: Desk) -> None:
    """As another site would send it: with the cookie, and without what only our pages know."""
    client = await desk.log_in("ana")
    word = client.headers.pop("x-csrf")
    for route in (route for route, needs in POSTS.items() if needs != "nothing"):
        for forged in ({}, {"csrf": "guess"}):
            path = filled(route, PATH)
            assert (await client.post(path, data={**FORM, **forged})).status_code == 403, route
        elsewhere = {"x-csrf": word, "origin": "https://evil.example"}
        assert (await client.post(filled(route, PATH), data=FORM, headers=elsewhere)).status_code == 403, route


@in_one_loop
async def test_whatever_is_sent_nothing_breaks(desk: Desk) -> None:
    """Every route with hostile values, in its path or in its form by turns: no answer is above 499."""
    client = await desk.log_in("berta")
    asked = [("GET", each) for each in GETS if each != STREAM] + [
        ("POST", each) for each in POSTS if each != "/logout"
    ]
    broken = []
    for place, (method, route) in enumerate(asked):
        for number, value in enumerate(HOSTILE):
            in_path = (place + number) % 2 == 0 and "{" in route
            words = dict.fromkeys(PATH, _in_path(value)) | ({"workspace_id": WORKSPACE} if number % 4 else {})
            path = filled(route, words if in_path else PATH)
            given = FORM if in_path else dict.fromkeys([*FORM, "option.winner.city", "credential.token"], value)
            if method == "GET":
                answer = await client.get(path, params=given)
            else:
                answer = await client.post(path, data=given)
            if answer.status_code >= 500:
                broken.append(f"{method} {route} with {value!r}: {answer.status_code}")
            assert "<script>alert(1)" not in answer.text, (method, route)
    assert not broken, "\n".join(broken)


def _in_path(text: str) -> str:
    return httpx.URL("/", params={"q": text}).query.decode().removeprefix("q=") or "x"

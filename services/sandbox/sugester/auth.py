"""Who is calling Sugester: a token `SECRET/PREFIX` in the query or in the JSON body, on every verb."""

from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.storage import Fields
from services.sandbox.system import Incoming
from services.sandbox.wire import HTML_TYPE, Answer, Refused, error

if TYPE_CHECKING:
    from services.sandbox.world import World

SYSTEM = "sugester"
LOGIN_PAGE = b"""<!DOCTYPE html><html><head><title>Sugester - login</title></head><body>
<form action="/app/login" method="post"><input name="login"><input name="password" type="password">
<button>Log in</button></form></body></html>"""


def sign_in(world: "World", incoming: Incoming, body: Fields) -> Account:
    """Raises Refused. The Bearer header counts by a switch only."""
    token = _given_token(incoming, body, bearer=bool(world.switches.value(SYSTEM, "bearer_accepted")))
    account = world.account_of_token(SYSTEM, token) if token else None
    if account is None:
        raise Refused(unauthorized(world, None, incoming))
    return account


def _given_token(incoming: Incoming, body: Fields, *, bearer: bool) -> str | None:
    header = incoming.bearer()
    if bearer and header is not None:
        return header
    in_query = [value for key, value in incoming.query() if key == "api_token"]
    if in_query:
        return in_query[-1]
    in_body = body.get("api_token")
    return in_body if isinstance(in_body, str) else None


def unauthorized(world: "World", account: Account | None, incoming: Incoming) -> Answer:
    how = world.switches.value(SYSTEM, "unauthorized_answer", account.name if account else None)
    if how == "login_page":
        return Answer(body=LOGIN_PAGE, content_type=HTML_TYPE)
    if how == "redirect":
        where = f"{world.origin}/{SYSTEM}/app/login"
        return Answer(status=302, content_type=HTML_TYPE, headers={"Location": where})
    return error(401, "Debe iniciar sesión").answer


def read_only() -> Answer:
    return error(403, "No tiene permiso para realizar esta acción").answer

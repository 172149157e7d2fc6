"""Who is calling BitFactura: a token in the query, in the JSON body (on every verb), or as Bearer."""

from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.storage import Fields
from services.sandbox.system import Incoming
from services.sandbox.wire import Answer, Refused, error

if TYPE_CHECKING:
    from services.sandbox.world import World

SYSTEM = "bitfactura"
MUST_LOG_IN = "Debe iniciar sesión para acceder a esta página"


def sign_in(world: "World", incoming: Incoming, body: Fields) -> Account:
    """The header decides, else the query, else the body. Raises Refused."""
    token = given_token(incoming, body)
    if token is None:
        raise Refused(unauthorized(world, None, incoming))
    if "/" in token and not _known_prefix(world, token):
        if world.switches.value(SYSTEM, "unknown_prefix") == "422":
            raise error(422, f"La cuenta {token.rpartition('/')[2]} no existe")
        raise Refused(unauthorized(world, None, incoming))
    raw_slash = "/" in token and "/" in incoming.raw_query
    if raw_slash and world.switches.value(SYSTEM, "raw_slash_refused"):
        raise Refused(unauthorized(world, None, incoming))
    account = world.account_of_token(SYSTEM, token)
    if account is None:
        raise Refused(unauthorized(world, None, incoming))
    return account


def given_token(incoming: Incoming, body: Fields, *, bearer_counts: bool = True) -> str | None:
    bearer = incoming.bearer()
    if bearer is not None and bearer_counts:
        return bearer
    in_query = [value for key, value in incoming.query() if key == "api_token"]
    if in_query:
        return in_query[-1]
    in_body = body.get("api_token")
    return in_body if isinstance(in_body, str) and in_body else None


def _known_prefix(world: "World", token: str) -> bool:
    return any(account.name == token.rpartition("/")[2] for account in world.accounts(SYSTEM))


def unauthorized(world: "World", account: Account | None, incoming: Incoming) -> Answer:
    text = MUST_LOG_IN
    if world.switches.value(SYSTEM, "echo_url_in_401", account.name if account else None):
        text += f": {world.origin}/{SYSTEM}{incoming.path}?{incoming.raw_query}"
    return error(401, text).answer


def read_only() -> Answer:
    return error(403, "No tiene permiso para realizar esta acción").answer

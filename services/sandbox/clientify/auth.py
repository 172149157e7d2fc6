"""Who is calling Clientify: `Authorization: Token <key>`, in both versions."""

from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.clientify.envelope import SYSTEM
from services.sandbox.storage import Fields
from services.sandbox.system import Incoming
from services.sandbox.wire import Answer, Refused, json_answer

if TYPE_CHECKING:
    from services.sandbox.world import World

INVALID = json_answer({"detail": "Invalid token."}, 401)


def key_of(account: Account) -> str:
    return account.secret


def sign_in(world: "World", incoming: Incoming, body: Fields) -> Account:
    """Raises Refused."""
    scheme, _, key = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "token" or not key.strip():
        status = 404
        if incoming.path.startswith("/v2/"):
            status = int(world.switches.value(SYSTEM, "v2_no_key"))
        raise Refused(json_answer({"detail": "Api key not provided."}, status))
    account = next((a for a in world.accounts(SYSTEM) if a.secret == key.strip()), None)
    if account is None:
        raise Refused(INVALID)
    return account


def revoked(world: "World", account: Account, incoming: Incoming) -> Answer:
    return INVALID


def read_only() -> Answer:
    return json_answer({"detail": "You do not have permission to perform this action."}, 403)

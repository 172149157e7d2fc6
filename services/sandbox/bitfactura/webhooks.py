"""What BitFactura's webhook rows deliver."""

from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.bitfactura import numbering
from services.sandbox.fields import objects
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call

if TYPE_CHECKING:
    from services.sandbox.world import World

HOOK_KINDS = (
    "client:create",
    "client:update",
    "client:destroy",
    "invoice:create",
    "invoice:update",
    "invoice:destroy",
    "product:create",
    "product:update",
    "product:destroy",
    "client:sync",
)

CLIENT_KEYS = (
    "name", "shortcut", "tax_no", "register_number", "street", "street_no", "post_code", "city", "country",
    "first_name", "last_name", "company", "kind", "email", "phone", "mobile_phone", "www", "fax", "bank",
    "bank_account", "bank_account_id", "discount", "payment_to_kind", "use_delivery_address",
    "delivery_address", "note",
)  # fmt: skip
BUYER_KEYS = ("name", "tax_no", "first_name", "last_name", "bank_account", "bank_account_id", "register_number")

SYNC_PAGE = 100


# Bodies


def body_of(world: "World", account: Account, hook: Record, kind: str, record: Record) -> Fields:
    """The body of one delivery. It names neither the event nor a time."""
    call = Call(world=world, account=account, now=world.clock.now())
    resource, _, event = kind.partition(":")
    known = event != "destroy" or call.choice("destroy_payload") == "last_known"
    if resource == "client":
        head: Fields = {} if call.choice("hook_generation") == "2018" and known else {"client_id": record.id}
        content: Fields = {"client": client_body(call, record)}
    elif resource == "invoice":
        head = {} if call.choice("hook_generation") == "2018" and known else {"id": record.id}
        content = {"deal": _deal_body(call, record)}
    else:
        head = {"id": record.id}
        content = {"product": {"id": record.id, **record.fields, "deleted": record.deleted}}
    return {**head, **(content if known else {}), **_tail(call, hook)}


def client_body(call: Call, record: Record) -> Fields:
    return {
        "id": record.id,
        **{key: record.fields[key] for key in CLIENT_KEYS},
        "deleted": record.deleted,
        "external_ids": {_application(call): record.id},
        "buyer": {},
        "skip_webhooks": True,
    }


def _deal_body(call: Call, record: Record) -> Fields:
    lines = objects(record.fields["positions"])
    card = call.table("clients").get(record.number("client_id"))
    buyer = {key: card.fields[key] for key in BUYER_KEYS} if card else _buyer_on_paper(record)
    deal: Fields = {
        "name": lines[0]["name"] if lines else "",
        "description": record.fields["description"],
        "price": record.fields["price_gross"],
        "currency": record.fields["currency"],
        "paid": record.fields["status"] == "paid",
        "status": record.fields["status"],
        "url": numbering.view_url(call, record),
        "date": record.fields["issue_date"],
        "invoice_no": record.fields["number"],
        "kind": record.fields["kind"],
        "external_ids": {_application(call): record.id},
        "client": {
            **buyer,
            "external_ids": {_application(call): record.fields["client_id"]},
            "skip_webhooks": True,
        },
        "skip_webhooks": True,
    }
    if call.choice("hook_generation") == "2018":
        del deal["status"], deal["currency"]
    return deal


def _buyer_on_paper(record: Record) -> Fields:
    """The buyer as the document names it, when its card is gone."""
    return {key: record.fields.get(f"buyer_{key}") for key in BUYER_KEYS}


def _application(call: Call) -> str:
    return call.choice("hook_app_name").lower()


def _tail(call: Call, hook: Record) -> Fields:
    return {
        "app_name": call.choice("hook_app_name"),
        "api_token": hook.fields["api_token"],
        "locale": call.choice("hook_locale"),
    }


# The row that sends all clients


def after_saved(call: Call, hook: Record) -> None:
    """Saving an active `client:sync` row sends all clients, in the order of their ids."""
    if hook.fields["kind"] != "client:sync" or not hook.fields["active"]:
        return
    rows = sorted(call.table("clients").live(), key=lambda record: record.id)
    for body in _sync_bodies(call, hook, rows):
        call.world.courier.send(call.account, hook, "client:sync", body, in_order=True)


def _sync_bodies(call: Call, hook: Record, rows: list[Record]) -> list[Fields]:
    shape = call.choice("client_sync_shape")
    if shape == "one_per_client":
        return [body_of(call.world, call.account, hook, "client:sync", record) for record in rows]
    size = SYNC_PAGE if shape == "pages_of_100" else max(1, len(rows))
    return [
        {"clients": [client_body(call, r) for r in rows[start : start + size]], **_tail(call, hook)}
        for start in range(0, len(rows), size)
    ]

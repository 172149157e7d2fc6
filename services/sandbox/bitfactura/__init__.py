"""BitFactura: an invoicing product. Built from what is publicly known of its API and webhooks."""

from typing import TYPE_CHECKING

from services.sandbox import hook_rows
from services.sandbox.accounts import Account
from services.sandbox.bitfactura import (
    auth,
    clients,
    documents,
    invoices,
    links,
    payments,
    products,
    smaller,
    webhooks,
)
from services.sandbox.bitfactura.switches import SWITCHES
from services.sandbox.system import Panel, PanelAction, System

if TYPE_CHECKING:
    from services.sandbox.world import World


def _hooks_enabled(world: "World", account: Account) -> bool:
    return True


SYSTEM = System(
    name="bitfactura",
    title="BitFactura",
    routes=(
        *clients.ROUTES,
        *documents.ROUTES,
        *products.ROUTES,
        *payments.ROUTES,
        *smaller.ROUTES,
        *hook_rows.routes(),
        *links.ROUTES,
    ),
    switches=SWITCHES,
    hook_kinds=webhooks.HOOK_KINDS,
    seeders={
        "clients": clients.create,
        "invoices": invoices.create,
        "products": products.create,
        "payments": payments.create,
        "webhooks": hook_rows.create,
        **smaller.SEEDERS,
    },
    sign_in=auth.sign_in,
    hook_body=webhooks.body_of,
    hooks_enabled=_hooks_enabled,
    read_only=auth.read_only,
    revoked=auth.unauthorized,
    after_hook_saved=webhooks.after_saved,
    panels=(
        Panel(
            resource="clients",
            title="Clients",
            columns=("name", "tax_no", "email", "phone", "city"),
            path="/clients",
            wrapper="client",
            fields=(
                "name", "tax_no", "email", "phone", "street", "post_code", "city", "country", "note",
            ),
            actions=(
                PanelAction(
                    label="Issue invoice",
                    method="POST",
                    path="/invoices.json",
                    body={
                        "invoice": {
                            "client_id": "{id}",
                            "positions": [
                                {"name": "Revisión", "quantity": 1, "tax": "21", "total_price_gross": "121"}
                            ],
                        }
                    },
                ),
                PanelAction(label="Delete", method="DELETE", path="/clients/{id}.json"),
            ),
        ),
        Panel(
            resource="invoices",
            title="Invoices",
            columns=("number", "kind", "buyer_name", "price_gross", "currency", "status", "paid"),
            actions=(
                PanelAction(
                    label="Mark paid",
                    method="PUT",
                    path="/invoices/{id}.json",
                    body={"invoice": {"status": "paid"}},
                ),
                PanelAction(
                    label="Cancel",
                    method="POST",
                    path="/invoices/cancel.json",
                    body={"cancel_invoice_id": "{id}", "cancel_reason": "by the shop owner"},
                ),
                PanelAction(label="Delete", method="DELETE", path="/invoices/{id}.json"),
            ),
        ),
    ),
)  # fmt: skip

"""Sugester: a CRM and help desk. Its public documentation is short; most unknowns are switches."""

from services.sandbox import hook_rows
from services.sandbox.sugester import auth, clients, deals, external_update, smaller, webhooks
from services.sandbox.sugester.switches import SWITCHES
from services.sandbox.system import Panel, PanelAction, System

SYSTEM = System(
    name="sugester",
    title="Sugester",
    routes=(
        *external_update.ROUTES,
        *clients.ROUTES,
        *deals.ROUTES,
        *smaller.ROUTES,
        *webhooks.ROUTES,
    ),
    switches=SWITCHES,
    hook_kinds=webhooks.HOOK_KINDS,
    seeders={
        "clients": clients.create,
        "deals": deals.create,
        "webhooks": hook_rows.create,
        **smaller.SEEDERS,
    },
    sign_in=auth.sign_in,
    hook_body=webhooks.body_of,
    hooks_enabled=webhooks.hooks_enabled,
    read_only=auth.read_only,
    revoked=auth.unauthorized,
    after_hook_saved=webhooks.after_saved,
    panels=(
        Panel(
            resource="clients",
            title="Clients",
            columns=("name", "tax_no", "email", "phone", "city"),
            path="/app/clients",
            wrapper="client",
            fields=(
                "name", "tax_no", "email", "phone", "street", "post_code", "city", "country", "note",
            ),
            actions=(PanelAction(label="Delete", method="DELETE", path="/app/clients/{id}.json"),),
        ),
        Panel(
            resource="deals",
            title="Deals (Asuntos)",
            columns=("name", "price", "currency", "invoice_no", "paid", "url"),
            path="/app/deals",
            wrapper="deal",
            fields=("name", "description", "price"),
            actions=(PanelAction(label="Delete", method="DELETE", path="/app/deals/{id}.json"),),
        ),
        Panel(resource="statuses", title="Statuses", columns=("name", "code", "kind")),
    ),
)  # fmt: skip

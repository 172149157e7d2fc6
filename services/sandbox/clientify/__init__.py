"""Clientify: a CRM with two versions of a REST API and one webhook slot for each entity."""

from typing import TYPE_CHECKING

from services.sandbox.clientify import (
    account,
    auth,
    companies,
    contacts,
    custom_fields,
    envelope,
    panel,
    parts,
    webhooks,
)
from services.sandbox.clientify.switches import SWITCHES
from services.sandbox.storage import Record
from services.sandbox.system import Call, Dialect, Incoming, Panel, PanelAction, Routes, System
from services.sandbox.wire import GATEWAY_HTML, HTML_TYPE, Answer, json_answer

if TYPE_CHECKING:
    from services.sandbox.world import World

ROUTES = (
    *account.ROUTES,
    *contacts.ROUTES,
    *companies.ROUTES,
    *parts.ROUTES,
    *custom_fields.ROUTES,
    *webhooks.ROUTES,
)
_KNOWN = Routes(ROUTES)


def _unknown_path(world: "World", incoming: Incoming) -> Answer:
    """HTML; a GET that only lacks the slash at its end is sent to where the slash is."""
    slashed = _KNOWN.find("GET", f"{incoming.path}/") if incoming.method == "GET" else None
    redirects = world.switches.value(envelope.SYSTEM, "missing_slash") == "redirect"
    return envelope.redirect(world, incoming) if slashed and redirects else envelope.html_404()


def _nothing(call: Call, hook: Record) -> None:
    """A row that was saved sends nothing by itself."""


SYSTEM = System(
    name="clientify",
    title="Clientify",
    routes=ROUTES,
    switches=SWITCHES,
    hook_kinds=webhooks.ENTITIES,
    seeders={
        "contacts": panel.seed_contact,
        "companies": companies.create,
        "custom-fields": custom_fields.create,
        "webhooks": webhooks.save_in_panel,
    },
    sign_in=auth.sign_in,
    hook_body=webhooks.body_of,
    hooks_enabled=webhooks.hooks_enabled,
    read_only=auth.read_only,
    revoked=auth.revoked,
    after_hook_saved=_nothing,
    token=auth.key_of,
    dialect=Dialect(
        bad_body=envelope.bad_body,
        token_in_body=False,
        unknown_path=_unknown_path,
        faults={
            "rate_limit": envelope.too_many,
            "unavailable": lambda _: Answer(status=504, body=GATEWAY_HTML, content_type=HTML_TYPE),
            "error_with_200": lambda _: json_answer({"error": "Something went wrong."}),
        },
    ),
    desk=panel.DESK,
    shelf=panel.shelf,
    hook_wants=webhooks.hook_wants,
    save_hook=webhooks.save_in_panel,
    hook_pause=1.0,
    any_answer_delivers=True,
    panels=(
        Panel(
            resource="contacts",
            title="Contacts",
            columns=("first_name", "last_name", "taxpayer_identification_number", "emails", "phones", "addresses",
                     "custom_fields", "tags"),
            path="/panel/contacts",
            suffix="",
            fields=(
                "first_name", "last_name", "taxpayer_identification_number", "email", "phone", "street",
                "postal_code", "city", "state", "country_name", "status", "remarks",
            ),
            actions=(PanelAction(label="Delete", method="DELETE", path="/panel/contacts/{id}"),),
        ),
        Panel(
            resource="custom-fields",
            title="Custom fields",
            columns=("name", "model", "field_type"),
            path="/panel/custom-fields",
            suffix="",
            fields=("name",),
            actions=(PanelAction(label="Delete", method="DELETE", path="/panel/custom-fields/{id}"),),
        ),
    ),
)  # fmt: skip

"""Hooks that Sugester sends, if it does: assumed to mirror its sister product's."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from services.sandbox import hook_rows
from services.sandbox.accounts import Account
from services.sandbox.storage import Fields, Record
from services.sandbox.sugester import clients, deals
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, not_found

if TYPE_CHECKING:
    from services.sandbox.world import World

HOOK_KINDS = (
    "client:create",
    "client:update",
    "client:destroy",
    "deal:create",
    "deal:update",
    "deal:destroy",
)


def hooks_enabled(world: "World", account: Account) -> bool:
    return bool(world.switches.value("sugester", "webhooks", account.name))


def body_of(world: "World", account: Account, hook: Record, kind: str, record: Record) -> Fields:
    call = Call(world=world, account=account, now=world.clock.now())
    resource, _, event = kind.partition(":")
    head = {"client_id" if resource == "client" else "id": record.id}
    known = event != "destroy" or call.choice("destroy_payload") == "last_known"
    shown = clients.show(call, record) if resource == "client" else deals.show(call, record)
    for name in ("created_at", "updated_at", "token"):
        shown.pop(name, None)
    content: Fields = {resource: {**shown, "external_ids": {"sugester": record.id}, "skip_webhooks": True}}
    return {
        **head,
        **(content if known else {}),
        "app_name": "sugester",
        "api_token": hook.fields["api_token"],
        "locale": call.choice("hook_locale"),
    }


def after_saved(call: Call, hook: Record) -> None:
    """Nothing more happens; this vendor has no kind that sends everything."""


def _if_there(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        if not call.flag("webhooks_api"):
            raise not_found()
        return handler(call)

    return answer


ROUTES: tuple[Route, ...] = tuple(
    replace(route, handler=_if_there(route.handler)) for route in hook_rows.routes("/app")
)

"""Hooks that Sugester may send; by default it sends none."""

from tests.sandbox.support import Control, Hooks, Receiver, Vendor, deal_client


async def test_sends_nothing_by_default(sg: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await hooks.register("sugester", "client:create")
    await deal_client(sg)
    await control.settle()
    assert receiver.received == []
    assert (await sg.ask("GET", "/app/webhooks.json")).status_code == 404


async def test_hooks_of_clients_and_deals(sg: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await control.turn("sugester", "webhooks")
    events = [
        f"{resource}:{event}" for resource in ("client", "deal") for event in ("create", "update", "destroy")
    ]
    await hooks.register("sugester", *events)
    client = await deal_client(sg, tax_no="B76123458")
    await receiver.until(1)
    await sg.put(f"/app/clients/{client['id']}.json", {"client": {"city": "Arona"}})
    await receiver.until(2)
    deal = await sg.post("/app/deals.json", {"deal": {"name": "D", "price": 5}})
    await receiver.until(3)
    await sg.put(f"/app/deals/{deal['id']}.json", {"deal": {"price": 6}})
    await receiver.until(4)
    await sg.delete(f"/app/deals/{deal['id']}.json")
    await receiver.until(5)
    await sg.delete(f"/app/clients/{client['id']}.json")
    await receiver.until(6)
    paths = ["client-create", "client-update", "deal-create", "deal-update", "deal-destroy", "client-destroy"]
    assert [r.path for r in receiver.received] == [f"/{path}" for path in paths]
    first = receiver.bodies[0]
    assert list(first) == ["client_id", "client", "app_name", "api_token", "locale"]
    assert (first["app_name"], first["api_token"], first["locale"]) == ("sugester", "the-secret", "es")
    assert first["client"]["external_ids"] == {"sugester": client["id"]}
    assert first["client"]["skip_webhooks"] is True
    assert not {"updated_at", "created_at", "token"} & set(first["client"])
    assert (receiver.bodies[3]["id"], receiver.bodies[3]["deal"]["price"]) == (deal["id"], "6.0")
    assert receiver.bodies[5]["client"]["deleted"] is True


async def test_skip_webhooks_is_honoured(sg: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await control.turn("sugester", "webhooks")
    await hooks.register("sugester", "client:create", "client:update", "deal:create")
    client = await deal_client(sg, skip_webhooks=True)
    path = f"/app/clients/{client['id']}.json"
    await sg.put(path, {"client": {"city": "Arona", "skip_webhooks": True}})
    await sg.post("/app/deals.json", {"deal": {"name": "D", "skip_webhooks": True}})
    await sg.put(path, {"client": {"city": "Adeje"}})
    bodies = await receiver.until(1)
    await control.settle()
    assert [body["client"]["city"] for body in bodies] == ["Adeje"]


async def test_rows_through_the_api(sg: Vendor, receiver: Receiver, control: Control) -> None:
    await control.turn("sugester", "webhooks")
    await control.turn("sugester", "webhooks_api")
    row = {"kind": "client:create", "url": f"{receiver.url}/x", "api_token": "s", "active": True}
    made = await sg.post("/app/webhooks.json", {"webhook": row})
    assert [r["id"] for r in await sg.get("/app/webhooks.json", order="updated_at")] == [made["id"]]
    assert (
        await sg.ask("POST", "/app/webhooks.json", {"webhook": {**row, "kind": "client:sync"}})
    ).status_code == 422
    await deal_client(sg)
    await receiver.until(1)
    await control.turn("sugester", "unwrapped_hook_secret", value="none")
    assert (await sg.post("/app/webhooks.json", row))["api_token"] is None
    assert (await sg.delete(f"/app/webhooks/{made['id']}.json")).text == '"ok"'


async def test_destroy_with_the_id_only_and_locale(
    sg: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("sugester", "webhooks")
    await control.turn("sugester", "destroy_payload", value="id_only")
    await control.turn("sugester", "hook_locale", value="pl")
    await hooks.register("sugester", "client:destroy")
    client = await deal_client(sg)
    await sg.delete(f"/app/clients/{client['id']}.json")
    (body,) = await receiver.until(1)
    assert body == {"client_id": client["id"], "app_name": "sugester", "api_token": "the-secret", "locale": "pl"}


async def test_delivery_switches(sg: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    """The courier is the same for both vendors; here only that this one's switches reach it."""
    settings = {
        "hook_delay": 0,
        "hook_failures_before_off": 1,
        "hook_retries": 1,
        "hook_timeout": 5,
        "hook_concurrency": 1,
        "hook_content_type": "text/plain; charset=utf-8",
    }
    await control.turn("sugester", "webhooks")
    for name, value in settings.items():
        await control.turn("sugester", name, value=value)
    (row,) = await hooks.register("sugester", "client:create")
    receiver.status = 500
    await deal_client(sg)
    await control.advance(1)
    await control.settle()
    assert [r.content_type for r in receiver.received] == ["text/plain; charset=utf-8"]
    (stored,) = (await control.get("webhooks", system="sugester"))["webhooks"]
    assert (stored["id"], stored["active"]) == (row, False)

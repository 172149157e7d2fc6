"""Clientify: webhook slots, and what is delivered when."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tests.sandbox.clientify_support import Clientify
from tests.sandbox.support import SOON, Control, Hooks, Receiver, keys
from tests.support.waiting import until

SECRET = {"X-Clientify-Secret": "made up"}


async def register(cl2: Clientify, receiver: Receiver, entity: str = "contacts") -> None:
    await cl2.post(f"/webhooks/{entity}/", {"target": f"{receiver.url}/{entity}", "headers": SECRET})


async def test_slots(cl: Clientify, cl2: Clientify) -> None:
    free = {"entity": "contacts", "target": "", "is_active": False, "events": ["contact.saved", "contact.deleted"]}
    assert await cl2.get("/webhooks/contacts/") == free
    body = {"target": "https://sync.example.com/hooks/a", "headers": SECRET}
    made = await cl2.post("/webhooks/contacts/", body)
    assert made == {"entity": "contacts", "target": body["target"], "is_active": True}
    for target in (body["target"], "https://other.example.com/"):
        await cl2.refused("POST", "/webhooks/contacts/", {"target": target}, 409)
    assert (await cl2.get("/webhooks/contacts/"))["target"] == body["target"]
    assert (await cl2.get("/webhooks/companies/"))["events"] == ["company.saved", "company.deleted"]
    for method, path in (("GET", "/webhooks/nothing/"), ("POST", "/webhooks/deals/activate/")):
        await cl2.refused(method, path, {} if method == "POST" else None, 404)
    assert await cl2.delete("/webhooks/contacts/") == 204
    assert await cl2.delete("/webhooks/contacts/") == 404
    assert (await cl.ask("GET", "/webhooks/contacts/")).status_code == 404


@pytest.mark.parametrize("target", ["", "nonsense", "ftp://x.example/", "https://", None, 7, "http://[::1"])
async def test_target_that_is_none(cl2: Clientify, target: object) -> None:
    answer = await cl2.refused("POST", "/webhooks/contacts/", {"target": target})
    assert answer == {"target": ["Enter a valid URL."]}


async def test_private_targets(cl2: Clientify) -> None:
    await cl2.turn("private_targets", value=False)
    for target in ("http://sync.example.com/", "https://127.0.0.1/", "https://10.0.0.1/", "https://localhost/"):
        await cl2.refused("POST", "/webhooks/contacts/", {"target": target})
    await cl2.post("/webhooks/contacts/", {"target": "https://sync.example.com/"})


async def test_webhooks_may_be_forbidden(cl2: Clientify) -> None:
    await cl2.turn("webhooks_allowed", value=False)
    await cl2.refused("GET", "/webhooks/contacts/", status=403)
    await cl2.refused("POST", "/webhooks/contacts/", {"target": "https://sync.example.com/"}, 403)


async def test_slot_that_went_off_is_activated(cl2: Clientify, receiver: Receiver, control: Control) -> None:
    await register(cl2, receiver)
    await cl2.turn("hooks_off")
    assert (await cl2.get("/webhooks/contacts/"))["is_active"] is False
    await cl2.panel("POST", "/contacts", {"first_name": "A"})
    await cl2.post("/webhooks/contacts/activate/", {}, 200)
    await cl2.panel("POST", "/contacts", {"first_name": "B"})
    (body,) = await receiver.until(1)
    assert body["data"]["first_name"] == "B"


async def test_delivery(cl: Clientify, cl2: Clientify, receiver: Receiver) -> None:
    await cl.define()
    await register(cl2, receiver)
    values = [{"field": "factusol_id", "value": "7"}]
    form = {"first_name": "Talleres", "phone": "953", "city": "Jaen", "custom_fields": values}
    made = (await cl.panel("POST", "/contacts", form))["body"]
    (body,) = await receiver.until(1)
    assert set(body) == {"hook", "data"}
    assert set(body["hook"]) == {"id", "event", "target"}
    assert (body["hook"]["event"], body["hook"]["target"]) == ("contact.saved", f"{receiver.url}/contacts")
    data = body["data"]
    assert set(data) == keys(
        """id first_name last_name status owner title company contact_type contact_source emails phones addresses
        websites tags deals related_tasks custom_fields taxpayer_identification_number created description remarks
        summary gdpr_accept lead_scoring"""
    )
    assert (data["id"], data["phones"], data["custom_fields"]) == (
        made["id"],
        [{"type": 1, "phone": "953"}],
        values,
    )
    assert (data["owner"], data["created"][-1]) == (made["owner"], "Z")
    assert receiver.received[0].headers["x-clientify-secret"] == "made up"


async def test_saved_and_deleted(cl: Clientify, cl2: Clientify, receiver: Receiver, control: Control) -> None:
    await cl.turn("hook_delay", value=0)
    await register(cl2, receiver)
    path = f"/contacts/{(await cl.panel('POST', '/contacts', {'first_name': 'A'}))['body']['id']}"
    await receiver.until(1)
    await cl.panel("PUT", path, {"first_name": "B"})
    await receiver.until(2)
    await cl.panel("DELETE", path)
    bodies = await receiver.until(3)
    assert [b["hook"]["event"] for b in bodies] == ["contact.saved", "contact.saved", "contact.deleted"]
    assert bodies[2]["data"]["first_name"] == "B"


async def test_api_writes_do_not_come_back(
    cl: Clientify, cl2: Clientify, receiver: Receiver, control: Control
) -> None:
    await register(cl2, receiver)
    made = await cl.contact()
    await cl.post(f"/contacts/{made['id']}/phones/", {"phone": "1"})
    await cl.delete(f"/contacts/{made['id']}/")
    await control.settle()
    assert receiver.received == []
    await cl.turn("hooks_for_api_writes")
    await cl.contact()
    await receiver.until(1)


async def test_bulk_changes_and_imports(
    cl: Clientify, cl2: Clientify, receiver: Receiver, control: Control
) -> None:
    await register(cl2, receiver)
    made = await cl.panel("POST", "/import", {"contacts": [{"first_name": "A"}, {"first_name": "B"}]})
    ids = made["body"]["ids"]
    await cl.panel("POST", "/bulk", {"ids": ids, "changes": {"status": "client"}})
    await receiver.until(4)
    assert {row["status"] for row in (await cl.get("/contacts/"))["results"]} == {"client"}
    await cl.turn("bulk_hooks", value=False)
    await cl.panel("POST", "/bulk", {"ids": ids, "changes": {"status": "other"}})
    await control.settle()
    assert len(receiver.received) == 4
    assert (await cl.panel("POST", "/bulk", {"ids": ids}))["status"] == 400
    assert (await cl.panel("POST", "/import", {}))["status"] == 400


async def test_companies_have_a_slot_of_their_own(cl2: Clientify, receiver: Receiver, control: Control) -> None:
    await register(cl2, receiver, "companies")
    await cl2.panel("POST", "/contacts", {"first_name": "A", "company": "Talleres"})
    (body,) = await receiver.until(1)
    await control.settle()
    assert len(receiver.received) == 1
    assert (body["hook"]["event"], body["data"]["name"]) == ("company.saved", "Talleres")


@pytest.mark.parametrize(
    ("shape", "top"),
    [
        ("hook_and_contact", {"hook", "contact"}),
        ("event_and_contact", {"event", "contact"}),
        ("event_and_data_contact", {"event", "data"}),
        ("created_updated", {"event", "timestamp", "account_id", "user_id", "data"}),
    ],
)
async def test_older_shapes(cl2: Clientify, receiver: Receiver, shape: str, top: set[str]) -> None:
    await register(cl2, receiver)
    await cl2.turn("hook_shape", value=shape)
    await cl2.panel("POST", "/contacts", {"first_name": "A"})
    (body,) = await receiver.until(1)
    assert set(body) == top
    contact = body["contact"] if "contact" in body else body["data"]["contact"]
    assert contact["first_name"] == "A"
    event = body["event"] if "event" in body else body["hook"]["event"]
    assert event == ("contact.created" if shape == "created_updated" else "contact.saved")


# Delivery


async def test_any_answer_counts(cl2: Clientify, receiver: Receiver, control: Control) -> None:
    await register(cl2, receiver)
    for status in (200, 404, 503, 410):
        receiver.status = status
        await cl2.panel("POST", "/contacts", {"first_name": "A"})
        await control.settle()
    assert len(receiver.received) == 4
    deliveries = (await control.get("hooks"))["hooks"]
    assert {(d["state"], d["attempts"]) for d in deliveries} == {("delivered", 1)}
    assert (await cl2.get("/webhooks/contacts/"))["is_active"] is True


async def test_no_answer_is_tried_again_for_half_a_minute(cl2: Clientify, control: Control) -> None:
    await cl2.turn("hook_delay", value=0)
    await cl2.post("/webhooks/contacts/", {"target": "http://127.0.0.1:9/"})
    await cl2.panel("POST", "/contacts", {"first_name": "A"})

    async def attempts() -> int:
        return int((await control.get("hooks"))["hooks"][0]["attempts"])

    for attempt, pause in enumerate((1, 2, 4, 8, 16), start=1):
        assert await until(attempts, within=SOON, what="an attempt") <= attempt
        await until(partial(_reached, attempts, attempt), within=SOON, what=f"attempt {attempt}")
        assert (await control.get("hooks"))["pending"] == 1
        await control.advance(pause)
    await control.settle()
    (delivery,) = (await control.get("hooks"))["hooks"]
    assert (delivery["state"], delivery["attempts"]) == ("failed", 6)
    assert (await cl2.get("/webhooks/contacts/"))["is_active"] is True


async def _reached(number: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await number() == wanted


async def test_slow_receiver_is_no_answer(cl2: Clientify, receiver: Receiver, control: Control) -> None:
    await cl2.turn("hook_timeout", value=0.05)
    await cl2.turn("hook_retries", value=0)
    await register(cl2, receiver)
    receiver.seconds = 1.0
    await cl2.panel("POST", "/contacts", {"first_name": "A"})
    await control.settle()
    (delivery,) = (await control.get("hooks"))["hooks"]
    assert (delivery["state"], delivery["status"]) == ("failed", None)


async def test_delivery_switches(cl2: Clientify, receiver: Receiver, control: Control) -> None:
    """The ones that every vendor with hooks has, with this vendor's defaults."""
    listed = (await control.get("faults"))["switches"]
    values = {entry["switch"]: entry["value"] for entry in listed if entry["system"] == "clientify"}
    assert (values["hook_timeout"], values["hook_retries"], values["hook_failures_before_off"]) == (5.0, 5, 0)
    await cl2.turn("hook_content_type", value="none")
    await cl2.turn("hook_concurrency", value=1)
    await cl2.turn("hook_delay", value=0)
    await register(cl2, receiver)
    receiver.seconds = 0.02
    for _ in range(3):
        await cl2.panel("POST", "/contacts", {"first_name": "A"})
    await receiver.until(3)
    await control.settle()
    assert receiver.most_at_once == 1
    assert receiver.received[0].content_type is None


async def test_rows_that_go_off(cl2: Clientify, control: Control) -> None:
    await cl2.turn("hook_failures_before_off", value=1)
    await cl2.turn("hook_retries", value=0)
    await cl2.post("/webhooks/contacts/", {"target": "http://127.0.0.1:9/"})
    await cl2.panel("POST", "/contacts", {"first_name": "A"})
    await control.settle()
    assert (await cl2.get("/webhooks/contacts/"))["is_active"] is False


async def test_panel_overwrites_the_slot(
    cl2: Clientify, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await cl2.post("/webhooks/contacts/", {"target": "https://sync.example.com/"})
    await hooks.register("clientify", "contacts")
    assert (await cl2.get("/webhooks/contacts/"))["target"] == f"{receiver.url}/contacts"
    assert len((await control.get("webhooks", system="clientify"))["webhooks"]) == 1
    refused = await cl2.http.post(
        f"{control.url}/webhooks", json={"system": "clientify", "kind": "x", "url": "http://x.example"}
    )
    assert refused.status_code == 422

"""Sugester's clients, contacts and posts."""

import pytest

from tests.sandbox.support import Control, Json, Vendor, deal_client, keys

EXAMPLE_KEYS = keys(
    "id name shortcut company kind tax_no register_number external_id email phone mobile_phone www fax street "
    "street_no post_code city province country first_name last_name note description status_id category_id "
    "department_id project_id contact_id responsible_id creator_id updater_id bank bank_account discount "
    "payment_to_kind use_delivery_address delivery_address posts_count contacts_count appendixes_count "
    "last_activity token created_at updated_at"
)


async def read(sg: Vendor, client: Json) -> Json:
    found: Json = await sg.get(f"/app/clients/{client['id']}.json")
    return found


async def test_client_is_kept(sg: Vendor) -> None:
    client = await deal_client(sg, email="a@anaga.example", city="Arona", discount=5)
    assert (client["name"], client["shortcut"], client["discount"]) == ("Talleres Anaga S.L.",) * 2 + ("5.0",)
    assert set(await read(sg, client)) >= EXAMPLE_KEYS
    path = f"/app/clients/{client['id']}.json"
    changed = await sg.put(path, {"client": {"city": "Adeje"}})
    assert (changed["city"], changed["email"]) == ("Adeje", "a@anaga.example")
    answer = await sg.delete(path)
    assert (answer.status_code, answer.text) == (200, '"ok"')
    assert (await sg.ask("GET", path)).status_code == 404
    assert await sg.get("/app/clients.json") == []


async def test_unknown_fields_are_tolerated(sg: Vendor) -> None:
    client = await deal_client(sg, url="https://x.example", person="x", tag_list=["a"], origin="shop-1")
    assert not {"url", "person", "tag_list", "origin"} & set(await read(sg, client))


async def test_custom_fields(sg: Vendor) -> None:
    slots = {"string1": "a", "integer2": 7, "decimal3": "1,5", "checkbox4": True, "date5": "2026-03-04"}
    found = await read(sg, await deal_client(sg, **slots))
    assert {name: found[name] for name in slots} == {**slots, "decimal3": "1.5"}


async def test_times_are_the_sister_products(sg: Vendor) -> None:
    client = await deal_client(sg)
    found = await read(sg, client)
    assert found["updated_at"] == client["updated_at"][:20] + "000+01:00"


async def test_nothing_is_unique(sg: Vendor, control: Control) -> None:
    same = {"email": "a@anaga.example", "tax_no": "B76123458", "external_ids": {"x_client_id": 1}}
    assert len({(await deal_client(sg, **same))["id"] for _ in range(2)}) == 2
    await control.turn("sugester", "unique_clients")
    for field in ("email", "tax_no"):
        body = {"client": {"name": "B", field: same[field]}}
        refused = await sg.ask("POST", "/app/clients.json", body)
        assert (refused.status_code, list(refused.json()["message"])) == (422, [field])


async def test_lists_cannot_be_searched(sg: Vendor, control: Control) -> None:
    await deal_client(sg, name="Anaga", email="a@x", tax_no="B1", external_id=77)
    await deal_client(sg, name="Otro", email="b@x", tax_no="B2", external_id=78)
    searches = [{"name": "anag"}, {"email": "a@"}, {"tax_no": "B1"}, {"external_id": "77"}]
    for search in searches:
        assert len(await sg.get("/app/clients.json", **search)) == 2
    await control.turn("sugester", "client_search")
    for search in searches:
        assert [row["name"] for row in await sg.get("/app/clients.json", **search)] == ["Anaga"]


async def test_external_ids_are_stored_and_not_shown(sg: Vendor, control: Control) -> None:
    client = await deal_client(sg, external_ids={"bitfactura_sync_client_id": 40110257})
    assert "external_ids" not in await read(sg, client)
    (stored,) = await control.records("sugester", "clients")
    assert stored["external_ids"] == {"bitfactura_sync_client_id": "40110257"}
    await control.turn("sugester", "external_ids_returned")
    await sg.put(f"/app/clients/{client['id']}.json", {"client": {"external_ids": {"other": "1"}}})
    both = {"bitfactura_sync_client_id": "40110257", "other": "1"}
    assert (await read(sg, client))["external_ids"] == both


@pytest.mark.parametrize(
    ("how", "by_ids", "by_email", "by_number"),
    [
        ("external_ids_then_email", True, True, False),
        ("tax_no", False, False, True),
        ("nothing", False, False, False),
    ],
)
async def test_try_update(
    how: str, by_ids: bool, by_email: bool, by_number: bool, sg: Vendor, control: Control
) -> None:
    await control.turn("sugester", "try_update_matches", value=how)
    client = await deal_client(sg, email="a@x", tax_no="B1", external_ids={"app_client_id": "5"})
    for given, same in (
        ({"external_ids": {"app_client_id": 5}}, by_ids),
        ({"email": "A@x"}, by_email),
        ({"tax_no": "B1"}, by_number),
    ):
        made = await deal_client(sg, city="Arona", try_update=True, **given)
        assert (made["id"] == client["id"]) is same, given
        if not same:
            await sg.delete(f"/app/clients/{made['id']}.json")
    without = await deal_client(sg, email="a@x", external_ids={"app_client_id": 5})
    assert without["id"] != client["id"]
    empty = await deal_client(sg, email="", external_ids={}, try_update=True)
    assert empty["id"] not in (client["id"], without["id"])


async def test_deleted_may_stay_listed(sg: Vendor, control: Control) -> None:
    kept, gone = await deal_client(sg), await deal_client(sg)
    await sg.delete(f"/app/clients/{gone['id']}.json")
    assert [row["id"] for row in await sg.get("/app/clients.json")] == [kept["id"]]
    await control.turn("sugester", "deleted_listed")
    listed = {row["id"]: row.get("deleted") for row in await sg.get("/app/clients.json")}
    assert listed == {kept["id"]: None, gone["id"]: True}
    assert (await sg.ask("GET", f"/app/clients/{gone['id']}.json")).status_code == 404


async def test_long_text(sg: Vendor, control: Control) -> None:
    body = {"client": {"name": "A", "city": "x" * 300}}
    assert (await sg.ask("POST", "/app/clients.json", body)).status_code == 422
    await control.turn("sugester", "long_text", value="truncate")
    await control.turn("sugester", "short_text_limit", value=40)
    assert (await sg.post("/app/clients.json", body))["city"] == "x" * 40


async def test_put_that_changes_nothing(sg: Vendor, control: Control) -> None:
    client = await deal_client(sg, city="Arona")
    path = f"/app/clients/{client['id']}.json"
    body = {"client": {"city": "Arona"}}
    assert (await sg.put(path, body))["updated_at"] == client["updated_at"]
    await control.turn("sugester", "unchanged_put_counts")
    assert (await sg.put(path, body))["updated_at"] > client["updated_at"]


# Contacts, posts, tasks


async def test_contacts_and_lists(sg: Vendor) -> None:
    client = await deal_client(sg)
    contact = await sg.post("/app/contacts.json", {"contact": {"first_name": "Ana", "client_id": client["id"]}})
    path = f"/app/contacts/{contact['id']}.json"
    assert (await sg.put(path, {"contact": {"email": "ana@x"}}))["email"] == "ana@x"
    assert [row["id"] for row in await sg.get("/app/contacts.json")] == [contact["id"]]
    assert (await read(sg, client))["contacts_count"] == 1
    assert (await sg.delete(path)).text == '"ok"'
    made = await sg.post("/app/contact_lists.json", {"contact_list": {"name": "VIP"}})
    path = f"/app/contact_lists/{made['id']}.json"
    assert (await sg.put(path, {"contact_list": {"name": "V"}}))["name"] == "V"


async def test_posts_tasks_and_the_help_desk(sg: Vendor) -> None:
    ids = {}
    for kind in ("task", "email", "comment"):
        post = {"title": kind, "content": "x", "task_kind": kind}
        ids[kind] = (await sg.post("/app/posts.json", {"post": post}))["id"]
    assert [row["id"] for row in await sg.get("/app/tasks.json")] == [ids["task"]]
    assert {row["id"] for row in await sg.get("/app.json")} == {ids["task"], ids["email"]}
    assert (await sg.get(f"/app/posts/{ids['comment']}.json"))["task_kind"] == "comment"


@pytest.mark.parametrize("moves", [False, True])
async def test_activity_and_updated_at(moves: bool, sg: Vendor, control: Control) -> None:
    await control.turn("sugester", "activity_moves_updated_at", value=moves)
    client = await deal_client(sg)
    await control.advance(60)
    await sg.post("/app/posts.json", {"post": {"title": "call", "client_id": client["id"]}})
    found = await read(sg, client)
    assert found["posts_count"] == 1
    assert found["last_activity"] is not None
    assert (found["updated_at"] > client["updated_at"]) is moves

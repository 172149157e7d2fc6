"""Clientify: contacts, their parts, custom fields, companies."""

import pytest

from tests.sandbox.clientify_support import Clientify, values
from tests.sandbox.support import Control, keys

RECORDED = keys(
    """url id owner owner_id owner_name first_name last_name status title company company_details contact_type
    contact_source emails phones addresses websites custom_fields taxpayer_identification_number tags description
    remarks summary country created modified last_contact birthday gdpr_accept disclaimer unsubscribed
    gdpr_acceptance_date lead_scoring channel medium visitor_key contact_sector deals related_tasks attachments
    automations integrations other_companies picture_url page_views total_visits first_visit last_visit"""
)
ADDRESS = {
    "type": 5,
    "street": "C/ del Agua 7",
    "city": "Jaen",
    "state": "Jaen",
    "country": "Spain",
    "postal_code": "23001",
}


async def test_object_of_v1(cl: Clientify) -> None:
    made = await cl.contact(email="a@x.example", phone="+34600000002", status="client", addresses=[ADDRESS])
    assert set(made) >= RECORDED | {"linkedin_url", "manychat_url"}
    assert made["url"] == f"{cl.base_url}/v1/contacts/{made['id']}/"
    assert (made["channel"], made["status"], made["company"]) == ("integrations-api", "client", None)
    (email,), (phone,), (address,) = made["emails"], made["phones"], made["addresses"]
    assert (email["type"], email["email"]) == (4, "a@x.example")
    assert (phone["type"], phone["phone"], phone["unsubscribed"]) == (1, "+34600000002", False)
    assert {name: address[name] for name in ADDRESS} == ADDRESS
    assert len({email["id"], phone["id"], address["id"]}) == 3
    assert await cl.get(f"/contacts/{made['id']}/") == made
    for name in ("created", "modified"):
        assert made[name][19] == "."
        assert made[name].endswith("+01:00")
        assert len(made[name]) == 32


async def test_object_of_v2(cl2: Clientify) -> None:
    made = await cl2.contact(last_name="Vega", company="Talleres")
    assert "url" not in made
    assert (made["full_name"], made["marketing_status"]) == ("Rocio Vega", 1)
    assert (made["company"], made["company_name"]) == ("Talleres", "Talleres")
    assert isinstance(made["company_id"], int)


async def test_defaults_and_arrays(cl: Clientify) -> None:
    made = await cl.contact(emails=[{"type": 1, "email": "a@x.example"}], phones=[{"type": 2, "phone": "600"}])
    assert (made["status"], made["emails"][0]["type"], made["phones"][0]["type"]) == ("cold-lead", 1, 2)


async def test_top_level_email_in_v2(cl2: Clientify) -> None:
    assert len((await cl2.contact(email="a@x.example"))["emails"]) == 1
    await cl2.turn("v2_top_level_email", value="ignored")
    assert (await cl2.contact(email="a@x.example", phone="6"))["emails"] == []
    await cl2.turn("v2_top_level_email", value="refused")
    await cl2.refused("POST", "/contacts/", {"first_name": "A", "email": "a@x.example"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"first_name": ""}, "first_name"),
        ({"first_name": "x" * 256}, "first_name"),
        ({"first_name": ["x"]}, "first_name"),
        ({"status": "customer"}, "status"),
        ({"emails": [{"email": "no"}]}, "email"),
        ({"emails": [{"email": "a@x.example", "type": 9}]}, "type"),
        ({"phones": {"phone": "1"}}, "phones"),
        ({"phones": [{"type": 1}]}, "phone"),
        ({"gdpr_accept": "yes"}, "gdpr_accept"),
        ({"birthday": "20/11/1980"}, "birthday"),
        ({"tags": [""]}, "tags"),
        ({"custom_fields": [{"field": "factusol_id", "value": None}]}, "custom_fields"),
        ({"custom_fields": {"factusol_id": "1"}}, "custom_fields"),
    ],
)
async def test_what_is_refused(cl: Clientify, body: dict[str, object], field: str) -> None:
    answer = await cl.refused("POST", "/contacts/", {"first_name": "A", **body})
    assert set(answer) == {field}
    assert isinstance(answer[field][0], str)


async def test_first_name_may_be_left_out(cl: Clientify) -> None:
    await cl.refused("POST", "/contacts/", {"last_name": "Vega"})
    await cl.turn("first_name_required", value=False)
    await cl.post("/contacts/", {"last_name": "Vega"})


async def test_text_limit(cl: Clientify) -> None:
    await cl.turn("short_text_limit", value=10)
    await cl.refused("POST", "/contacts/", {"first_name": "x" * 11})
    assert len((await cl.contact(remarks="y" * 500))["remarks"]) == 500


async def test_phones_are_stored_as_sent(cl: Clientify) -> None:
    assert (await cl.contact(phone="953 00-00.01"))["phones"][0]["phone"] == "953 00-00.01"
    await cl.turn("phone_format", value="compact")
    assert (await cl.contact(phone="953 00-00.01"))["phones"][0]["phone"] == "953000001"


# Doubles


TWIN = {"first_name": "Rocio", "taxpayer_identification_number": "12345678Z", "email": "r@vega.example"}


async def test_doubles_are_inserted(cl: Clientify) -> None:
    first, second = await cl.post("/contacts/", TWIN), await cl.post("/contacts/", TWIN)
    assert first["id"] != second["id"]


@pytest.mark.parametrize(("how", "status"), [("409_tax_number", 409), ("400_email", 400)])
async def test_doubles_are_refused(cl: Clientify, cl2: Clientify, how: str, status: int) -> None:
    first = await cl.post("/contacts/", TWIN)
    await cl.turn("duplicates", value=how)
    await cl2.refused("POST", "/contacts/", TWIN, status)
    assert await cl.find("/contacts/") == [first["id"]]
    forced = await cl.ask("POST", "/contacts/?force_insert=true", TWIN)
    assert forced.status_code == 201
    assert forced.json()["id"] != first["id"]
    other = {**TWIN, "taxpayer_identification_number": "X1", "email": "other@vega.example"}
    await cl.post("/contacts/", other)


@pytest.mark.parametrize("how", ["merge_tax_number", "merge_email"])
async def test_doubles_are_merged(cl: Clientify, how: str) -> None:
    await cl.define()
    await cl.define("other")
    first = await cl.post("/contacts/", {**TWIN, "custom_fields": [{"field": "factusol_id", "value": "1"}]})
    await cl.turn("duplicates", value=how)
    more = {"last_name": "", "phone": "600", "custom_fields": [{"field": "other", "value": "2"}]}
    second = await cl.post("/contacts/", {**TWIN, "first_name": "Rosa", **more})
    assert second["id"] == first["id"]
    assert (second["first_name"], len(second["emails"]), len(second["phones"])) == ("Rosa", 1, 1)
    assert values(second) == {"factusol_id": "1", "other": "2"}


# Updates


async def test_put_and_patch_are_partial(cl: Clientify, control: Control) -> None:
    made = await cl.contact(last_name="Vega", remarks="note", tags=["a"])
    await control.advance(5)
    changed = await cl.put(f"/contacts/{made['id']}/", {"last_name": "Marin"})
    assert (changed["first_name"], changed["last_name"], changed["tags"]) == ("Rocio", "Marin", ["a"])
    assert changed["created"] == made["created"] < changed["modified"]
    patched = await cl.ask("PATCH", f"/contacts/{made['id']}/", {"remarks": ""})
    assert (patched.status_code, patched.json()["remarks"]) == (200, "")
    await cl.refused("PUT", "/contacts/1/", {"first_name": "A"}, 404)
    await cl.refused("PUT", f"/contacts/{made['id']}/", {"first_name": ""})


async def test_what_put_does_to_lists(cl: Clientify) -> None:
    made = await cl.contact(phone="1", email="a@x.example")
    path = f"/contacts/{made['id']}/"
    for how, phones in (("ignored", ["1"]), ("append", ["1", "1", "2"]), ("replace", ["1", "2"])):
        await cl.turn("put_lists", value=how)
        changed = await cl.put(path, {"phones": [{"type": 1, "phone": "1"}, {"type": 2, "phone": "2"}]})
        assert [item["phone"] for item in changed["phones"]] == phones
        assert len(changed["emails"]) == 1


async def test_how_v2_updates(cl: Clientify, cl2: Clientify) -> None:
    made = await cl.contact()
    path = f"/contacts/{made['id']}/"
    for how, put, patch in (("put_only", 200, 405), ("patch_only", 405, 200), ("put_does_nothing", 200, 200)):
        await cl.turn("v2_update", value=how)
        assert (await cl2.ask("PUT", path, {"title": how})).status_code == put
        assert ((await cl.get(path))["title"] == how) is (how == "put_only")
        assert (await cl2.ask("PATCH", path, {"title": f"{how}!"})).status_code == patch
        assert ((await cl.get(path))["title"] == f"{how}!") is (patch == 200)


async def test_delete(cl: Clientify) -> None:
    made = await cl.contact()
    assert await cl.delete(f"/contacts/{made['id']}/") == 204
    assert await cl.delete(f"/contacts/{made['id']}/") == 404
    assert await cl.find("/contacts/") == []


async def test_batch(cl: Clientify) -> None:
    made = await cl.post("/multiple-contacts/", {"contacts": [{"first_name": "A"}, {"first_name": "B"}]})
    assert [contact["first_name"] for contact in made] == ["A", "B"]
    await cl.refused("POST", "/multiple-contacts/", {"contacts": "A"})


# Parts


@pytest.mark.parametrize(
    ("kind", "body", "change"),
    [
        ("emails", {"email": "a@x.example", "type": 1}, {"email": "b@x.example", "type": 2}),
        ("phones", {"phone": "953", "type": 1}, {"phone": "600", "type": 6}),
        ("addresses", ADDRESS, {**ADDRESS, "city": "Motril"}),
        ("websites", {"website": "x.example", "type": 5}, {"website": "y.example", "type": 1}),
        ("other_companies", {"title": "CEO"}, {"title": "CTO"}),
    ],
)
async def test_parts(cl: Clientify, kind: str, body: dict[str, object], change: dict[str, object]) -> None:
    made = await cl.contact()
    path = f"/contacts/{made['id']}/{kind}/"
    assert await cl.get(path) == {"count": 0, "next": None, "previous": None, "results": []}
    item = await cl.post(path, body)
    assert {name: item[name] for name in body} == body
    again = await cl.post(path, body)
    assert again["id"] != item["id"]
    changed = await cl.put(f"{path}{item['id']}/", change)
    assert {name: changed[name] for name in change} == change
    assert await cl.get(f"{path}{item['id']}/") == changed
    assert (await cl.get(f"/contacts/{made['id']}/"))[kind] == [changed, again]
    assert await cl.delete(f"{path}{item['id']}/") == 204
    assert await cl.delete(f"{path}{item['id']}/") == 404
    assert (await cl.get(path))["results"] == [again]
    assert (await cl.ask("GET", f"/contacts/1/{kind}/")).status_code == 404


async def test_websites_of_contacts_are_of_v1(cl: Clientify, cl2: Clientify) -> None:
    made = await cl.contact()
    assert (await cl2.ask("GET", f"/contacts/{made['id']}/websites/")).status_code == 404
    company = await cl2.post("/companies/", {"name": "A"})
    assert (await cl2.ask("POST", f"/companies/{company['id']}/websites/", {"website": "x"})).status_code == 201


async def test_a_web_site_may_need_a_scheme(cl: Clientify) -> None:
    made = await cl.contact()
    path = f"/contacts/{made['id']}/websites/"
    plain = await cl.post(path, {"website": "www.lanoria.example", "type": 5})
    assert (plain["website"], plain["type"]) == ("www.lanoria.example", 5)
    await cl.turn("website_format", value="addresses")
    assert await cl.refused("POST", path, {"website": "www.lanoria.example"}) == {
        "website": ["Enter a valid URL."]
    }
    await cl.post(path, {"website": "https://lanoria.example"})


async def test_tags(cl: Clientify) -> None:
    made = await cl.contact(tags=["factusol", "factusol"])
    path = f"/contacts/{made['id']}/tags/"
    assert made["tags"] == ["factusol"]
    vip = await cl.post(path, {"name": "vip"})
    assert await cl.post(path, {"name": "vip"}) == vip
    assert [tag["name"] for tag in (await cl.get(path))["results"]] == ["factusol", "vip"]
    assert await cl.delete(f"{path}{vip['id']}/") == 204
    assert await cl.delete(f"{path}{vip['id']}/") == 404
    assert [tag["name"] for tag in (await cl.get("/contacts/tags/"))["results"]] == ["factusol", "vip"]
    await cl.refused("POST", path, {"name": " "})


async def test_small_parts(cl: Clientify, cl2: Clientify) -> None:
    await cl.define()
    made = await cl.contact(custom_fields=[{"field": "factusol_id", "value": "7"}])
    path = f"/contacts/{made['id']}"
    assert (await cl.get(f"{path}/customfields/"))["results"] == [{"field": "factusol_id", "value": "7"}]
    await cl.post(f"{path}/note/", {"name": "Call", "comment": "<b>soon</b>"})
    await cl.refused("POST", f"{path}/note/", {})
    assert [e["name"] for e in (await cl.get(f"{path}/wallentries"))["results"]] == ["Call"]
    assert (await cl2.get(f"{path}/tasks/"))["count"] == 0
    assert (await cl.ask("GET", f"{path}/tasks/")).status_code == 404
    await cl.put(f"{path}/owner/", {"ownerId": made["owner_id"]})
    await cl.refused("PUT", f"{path}/owner/", {"ownerId": 1})
    await cl.put(f"{path}/marketing_status/", {"marketing_status": 2})
    await cl.refused("PUT", f"{path}/marketing_status/", {"marketing_status": 3})
    assert (await cl2.get(f"{path}/", fields="marketing_status")) == {"marketing_status": 2}


async def test_parts_and_modified(cl: Clientify, control: Control) -> None:
    made = await cl.contact()
    path = f"/contacts/{made['id']}/"
    for moves in (True, False):
        before = (await cl.get(path))["modified"]
        await cl.turn("sub_resources_move_modified", value=moves)
        await control.advance(5)
        await cl.post(f"{path}phones/", {"phone": "1"})
        assert ((await cl.get(path))["modified"] > before) is moves


# Custom fields


async def test_definitions(cl: Clientify, cl2: Clientify) -> None:
    body = {"name": "factusol_id", "content_type": "contacts | contact", "field_type": 3, "visible": True}
    made = await cl.post("/custom-fields/", body)
    assert made == {
        "url": f"{cl.base_url}/v1/custom-fields/{made['id']}/",
        "id": made["id"],
        "user_company": "DEMO",
        "content_type": "contacts | contact",
        "name": "factusol_id",
        "help_text": "",
        "field_type": 3,
        "field_type_display": "Text",
        "default_value": "",
        "dropdown_choices": [],
        "visible": True,
    }
    assert await cl.get(f"/custom-fields/{made['id']}/") == made
    await cl.post("/custom-fields/", {"name": "other", "content_type": "companies"})
    assert (await cl.get("/custom-fields/", object_type="contacts"))["count"] == 2
    (of_contacts,) = (await cl2.get("/custom-fields/", object_type="contacts"))["results"]
    assert of_contacts["url"].endswith(f"/api/custom-fields/{made['id']}/")
    for bad in ({}, {"name": "x", "content_type": "nothing"}, {"name": "x", "field_type": 99}):
        await cl.refused("POST", "/custom-fields/", bad)


async def test_hundreds_of_definitions_are_paged(cl: Clientify, control: Control) -> None:
    await control.seed("clientify", "custom-fields", *({"name": f"f{n}"} for n in range(354)))
    assert len(await cl.find("/custom-fields/", page=18)) == 14


async def test_label_is_translated(cl: Clientify) -> None:
    await cl.define()
    for label, shown in (("contacto", "contacts | contacto"), ("none", "contacts")):
        await cl.turn("content_type_label", value=label)
        assert (await cl.get("/custom-fields/"))["results"][0]["content_type"] == shown


@pytest.mark.parametrize("status", ["400", "403", "404", "405"])
async def test_definition_is_refused(cl: Clientify, status: str) -> None:
    await cl.turn("custom_field_create", value=status)
    await cl.refused("POST", "/custom-fields/", {"name": "factusol_id"}, int(status))
    assert await cl.find("/custom-fields/") == []


async def test_definition_is_made_otherwise(cl: Clientify) -> None:
    await cl.turn("custom_field_create", value="200")
    await cl.post("/custom-fields/", {"name": "a"}, 200)
    await cl.turn("custom_field_create", value="wrong_type")
    assert (await cl.post("/custom-fields/", {"name": "b"}))["field_type_display"] == "Dropdown"
    await cl.turn("custom_field_create", value="dropped")
    await cl.post("/custom-fields/", {"name": "c"})
    assert [row["name"] for row in (await cl.get("/custom-fields/"))["results"]] == ["a", "b"]


async def test_repeated_definition(cl: Clientify) -> None:
    await cl.define()
    await cl.refused("POST", "/custom-fields/", {"name": "factusol_id"})
    await cl.turn("custom_field_repeat", value="doubled")
    await cl.post("/custom-fields/", {"name": "factusol_id"})
    assert len(await cl.find("/custom-fields/")) == 2


async def test_values_are_merged_by_name(cl: Clientify, cl2: Clientify) -> None:
    await cl.define()
    await cl.define("other")
    made = await cl.contact(custom_fields=[{"field": "factusol_id", "value": 1043}])
    assert made["custom_fields"] == [{"field": "factusol_id", "value": "1043"}]
    path = f"/contacts/{made['id']}/"
    changed = await cl.put(path, {"custom_fields": [{"field": "other", "value": "x"}]})
    assert values(changed) == {"factusol_id": "1043", "other": "x"}
    await cl.refused("PUT", path, {"custom_fields": [{"field": "other", "value": "x" * 256}]})
    listed = (await cl2.get("/custom-fields-values/", object_type="contacts"))["results"]
    assert listed[0] == {"object_id": made["id"], "field": "factusol_id", "value": "1043"}


async def test_longest_value(cl: Clientify) -> None:
    await cl.define()
    await cl.turn("custom_value_limit", value=3)
    await cl.refused(
        "POST", "/contacts/", {"first_name": "A", "custom_fields": [{"field": "factusol_id", "value": "1043"}]}
    )


async def test_unknown_custom_field(cl: Clientify) -> None:
    wanted = [{"field": "factusol_id", "value": "1"}]
    made = await cl.contact(custom_fields=wanted)
    assert made["custom_fields"] == []
    await cl.turn("unknown_custom_field", value="refused")
    await cl.refused("POST", "/contacts/", {"first_name": "A", "custom_fields": wanted})


async def test_case_of_names(cl: Clientify) -> None:
    await cl.define("Factusol_ID")
    wanted = [{"field": "factusol_id", "value": "1"}]
    assert (await cl.contact(custom_fields=wanted))["custom_fields"] == []
    await cl.turn("custom_field_names", value="any_case")
    assert values(await cl.contact(custom_fields=wanted)) == {"Factusol_ID": "1"}


async def test_blank_values(cl: Clientify) -> None:
    await cl.define()
    made = await cl.contact()
    for how, shown in (("absent", {}), ("dashes", {"factusol_id": "--"}), ("empty", {"factusol_id": ""})):
        await cl.turn("blank_custom_value", value=how)
        assert values(await cl.get(f"/contacts/{made['id']}/")) == shown


async def test_definition_is_renamed_or_deleted_by_a_person(cl: Clientify) -> None:
    number = await cl.define()
    made = await cl.contact(custom_fields=[{"field": "factusol_id", "value": "7"}])
    path = f"/contacts/{made['id']}/"
    await cl.panel("PUT", f"/custom-fields/{number}", {"name": "codigo"})
    assert values(await cl.get(path)) == {"codigo": "7"}
    assert values(await cl.put(path, {"custom_fields": [{"field": "factusol_id", "value": "8"}]})) == {
        "codigo": "7"
    }
    assert (await cl.panel("DELETE", f"/custom-fields/{number}"))["status"] == 204
    assert (await cl.get(path))["custom_fields"] == []
    await cl.define()
    assert (await cl.get(path))["custom_fields"] == []


# Companies


async def test_companies(cl: Clientify) -> None:
    made = await cl.post(
        "/companies/", {"name": "Talleres", "taxpayer_identification_number": "B1", "tags": ["x"]}
    )
    path = f"/companies/{made['id']}/"
    await cl.refused("POST", "/companies/", {"business_name": "A"})
    await cl.put(path, {"business_name": "Talleres S.L.", "company_sector": "metal"})
    assert (await cl.get(path))["name"] == "Talleres"
    assert await cl.find("/companies/", query="s.l.") == [made["id"]]
    assert await cl.find("/companies/", taxpayer_identification_number="B2") == []
    await cl.post(f"{path}phones/", {"phone": "953"})
    assert [item["phone"] for item in (await cl.get(path))["phones"]] == ["953"]
    assert (await cl.get("/companies/sectors/"))["results"] == [{"name": "metal"}]
    assert (await cl.get("/companies/tags/"))["count"] == (await cl.get(f"{path}tags/"))["count"] == 1
    assert (await cl.get(f"{path}wallentries/"))["count"] == (await cl.get(f"{path}tasks/"))["count"] == 0
    await cl.refused("PUT", path, {"name": ""})
    assert await cl.delete(path) == 204


async def test_company_of_a_contact(cl: Clientify, cl2: Clientify) -> None:
    first = await cl.contact(company="Talleres")
    second = await cl.contact(company="TALLERES ")
    assert first["company"] == second["company"]
    assert first["company_details"]["name"] == "Talleres"
    number = first["company_details"]["id"]
    other = await cl.contact(company=first["company"])
    assert other["company_details"]["id"] == number
    await cl.put(f"/companies/{number}/employees/{other['id']}/", {})
    assert await cl.delete(f"/companies/{number}/employees/{other['id']}/") == 204
    assert (await cl2.get(f"/contacts/{other['id']}/", fields="company_id")) == {"company_id": None}
    assert (await cl.put(f"/contacts/{first['id']}/", {"company": ""}))["company"] is None


# The panel


async def test_form_of_the_panel(cl: Clientify, control: Control) -> None:
    form = {"first_name": "Rocio", "email": "a@x.example", "phone": "953", "street": "Calle 1", "city": "Jaen"}
    made = await cl.panel("POST", "/contacts", form)
    assert (made["status"], made["body"]["channel"]) == (201, "manual")
    path = f"/contacts/{made['body']['id']}"
    await cl.post(f"{path}/phones/", {"phone": "600", "type": 2})
    await cl.panel("PUT", path, {"phone": "954", "city": "Motril", "email": ""})
    contact = await cl.get(f"{path}/")
    assert [item["phone"] for item in contact["phones"]] == ["954", "600"]
    assert (contact["addresses"][0]["street"], contact["addresses"][0]["city"]) == ("Calle 1", "Motril")
    assert contact["emails"] == []
    (stored,) = await control.records("clientify", "contacts")
    assert (stored["phone"], stored["city"], stored["deleted"]) == ("954", "Motril", False)
    assert (await cl.panel("PUT", path, {"email": "no"}))["status"] == 400
    assert (await cl.panel("DELETE", path))["status"] == 204
    assert len(await control.records("clientify", "contacts", deleted="only")) == 1


async def test_merge_in_the_panel(cl: Clientify) -> None:
    await cl.define()
    kept = await cl.contact(custom_fields=[{"field": "factusol_id", "value": "1"}])
    lost = await cl.contact(phone="953", custom_fields=[{"field": "factusol_id", "value": "2"}])
    await cl.panel("POST", f"/contacts/{kept['id']}/merge", {"losers": [lost["id"]]})
    assert (await cl.ask("GET", f"/contacts/{lost['id']}/")).status_code == 404
    contact = await cl.get(f"/contacts/{kept['id']}/")
    assert (values(contact), len(contact["phones"])) == ({"factusol_id": "1"}, 1)


async def test_whose_values_stay_after_a_merge(cl: Clientify) -> None:
    await cl.define()
    await cl.turn("merged_values", value="loser")
    kept = await cl.contact(custom_fields=[{"field": "factusol_id", "value": "1"}])
    lost = await cl.contact(custom_fields=[{"field": "factusol_id", "value": "2"}])
    bare = await cl.contact()
    await cl.panel("POST", f"/contacts/{kept['id']}/merge", {"losers": [lost["id"], bare["id"]]})
    assert values(await cl.get(f"/contacts/{kept['id']}/")) == {"factusol_id": "2"}

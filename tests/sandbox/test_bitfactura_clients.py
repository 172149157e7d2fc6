"""BitFactura's clients, as its page and the recorded answers describe them."""

from datetime import UTC, datetime

import httpx
import pytest

from services.sandbox.catalog import SERVED
from services.sandbox.server import running
from services.sandbox.world import World
from tests.sandbox.support import Control, Vendor, keys, make_client, make_invoice

FROZEN = datetime(2026, 3, 4, 9, 11, 12, 345_000, tzinfo=UTC)

RECORDED_KEYS = keys(
    "id name shortcut tax_no tax_no_kind tax_no_check register_number company kind first_name last_name title "
    "person email phone mobile_phone www fax note street street_no post_code city country use_delivery_address "
    "delivery_address bank bank_account bank_account_id discount payment_to_kind default_payment_type "
    "disable_auto_reminders category_id department_id buyer_id panel_user_id use_mass_payment mass_payment_code "
    "external_id accounting_id attachments_count balance deleted dynamic_fields import referrer fuid fname femail "
    "password_hash password_salt token created_at updated_at"
)
NEWER_KEYS = {"tag_list", "price_list_id", "default_tax"}


async def test_answers_are_bare(bf: Vendor) -> None:
    client = await make_client(bf)
    assert client["name"] == "Talleres Anaga S.L."
    listed = await bf.get("/clients.json")
    assert isinstance(listed, list)
    assert [c["id"] for c in listed] == [client["id"]]


async def test_keys_of_create_and_read(bf: Vendor) -> None:
    client = await make_client(bf)
    read = await bf.get(f"/clients/{client['id']}.json")
    assert set(read) == RECORDED_KEYS | NEWER_KEYS
    assert set(client) == set(read) - {"balance"}
    assert isinstance(read["id"], int)
    assert read["balance"] == "0.0"


async def test_times_of_create_read_and_update() -> None:
    async with running(World(SERVED, seed=1, clock=lambda: FROZEN)) as sandbox, httpx.AsyncClient() as http:
        bf = Vendor(http=http, system="bitfactura", **sandbox.systems["bitfactura"])
        client = await make_client(bf)
        path = f"/clients/{client['id']}.json"
        real, rounded = "2026-03-04T10:11:12.345+01:00", "2026-03-04T10:11:12.000+01:00"
        assert (client["created_at"], client["updated_at"]) == (real, real)
        read = await bf.get(path)
        assert (read["created_at"], read["updated_at"]) == (rounded, rounded)
        changed = await bf.put(path, {"client": {"city": "Tegueste"}})
        assert (changed["created_at"], changed["updated_at"]) == (rounded, real)


async def test_delete_answers_ok(bf: Vendor) -> None:
    client = await make_client(bf)
    answer = await bf.delete(f"/clients/{client['id']}.json")
    assert (answer.status_code, answer.text) == (200, '"ok"')
    assert answer.headers["content-type"].startswith("application/json")
    assert (await bf.ask("GET", f"/clients/{client['id']}.json")).status_code == 404
    assert (await bf.delete(f"/clients/{client['id']}.json")).status_code == 404
    assert await bf.get("/clients.json") == []


async def test_delete_may_answer_204(bf: Vendor, control: Control) -> None:
    await control.turn("bitfactura", "delete_answer", value="204")
    client = await make_client(bf)
    answer = await bf.delete(f"/clients/{client['id']}.json")
    assert (answer.status_code, answer.content) == (204, b"")


async def test_deletion_is_soft_inside(bf: Vendor, control: Control) -> None:
    client = await make_client(bf)
    await bf.delete(f"/clients/{client['id']}.json")
    assert await control.records("bitfactura", "clients") == []
    stored = await control.records("bitfactura", "clients", deleted="only")
    assert [(r["id"], r["deleted"]) for r in stored] == [(client["id"], True)]


async def test_same_name_and_number_twice(bf: Vendor) -> None:
    made = [await make_client(bf, tax_no="B76123458") for _ in range(3)]
    assert len({client["id"] for client in made}) == 3
    name = "Talleres Anaga S.L."
    assert [client["shortcut"] for client in made] == [name, f"{name} (1)", f"{name} (2)"]


async def test_put_changes_only_what_is_given(bf: Vendor) -> None:
    client = await make_client(bf, email="a@anaga.example", city="Tegueste")
    changed = await bf.put(f"/clients/{client['id']}.json", {"client": {"city": "Arona"}})
    assert (changed["city"], changed["email"]) == ("Arona", "a@anaga.example")


async def test_whole_object_put_back(bf: Vendor) -> None:
    client = await make_client(bf, city="Tegueste")
    path = f"/clients/{client['id']}.json"
    whole = await bf.get(path)
    answer = await bf.put(path, {"client": {**whole, "id": 5, "token": "mine", "city": "Arona", "new_key": 1}})
    read = await bf.get(path)
    assert (read["id"], read["token"], read["city"]) == (client["id"], client["token"], "Arona")
    assert answer["created_at"] == whole["created_at"]
    assert "new_key" not in read
    made = await bf.post("/clients.json", {"client": {**whole, "id": None}})
    assert made["id"] != client["id"]


async def test_external_id_reads_back_as_text(bf: Vendor) -> None:
    client = await make_client(bf, external_id=77812)
    assert client["external_id"] == "77812"
    assert (await bf.get(f"/clients/{client['id']}.json"))["external_id"] == "77812"


async def test_external_id_lists_all_that_have_it(bf: Vendor) -> None:
    first, second = [(await make_client(bf, external_id="x-1"))["id"] for _ in range(2)]
    await make_client(bf, external_id="x-10")
    assert {c["id"] for c in await bf.get("/clients.json", external_id="x-1")} == {first, second}
    assert await bf.get("/clients.json", external_id="x-2") == []


async def test_external_id_may_be_unique(bf: Vendor, control: Control) -> None:
    await control.turn("bitfactura", "unique_external_id")
    client = await make_client(bf, external_id="x-1")
    again = await bf.ask("POST", "/clients.json", {"client": {"name": "B", "external_id": "x-1"}})
    assert again.status_code == 422
    assert "external_id" in again.json()["message"]
    await bf.put(f"/clients/{client['id']}.json", {"client": {"external_id": "x-1", "city": "Arona"}})


async def test_country_is_free_text(bf: Vendor) -> None:
    for country, check in (("Spain", "SPAINB76123458"), ("", "ESB76123458"), (None, "ESB76123458")):
        client = await make_client(bf, country=country, tax_no="B76123458")
        read = await bf.get(f"/clients/{client['id']}.json")
        assert (read["country"], read["tax_no_check"]) == (country, check)


async def test_unset_text_is_null_or_empty(bf: Vendor) -> None:
    client = await make_client(bf, phone="", email=None)
    assert (client["phone"], client["email"], client["fax"]) == ("", None, None)


async def test_private_person(bf: Vendor) -> None:
    given = {"company": False, "first_name": "Ana", "last_name": "Rivero"}
    client = await bf.post("/clients.json", {"client": given})
    assert (client["company"], client["name"], client["last_name"]) == (False, "Ana Rivero", "Rivero")
    as_text = await make_client(bf, company="0")
    assert as_text["company"] is False


async def test_decimal_strings(bf: Vendor) -> None:
    for given, stored in ((10, "10.0"), ("7.50", "7.5"), ("59,00", "59.0"), ("", None), (None, None)):
        assert (await make_client(bf, discount=given))["discount"] == stored
    for given in ("abc", "1e999999", "NaN"):
        assert (
            await bf.ask("POST", "/clients.json", {"client": {"name": "A", "discount": given}})
        ).status_code == 422


async def test_values_of_odd_types(bf: Vendor) -> None:
    client = await make_client(bf, phone=922000111, city={"a": 1}, tag_list=["vip", 3], kind="nonsense")
    assert (client["phone"], client["city"], client["kind"]) == ("922000111", None, "buyer")
    assert client["tag_list"] == ["vip", "3"]


async def test_with_tags_false_drops_tags(bf: Vendor) -> None:
    await make_client(bf, tag_list=["vip"])
    assert "tag_list" not in (await bf.get("/clients.json", with_tags="false"))[0]
    assert (await bf.get("/clients.json"))[0]["tag_list"] == ["vip"]


@pytest.mark.parametrize(
    ("how", "found"), [("partial", {"a", "b"}), ("exact", {"a"}), ("ignored", {"a", "b", "c"})]
)
async def test_filters_match_partly_exactly_or_not(
    how: str, found: set[str], bf: Vendor, control: Control
) -> None:
    await control.turn("bitfactura", "filters", value=how)
    for city, name in (("a", "Anaga"), ("b", "Talleres Anaga"), ("c", "Otro")):
        await make_client(bf, city=city, name=name, shortcut=name, email=f"{name}@x", tax_no=name)
    for field, value in (("name", "anaga"), ("shortcut", "Anaga"), ("email", "Anaga@x"), ("tax_no", "Anaga")):
        assert {c["city"] for c in await bf.get("/clients.json", **{field: value})} == found, field


async def test_an_empty_filter_filters_nothing(bf: Vendor) -> None:
    await make_client(bf)
    assert len(await bf.get("/clients.json", tax_no="", external_id="", name="")) == 1


async def test_tax_no_filter_and_punctuation(bf: Vendor, control: Control) -> None:
    await make_client(bf, tax_no="B-7612345.8")
    assert await bf.get("/clients.json", tax_no="B76123458") == []
    await control.turn("bitfactura", "tax_no_filter_strips")
    assert len(await bf.get("/clients.json", tax_no="B76123458")) == 1


async def test_query_searches_several_fields(bf: Vendor) -> None:
    await make_client(bf, email="taller@anaga.example")
    await make_client(bf, name="Otro")
    assert len(await bf.get("/clients.json", query="ANAGA.example")) == 1


async def test_card_takes_any_tax_number(bf: Vendor, control: Control) -> None:
    await make_client(bf, tax_no="nonsense")
    await control.turn("bitfactura", "client_tax_no_check")
    refused = await bf.ask("POST", "/clients.json", {"client": {"name": "A", "tax_no": "nonsense"}})
    assert refused.json()["message"] == {"tax_no": ["no es correcto"]}
    await make_client(bf, tax_no="B12345674")
    await make_client(bf, tax_no="nonsense", country="FR")


async def test_long_text_is_refused_or_cut(bf: Vendor, control: Control) -> None:
    body = {"client": {"name": "A", "city": "x" * 256, "note": "n" * 1000}}
    refused = await bf.ask("POST", "/clients.json", body)
    assert refused.status_code == 422
    assert list(refused.json()["message"]) == ["city"]
    await control.turn("bitfactura", "long_text", value="truncate")
    assert len((await bf.post("/clients.json", body))["city"]) == 255
    await control.turn("bitfactura", "short_text_limit", value=20)
    made = await bf.post("/clients.json", body)
    assert (len(made["city"]), len(made["note"])) == (20, 1000)


async def test_put_that_changes_nothing(bf: Vendor, control: Control) -> None:
    client = await make_client(bf, city="Arona")
    path = f"/clients/{client['id']}.json"
    assert (await bf.put(path, {"client": {"city": "Arona"}}))["updated_at"] == client["updated_at"]
    await control.turn("bitfactura", "unchanged_put_counts")
    assert (await bf.put(path, {"client": {"city": "Arona"}}))["updated_at"] > client["updated_at"]


async def test_last_write_wins(bf: Vendor) -> None:
    client = await make_client(bf)
    path = f"/clients/{client['id']}.json"
    for city in ("Arona", "Adeje"):
        await bf.put(path, {"client": {"city": city, "updated_at": client["updated_at"]}})
    assert (await bf.get(path))["city"] == "Adeje"


async def test_balance_is_what_is_owed(bf: Vendor) -> None:
    client = await make_client(bf)
    invoice = await make_invoice(bf, client["id"], "30.99")
    path = f"/clients/{client['id']}.json"
    assert (await bf.get(path))["balance"] == "30.99"
    await bf.put(f"/invoices/{invoice['id']}.json", {"invoice": {"status": "paid"}})
    assert (await bf.get(path))["balance"] == "0.0"


async def test_merge_moves_documents_and_deletes_the_rest(bf: Vendor) -> None:
    keep, lose, stay = [(await make_client(bf))["id"] for _ in range(3)]
    invoice = await make_invoice(bf, lose)
    answer = await bf.ask("POST", f"/clients/{keep}/merge.json", {"merge_ids": [lose, keep, 1]})
    assert (answer.status_code, answer.json()["id"]) == (200, keep)
    assert (await bf.ask("GET", f"/clients/{lose}.json")).status_code == 404
    assert (await bf.get(f"/invoices/{invoice['id']}.json"))["client_id"] == keep
    assert {c["id"] for c in await bf.get("/clients.json")} == {keep, stay}

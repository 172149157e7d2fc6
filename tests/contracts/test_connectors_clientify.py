"""What is true of Clientify alone: two versions, parts, doubles, our custom field, one slot, on the sandbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from shared import errors
from shared.clock import SystemClock
from shared.connectors.contract import Access, Check, Limits, Request, Response
from shared.connectors.registry import CONNECTORS
from shared.model.record import Fields
from tests.contracts.connector_bench import WRITTEN, Bench, as_fields, benches_of, everything, rows_of
from tests.contracts.connector_rawvendor import answer, raw_vendor
from tests.contracts.test_connectors_hostile import session_at

pytestmark = pytest.mark.asyncio(loop_scope="module")
VERSIONS = ("v1", "v2")
BOTH = pytest.mark.parametrize("api", VERSIONS)
CLIENT: Fields = WRITTEN["contacts"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def benches() -> AsyncIterator[Mapping[str, Bench]]:
    async with benches_of({"clientify": CONNECTORS["clientify"]}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def bench(benches: Mapping[str, Bench]) -> Bench:
    """An account with our custom field, without contacts and faults."""
    await benches["clientify"].reset()
    return replace(benches["clientify"], settings=dict(benches["clientify"].settings))


async def only(bench: Bench) -> dict[str, object]:
    """The one contact that there is."""
    (found,) = await bench.records("contacts")
    return found


async def texts(bench: Bench, kind: str, name: str) -> list[object]:
    """The values of the one contact's parts, with their types."""
    found = (await only(bench))[kind]
    assert isinstance(found, list)
    return [(each["type"], each[name]) for each in found]


async def field_ids(bench: Bench) -> list[int]:
    return [int(str(each["id"])) for each in await bench.records("custom-fields")]


async def delete_field(bench: Bench) -> None:
    for number in await field_ids(bench):
        await bench.owner("DELETE", f"/panel/custom-fields/{number}", {})


async def checked(bench: Bench, **settings: str) -> dict[str, Check]:
    return {each.name: each async for each in bench.session(**settings).checks()}


# Versions


@pytest.mark.parametrize(("has", "used"), [("both", "v2"), ("v1", "v1"), ("v2", "v2")])
async def test_the_version_of_an_account_is_found_out_once(bench: Bench, has: str, used: str) -> None:
    await bench.fault("versions", value=has)
    await bench.http.post("/reset", json={"what": ["stats"]})
    session = bench.session()
    await session.page("contacts")
    await session.page("contacts")
    stats = (await bench.http.get("/stats")).json()["clientify"]
    assert stats[f"GET /{used}/contacts/"] == 2
    assert sum(count for name, count in stats.items() if "/me/" in name) == 1
    found = (await checked(bench))["version"]
    assert found.remember["found_api"] == used
    assert found.remember.get("found_country") == (None if has == "v2" else "ES")
    assert found.remember["account_id"]


async def test_a_classic_account_is_used_with_version_1(bench: Bench) -> None:
    await bench.fault("account_status", value="client_1_0")
    assert (await checked(bench))["version"].remember["found_api"] == "v1"
    await bench.fault("versions", value="v2")
    assert (await checked(bench))["version"].remember["found_api"] == "v2"


async def test_a_setting_that_names_the_version_is_believed_if_that_one_answers(bench: Bench) -> None:
    assert (await checked(bench, api="v1"))["version"].remember["found_api"] == "v1"
    await bench.fault("versions", value="v2")
    found = await checked(bench, api="v1")
    assert (list(found), found["host"].state) == (["host"], "failed")
    with pytest.raises(errors.PuenteError):
        await bench.session(api="v1").page("contacts")


async def test_both_forms_of_the_account_are_read(bench: Bench) -> None:
    await bench.fault("my_account_shape", value="user")
    await bench.fault("versions", value="v1")
    assert (await checked(bench))["version"].remember["account_id"]


@pytest.mark.parametrize(
    ("country", "typed", "read"),
    [
        ("PT", "210 000 000", "+351210000000"),
        ("FR", "01 42 68 53 00", "+33142685300"),
        ("MX", "55 5123 4567", "+525551234567"),
        ("none", "953 000 001", "+34953000001"),
    ],
)
async def test_the_accounts_country_decides_how_its_telephones_are_read(
    bench: Bench, country: str, typed: str, read: str
) -> None:
    await bench.fault("account_country", value=country)
    found = (await checked(bench))["version"].remember
    assert found.get("found_country") == (None if country == "none" else country)
    phones = [{"type": 1, "phone": typed}]
    (record_id,) = await bench.seed("contacts", {"first_name": "Ana", "phones": phones})
    row = await bench.session(**found).read("contacts", record_id)
    assert row is not None
    assert row.fields["phone"] == read


# Parts


@BOTH
@pytest.mark.parametrize("lists", ["replace", "append", "ignored"])
async def test_an_update_never_doubles_or_drops_a_part(bench: Bench, api: str, lists: str) -> None:
    await bench.fault("put_lists", value=lists)
    session = bench.session(api=api)
    row = await session.create("contacts", CLIENT, reference="r")
    record_id = row.record_id
    await bench.owner("POST", f"/v1/contacts/{record_id}/phones/", {"phone": "+34922000077", "type": 3})
    await bench.owner("POST", f"/v1/contacts/{record_id}/emails/", {"email": "otro@anaga.example", "type": 2})
    for _ in range(2):
        change = {"phone": "+34922000002", "email": "nuevo@anaga.example", "city": "Adeje", "name": "Anaga S.L."}
        answered = await session.update("contacts", record_id, as_fields(change))
        assert answered is not None
        assert {name: answered.fields[name] for name in change} == change
    assert await texts(bench, "phones", "phone") == [
        (1, "+34922000002"),
        (2, "+34600000001"),
        (6, "+34922000009"),
        (3, "+34922000077"),
    ]
    assert await texts(bench, "emails", "email") == [(4, "nuevo@anaga.example"), (2, "otro@anaga.example")]
    assert await texts(bench, "addresses", "city") == [(5, "Adeje")]
    assert (await only(bench))["street"] == "Calle del Drago 4"


@BOTH
async def test_a_part_that_says_it_already_costs_no_write(bench: Bench, api: str) -> None:
    session = bench.session(api=api)
    row = await session.create("contacts", CLIENT, reference="r")
    await bench.http.post("/reset", json={"what": ["stats"]})
    same = {name: CLIENT[name] for name in ("email", "phone", "mobile_phone", "street", "country")}
    assert await session.update("contacts", row.record_id, same) is not None
    stats = (await bench.http.get("/stats")).json()["clientify"]
    assert all(name.startswith("GET ") for name in stats), stats


@BOTH
async def test_parts_are_emptied_one_by_one(bench: Bench, api: str) -> None:
    session = bench.session(api=api)
    row = await session.create("contacts", CLIENT, reference="r")
    empty: Fields = dict.fromkeys(("email", "mobile_phone", "street", "city", "province", "country", "post_code"))
    shown = await session.update("contacts", row.record_id, empty)
    assert shown is not None
    assert {name: shown.fields[name] for name in empty} == empty
    assert await texts(bench, "emails", "email") == []
    assert await texts(bench, "addresses", "city") == []
    assert (1, "+34922000001") in await texts(bench, "phones", "phone")


async def test_words_beside_a_number_are_kept_as_a_further_phone(bench: Bench) -> None:
    session = bench.session()
    row = await session.create("contacts", {**CLIENT, "phone_note": "pregunta por Luis"}, reference="r")
    assert row.fields["phone_note"] == "pregunta por Luis"
    assert (6, "pregunta por Luis") in await texts(bench, "phones", "phone")


@BOTH
async def test_a_new_contact_whose_further_parts_fail_is_there_and_lacks_them(bench: Bench, api: str) -> None:
    """Version 1 takes one phone with the contact; the others follow, and their failure must not hide it."""
    await bench.fault("server_error", match=f"POST /{api}/contacts/[0-9]+/phones/")
    row = await bench.session(api=api).create("contacts", CLIENT, reference="r")
    assert row.fields["phone"] == CLIENT["phone"]
    assert ("mobile_phone" in row.fields) == (api == "v2")
    assert str((await only(bench))["id"]) == row.record_id


async def test_a_web_site_is_the_main_one_or_the_businesss_own_and_others_stay(bench: Bench) -> None:
    session = bench.session(api="v1")
    row = await session.create("contacts", {**CLIENT, "www": "www.anaga.example"}, reference="r")
    assert row.fields["www"] == "www.anaga.example"
    blog = {"website": "https://blog.anaga.example", "type": 3}
    await bench.owner("POST", f"/v1/contacts/{row.record_id}/websites/", blog)
    for _ in range(2):
        shown = await session.update("contacts", row.record_id, {"www": "https://anaga.example"})
        assert shown is not None
        assert shown.fields["www"] == "https://anaga.example"
    kept = [(5, "https://anaga.example"), (3, "https://blog.anaga.example")]
    assert await texts(bench, "websites", "website") == kept
    shown = await session.update("contacts", row.record_id, {"www": None})
    assert shown is not None
    assert shown.fields["www"] is None
    assert await texts(bench, "websites", "website") == kept[1:]
    (other,) = await bench.seed(
        "contacts", {"first_name": "Dos", "websites": [blog, {"website": "dos.example", "type": 1}]}
    )
    read = await session.read("contacts", other)
    assert read is not None
    assert read.fields["www"] == "dos.example"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"api": "v2"}, "Version 2"),
        ({"found_api": "v2"}, "Version 2"),
        ({}, "not known yet"),
        ({"api": "v1", "websites": "no"}, "websites=no"),
        ({"found_api": "v1", "websites": "perhaps"}, "yes or no"),
        ({"found_api": "v1", "api": "v9"}, "cannot be read"),
    ],
)
async def test_web_sites_are_lacking_but_where_version_1_is_known(
    bench: Bench, settings: Mapping[str, str], why: str
) -> None:
    lacking = bench.session(**settings).lacks("contacts")
    assert lacking.keys() == {"www"}
    assert why in lacking["www"].en


@pytest.mark.parametrize("settings", [{"api": "v1"}, {"found_api": "v1"}, {"found_api": "v2", "api": "v1"}])
async def test_version_1_lacks_nothing(bench: Bench, settings: Mapping[str, str]) -> None:
    assert bench.session(**settings).lacks("contacts") == {}


@pytest.mark.parametrize("settings", [{"api": "v2"}, {"api": "v1", "websites": "no"}, {}])
async def test_a_web_site_that_is_not_carried_is_neither_shown_nor_touched(
    bench: Bench, settings: Mapping[str, str]
) -> None:
    own = {"website": "https://anaga.example", "type": 5}
    (one,) = await bench.seed("contacts", {"first_name": "Anaga", "websites": [own]})
    session = bench.session(**settings)
    shown = await session.update("contacts", one, {"city": "Adeje"})
    assert shown is not None
    assert ("www" in shown.fields, shown.fields["city"]) == (False, "Adeje")
    page = await session.page("contacts")
    assert "www" not in page.rows[0].fields
    assert await texts(bench, "websites", "website") == [(5, "https://anaga.example")]


async def test_a_check_says_what_the_version_lacks_and_remembers_it(bench: Bench) -> None:
    for version, says in (("v2", True), ("v1", False)):
        await bench.fault("versions", value=version)
        found = {each.name: each async for each in bench.session().checks()}["version"]
        assert found.remember["found_api"] == version
        assert ("web sites" in found.says.en, "webs" in found.says.es) == (says, says)
        assert bool(bench.session(**found.remember).lacks("contacts")) is says


async def test_a_web_site_that_is_refused_keeps_nothing_else_back(bench: Bench) -> None:
    await bench.fault("website_format", value="addresses")
    session = bench.session(api="v1")
    row = await session.create("contacts", {**CLIENT, "www": "www.anaga.example"}, reference="r")
    assert "www" not in row.fields
    assert (2, CLIENT["mobile_phone"]) in await texts(bench, "phones", "phone")
    with pytest.raises(errors.Rejected) as refused:
        await session.update("contacts", row.record_id, {"www": "www.anaga.example", "city": "Adeje"})
    assert refused.value.field == "www"
    assert "https://" in refused.value.way_out
    read = await session.read("contacts", row.record_id)
    assert read is not None
    assert read.fields["city"] == "Adeje"
    shown = await session.update("contacts", row.record_id, {"www": "https://anaga.example"})
    assert shown is not None
    assert shown.fields["www"] == "https://anaga.example"


# Names, countries, phones


async def test_a_name_keeps_its_parting_where_one_half_stays(bench: Bench) -> None:
    session = bench.session()
    (record_id,) = await bench.seed("contacts", {"first_name": "Rocío", "last_name": "Vega Marín"})
    for name, halves in (
        ("Rocío Isabel Vega Marín", ("Rocío Isabel", "Vega Marín")),
        ("Rocío Isabel Vega Martín", ("Rocío Isabel", "Vega Martín")),
        ("Vega Martín, Isabel", ("Vega Martín, Isabel", "")),
    ):
        shown = await session.update("contacts", record_id, {"name": name})
        assert shown is not None
        assert shown.fields["name"] == name
        found = await only(bench)
        assert (found["first_name"], found["last_name"]) == halves


@pytest.mark.parametrize(
    ("before", "setting", "written"),
    [
        ("", "en", "Germany"),
        ("", "es", "Alemania"),
        ("", "code", "DE"),
        ("España", "en", "Alemania"),
        ("Spain", "es", "Germany"),
        ("ES", "en", "DE"),
        ("Atlantis", "es", "Alemania"),
        ("GERMANY", "es", "GERMANY"),
    ],
)
async def test_the_form_of_a_country_that_is_found_is_the_form_that_is_written(
    bench: Bench, before: str, setting: str, written: str
) -> None:
    address = {"type": 5, "street": "Calle 1", "city": "", "state": "", "country": before, "postal_code": ""}
    (record_id,) = await bench.seed("contacts", {"first_name": "Uno", "addresses": [address]})
    session = bench.session(country_names=setting)
    shown = await session.update("contacts", record_id, {"country": "DE", "city": "Berlín"})
    assert shown is not None
    assert shown.fields["country"] == "DE"
    assert (await only(bench))["country_name"] == written


async def test_phones_are_read_by_the_accounts_country(bench: Bench) -> None:
    await bench.seed("contacts", {"first_name": "Uno", "phones": [{"type": 1, "phone": "213 456 789"}]})
    (row,) = (await bench.session(country="PT").page("contacts")).rows
    assert row.fields["phone"] == "+351213456789"
    (row,) = (await bench.session(found_country="PT").page("contacts")).rows
    assert row.fields["phone"] == "+351213456789"


# Doubles


@BOTH
@pytest.mark.parametrize("how", ["insert", "409_tax_number", "400_email", "merge_tax_number", "merge_email"])
async def test_a_second_contact_with_the_same_keys_is_made_where_it_is_meant(
    bench: Bench, api: str, how: str
) -> None:
    await bench.fault("duplicates", value=how)
    session = bench.session(api=api)
    first = await session.create("contacts", CLIENT, reference="r")
    second = await session.create("contacts", {**CLIENT, "name": "Otra S.L.", "other_id": "1045"}, reference="s")
    assert second.record_id != first.record_id
    shown = await session.read("contacts", first.record_id)
    assert shown is not None
    assert (shown.fields["name"], shown.fields["other_id"]) == (CLIENT["name"], "1044")


@BOTH
@pytest.mark.parametrize("how", ["409_tax_number", "400_email"])
async def test_a_double_that_the_vendor_refuses_is_matched_again_and_not_made(
    bench: Bench, api: str, how: str
) -> None:
    await bench.fault("duplicates", value=how)
    session = bench.session(api=api, force_insert="no")
    await session.create("contacts", CLIENT, reference="r")
    with pytest.raises(errors.Retryable) as refused:
        await session.create("contacts", {**CLIENT, "other_id": "1045"}, reference="s")
    assert not isinstance(refused.value, errors.InDoubt)
    assert len(await bench.records("contacts")) == 1
    with pytest.raises(errors.Rejected) as wrong:
        await session.create("contacts", {**CLIENT, "email": "no address", "tax_no": None}, reference="t")
    assert wrong.value.field == "email"


@BOTH
async def test_a_contact_that_was_merged_into_another_shows_its_id(bench: Bench, api: str) -> None:
    await bench.fault("duplicates", value="merge_email")
    session = bench.session(api=api, force_insert="no")
    first = await session.create("contacts", CLIENT, reference="r")
    second = await session.create("contacts", {**CLIENT, "other_id": "1045"}, reference="s")
    assert second.record_id == first.record_id


# Searching


@BOTH
@pytest.mark.parametrize("cf", ["cf_name", "bare_name", "ignored"])
@pytest.mark.parametrize("filters", ["documented", "query_only", "ignored"])
async def test_a_search_shows_who_was_meant_and_nobody_else(bench: Bench, api: str, cf: str, filters: str) -> None:
    await bench.fault("custom_field_filter", value=cf)
    await bench.fault("filters", value=filters)
    session = bench.session(api=api)
    own = await bench.session(api=api).create("contacts", CLIENT, reference="r")
    await bench.seed("contacts", *({"first_name": f"Uno {n}", "email": f"a{n}@b.example"} for n in range(30)))
    assert await session.search("contacts", "tax_no", "B99999999") == []
    for name in ("tax_no", "email"):
        hits = await session.search("contacts", name, str(CLIENT[name]))
        assert [each.record_id for each in hits] == [own.record_id]
    hits = await session.search("contacts", "other_id", "1044")
    assert {each.record_id for each in hits} <= {own.record_id}
    assert bool(hits) or (cf, filters) != ("cf_name", "documented")
    assert await session.search("contacts", "other_id", "104") == []
    for number in ("1044", "104"):
        found = await session.by_reference("contacts", "r", {**CLIENT, "other_id": number})
        assert [each.record_id for each in found] == ([own.record_id] if number == "1044" else [])


async def test_a_filter_that_is_ignored_is_asked_once(bench: Bench) -> None:
    await bench.fault("custom_field_filter", value="ignored")
    await bench.seed("contacts", *({"first_name": f"Uno {n}"} for n in range(250)))
    session = bench.session(api="v1")
    before = await bench.calls()
    for number in range(5):
        assert await session.search("contacts", "other_id", str(number)) == []
    assert await bench.calls() - before == 1


@BOTH
@pytest.mark.parametrize("dates", ["times", "days", "ignored"])
async def test_a_sweep_of_changes_misses_none_and_reads_little_where_the_vendor_helps(
    bench: Bench, api: str, dates: str
) -> None:
    await bench.fault("date_filters", value=dates)
    ids = await bench.seed("contacts", *({"first_name": f"Uno {n}"} for n in range(250)))
    await bench.http.post("/clock", json={"advance": 4 * 24 * 3600})
    since = datetime.fromisoformat((await bench.http.get("/clock")).json()["now"])
    await bench.owner("PUT", f"/panel/contacts/{ids[0]}", {"remarks": "cambiado"})
    session = bench.session(api=api)
    for _ in range(2):
        page = await session.page(
            "contacts", newest_change_first=True, changed_since=since - timedelta(minutes=10)
        )
        assert page.rows[0].record_id == ids[0]
        assert page.rows[0].changed_at is not None
        assert len(page.rows) == (100 if dates == "ignored" else 1)
        assert (page.next is None) == (dates != "ignored")
    pages = await everything(session, "contacts", newest_change_first=True)
    assert len(rows_of(pages)) == 250


@BOTH
@pytest.mark.parametrize("filtered", [True, False])
async def test_an_order_by_change_that_is_not_kept_is_not_believed(bench: Bench, api: str, filtered: bool) -> None:
    """A sweep stops at the first old row that it sees: such rows show no time, so that it reads on."""
    older = [{"id": n, "modified": "2026-11-01T10:00:00+01:00"} for n in range(1, 101)]
    newer = [{"id": n, "modified": "2026-11-20T10:00:00+01:00"} for n in range(101, 201)]
    rows = newer if filtered else older
    whole = {"count": 200, "next": "https://elsewhere.example/?page=2", "previous": None, "results": rows}
    since = datetime(2026, 11, 19, tzinfo=UTC)
    async with raw_vendor(answer(json.dumps(whole))) as vendor:
        session = session_at(vendor.base_url, "clientify", bench.wire, api=api)
        page = await session.page("contacts", newest_change_first=True, changed_since=since)
    assert len(page.rows) == 100
    assert all((row.changed_at is not None) == filtered for row in page.rows)
    assert len(vendor.requests) == (1 if filtered else 3)


# Our custom field


@BOTH
async def test_the_field_is_made_once_and_found_again(bench: Bench, api: str) -> None:
    await delete_field(bench)
    session = bench.session(api=api)
    assert (await session.ensure_field("contacts", "other_id", make=False)).state == "missing"
    assert (await session.ensure_field("contacts", "other_id")).state == "made"
    assert (await session.ensure_field("contacts", "other_id")).state == "there"
    assert len(await field_ids(bench)) == 1
    with pytest.raises(errors.Rejected):
        await session.ensure_field("contacts", "email")


@BOTH
async def test_two_that_miss_our_field_at_once_make_one(bench: Bench, api: str) -> None:
    await bench.fault("custom_field_repeat", value="doubled")
    await delete_field(bench)
    session = bench.session(api=api)
    found = await asyncio.gather(*(session.ensure_field("contacts", "other_id") for _ in range(3)))
    assert sorted(each.state for each in found) == ["made", "there", "there"]
    assert len(await field_ids(bench)) == 1


@BOTH
async def test_the_field_is_found_on_the_last_page_of_hundreds(bench: Bench, api: str) -> None:
    await bench.seed("custom-fields", *({"name": f"campo {n}"} for n in range(230)))
    await delete_field(bench)
    await bench.seed("custom-fields", *({"name": f"campo {n}"} for n in range(230)), {"name": "factusol_id"})
    assert (await bench.session(api=api).ensure_field("contacts", "other_id")).state == "there"


@BOTH
@pytest.mark.parametrize("label", ["contact", "contacto", "none"])
async def test_a_field_of_another_kind_of_record_is_not_ours(bench: Bench, api: str, label: str) -> None:
    await delete_field(bench)
    await bench.fault("content_type_label", value=label)
    await bench.seed("custom-fields", {"name": "factusol_id", "content_type": "companies"})
    assert (await bench.session(api=api).ensure_field("contacts", "other_id")).state == "made"


@BOTH
async def test_a_field_that_a_person_made_in_other_letters_is_taken(bench: Bench, api: str) -> None:
    await delete_field(bench)
    await bench.seed("custom-fields", {"name": "Factusol_ID"})
    session = bench.session(api=api)
    assert (await session.ensure_field("contacts", "other_id")).state == "there"
    row = await session.create("contacts", CLIENT, reference="r")
    assert row.fields["other_id"] == "1044"
    assert [each.record_id for each in await session.by_reference("contacts", "r", CLIENT)] == [row.record_id]


@BOTH
async def test_a_field_of_the_wrong_type_is_explained(bench: Bench, api: str) -> None:
    await delete_field(bench)
    await bench.seed("custom-fields", {"name": "factusol_id", "field_type": 1})
    session = bench.session(api=api)
    found = await session.ensure_field("contacts", "other_id")
    assert (found.state, found.usable) == ("wrong type", False)
    assert found.way_out is not None
    assert "factusol_id" in found.way_out.es
    assert found.says.en != found.says.es
    with pytest.raises(errors.OwnFieldMissing):
        await session.create("contacts", CLIENT, reference="r")
    assert await bench.records("contacts") == []
    state = (await checked(bench, api=api))["own field"]
    assert state.state == "failed"
    assert (await bench.session(api=api, id_field="numero_factusol").ensure_field("contacts", "other_id")).usable


@BOTH
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("201", "made"),
        ("200", "made"),
        ("wrong_type", "wrong type"),
        ("dropped", "refused"),
        ("400", "refused"),
        ("403", "refused"),
        ("404", "refused"),
        ("405", "refused"),
    ],
)
async def test_only_a_field_that_is_listed_is_believed(bench: Bench, api: str, answer: str, state: str) -> None:
    await delete_field(bench)
    await bench.fault("custom_field_create", value=answer)
    found = await bench.session(api=api).ensure_field("contacts", "other_id")
    assert found.state == state
    assert found.usable or (found.way_out is not None and "factusol_id" in found.way_out.en)


@BOTH
@pytest.mark.parametrize("unknown", ["dropped", "refused"])
@pytest.mark.parametrize("how", ["deleted", "renamed"])
async def test_a_lost_field_stops_creation_and_what_was_made_meanwhile_is_found(
    bench: Bench, api: str, unknown: str, how: str
) -> None:
    await bench.fault("unknown_custom_field", value=unknown)
    session = bench.session(api=api)
    bound = await session.create("contacts", CLIENT, reference="r")
    if how == "deleted":
        await delete_field(bench)
    else:
        (number,) = await field_ids(bench)
        await bench.owner("PUT", f"/panel/custom-fields/{number}", {"name": "numero"})
    second = {**CLIENT, "name": "Otra S.L.", "email": "otra@otra.example", "tax_no": None, "other_id": "1045"}
    if unknown == "dropped":
        made = await session.create("contacts", second, reference="s")
        assert made.fields["other_id"] is None
        # Nobody heard the answer: what was made without the number is not made again.
        again = await bench.session(api=api).by_reference("contacts", "s", second)
        assert [each.record_id for each in again] == [made.record_id]
    with pytest.raises(errors.OwnFieldMissing):
        await session.create("contacts", {**second, "other_id": "1046"}, reference="t")
    with pytest.raises(errors.OwnFieldMissing):
        await session.update("contacts", bound.record_id, {"other_id": "1044"})
    count = len(await bench.records("contacts"))
    assert (await session.ensure_field("contacts", "other_id")).state == "made"
    filled = await session.update("contacts", bound.record_id, {"other_id": "1044"})
    assert filled is not None
    assert filled.fields["other_id"] == "1044"
    await session.create("contacts", {**second, "other_id": "1046"}, reference="t")
    assert len(await bench.records("contacts")) == count + 1


@pytest.mark.parametrize("blank", ["absent", "dashes", "empty"])
async def test_a_value_that_is_blank_is_none(bench: Bench, blank: str) -> None:
    await bench.fault("blank_custom_value", value=blank)
    await bench.seed("contacts", {"first_name": "Uno"})
    (row,) = (await bench.session().page("contacts")).rows
    assert (row.fields["other_id"], row.reference) == (None, "")


# Writing


@pytest.mark.parametrize("how", ["put_and_patch", "put_only", "patch_only", "put_does_nothing"])
async def test_version_2_is_written_with_the_verb_that_works(bench: Bench, how: str) -> None:
    await bench.fault("v2_update", value=how)
    session = bench.session()
    row = await session.create("contacts", CLIENT, reference="r")
    for note in ("uno", "dos"):
        shown = await session.update("contacts", row.record_id, {"note": note})
        assert shown is not None
        assert shown.fields["note"] == note
    stats = (await bench.http.get("/stats")).json()["clientify"]
    assert stats.get("PUT /v2/contacts/{id}/", 0) <= (2 if how == "put_only" else 0)


async def test_a_call_without_a_key_is_no_missing_record(bench: Bench) -> None:
    """404 with words about the key, as version 1 answers it, says nothing of the record."""
    for version in VERSIONS:
        await bench.fault("token_revoked")
        with pytest.raises(errors.NeedsOperator):
            await bench.session(api=version).read("contacts", "7")


# The slot


async def test_a_slot_that_is_taken_stays_and_its_holder_is_named(bench: Bench) -> None:
    await bench.seed("webhooks", {"kind": "contacts", "url": "https://hooks.other.example/secret-path"})
    session = bench.session()
    found = (await checked(bench))["hooks"]
    assert found.state == "warning"
    assert "hooks.other.example" in found.says.en
    assert "hooks.other.example" in found.says.es
    assert "secret-path" not in f"{found.says} {found.way_out}"
    with pytest.raises(errors.NeedsOperator) as taken:
        await session.register_hook("contacts", "https://we.example/hooks/clientify/t", "s")
    assert "hooks.other.example" in taken.value.message
    (row,) = await session.hooks() or ()
    await session.remove_hook(replace(row, url="https://we.example/hooks/clientify/t"))
    (row,) = await session.hooks() or ()
    assert row.url == "https://hooks.other.example/secret-path"


async def test_our_own_slot_is_taken_once_whatever_its_slash(bench: Bench) -> None:
    session = bench.session()
    url = "https://we.example/hooks/clientify/t"
    await session.register_hook("contacts", f"{url}/", "s")
    assert (await session.register_hook("contacts", url, "s")).active
    assert len(await session.hooks() or ()) == 1


@pytest.mark.parametrize(("switch", "value"), [("versions", "v1"), ("webhooks_allowed", False)])
async def test_an_account_without_hooks_is_carried_by_sweeps(bench: Bench, switch: str, value: object) -> None:
    await bench.fault(switch, value=value)
    assert await bench.session().hooks() is None
    with pytest.raises(errors.NeedsOperator):
        await bench.session().register_hook("contacts", "https://we.example/hooks/clientify/t", "s")
    assert (await checked(bench))["hooks"].state == "not checked"


# What is odd


async def test_a_contact_of_wrong_types_stands_beside_the_good_ones_with_its_field(bench: Bench) -> None:
    odd: dict[str, Mapping[str, object]] = {
        "first_name": {"id": 2, "first_name": ["no"]},
        "emails": {"id": 3, "emails": "no"},
        "email": {"id": 4, "emails": [{"email": 5}]},
        "phones": {"id": 5, "phones": [["no"]]},
        "country": {"id": 6, "addresses": [{"country": ["no"]}]},
        "custom_fields": {"id": 7, "custom_fields": {"factusol_id": "1"}},
        "modified": {"id": 8, "modified": "ayer"},
        "tags": {"id": 9, "tags": "no"},
    }
    good = {"id": 1, "first_name": "Buena", "custom_fields": [], "brand_new": {"a": [1.5]}}
    bare: Mapping[str, object] = {
        "id": "11",
        "first_name": None,
        "emails": None,
        "phones": [],
        "custom_fields": None,
        "tags": None,
    }
    value = {"id": 10, "custom_fields": [{"field": "factusol_id", "value": {"a": 1}}]}
    rows = [good, *odd.values(), value, {"id": True}, {}, "text", None, bare]
    whole = {"count": len(rows), "next": None, "previous": None, "results": rows}
    async with raw_vendor(answer(json.dumps(whole))) as vendor:
        session = session_at(vendor.base_url, "clientify", bench.wire, api="v2")
        page = await session.page("contacts")
        readable = {**whole, "results": [good, odd["custom_fields"], value]}
        vendor.answers = [answer(json.dumps(readable))]
        assert await session.by_reference("contacts", "r", {"name": "Nadie", "other_id": "7"}) == []
    assert [row.record_id for row in page.rows] == ["1", "11"]
    assert page.rows[1].fields["email"] is None
    assert page.rows[1].fields["other_id"] is None
    named = [(each.record_id, each.problem.field) for each in page.unreadable]
    assert named[: len(odd)] == [(str(each["id"]), name) for name, each in odd.items()]
    assert named[len(odd)] == ("10", "custom_fields")
    assert len(named) == len(rows) - 2


async def test_a_list_that_hides_custom_fields_cannot_say_that_nobody_is_there(bench: Bench) -> None:
    whole = {"count": 1, "next": None, "previous": None, "results": [{"id": 1, "first_name": "Uno"}]}
    async with raw_vendor(answer(json.dumps(whole))) as vendor:
        session = session_at(vendor.base_url, "clientify", bench.wire, api="v2")
        with pytest.raises(errors.Retryable):
            await session.by_reference("contacts", "r", {"name": "Uno", "other_id": "7"})
        assert (await session.page("contacts")).rows[0].fields == {
            "first_name": "Uno",
            "name": "Uno",
        }


async def test_the_key_never_follows_an_address_that_the_vendor_shows(bench: Bench) -> None:
    rows = [{"id": n, "custom_fields": []} for n in range(100)]
    async with raw_vendor(answer("[]")) as elsewhere:
        whole = {"count": 300, "next": f"{elsewhere.base_url}/v2/contacts/?page=2", "results": rows}
        async with raw_vendor(answer(json.dumps(whole))) as vendor:
            session = session_at(vendor.base_url, "clientify", bench.wire, api="v2")
            pages = await everything(session, "contacts")
        assert len(vendor.requests) == 2
        assert pages[-1].cut
        assert elsewhere.requests == []


async def test_version_1_of_the_vendors_own_is_read_elsewhere_while_its_host_is_away() -> None:
    sent: list[str] = []

    class Away:
        """A wire on which the usual host answers 504."""

        clock = SystemClock()

        async def send(self, access: Access, limits: Limits, request: Request) -> Response:
            sent.append(f"{request.method} {access.base_url}{request.path}")
            if access.base_url.endswith("clientify.net") and not request.writes:
                return Response(status=504, headers={}, body=b"<h1>Gateway</h1>")
            return Response(status=200, headers={}, body=b'{"id": 7, "taxpayer_identification_number": "B1"}')

    access = Access(
        account="a",
        base_url="https://api-plus.clientify.com/v2/",
        credentials={"token": "secret-key"},
        settings={"api": "v1"},
    )
    session = CONNECTORS["clientify"].open(access, Away())
    assert await session.read("contacts", "7") is not None
    await session.update("contacts", "7", {"tax_no": "B1"})
    net, com = "https://api.clientify.net/v1/contacts/7/", "https://api.clientify.com/v1/contacts/7/"
    assert sent[:3] == [f"GET {net}", f"GET {com}", f"PUT {net}"]

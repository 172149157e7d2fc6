"""Clientify: keys, versions, paths, pages, filters and the filter trap."""

from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.sandbox.clientify_support import ALL, Clientify
from tests.sandbox.support import Control, Json


async def test_key_in_the_header(cl: Clientify, http: httpx.AsyncClient) -> None:
    url = f"{cl.base_url}/v1/contacts/"
    missing = await http.get(url, params={"api_key": cl.token})
    assert (missing.status_code, missing.json()) == (404, {"detail": "Api key not provided."})
    for scheme in ("Token wrong", f"Token {cl.token}x"):
        wrong = await http.get(url, headers={"Authorization": scheme})
        assert (wrong.status_code, wrong.json()) == (401, {"detail": "Invalid token."})
    assert (await http.get(url, headers={"Authorization": f"Bearer {cl.token}"})).status_code == 404
    assert (await http.get(url, headers={"Authorization": f"Token {cl.token}"})).status_code == 200


async def test_v2_without_a_key(cl: Clientify, http: httpx.AsyncClient) -> None:
    for status in ("401", "403", "404"):
        await cl.turn("v2_no_key", value=status)
        assert (await http.get(f"{cl.base_url}/v2/contacts/")).status_code == int(status)


async def test_unknown_path_is_404_as_html(cl: Clientify) -> None:
    for path in ("/nothing/", "/me/"):
        answer = await cl.ask("GET", path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert answer.content.startswith(b"<!doctype html>")
    missing = await cl.ask("GET", "/contacts/1/")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not found."})


async def test_slash_at_the_end(cl: Clientify) -> None:
    moved = await cl.ask("GET", "/custom-fields", page=1)
    assert moved.status_code == 301
    assert moved.headers["location"] == f"{cl.base_url}/v1/custom-fields/?page=1"
    assert (await cl.ask("POST", "/contacts", {"first_name": "A"})).status_code == 404
    await cl.turn("missing_slash", value="404")
    assert (await cl.ask("GET", "/custom-fields")).status_code == 404


async def test_junk_is_400(cl: Clientify, http: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Token {cl.token}", "Content-Type": "application/json"}
    answer = await http.post(f"{cl.base_url}/v1/contacts/", content=b"{", headers=headers)
    assert (answer.status_code, set(answer.json())) == (400, {"detail"})


async def test_account_of_the_key(cl: Clientify, cl2: Clientify) -> None:
    settings = await cl.get("/settings/my-account/")
    assert settings["count"] == 1
    assert (settings["results"][0]["country"], settings["results"][0]["time_zone"]) == ("ES", "Europe/Madrid")
    me = await cl2.get("/me/", fields="id,username,account_status")
    assert (set(me), me["account_status"]) == ({"id", "username", "account_status"}, "client_2_0")
    (user,) = (await cl.get("/users/"))["results"]
    assert user["id"] == me["id"]


async def test_country_of_the_account(cl: Clientify) -> None:
    await cl.turn("account_country", value="PT")
    assert (await cl.get("/settings/my-account/"))["results"][0]["country"] == "PT"
    await cl.turn("account_country", value="none")
    assert "country" not in (await cl.get("/settings/my-account/"))["results"][0]


async def test_other_shapes_of_the_account(cl: Clientify, cl2: Clientify) -> None:
    await cl.turn("my_account_shape", value="user")
    assert (await cl.get("/settings/my-account/"))["results"][0]["is_company_admin"] is True
    await cl.turn("account_status", value="client_1_0")
    assert (await cl2.get("/me/", fields="account_status")) == {"account_status": "client_1_0"}


async def test_versions(cl: Clientify, cl2: Clientify) -> None:
    for present, there, away in (("v1", cl, cl2), ("v2", cl2, cl)):
        await cl.turn("versions", value=present)
        assert (await there.ask("GET", "/custom-fields/")).status_code == 200
        gone = await away.ask("GET", "/custom-fields/")
        assert (gone.status_code, gone.headers["content-type"]) == (404, "text/html; charset=utf-8")


# fields=


async def test_v2_wants_fields(cl2: Clientify) -> None:
    made = await cl2.contact(emails=[{"type": 4, "email": "a@x.example"}])
    for path in ("/contacts/", f"/contacts/{made['id']}/", "/companies/", "/users/", "/me/"):
        answer = await cl2.ask("GET", path)
        assert answer.status_code == 400
        (text,) = answer.json()
        assert "fields" in text
    for path in ("/contacts/tags/", "/custom-fields/", f"/contacts/{made['id']}/emails/", "/webhooks/contacts/"):
        assert (await cl2.ask("GET", path)).status_code == 200
    shown = await cl2.get(f"/contacts/{made['id']}/", fields="id,full_name,emails,nonsense")
    assert set(shown) == {"id", "full_name", "emails"}
    await cl2.turn("v2_fields_mandatory", value=False)
    assert "marketing_status" in await cl2.get(f"/contacts/{made['id']}/")


# Pages


async def test_pages(cl: Clientify) -> None:
    ids = await cl.seed(*({"first_name": f"C{n}"} for n in range(45)))
    seen, url, pages = [], "/contacts/?query=C", 0
    while url:
        page: Json = await cl.get(url)
        assert page["count"] == 45
        seen += [row["id"] for row in page["results"]]
        pages += 1
        following = page["next"]
        assert following is None or following.startswith(f"{cl.base_url}/v1/contacts/?query=C&page=")
        parts = urlsplit(following or "")
        url = f"/contacts/?{parts.query}" if following else ""
    assert (sorted(seen), pages) == (ids, 3)
    assert page["previous"].endswith("/v1/contacts/?query=C&page=2")


async def test_brackets_are_encoded_in_next(cl: Clientify) -> None:
    await cl.seed({"first_name": "A"}, {"first_name": "B"})
    page = await cl.get("/contacts/?created[gt]=2020-01-01&page_size=1")
    assert page["next"].endswith("/contacts/?created%5Bgt%5D=2020-01-01&page_size=1&page=2")


async def test_page_sizes(cl: Clientify, cl2: Clientify) -> None:
    await cl.seed(*({"first_name": f"C{n}"} for n in range(120)))
    assert len(await cl.find("/contacts/")) == 20
    assert len(await cl.find("/contacts/", page_size=500)) == 100
    assert len(await cl2.find("/contacts/", page_size=500, fields="id")) == 120
    await cl.turn("default_page_size", value=7)
    assert len(await cl.find("/contacts/")) == 7
    await cl.turn("page_size_ignored")
    assert len(await cl.find("/contacts/", page_size=100)) == 7


async def test_page_past_the_end(cl: Clientify) -> None:
    assert await cl.find("/contacts/") == []
    for page in ("2", "0", "x"):
        answer = await cl.ask("GET", "/contacts/", page=page)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Invalid page."})
    await cl.turn("page_past_end", value="empty")
    assert await cl.find("/contacts/", page=2) == []


async def test_empty_and_endless_lists(cl: Clientify) -> None:
    await cl.seed({"first_name": "A"}, {"first_name": "B"})
    await cl.turn("list_empty")
    assert await cl.get("/contacts/") == {"count": 0, "next": None, "previous": None, "results": []}
    await cl.turn("list_empty", on=False)
    await cl.turn("list_endless")
    page = await cl.get("/contacts/", page=9)
    assert (len(page["results"]), page["next"].endswith("page=10")) == (20, True)


# Filters


@pytest_asyncio.fixture(loop_scope="session")
async def three(cl: Clientify) -> list[int]:
    await cl.define()
    old = {"created_at": "2020-01-01T00:00:00+01:00", "updated_at": "2020-05-05T10:30:00+01:00"}
    return await cl.seed(
        {
            "first_name": "Rocio",
            "last_name": "Vega",
            "taxpayer_identification_number": "12345678Z",
            "email": "Rocio@vega.example",
            "contact_source": "FACTUSOL",
            "custom_fields": [{"field": "factusol_id", "value": "1043"}],
        },
        {"first_name": "Talleres", "phone": "+34953000001", "email": "hola@lanoria.example"},
        {"first_name": "Otra", **old},
    )


async def test_filters_of_contacts(cl: Clientify, three: list[int]) -> None:
    rocio, talleres, otra = three
    for params, found in (
        ({"query": "vega"}, [rocio]),
        ({"query": "LANORIA"}, [talleres]),
        ({"query": "12345678z"}, [rocio]),
        ({"search": "talleres"}, [talleres]),
        ({"email": "rocio@vega.example"}, [rocio]),
        ({"email": "vega"}, []),
        ({"phone": "953000001"}, [talleres]),
        ({"contact_source": "FACTUSOL"}, [rocio]),
        ({"cf_factusol_id": "1043"}, [rocio]),
        ({"cf_factusol_id": "104"}, []),
        ({"modified[lt]": "2021/01/01"}, [otra]),
        ({"modified[gte]": "2021-01-01T08:30"}, [talleres, rocio]),
        ({"created[lte]": "2020-01-01T00:00:00Z", "modified[gt]": "2020-05-05T09:29:59.999Z"}, [otra]),
        ({"ordering": "modified", "page_size": "1"}, [otra]),
    ):
        assert await cl.find("/contacts/", **params) == found, params


async def test_unknown_filter_returns_the_whole_list(cl: Clientify, cl2: Clientify, three: list[int]) -> None:
    for params in (
        {"taxpayer_identification_number": "12345678Z"},
        {"name": "nobody"},
        {"company": "nobody"},
        {"cf_other": "1043"},
        {"factusol_id": "1043"},
    ):
        assert sorted(await cl.find("/contacts/", **params)) == sorted(three), params
        assert sorted(await cl2.find("/contacts/", fields=ALL, **params)) == sorted(three), params


async def test_filters_that_do_not_count(cl: Clientify, three: list[int]) -> None:
    await cl.turn("filters", value="query_only")
    assert await cl.find("/contacts/", query="vega") == [three[0]]
    assert len(await cl.find("/contacts/", email="rocio@vega.example")) == 3
    await cl.turn("filters", value="ignored")
    assert len(await cl.find("/contacts/", query="vega")) == 3


async def test_what_query_looks_at(cl: Clientify, three: list[int]) -> None:
    await cl.turn("query_matches_tax_number", value=False)
    assert await cl.find("/contacts/", query="12345678Z") == []


async def test_custom_field_filters(cl: Clientify, three: list[int]) -> None:
    await cl.turn("custom_field_filter", value="bare_name")
    assert await cl.find("/contacts/", factusol_id="1043") == [three[0]]
    assert len(await cl.find("/contacts/", cf_factusol_id="1043")) == 3
    await cl.turn("custom_field_filter", value="ignored")
    assert len(await cl.find("/contacts/", factusol_id="1043", cf_factusol_id="1043")) == 3


async def test_phone_filter(cl: Clientify, three: list[int]) -> None:
    await cl.turn("phone_filter", value="exact")
    assert await cl.find("/contacts/", phone="953000001") == []
    assert await cl.find("/contacts/", phone="+34953000001") == [three[1]]


async def test_date_filters(cl: Clientify, three: list[int]) -> None:
    await cl.turn("date_filters", value="days")
    assert await cl.find("/contacts/", **{"modified[lt]": "2021/01/01"}) == [three[2]]
    refused = await cl.ask("GET", "/contacts/", **{"modified[gte]": "2021-01-01T08:30"})
    assert (refused.status_code, refused.json()) == (400, {"modified[gte]": ["Enter a valid date."]})
    await cl.turn("date_filters", value="ignored")
    assert len(await cl.find("/contacts/", **{"modified[lt]": "2021/01/01"})) == 3


# Limits and faults


async def test_rate_limit_of_its_own(cl: Clientify) -> None:
    await cl.turn("requests_per_second", value=1)
    answers = [await cl.ask("GET", "/contacts/") for _ in range(10)]
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert limited.headers["retry-after"] == "1"
    assert "throttled" in limited.json()["detail"]


async def test_gateway_and_other_faults(cl: Clientify, control: Control) -> None:
    await cl.turn("unavailable", times=1)
    away = await cl.ask("GET", "/contacts/")
    assert (away.status_code, away.headers["content-type"]) == (504, "text/html; charset=utf-8")
    made = await cl.contact()
    await cl.turn("server_error", match=f"/contacts/{made['id']}/")
    assert (await cl.ask("GET", f"/contacts/{made['id']}/")).status_code == 500
    assert (await cl.ask("GET", "/contacts/")).status_code == 200
    await cl.turn("token_read_only")
    assert (await cl.ask("POST", "/contacts/", {"first_name": "A"})).status_code == 403
    await cl.turn("token_revoked")
    assert (await cl.ask("GET", "/contacts/")).json() == {"detail": "Invalid token."}


async def test_stale_answers(cl: Clientify, control: Control) -> None:
    made = await cl.contact()
    await cl.turn("stale_read", seconds=60)
    await cl.turn("stale_search", seconds=60)
    await cl.put(f"/contacts/{made['id']}/", {"first_name": "New"})
    later = await cl.contact(first_name="Later")
    assert (await cl.get(f"/contacts/{made['id']}/"))["first_name"] == "Rocio"
    assert (await cl.ask("GET", f"/contacts/{later['id']}/")).status_code == 404
    assert await cl.find("/contacts/", query="New") == []
    await control.advance(61)
    assert await cl.find("/contacts/", query="New") == [made["id"]]


async def test_create_that_gets_no_answer(cl: Clientify, control: Control) -> None:
    await cl.turn("create_then_drop", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await cl.contact()
    assert len(await control.records("clientify", "contacts")) == 1

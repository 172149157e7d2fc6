"""Whatever JSON a client sends, a vendor answers: below 500, and with a body that can be read."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sandbox.catalog import SYSTEMS
from services.sandbox.endpoint import VendorEndpoint
from services.sandbox.storage import Fields
from services.sandbox.system import Route, System
from services.sandbox.wire import JSON_TYPE
from services.sandbox.world import World

NAMES = (
    "name", "client", "client_id", "positions", "tax_no", "price", "price_gross", "quantity", "tax",
    "kind", "status", "issue_date", "payment_to_kind", "paid", "company", "tag_list", "invoice_ids", "merge_ids",
    "total_price_gross", "discount_percent", "correction_after_attributes", "warehouse_actions", "url", "active",
    "page", "per_page", "order", "search_date_type", "period", "date_from", "buyer_name", "buyer_tax_no",
    "_destroy", "external_ids",
)  # fmt: skip
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
TELLING = st.sampled_from(
    ["0", "-1", "1e9", "1e999", "59,00", "2026-02-30", "0001-01-01", "9999-12-31", "off", "vat"]
)
VALUES = st.recursive(
    PLAIN | TELLING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
CONTENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)


def readable(body: bytes) -> bool:
    return not body or json.loads(body) is not None


def wrappers(route: Route) -> list[str]:
    words = [word for word in route.template.replace(".json", "").split("/") if word.isidentifier()]
    return [word.removesuffix("s") for word in words] + ["banking_payment", "category", "status", "user"]


BASES = {"bitfactura": "", "sugester": "/app"}


def routes(*names: str) -> list[tuple[System, Route]]:
    chosen = [system for system in SYSTEMS if system.name in names]
    return [(system, route) for system in chosen for route in (*system.routes, *system.desk) if not route.open]


@settings(max_examples=500, deadline=None)
@given(target=st.sampled_from(routes(*BASES)), content=CONTENTS, top=CONTENTS)
def test_every_route_answers_below_500(target: tuple[System, Route], content: Fields, top: Fields) -> None:
    system, route = target
    world = World(SYSTEMS, seed=1)
    endpoint, account = VendorEndpoint(world, system), world.account(system.name)
    made = endpoint.act(account, "POST", f"{BASES[system.name]}/clients.json", {"client": {"name": "A"}})
    number = json.loads(made.body)["id"]
    if system.name == "bitfactura":
        invoice: Fields = {"invoice": {"client_id": number, "positions": [{"total_price_gross": 5}]}}
        made = endpoint.act(account, "POST", "/invoices.json", invoice)
        number = json.loads(made.body)["id"] if "invoices" in route.template else number
    for wrapper in wrappers(route):
        path = route.template.replace("{id}", str(number))
        answer = endpoint.act(account, route.method, path, {**top, wrapper: content})
        assert answer.status < 500
        assert answer.content_type != JSON_TYPE or readable(answer.body)


@pytest.mark.parametrize(
    "odd",
    [
        {"issue_date": "9999-12-31"},
        {"issue_date": "9999-12-31", "payment_to_kind": "30"},
        {"issue_date": "0001-01-01"},
        {"department_id": 2**70},
        {"department_id": "9" * 30},
        {"positions": [{"quantity": "0.0001", "total_price_gross": "999999999999"}]},
        {"positions": [{"quantity": 0, "price_net": 5}]},
        {"positions": [{"tax": "-100", "total_price_gross": 5}]},
        {"positions": [{"tax": "1e11", "price_net": "1e11", "quantity": "1e11"}]},
        {"positions": {"0": {"name": "x"}}},
    ],
)
def test_odd_invoices(odd: Fields) -> None:
    world = World(SYSTEMS, seed=1)
    endpoint = VendorEndpoint(world, world.systems["bitfactura"])
    body: Fields = {"invoice": {"buyer_name": "A", **odd}}
    answer = endpoint.act(world.account("bitfactura"), "POST", "/invoices.json", body)
    assert answer.status in (201, 422)
    assert readable(answer.body)


# Factusol: pieces of SQL and rows

COLUMNS = ("CODCLI", "NOFCLI", "FUMCLI", "DT1CLI", "IVACLI", "OBSCLI", "NADA")
WORDS = st.sampled_from(
    ["SELECT", "TOP 3", "FROM", "F_CLI", "WHERE", "CODCLI", "FUMCLI", "'2026-11-19'", "LIKE", "'%a%'", "AND",
     "ORDER BY", "CAST(", "AS date)", "COUNT(*)", "NULL", "INFORMATION_SCHEMA.COLUMNS", "CASE", "WHEN", "UNION",
     "(", ")", "'", '"', "[", "]", "--", "/*", ";", ",", "*", "é", "0x1", "\x00", "\x000\x00", ">=", "1=1"]
)  # fmt: skip
WORLD = World(SYSTEMS, seed=1)
HEADS = st.sampled_from(["", "SELECT CODCLI FROM F_CLI WHERE "])
SQL = st.builds(
    lambda head, words: head + " ".join(words), HEADS, st.lists(WORDS | st.text(max_size=5), max_size=12)
)
PAIRS = st.lists(
    st.fixed_dictionaries({"columna": st.sampled_from(COLUMNS) | VALUES, "dato": VALUES}) | VALUES, max_size=4
)
ROWS = st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=4)


@settings(max_examples=500, deadline=None)
@given(target=st.sampled_from(routes("factusol")), sql=SQL, pairs=PAIRS | VALUES, row=ROWS, keyed=st.booleans())
def test_every_call_of_factusol_answers_below_500(
    target: tuple[System, Route], sql: str, pairs: object, row: Fields, keyed: bool
) -> None:
    system, route = target
    endpoint, account = VendorEndpoint(WORLD, system), WORLD.account(system.name)
    endpoint.act(account, "POST", "/programa/clientes", {"CODCLI": 1, "NOFCLI": "A"})
    year = str(WORLD.clock.today().year)
    if keyed and isinstance(pairs, list):
        pairs = [{"columna": "CODCLI", "dato": 1}, *pairs]
    path = route.template.replace("{id}", "1").replace("{ejercicio}", year).replace("{tabla}", "F_CLI")
    path = path.replace("{year}", year).replace("{filtro}", sql.replace("?", "") or "x")
    body: Fields = {"tabla": "F_CLI", "ejercicio": year, "filtro": sql, "consulta": sql, "registro": pairs}
    answer = endpoint.act(account, route.method, path, row if "/programa" in path else body)
    assert answer.status < 500
    assert readable(answer.body)


# Clientify

PARTS_OF_IT = ("emails", "phones", "addresses", "websites", "custom_fields", "tags", "email", "phone", "company")
GIVEN = st.dictionaries(
    st.sampled_from(
        ("first_name", "last_name", "status", "birthday", "gdpr_accept", "content_type", "field_type", "name",
         "title", "model", "type", "street", "ownerId", "marketing_status", "contacts", "target", "headers", "ids",
         "changes", "losers", "lead_scoring", "company_id", *PARTS_OF_IT)
    ),
    VALUES | st.lists(st.dictionaries(st.sampled_from(("field", "value", "email", "phone", "type")), VALUES)),
    max_size=5,
)  # fmt: skip
QUERY = st.dictionaries(
    st.sampled_from(("page", "page_size", "modified[gte]", "created[lt]", "query", "phone", "ordering", "fields")),
    st.text(max_size=8) | st.integers().map(str),
    max_size=3,
)


@settings(max_examples=250, deadline=None)
@given(target=st.sampled_from(routes("clientify")), body=GIVEN, query=QUERY)
def test_every_call_of_clientify_answers_below_500(
    target: tuple[System, Route], body: Fields, query: dict[str, str]
) -> None:
    system, route = target
    endpoint, account = VendorEndpoint(WORLD, system), WORLD.account(system.name)
    path = route.template.replace("{entity}", "contacts").replace("{contact}", "1")
    for resource in ("contacts", "companies", "custom-fields"):
        known = account.tables[resource].live()
        if resource in path and known:
            path = path.replace("{id}", str(known[-1].id))
    made = endpoint.act(
        account, "POST", "/panel/contacts", {"first_name": "A", "phone": "1", "email": "a@x.example"}
    )
    assert made.status == 201
    path = path.replace("{id}", str(json.loads(made.body)["id"])).replace("{item}", "1")
    answer = endpoint.act(account, route.method, f"{path}?{urlencode(query)}", body)
    assert answer.status < 500
    assert answer.content_type != JSON_TYPE or readable(answer.body)

"""BitFactura's lists: paging, periods, order."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.support import Control, Json, Vendor, make_client, make_invoice


async def seed_clients(control: Control, count: int) -> list[int]:
    return await control.seed("bitfactura", "clients", *({"name": f"Cliente {n:03}"} for n in range(count)))


async def ids(bf: Vendor, path: str, **params: object) -> list[int]:
    return [row["id"] for row in await bf.get(path, **params)]


async def test_pages_without_a_total(bf: Vendor, control: Control) -> None:
    seeded = await seed_clients(control, 60)
    pages = [await ids(bf, "/clients.json", page=n) for n in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [25, 25, 10, 0]
    assert sorted(number for page in pages for number in page) == seeded
    answer = await bf.ask("GET", "/clients.json")
    assert not {name for name in answer.headers if name.startswith("x-") or name == "link"}


async def test_per_page_is_capped(bf: Vendor, control: Control) -> None:
    await seed_clients(control, 130)
    sizes = {n: len(await ids(bf, "/clients.json", per_page=n)) for n in (1, 100, 500, 0, -3)}
    assert sizes == {1: 1, 100: 100, 500: 100, 0: 25, -3: 25}


async def test_rows_shift_between_pages(bf: Vendor, control: Control) -> None:
    await seed_clients(control, 30)
    first = await ids(bf, "/clients.json")
    await make_client(bf)
    assert (await ids(bf, "/clients.json", page=2))[0] == first[-1]


async def test_order_of_a_list_that_asks_for_none(bf: Vendor, control: Control) -> None:
    seeded = await seed_clients(control, 3)
    assert await ids(bf, "/clients.json") == seeded[::-1]
    await control.turn("bitfactura", "default_order", value="oldest_first")
    assert await ids(bf, "/clients.json") == seeded
    assert await ids(bf, "/clients.json", order="nonsense") == seeded


async def test_order_by_change(bf: Vendor, control: Control) -> None:
    now = datetime.now(UTC)
    records = [{"name": "A", "updated_at": (now - timedelta(hours=h)).isoformat()} for h in (2, 3, 1)]
    two, three, one = await control.seed("bitfactura", "clients", *records)
    assert await ids(bf, "/clients.json", order="updated_at.desc") == [one, two, three]
    assert await ids(bf, "/clients.json", order="updated_at") == [three, two, one]
    await control.turn("bitfactura", "plain_updated_at_descends")
    assert await ids(bf, "/clients.json", order="updated_at") == [one, two, three]


async def test_order_by_other_fields(bf: Vendor) -> None:
    client = await make_client(bf)
    ten, nine = [(await make_invoice(bf, client["id"], gross))["id"] for gross in ("10", "9")]
    assert await ids(bf, "/invoices.json", order="price_gross") == [nine, ten]
    assert await ids(bf, "/invoices.json", order="price_gross.desc") == [ten, nine]


async def dated_invoices(bf: Vendor) -> tuple[Json, dict[str, int]]:
    """Invoices by their age in days."""
    client, today = await make_client(bf), datetime.now(UTC).date()
    made = {}
    for age in (0, 40, 300, 400, 800):
        day = (today - timedelta(days=age)).isoformat()
        made[str(age)] = int((await make_invoice(bf, client["id"], issue_date=day))["id"])
    return client, made


async def test_older_than_12_months_are_hidden(bf: Vendor) -> None:
    _, made = await dated_invoices(bf)
    assert set(await ids(bf, "/invoices.json")) == {made["0"], made["40"], made["300"]}
    assert set(await ids(bf, "/invoices.json", period="all")) == set(made.values())
    assert set(await ids(bf, "/invoices.json", period="last_30_days")) == {made["0"]}


async def test_dates_count_with_period_more_only(bf: Vendor) -> None:
    _, made = await dated_invoices(bf)
    since = (datetime.now(UTC).date() - timedelta(days=500)).isoformat()
    until = (datetime.now(UTC).date() - timedelta(days=100)).isoformat()
    ignored = await ids(bf, "/invoices.json", date_from=since, date_to=until)
    assert set(ignored) == {made["0"], made["40"], made["300"]}
    more = await ids(bf, "/invoices.json", period="more", date_from=since, date_to=until)
    assert set(more) == {made["300"], made["400"]}


@pytest.mark.parametrize("period", ["this_month", "last_month", "this_year", "last_year"])
async def test_calendar_periods(period: str, bf: Vendor) -> None:
    client, today = await make_client(bf), datetime.now(UTC).date()
    month = today.replace(day=1)
    days = {
        "this_month": today,
        "last_month": month - timedelta(days=1),
        "this_year": today.replace(month=1, day=1),
        "last_year": today.replace(year=today.year - 1, month=6, day=15),
    }
    inside = (await make_invoice(bf, client["id"], issue_date=days[period].isoformat()))["id"]
    outside = (await make_invoice(bf, client["id"], issue_date="2001-02-03"))["id"]
    found = await ids(bf, "/invoices.json", period=period)
    assert inside in found
    assert outside not in found


async def test_search_by_another_date(bf: Vendor) -> None:
    client = await make_client(bf)
    paid = await make_invoice(bf, client["id"], status="paid", issue_date="2010-01-01")
    await make_invoice(bf, client["id"], issue_date="2010-01-01")
    assert await ids(bf, "/invoices.json", search_date_type="paid_date") == [paid["id"]]
    assert await ids(bf, "/invoices.json") == []


async def test_filters_of_invoices(bf: Vendor) -> None:
    one, two = [(await make_client(bf, name=name))["id"] for name in ("A", "B")]
    first = await make_invoice(bf, one, oid="order-1")
    second = await make_invoice(bf, two, kind="proforma")
    third = await make_invoice(bf, two, kind="bill")
    assert await ids(bf, "/invoices.json", client_id=one) == [first["id"]]
    assert await ids(bf, "/invoices.json", oid="order-1") == [first["id"]]
    assert await ids(bf, "/invoices.json", number=second["number"]) == [second["id"]]
    assert await ids(bf, "/invoices.json", kind="bill") == [third["id"]]
    both = f"{first['id']},{third['id']}"
    assert set(await ids(bf, "/invoices.json", invoice_ids=both)) == {first["id"], third["id"]}
    url = f"{bf.base_url}/invoices.json"
    several = await bf.http.get(url, params=[("api_token", bf.token), ("kinds[]", "bill"), ("kinds[]", "vat")])
    assert {row["id"] for row in several.json()} == {first["id"], third["id"]}


async def test_expenses_are_listed_apart(bf: Vendor) -> None:
    client = await make_client(bf)
    sale = await make_invoice(bf, client["id"])
    expense = await make_invoice(bf, client["id"], income="0")
    assert await ids(bf, "/invoices.json") == [sale["id"]]
    assert [await ids(bf, "/invoices.json", income=no) for no in ("no", "0")] == [[expense["id"]]] * 2
    assert [await ids(bf, "/invoices.json", income=yes) for yes in ("yes", "1")] == [[sale["id"]]] * 2


async def test_positions_in_lists(bf: Vendor) -> None:
    client = await make_client(bf)
    await make_invoice(bf, client["id"])
    assert "positions" not in (await bf.get("/invoices.json"))[0]
    with_positions = await bf.get("/invoices.json", include_positions="true")
    assert with_positions[0]["positions"][0]["name"] == "Revisión anual"


async def test_deleted_records_vanish(bf: Vendor) -> None:
    client = await make_client(bf)
    invoice = await make_invoice(bf, client["id"])
    assert (await bf.delete(f"/invoices/{invoice['id']}.json")).text == '"ok"'
    assert await ids(bf, "/invoices.json", period="all") == []
    assert (await bf.ask("GET", f"/invoices/{invoice['id']}.json")).status_code == 404

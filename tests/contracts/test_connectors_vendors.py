"""What is true of one vendor alone: its filters, statuses, deleted rows and documents, on the sandbox."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal

import pytest
import pytest_asyncio

from shared import errors
from shared.connectors.registry import CONNECTORS
from tests.contracts.connector_bench import Bench, as_fields, benches_of, everything, rows_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def benches() -> AsyncIterator[Mapping[str, Bench]]:
    async with benches_of({name: CONNECTORS[name] for name in ("bitfactura", "sugester")}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def bench(benches: Mapping[str, Bench], system: str) -> Bench:
    """A vendor without records and faults."""
    await benches[system].reset()
    return benches[system]


@pytest.mark.parametrize("system", ["sugester"])
async def test_a_look_up_in_a_list_that_cannot_be_read_whole_is_doubtful(bench: Bench) -> None:
    await bench.seed("clients", *({"name": f"Cliente {n}"} for n in range(130)))
    await bench.fault("page_ignored")
    with pytest.raises(errors.Retryable):
        await bench.session().by_reference("clients", "pu-nobody", {})


@pytest.mark.parametrize("system", ["bitfactura"])
@pytest.mark.parametrize("filters", ["partial", "exact", "ignored"])
async def test_a_reference_that_begins_with_another_is_not_taken_for_it(bench: Bench, filters: str) -> None:
    await bench.fault("filters", value=filters)
    session = bench.session()
    await session.create("clients", {"name": "Uno"}, reference="pu-1")
    await session.create("clients", {"name": "Diez"}, reference="pu-10")
    found = await session.by_reference("clients", "pu-1", {})
    assert [row.fields["name"] for row in found] == ["Uno"]


@pytest.mark.parametrize("system", ["sugester"])
async def test_deleted_rows_that_are_still_listed_are_gone(bench: Bench) -> None:
    ids = await bench.seed("clients", {"name": "Uno"}, {"name": "Dos"})
    await bench.fault("deleted_listed")
    await bench.owner("DELETE", f"/app/clients/{ids[0]}.json", {})
    page = await bench.session().page("clients")
    assert {row.record_id: row.gone for row in page.rows} == {ids[0]: True, ids[1]: False}


@pytest.mark.parametrize("system", ["sugester"])
@pytest.mark.parametrize("status_repeat", ["returned", "refused"])
async def test_a_status_is_made_once_and_found_by_name(bench: Bench, status_repeat: str) -> None:
    await bench.fault("status_repeat", value=status_repeat)
    early = bench.session()
    await early.page("deals")
    client = await early.create("clients", {"name": "Uno"}, reference="pu-c")
    deal = {"name": "Factura", "client": client.record_id, "status": "Emitida"}
    first = await early.create("deals", as_fields({**deal}), reference="pu-1")
    # Another session learnt the names before this one existed, and one that never looked.
    await bench.seed("statuses", {"name": "Pagada", "kind": "deal", "code": "paid"})
    await early.update("deals", first.record_id, {"status": "Pagada"})
    second = await bench.session().create("deals", as_fields({**deal, "status": "Pagada"}), reference="pu-2")
    shown = await bench.session().read("deals", second.record_id)
    assert shown is not None
    assert shown.fields["status"] == "Pagada"
    names = [record["name"] for record in await bench.records("statuses")]
    assert sorted(map(str, names)) == ["Emitida", "Pagada"]


@pytest.mark.parametrize("system", ["sugester"])
async def test_a_status_deleted_meanwhile_is_made_again_at_the_retry(bench: Bench) -> None:
    session = bench.session()
    client = await session.create("clients", {"name": "Uno"}, reference="pu-c")
    deal = as_fields({"name": "Factura", "client": client.record_id, "status": "Emitida"})
    await session.create("deals", deal, reference="pu-1")
    (status,) = await bench.records("statuses")
    await bench.owner("DELETE", f"/app/statuses/{status['id']}.json", {})
    with pytest.raises(errors.Retryable) as again:
        await session.create("deals", deal, reference="pu-2")
    assert not isinstance(again.value, errors.InDoubt)
    assert (await session.create("deals", deal, reference="pu-2")).fields["status"] == "Emitida"


@pytest.mark.parametrize("system", ["sugester"])
async def test_the_base_url_may_end_in_app(bench: Bench) -> None:
    base_url = bench.sandbox.systems["sugester"]["base_url"]
    session = bench.session(base_url=f"{base_url}/app/")
    assert not (await session.page("clients")).rows
    assert session.link("clients", "7") == f"{base_url}/app/clients/7"


@pytest.mark.parametrize("system", ["bitfactura"])
async def test_an_invoice_is_read_with_its_title_client_amounts_and_link(bench: Bench) -> None:
    (client,) = await bench.seed("clients", {"name": "Talleres Anaga S.L."})
    line = {"name": "Revisión anual", "quantity": 1, "total_price_gross": "121.0", "tax": 21}
    (invoice,) = await bench.seed("invoices", {"client_id": int(client), "kind": "vat", "positions": [line]})
    (expense,) = await bench.seed(
        "invoices", {"kind": "vat", "income": False, "buyer_name": "Proveedor", "positions": [line]}
    )
    session = bench.session()
    row = await session.read("invoices", invoice)
    assert row is not None
    expected = {
        "title": "Revisión anual",
        "client": client,
        "income": True,
        "cancelled": False,
        "status": "issued",
    }
    assert {name: row.fields[name] for name in expected} == expected
    assert (row.fields["price_gross"], row.fields["price_net"]) == (Decimal(121), Decimal(100))
    base_url = bench.sandbox.systems["bitfactura"]["base_url"]
    assert row.fields["link"] == f"{base_url}/invoice/{row.fields['link_token']}"
    assert [each.fields for each in rows_of(await everything(session, "invoices"))] == [row.fields]
    spent = await session.read("invoices", expense)
    assert spent is not None
    assert spent.fields["income"] is False
    with pytest.raises(errors.Rejected):
        await session.update("invoices", invoice, {"number": "2"})
    await bench.owner("POST", "/invoices/cancel.json", {"cancel_invoice_id": int(invoice)})
    cancelled = await session.read("invoices", invoice)
    assert cancelled is not None
    assert cancelled.fields["cancelled"] is True


@pytest.mark.parametrize("system", ["bitfactura"])
async def test_invoices_older_than_a_year_are_listed(bench: Bench) -> None:
    await bench.seed("invoices", {"buyer_name": "Uno", "issue_date": "2019-01-02", "kind": "vat", "positions": []})
    assert len(rows_of(await everything(bench.session(), "invoices"))) == 1

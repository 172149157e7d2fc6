"""Wire to model and back, per resource."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.connectors.bitfactura import mapping as bitfactura
from shared.connectors.contract import Access
from shared.connectors.sugester import mapping as sugester

PAYLOADS = Path(__file__).parents[2] / "payloads"
ACCESS = Access(account="a", base_url="https://acme.bitfactura.example/", credentials={})


def client() -> dict[str, Any]:
    return {
        "id": 40110257,
        "name": "Talleres Anaga S.L.",
        "tax_no": "B76123454",
        "company": True,
        "email": "",
        "phone": None,
        "country": "España",
        "use_delivery_address": "0",
        "external_id": "pu-1",
        "deleted": False,
        "balance": "30.99",
        "brand_new": {"x": [1]},
        "updated_at": "2026-03-05T09:00:41.123+01:00",
    }


def document() -> dict[str, Any]:
    return {
        "id": 90001234,
        "number": "17/03/2026",
        "kind": "vat",
        "income": True,
        "status": "issued",
        "client_id": 40110257,
        "buyer_name": "Talleres Anaga S.L.",
        "issue_date": "2026-03-06",
        "payment_to": "",
        "currency": "EUR",
        "price_net": "100.0",
        "price_gross": "121,0",
        "paid": "0.0",
        "token": "Q1w2E3r4",
        "updated_at": "2026-03-06T12:05:09.000+01:00",
        "positions": [{"name": "Borrada", "deleted": True}, {"name": "Revisión anual", "deleted": False}],
    }


def test_a_client_becomes_a_customer() -> None:
    row = bitfactura.customer_from_client(client(), ACCESS)
    assert (row.record_id, row.reference, row.gone) == ("40110257", "pu-1", False)
    assert row.fields == {
        "name": "Talleres Anaga S.L.",
        "tax_no": "B76123454",
        "company": True,
        "email": None,
        "phone": None,
        "country": "ES",
        "use_delivery_address": False,
    }


def test_a_foreign_id_given_as_a_number_is_text() -> None:
    assert bitfactura.customer_from_client({**client(), "external_id": 77812}, ACCESS).reference == "77812"


def test_a_deleted_client_is_gone() -> None:
    assert bitfactura.customer_from_client({**client(), "deleted": True}, ACCESS).gone


def test_a_document_becomes_an_invoice() -> None:
    row = bitfactura.invoice_from_document(document(), ACCESS)
    assert row.fields == {
        "number": "17/03/2026",
        "title": "Revisión anual",
        "kind": "vat",
        "status": "issued",
        "income": True,
        "cancelled": False,
        "client": "40110257",
        "client_name": "Talleres Anaga S.L.",
        "issue_date": date(2026, 3, 6),
        "payment_to": None,
        "currency": "EUR",
        "price_net": Decimal(100),
        "price_gross": Decimal(121),
        "paid": Decimal(0),
        "link": "https://acme.bitfactura.example/invoice/Q1w2E3r4",
        "link_token": "Q1w2E3r4",
    }


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"view_url": "https://other.example/f/17/Q1w2E3r4"}, "link", "https://other.example/f/17/Q1w2E3r4"),
        ({"view_url": "", "token": None}, "link", None),
        ({"positions": []}, "title", "17/03/2026"),
        ({"positions": None}, "title", "17/03/2026"),
        ({"kind": "canceled"}, "cancelled", True),
        ({"cancelled": "1"}, "cancelled", True),
        ({"income": "0"}, "income", False),
        ({"client_id": None}, "client", None),
    ],
)
def test_what_is_odd_about_documents(change: dict[str, Any], field: str, value: object) -> None:
    assert bitfactura.invoice_from_document({**document(), **change}, ACCESS).fields[field] == value


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"positions": {}}, "positions"),
        ({"positions": ["x"]}, "positions"),
        ({"positions": [{"name": 7}]}, "positions.name"),
        ({"price_gross": "mucho"}, "price_gross"),
        ({"client_id": True}, "client_id"),
        ({"issue_date": "hoy"}, "issue_date"),
        ({"id": None}, "id"),
    ],
)
def test_a_document_of_wrong_types_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.Rejected) as refused:
        bitfactura.invoice_from_document({**document(), **change}, ACCESS)
    assert refused.value.field == field


def test_documents_are_never_written() -> None:
    with pytest.raises(errors.Rejected):
        bitfactura.document_from_invoice({"number": "1"})


def test_a_customer_is_written_under_the_vendors_names() -> None:
    written = bitfactura.client_from_customer({"name": "Uno", "email": None, "company": False})
    assert written == {"name": "Uno", "email": None, "company": False}
    assert sugester.client_from_customer({"province": "Tenerife"}) == {"province": "Tenerife"}
    with pytest.raises(errors.Rejected) as refused:
        bitfactura.client_from_customer({"province": "Tenerife"})
    assert refused.value.field == "province"


@pytest.mark.parametrize(
    ("wire", "reference"),
    [
        ({"external_id": "pu-1"}, "pu-1"),
        ({"external_ids": {"puente": "pu-1"}, "external_id": "ERP-9"}, "pu-1"),
        ({"external_ids": {"other": "x"}, "external_id": "ERP-9"}, "ERP-9"),
        ({"external_ids": [], "external_id": None}, ""),
        ({}, ""),
    ],
)
def test_our_reference_at_sugester_is_read_from_either_place(wire: dict[str, Any], reference: str) -> None:
    assert sugester.reference_in(wire) == reference


def test_a_deal_is_read_and_written() -> None:
    wire: dict[str, Any] = {
        "id": 5,
        "name": "Revisión",
        "price": "121.0",
        "client_id": 7,
        "url": "https://x.example/invoice/T",
        "origin": "pu-2",
        "invoice_no": "17/03/2026",
    }
    row = sugester.deal_from_wire(wire, ACCESS)
    assert row.reference == "pu-2"
    assert row.fields == {
        "name": "Revisión",
        "price": Decimal(121),
        "client": "7",
        "link": "https://x.example/invoice/T",
    }
    written = sugester.deal_from_fields(
        {
            "price": Decimal("121.00"),
            "client": "7",
            "link": None,
            "date": date(2026, 3, 6),
            "number": "17",
            "paid": True,
            "status": "Pagada",
        }
    )
    assert written == {
        "price": "121.00",
        "client_id": 7,
        "url": None,
        "date": "2026-03-06",
        "invoice_no": "17",
        "paid": True,
    }


def test_statuses_are_those_of_deals_by_name() -> None:
    listed: list[Any] = [
        {"id": 1, "name": "Emitida ", "kind": "deal"},
        {"id": 2, "name": "Emitida", "kind": "client"},
        {"id": 3, "name": "Pagada"},
        {"id": 4},
        "x",
    ]
    assert sugester.statuses_in(listed) == {"Emitida": "1", "Pagada": "3"}


@st.composite
def odd_objects(draw: st.DrawFn) -> dict[str, Any]:
    start: dict[str, Any] = draw(st.sampled_from([client(), document()]))
    leaf = st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=20)
    odd = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))
    for key in draw(st.sets(st.sampled_from([*sorted(start), "external_ids", "url", "view_url"]), max_size=5)):
        start[key] = draw(odd)
    return start


@given(odd_objects())
def test_no_object_raises_anything_but_a_refusal_with_its_field(wire: dict[str, Any]) -> None:
    for read in (
        bitfactura.customer_from_client,
        bitfactura.invoice_from_document,
        sugester.customer_from_client,
        sugester.deal_from_wire,
    ):
        field = "-"
        try:
            read(wire, ACCESS)
        except errors.Rejected as refused:
            field = refused.field
        assert field


def test_payload_files_name_their_origin() -> None:
    for path in PAYLOADS.rglob("*.json"):
        assert len(json.loads(path.read_text())["origin"]) > 20, path.name

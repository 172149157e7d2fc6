"""A document issued in BitFactura becomes one Asunto (deal) of its client in Sugester, with the link to it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from shared.connectors import bitfactura, sugester
from shared.flows.spec import Document, End, Option, Options
from shared.model.record import DEAL, INVOICE, Fields, Value

KINDS = (
    "vat",
    "bill",
    "receipt",
    "advance",
    "final",
    "correction",
    "vat_mp",
    "vat_margin",
    "invoice_other",
    "export_products",
)

# What a person reads in the CRM, by the document's status and the language of the workspace.
_STATUSES: dict[str, dict[str, str]] = {
    "es": {
        "issued": "Emitida",
        "sent": "Enviada",
        "partial": "Pagada en parte",
        "paid": "Pagada",
        "rejected": "Rechazada",
        "canceled": "Anulada",
    },
    "en": {
        "issued": "Issued",
        "sent": "Sent",
        "partial": "Partly paid",
        "paid": "Paid",
        "rejected": "Rejected",
        "canceled": "Cancelled",
    },
}
_TITLES = {"es": "Factura", "en": "Invoice"}
_LABELS = {
    "es": {"number": "Número", "date": "Fecha", "price": "Importe", "paid": "Pagado", "kind": "Tipo"},
    "en": {"number": "Number", "date": "Date", "price": "Amount", "paid": "Paid", "kind": "Kind"},
}


def wanted(invoice: Fields, options: Options) -> str:
    """Expenses are ignored; of sales documents, the chosen kinds are taken. Decides creation only."""
    if invoice.get("income") is False:
        return "Expenses do not become Asuntos."
    kind = invoice.get("kind")
    if invoice.get("cancelled") is True or kind == "canceled":
        return "A cancelled document does not become an Asunto."
    chosen = options.get("kinds")
    kinds = chosen if isinstance(chosen, Sequence) and not isinstance(chosen, str) else KINDS
    return "" if kind in kinds else f"Documents of kind {kind} are not chosen to become Asuntos."


def deal_from_invoice(invoice: Fields, options: Options) -> dict[str, Value]:
    """The Asunto of a document. What the CRM may not read back stands in its name or description too."""
    locale = str(options.get("locale") or "es")
    language = locale if locale in _STATUSES else "es"
    number = _text(invoice.get("number"))
    status = "canceled" if _is_cancelled(invoice) else _text(invoice.get("status")) or "issued"
    price = invoice.get("price_gross")
    currency = _text(invoice.get("currency"))
    paid = invoice.get("paid")
    labels = _LABELS[language]
    lines = [
        _text(invoice.get("title")),
        _line(labels["number"], number),
        _line(labels["kind"], _text(invoice.get("kind"))),
        _line(labels["date"], _text(invoice.get("issue_date"))),
        _line(labels["price"], f"{_amount(price)} {currency}".strip()),
        _line(labels["paid"], f"{_amount(paid)} {currency}".strip()),
        _text(invoice.get("link")),
    ]
    return {
        "name": f"{_TITLES[language]} {number}".strip(),
        "description": "\n".join(line for line in lines if line),
        "client": invoice.get("client"),
        "price": price,
        "currency": currency or None,
        "date": invoice.get("issue_date"),
        "number": number or None,
        "kind": invoice.get("kind"),
        "paid": status == "paid",
        "status": _STATUSES[language].get(status, status),
        "link": invoice.get("link"),
    }


def _is_cancelled(invoice: Fields) -> bool:
    return invoice.get("cancelled") is True or invoice.get("kind") == "canceled"


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _amount(value: Value) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else ""


def _line(label: str, text: str) -> str:
    return f"{label}: {text}" if text else ""


FLOW = Document(
    name="asunto_bitfactura_sugester",
    says="Each document becomes an Asunto of its client, once",
    entity=DEAL,
    source_entity=INVOICE,
    left=End(bitfactura.CONNECTOR, "invoices"),
    right=End(sugester.CONNECTOR, "deals"),
    match_on=("link",),
    make=deal_from_invoice,
    wanted=wanted,
    links={"client": "customer"},
    issued_on="issue_date",
    options=(
        Option(name="kinds", kind="words", default=KINDS, says="Which kinds of document become Asuntos"),
        Option(name="locale", kind="word", default="es", says="The language of Asuntos"),
        Option(name="since", kind="word", default=None, says="Take documents issued from this date"),
    ),
)

"""The requests on BitFactura's invoices: lists with their filters, and what each answer shows."""

from datetime import date, timedelta

from services.sandbox.bitfactura import invoices, numbering
from services.sandbox.bitfactura.clients import in_order
from services.sandbox.fields import objects, wrapped
from services.sandbox.lists import delete_answer, page_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import (
    HTML_TYPE,
    Answer,
    date_of,
    error,
    flag_of,
    int_of,
    json_answer,
    not_found,
    stamp,
)

# Keys that only some answers show; all others are in every one.
ONLY_ON_PUT: Fields = {"calculating_strategy": {}, "origin": "api", "search_data": None}
ONLY_ON_GET: Fields = {"sales_code": None, "adjust_invoice_price": False, "check_fiscal_print": None}

# Lists


def listed(call: Call) -> Answer:
    rows = [r for r in call.table("invoices").live(call.as_of) if _wanted(call, r)]
    with_positions = flag_of(call.param("include_positions")) is True
    page = page_of(call, in_order(call, rows))
    return json_answer([_row(call, r, with_positions=with_positions) for r in page])


def _row(call: Call, record: Record, *, with_positions: bool) -> Fields:
    row = show_read(call, record)
    if not with_positions:
        del row["positions"]
    return row


def _wanted(call: Call, record: Record) -> bool:
    income = flag_of(call.filled("income"))
    if record.fields["income"] is not (income is not False):
        return False
    one = call.filled("kind")
    kinds = call.params("kinds") or ([one] if one else [])
    if kinds and record.fields["kind"] not in kinds:
        return False
    ids = call.filled("invoice_ids")
    if ids is not None and str(record.id) not in ids.split(","):
        return False
    for name in ("client_id", "number", "oid"):
        wanted = call.filled(name)
        if wanted is not None and record.text(name) != wanted:
            return False
    by = call.param("search_date_type")
    dated = by if by in ("paid_date", "transaction_date") else "issue_date"
    return in_period(call, date_of(record.fields[dated]))


def in_period(call: Call, when: date | None) -> bool:
    """By default the last 12 months only; date_from and date_to count with `period=more` alone."""
    first, last = _bounds(call, call.world.clock.today().date())
    if first is None and last is None:
        return True
    if when is None:
        return False
    return (first is None or when >= first) and (last is None or when <= last)


def _bounds(call: Call, today: date) -> tuple[date | None, date | None]:
    period = call.param("period")
    month = today.replace(day=1)
    match period:
        case "all":
            return None, None
        case "more":
            return date_of(call.param("date_from")), date_of(call.param("date_to"))
        case "this_month":
            return month, None
        case "last_month":
            last = month - timedelta(days=1)
            return last.replace(day=1), last
        case "last_30_days":
            return today - timedelta(days=30), None
        case "this_year":
            return today.replace(month=1, day=1), None
        case "last_year":
            return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
        case _:
            return _a_year_before(today), None


def _a_year_before(today: date) -> date:
    try:
        return today.replace(year=today.year - 1)
    except ValueError:  # 29 February
        return today.replace(year=today.year - 1, day=28)


# Answers


def _common(call: Call, record: Record) -> Fields:
    fields = dict(record.fields)
    del fields["positions"], fields["additional_fields"]
    return {"id": record.id, **fields, "from_api": True}


def _times(record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    return {
        "created_at": stamp(record.created_at, millis=created),
        "updated_at": stamp(record.updated_at, millis=created or updated),
    }


def show_created(call: Call, record: Record) -> Fields:
    return {
        **_common(call, record),
        "view_url": numbering.view_url(call, record),
        **_times(record, created=True),
    }


def show_updated(call: Call, record: Record) -> Fields:
    return {
        **_common(call, record),
        "view_url": numbering.view_url(call, record),
        "account_id": call.account.number,
        "additional_fields": record.fields["additional_fields"],
        "deleted": record.deleted,
        **ONLY_ON_PUT,
        **_times(record, updated=True),
    }


def show_read(call: Call, record: Record) -> Fields:
    result = {**_common(call, record), **ONLY_ON_GET, "payment_url": numbering.payment_url(call, record)}
    if call.flag("view_url_on_get"):
        result["view_url"] = numbering.view_url(call, record)
    if record.fields["additional_fields"]:
        result["additional_fields"] = record.fields["additional_fields"]
    result["positions"] = _positions(call, record)
    return {**result, **_times(record)}


def _positions(call: Call, record: Record) -> list[Fields]:
    full = call.param("correction_positions") == "full"
    return [
        {key: value for key, value in line.items() if full or not key.startswith("correction_")}
        for line in objects(record.fields["positions"])
    ]


def _projected(call: Call, result: Fields) -> Fields:
    """`fields[invoice]=a,b` narrows the answer; the id stays."""
    wanted = call.filled("fields[invoice]")
    if wanted is None:
        return result
    names = {"id", *wanted.split(",")}
    return {key: value for key, value in result.items() if key in names}


# Requests


def found(call: Call) -> Record:
    record = call.table("invoices").get(call.record_id, call.as_of)
    if record is None:
        raise not_found()
    return record


def read(call: Call) -> Answer:
    return json_answer(_projected(call, show_read(call, found(call))))


def created(call: Call) -> Answer:
    return json_answer(show_created(call, invoices.create(call, wrapped(call, "invoice"))), 201)


def updated(call: Call) -> Answer:
    record = found(call)
    return json_answer(show_updated(call, invoices.update(call, record, wrapped(call, "invoice"))))


def deleted(call: Call) -> Answer:
    invoices.delete(call, found(call))
    return delete_answer(call)


def cancelled(call: Call) -> Answer:
    record = call.table("invoices").get(int_of(call.param("cancel_invoice_id")))
    if record is None:
        raise not_found()
    if record.fields["kind"] == "canceled":
        raise error(200, "El documento ya está anulado")
    invoices.cancel(call, record, call.param("cancel_reason") or "")
    return json_answer({"code": "success", "message": "El documento ha sido anulado"})


def status_changed(call: Call) -> Answer:
    record, status = found(call), call.param("status")
    if status not in invoices.STATUSES:
        raise error(200, "Estado incorrecto")
    invoices.set_status(call, record, status)
    return json_answer({"code": "success", "message": "El estado ha sido cambiado"})


def mailed(call: Call) -> Answer:
    """This action has a form of its own, for success and for failure."""
    record = found(call)
    if not (call.filled("email_to") or record.text("buyer_email")):
        return json_answer({"status": "error", "message": "Falta la dirección de correo electrónico"})
    return json_answer({"status": "ok"})


def pdf(call: Call) -> Answer:
    record = found(call)
    if call.flag("pdf_redirects"):
        where = f"{call.world.origin}/bitfactura/invoice/{record.text('token')}.pdf"
        return Answer(status=302, content_type=HTML_TYPE, headers={"Location": where})
    return Answer(body=pdf_of(record), content_type="application/pdf")


def pdf_of(record: Record) -> bytes:
    """One page that shows the number; enough for a viewer and for whoever looks for `%PDF`."""
    number = record.text("number").encode("ascii", "replace").replace(b"(", b"[").replace(b")", b"]")
    text = b"BT /F1 24 Tf 72 720 Td (" + number + b") Tj ET"
    font = b"/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    objects_ = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<" + font + b">>>>",
        b"<</Length " + str(len(text)).encode() + b">>stream\n" + text + b"\nendstream",
    )
    body = b"".join(b"%d 0 obj" % n + part + b"endobj\n" for n, part in enumerate(objects_, start=1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF\n"


ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/invoices.json", action="list", handler=listed),
    Route(method="GET", template="/invoices/{id}.json", action="read", handler=read),
    Route(method="GET", template="/invoices/{id}.pdf", action="other", handler=pdf),
    Route(method="POST", template="/invoices.json", action="create", handler=created),
    Route(method="PUT", template="/invoices/{id}.json", action="update", handler=updated),
    Route(method="PATCH", template="/invoices/{id}.json", action="update", handler=updated),
    Route(method="DELETE", template="/invoices/{id}.json", action="delete", handler=deleted),
    Route(method="POST", template="/invoices/cancel.json", action="update", handler=cancelled),
    Route(
        method="POST",
        template="/invoices/{id}/change_status.json",
        action="update",
        handler=status_changed,
    ),
    Route(method="POST", template="/invoices/{id}/send_by_email.json", action="other", handler=mailed),
)

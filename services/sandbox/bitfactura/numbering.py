"""Numbers, dates and links of BitFactura documents."""

from datetime import date, timedelta

from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call
from services.sandbox.wire import date_of, int_of

DAYS_TO_PAY = 7


def next_number(call: Call, issued: date) -> str:
    """`17/03/2026`: a counter for each month."""
    key = f"number:{issued:%Y-%m}"
    call.account.counters[key] += 1
    return f"{call.account.counters[key]}/{issued:%m/%Y}"


def complete_dates(call: Call, fields: Fields) -> None:
    issued = date_of(fields["issue_date"]) or call.world.clock.today().date()
    fields["issue_date"] = issued.isoformat()
    fields["sell_date"] = fields["sell_date"] or fields["issue_date"]
    fields["transaction_date"] = fields["transaction_date"] or fields["sell_date"]
    term = fields["payment_to_kind"]
    days = int_of(term)
    if term == "off":
        fields["payment_to"] = None
    elif days is not None and 0 <= days <= 3650:
        fields["payment_to"] = _later(issued, days)
    elif fields["payment_to"]:
        fields["payment_to_kind"] = "other_date"
    else:
        fields["payment_to_kind"] = str(DAYS_TO_PAY)
        fields["payment_to"] = _later(issued, DAYS_TO_PAY)


def _later(issued: date, days: int) -> str:
    try:
        return (issued + timedelta(days=days)).isoformat()
    except OverflowError:  # the calendar ends
        return issued.isoformat()


def view_url(call: Call, record: Record) -> str:
    dashed = record.text("number").replace("/", "-").replace(" ", "-")
    return f"{link_host(call)}/f/{dashed}/{record.text('token')}"


def payment_url(call: Call, record: Record) -> str:
    return f"{link_host(call)}/invoice/payment/{record.text('token')}"


def link_host(call: Call) -> str:
    """By default another domain than the API's, as at the vendor."""
    if call.choice("link_host") == "sandbox":
        return f"{call.world.origin}/bitfactura"
    return f"https://{call.account.name}.fakturownia.net"

"""The public pages of a document, which need no login, and the account's own resources."""

import html

from services.sandbox.accounts import Account
from services.sandbox.bitfactura.documents import pdf_of
from services.sandbox.fields import wrapped
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import HTML_TYPE, Answer, error, json_answer, not_found

PLAIN = frozenset({str, int, float, bool})


def _by_token(call: Call) -> Record:
    token = call.path["token"]
    for account in call.world.accounts("bitfactura"):
        for record in account.tables["invoices"].live():
            if record.text("token") == token:
                return record
    raise not_found()


def page(call: Call) -> Answer:
    record = _by_token(call)
    shown = {name: html.escape(record.text(name)) for name in ("number", "buyer_name", "price_gross", "status")}
    body = (
        f"<!DOCTYPE html><html lang=es><head><meta charset=utf-8><title>{shown['number']}</title></head>"
        f"<body><h1>{shown['number']}</h1><p>{shown['buyer_name']}</p>"
        f"<p>{shown['price_gross']} {html.escape(record.text('currency'))}</p>"
        f"<p>{shown['status']}</p></body></html>"
    )
    return Answer(body=body.encode(), content_type=HTML_TYPE)


def page_pdf(call: Call) -> Answer:
    return Answer(body=pdf_of(_by_token(call)), content_type="application/pdf")


# Account


def show_account(account: Account, origin: str) -> Fields:
    return {
        "id": account.number,
        "prefix": account.name,
        "url": f"{origin}/bitfactura",
        "login": account.login,
        "email": account.login,
        "first_name": "Ana",
        "last_name": "Demo",
    }


def account_read(call: Call) -> Answer:
    shown = show_account(call.account, call.world.origin)
    return json_answer({**shown, "use_receipt": False, **call.account.settings})


def account_updated(call: Call) -> Answer:
    given = wrapped(call, "account")
    call.account.settings.update({k: v for k, v in given.items() if v is None or type(v) in PLAIN})
    return account_read(call)


def logged_in(call: Call) -> Answer:
    """The user's login and password for the token; the only request without one."""
    login, password = call.param("login"), call.param("password")
    for account in call.world.accounts("bitfactura"):
        if (account.login, account.password) == (login, password):
            shown = show_account(account, call.world.origin)
            del shown["id"]
            return json_answer({**shown, "api_token": account.prefixed_token})
    raise error(401, "Usuario o contraseña incorrectos")


ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/f/{number}/{token}", action="other", handler=page, open=True),
    Route(method="GET", template="/invoice/{token}", action="other", handler=page, open=True),
    Route(method="GET", template="/invoice/payment/{token}", action="other", handler=page, open=True),
    Route(method="GET", template="/invoice/{token}.pdf", action="other", handler=page_pdf, open=True),
    Route(method="GET", template="/account.json", action="read", handler=account_read),
    Route(method="PUT", template="/account.json", action="update", handler=account_updated),
    Route(method="POST", template="/login.json", action="other", handler=logged_in, open=True),
)

"""The account itself: settings, users, and whom a key belongs to."""

from services.sandbox.clientify.contacts import USER_ID
from services.sandbox.clientify.envelope import Version, both, chosen, items_page, one
from services.sandbox.storage import Fields
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, json_answer


def _user(call: Call) -> Fields:
    return {
        "id": USER_ID,
        "username": call.account.login,
        "email": call.account.login,
        "full_name": "Ana Ruiz",
        "last_name": "Ruiz",
        "company": call.account.name.upper(),
        "company_id": call.account.number,
        "permissions_profile": None,
        "role": "admin",
        "is_company_admin": True,
        "language": "es",
        "have_sales_active": True,
        "have_marketing_active": True,
        "account_status": call.choice("account_status"),
    }


def _settings(call: Call) -> Fields:
    country = call.choice("account_country")
    shown: Fields = {
        "language": "es",
        "country": country,
        "time_zone": "Europe/Madrid",
        "currency": "EUR",
        "currency_symbol": "€",
        "currency_format": "1",
        "hour_format": "24",
        "date_format": "d/m/Y",
        "sub_brand": None,
    }
    if country == "none":
        del shown["country"]
    return shown


def me(call: Call, version: Version) -> Answer:
    return json_answer(chosen(call, version, _user(call)))


def my_account(call: Call, version: Version) -> Answer:
    shown = _settings(call) if call.choice("my_account_shape") == "settings" else _user(call)
    return items_page(call, version, "/settings/my-account/", [shown], lambda row: row)


def users(call: Call, version: Version) -> Answer:
    return items_page(call, version, "/users/", [_user(call)], lambda row: chosen(call, version, row))


ROUTES: tuple[Route, ...] = (
    *one("v2", "GET", "/me/", "other", me, fields=True),
    *one("v1", "GET", "/settings/my-account/", "other", my_account),
    *both("GET", "/users/", "other", users, fields=True),
)

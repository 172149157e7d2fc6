"""Where BitFactura's own hooks go: a write that finds its record by the other side's id."""

from services.sandbox.storage import Fields, Record
from services.sandbox.sugester import clients, common, deals
from services.sandbox.system import Call, Route
from services.sandbox.wire import OK, Answer, error, json_answer


def _application(call: Call) -> str:
    return (call.param("app_name") or "").lower()


def _ids(call: Call, given: Fields, *names: str) -> dict[str, str]:
    """The other side's id under its name, wherever the body carries it."""
    found = common.text_ids(given.get("external_ids"))
    application = _application(call)
    known = {key: value for key, value in found.items() if key.lower() == application} or found
    if known or not application:
        return known
    top = next((call.body[name] for name in names if call.body.get(name)), None)
    return common.text_ids({application: top})


def upsert_client(call: Call, given: Fields, ids: dict[str, str]) -> Record:
    """By the other side's id, else tax number, else e-mail; else a new client."""
    present = (
        clients.by_external_ids(call, ids)
        or clients.by_field(call, "tax_no", given)
        or clients.by_field(call, "email", given)
    )
    given = {**given, "external_ids": ids}
    return clients.update(call, present, given) if present else clients.create(call, given)


def _given(call: Call, wrapper: str) -> Fields:
    given = call.body.get(wrapper)
    if not isinstance(given, dict):
        raise error(400, f"param is missing or the value is empty: {wrapper}")
    return given


def client_updated(call: Call) -> Answer:
    given = _given(call, "client")
    record = upsert_client(call, given, _ids(call, given, "client_id", "id"))
    return _answer(call, clients.show(call, record, updated=True))


def deal_updated(call: Call) -> Answer:
    given = dict(_given(call, "deal"))
    nested = given.pop("client", None)
    if isinstance(nested, dict):
        given["client_id"] = upsert_client(call, nested, _ids(call, nested)).id
    ids = _ids(call, given, "id")
    given["external_ids"] = ids
    if not given.get("name"):
        given["name"] = given.get("invoice_no")
    present = deals.by_external_ids(call, ids)
    record = deals.update(call, present, given) if present else deals.create(call, given)
    return _answer(call, deals.show(call, record, updated=True))


def _answer(call: Call, shown: Fields) -> Answer:
    return OK if call.choice("external_update_answer") == "ok" else json_answer(shown)


ROUTES: tuple[Route, ...] = (
    Route(method="POST", template="/app/clients/external_update.json", action="update", handler=client_updated),
    Route(method="POST", template="/app/deals/external_update.json", action="update", handler=deal_updated),
)

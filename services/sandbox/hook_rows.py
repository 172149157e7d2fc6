"""Webhook rows, which both vendors keep alike: one kind and one URL each."""

from services.sandbox.fields import NOT_IN_LIST, REQUIRED, Kind, blank, read_fields, wrapped
from services.sandbox.lists import delete_answer, newest_first, page_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, invalid, json_answer, not_found_newer, stamp

KINDS: dict[str, Kind] = {"kind": "short", "url": "long", "api_token": "short", "active": "flag"}
BLANK: Fields = {"kind": None, "url": None, "api_token": None, "active": True}


def _given(call: Call) -> Fields:
    """The row with or without its wrapper; without it the two tokens share one key."""
    if "webhook" in call.body:
        return read_fields(call, KINDS, wrapped(call, "webhook"))
    given = read_fields(call, KINDS, call.body)
    if "api_token" in given and call.choice("unwrapped_hook_secret") == "none":
        given["api_token"] = None
    return given


def _check(call: Call, fields: Fields) -> None:
    kinds = call.world.systems[call.account.system].hook_kinds
    if fields["kind"] not in kinds:
        raise invalid(kind=NOT_IN_LIST)
    if blank(fields["url"]):
        raise invalid(url=REQUIRED)


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(422)."""
    fields = {**BLANK, **given}
    if fields["active"] is None:
        fields["active"] = True
    _check(call, fields)
    record = call.table("webhooks").insert(call.next_id("webhooks"), fields, call.now)
    call.world.systems[call.account.system].after_hook_saved(call, record)
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    fields = {**record.fields, **given}
    _check(call, fields)
    changed = call.table("webhooks").change(record, fields, call.now)
    call.world.courier.forgive(call.account, record.id)
    call.world.systems[call.account.system].after_hook_saved(call, changed)
    return changed


def show(call: Call, record: Record) -> Fields:
    return {
        "id": record.id,
        **record.fields,
        "account_id": call.account.number,
        "created_at": stamp(record.created_at),
        "updated_at": stamp(record.updated_at),
    }


def _found(call: Call) -> Record:
    record = call.table("webhooks").get(call.record_id, call.as_of)
    if record is None:
        raise not_found_newer()
    return record


def listed(call: Call) -> Answer:
    rows = call.table("webhooks").live(call.as_of)
    if call.choice("default_order") == "newest_first":
        rows = newest_first(rows)
    return json_answer([show(call, r) for r in page_of(call, rows)])


def read(call: Call) -> Answer:
    return json_answer(show(call, _found(call)))


def created(call: Call) -> Answer:
    return json_answer(show(call, create(call, _given(call))), 201)


def updated(call: Call) -> Answer:
    return json_answer(show(call, update(call, _found(call), _given(call))))


def deleted(call: Call) -> Answer:
    call.table("webhooks").delete(_found(call), call.now)
    return delete_answer(call)


def routes(base: str = "") -> tuple[Route, ...]:
    one, many = f"{base}/webhooks/{{id}}.json", f"{base}/webhooks.json"
    return (
        Route(method="GET", template=many, action="list", handler=listed),
        Route(method="GET", template=one, action="read", handler=read),
        Route(method="POST", template=many, action="create", handler=created),
        Route(method="PUT", template=one, action="update", handler=updated),
        Route(method="PATCH", template=one, action="update", handler=updated),
        Route(method="DELETE", template=one, action="delete", handler=deleted),
    )

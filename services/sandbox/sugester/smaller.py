"""Sugester's statuses, contacts, contact lists, posts and tasks, and its account."""

from collections.abc import Callable
from dataclasses import dataclass

from services.sandbox.fields import REQUIRED, Kind, blank, read_fields, wrapped
from services.sandbox.lists import delete_answer
from services.sandbox.storage import Fields, Record
from services.sandbox.sugester import clients, common
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, error, invalid, json_answer


@dataclass(frozen=True, kw_only=True)
class Smaller:
    resource: str
    wrapper: str
    kinds: dict[str, Kind]
    required: tuple[str, ...] = ("name",)
    """One of these must be there."""
    counts_as: str | None = None
    """The counter of a client that a new record moves."""


CONTACTS = Smaller(
    resource="contacts",
    wrapper="contact",
    kinds={
        "name": "short",
        "first_name": "short",
        "last_name": "short",
        "email": "short",
        "phone": "short",
        "description": "long",
        "note": "long",
        "responsible_id": "int",
        "client_id": "int",
    },
    required=("name", "first_name", "last_name", "email"),
    counts_as="contacts_count",
)
CONTACT_LISTS = Smaller(resource="contact_lists", wrapper="contact_list", kinds={"name": "short"})
POSTS = Smaller(
    resource="posts",
    wrapper="post",
    kinds={
        "title": "short",
        "content": "long",
        "task_kind": "short",
        "kind": "short",
        "post_id": "int",
        "client_id": "int",
        "responsible_id": "int",
        "status_id": "int",
        "priority": "int",
        "closed": "flag",
        "private": "flag",
        "unread": "flag",
        "scheduled_at": "short",
        "project_id": "int",
        "tags": "short",
        "answered": "flag",
        "response": "long",
        "email": "short",
        "email_to": "short",
        "email_cc": "short",
        "email_bcc": "short",
    },
    required=("title", "content"),
    counts_as="posts_count",
)
STATUSES = Smaller(
    resource="statuses", wrapper="status", kinds={"code": "short", "name": "short", "kind": "short"}
)
RESOURCES = (CONTACTS, CONTACT_LISTS, POSTS, STATUSES)


def create(call: Call, resource: Smaller, given: Fields) -> Record:
    fields = {**dict.fromkeys(resource.kinds), **read_fields(call, resource.kinds, given)}
    _check(fields, resource)
    record = call.table(resource.resource).insert(call.next_id(resource.resource), fields, call.now)
    if resource.counts_as is not None:
        clients.touched(call, fields["client_id"], resource.counts_as)
    return record


def _check(fields: Fields, resource: Smaller) -> None:
    if all(blank(fields[name]) for name in resource.required):
        raise invalid(**{resource.required[0]: REQUIRED})


def create_status(call: Call, given: Fields) -> Record:
    """The name is the unique key; a repeated one is returned, or refused."""
    present = _status_named(call, str(given.get("name") or ""))
    if present is None:
        return create(call, STATUSES, given)
    if call.choice("status_repeat") == "refused":
        raise invalid(name="ya está en uso")
    return present


def _status_named(call: Call, name: str) -> Record | None:
    wanted = name.strip()
    return next((r for r in call.table("statuses").live() if r.text("name").strip() == wanted), None)


def show(record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    times = common.times(record, created=created, updated=updated)
    return {"id": record.id, **record.fields, **common.marked(record), **times}


def show_status(record: Record) -> Fields:
    return {"id": record.id, **record.fields}


def _list(call: Call, records: list[Record]) -> Answer:
    return json_answer([show(r) for r in common.page(call, records)])


def _routes(resource: Smaller) -> tuple[Route, ...]:
    name = resource.resource

    def created(call: Call) -> Answer:
        record = create(call, resource, wrapped(call, resource.wrapper))
        return common.create_answer(call, show(record, created=True))

    def updated(call: Call) -> Answer:
        record = common.found(call, name)
        changes = read_fields(call, resource.kinds, wrapped(call, resource.wrapper))
        _check({**record.fields, **changes}, resource)
        return json_answer(show(call.table(name).change(record, changes, call.now), updated=True))

    def deleted(call: Call) -> Answer:
        call.table(name).delete(common.found(call, name), call.now)
        return delete_answer(call)

    one, many = f"/app/{name}/{{id}}.json", f"/app/{name}.json"
    return (
        Route(
            method="GET",
            template=many,
            action="list",
            handler=lambda call: _list(call, common.rows(call, name)),
        ),
        Route(
            method="GET",
            template=one,
            action="read",
            handler=lambda call: json_answer(show(common.found(call, name))),
        ),
        Route(method="POST", template=many, action="create", handler=created),
        Route(method="PUT", template=one, action="update", handler=updated),
        Route(method="DELETE", template=one, action="delete", handler=deleted),
    )


# Statuses


def statuses_listed(call: Call) -> Answer:
    """`kind` comes in the JSON body of the GET, or in the query."""
    kind = call.filled("kind")
    records = [r for r in common.rows(call, "statuses") if kind in (None, r.text("kind"))]
    return json_answer([show_status(r) for r in common.page(call, records)])


def status_created(call: Call) -> Answer:
    return common.create_answer(call, show_status(create_status(call, wrapped(call, "status"))))


def status_updated(call: Call) -> Answer:
    record = common.found(call, "statuses")
    changes = read_fields(call, STATUSES.kinds, wrapped(call, "status"))
    other = _status_named(call, str(changes.get("name") or ""))
    if blank({**record.fields, **changes}["name"]):
        raise invalid(name=REQUIRED)
    if other is not None and other.id != record.id:
        raise invalid(name="ya está en uso")
    return json_answer(show_status(call.table("statuses").change(record, changes, call.now)))


def status_deleted(call: Call) -> Answer:
    call.table("statuses").delete(common.found(call, "statuses"), call.now)
    return delete_answer(call)


# Help desk, tasks, account


def helpdesk_listed(call: Call) -> Answer:
    return _list(call, [r for r in common.rows(call, "posts") if r.fields["task_kind"] != "comment"])


def tasks_listed(call: Call) -> Answer:
    return _list(call, [r for r in common.rows(call, "posts") if r.fields["task_kind"] == "task"])


def account_created(call: Call) -> Answer:
    """A partner makes an account; its token comes back."""
    given, user = wrapped(call, "account"), wrapped(call, "user")
    prefix = str(given.get("prefix") or "")
    if not prefix:
        raise invalid(prefix=REQUIRED)
    try:
        account = call.world.add_account("sugester", prefix)
    except ValueError:
        raise error(422, {"prefix": ["ya está en uso"]}) from None
    account.login = str(user.get("login") or account.login)
    shown: Fields = {
        "id": account.number,
        "prefix": account.name,
        "login": account.login,
        "api_token": account.prefixed_token,
    }
    return common.create_answer(call, shown)


def _seeder(resource: Smaller) -> Callable[[Call, Fields], Record]:
    return lambda call, given: create(call, resource, given)


SEEDERS = {**{r.resource: _seeder(r) for r in (CONTACTS, CONTACT_LISTS, POSTS)}, "statuses": create_status}

ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/app/statuses.json", action="list", handler=statuses_listed),
    Route(
        method="GET",
        template="/app/statuses/{id}.json",
        action="read",
        handler=lambda call: json_answer(show_status(common.found(call, "statuses"))),
    ),
    Route(method="POST", template="/app/statuses.json", action="create", handler=status_created),
    Route(method="PUT", template="/app/statuses/{id}.json", action="update", handler=status_updated),
    Route(method="DELETE", template="/app/statuses/{id}.json", action="delete", handler=status_deleted),
    *(route for resource in (CONTACTS, CONTACT_LISTS, POSTS) for route in _routes(resource)),
    Route(method="GET", template="/app.json", action="list", handler=helpdesk_listed),
    Route(method="GET", template="/app/tasks.json", action="list", handler=tasks_listed),
    Route(method="POST", template="/app/account.json", action="other", handler=account_created),
)

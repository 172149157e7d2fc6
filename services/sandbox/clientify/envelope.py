"""How Clientify answers: pages, errors, times; and what both versions of its API share."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlencode

from services.sandbox.clock import ACCOUNT_OFFSET
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Action, Call, Incoming, Route
from services.sandbox.wire import HTML_TYPE, Answer, BadJsonError, Refused, int_of, json_answer

if TYPE_CHECKING:
    from services.sandbox.world import World

SYSTEM = "clientify"
Version = Literal["v1", "v2"]
Handler = Callable[[Call, Version], Answer]
Show = Callable[[Record], Fields]
T = TypeVar("T")

LARGEST_PAGE = {"v1": 100, "v2": 500}
NOT_FOUND_HTML = b"""<!doctype html><html lang="en"><head><title>Not Found</title></head>
<body><h1>Not Found</h1><p>The requested resource was not found on this server.</p></body></html>"""
NO_CONTENT = Answer(status=204)


# Refusing


def detail(status: int, text: str) -> Refused:
    return Refused(json_answer({"detail": text}, status))


def not_found() -> Refused:
    return detail(404, "Not found.")


def invalid(**reasons: str) -> Refused:
    """400 with a list of reasons for each field."""
    return Refused(json_answer({name: [reason] for name, reason in reasons.items()}, 400))


def not_allowed(method: str) -> Refused:
    return detail(405, f'Method "{method}" not allowed.')


def html_404() -> Answer:
    return Answer(status=404, body=NOT_FOUND_HTML, content_type=HTML_TYPE)


def bad_body(world: "World", problem: BadJsonError) -> Answer:
    return json_answer({"detail": f"JSON parse error - {problem}"}, 400)


def too_many(seconds: float) -> Answer:
    said = {"detail": f"Request was throttled. Expected available in {seconds:g} seconds."}
    return json_answer(said, 429, **{"Retry-After": f"{seconds:g}"})


# Versions


def versioned(version: Version, handler: Handler, *, fields: bool) -> Callable[[Call], Answer]:
    """The handler for one version, with what that version asks of every request."""

    def answer(call: Call) -> Answer:
        if call.choice("versions") not in ("both", version) and not call.owner:
            return html_404()
        mandatory = fields and version == "v2" and call.flag("v2_fields_mandatory") and not call.owner
        if mandatory and not call.filled("fields"):
            return json_answer(["Please specify the fields parameter with the fields that you need."], 400)
        return handler(call, version)

    return answer


def both(method: str, path: str, action: Action, handler: Handler, *, fields: bool = False) -> tuple[Route, ...]:
    """One route in each version. With `fields` the second one wants to be told which."""
    return (*one("v1", method, path, action, handler), *one("v2", method, path, action, handler, fields=fields))


def one(
    version: Version, method: str, path: str, action: Action, handler: Handler, *, fields: bool = False
) -> tuple[Route, ...]:
    made = versioned(version, handler, fields=fields)
    return (Route(method=method, template=f"/{version}{path}", action=action, handler=made),)


def address(call: Call, path: str) -> str:
    """A full URL of the vendor's; `path` begins with the version."""
    return f"{call.world.origin}/{SYSTEM}/{path}"


def chosen(call: Call, version: Version, shown: Fields) -> Fields:
    """What `fields=` asks for, in v2; names that are not known are overlooked."""
    wanted = call.filled("fields")
    if version == "v1" or wanted is None:
        return shown
    names = [name.strip() for name in wanted.split(",")]
    return {name: shown[name] for name in names if name in shown}


# Pages


def page(call: Call, version: Version, path: str, rows: Sequence[Record], show: Show) -> Answer:
    """One page of records, with the count of all and links to its neighbours. Raises Refused(404)."""
    return items_page(call, version, path, rows, show)


def items_page(call: Call, version: Version, path: str, rows: Sequence[T], show: Callable[[T], Fields]) -> Answer:
    if call.list_fault == "empty":
        rows = []
    size = None if call.flag("page_size_ignored") else int_of(call.param("page_size"))
    size = min(size or int(call.amount("default_page_size")) or 20, LARGEST_PAGE[version])
    number = int_of(call.param("page") or "1")
    if number is None or number < 1 or size < 1:
        raise detail(404, "Invalid page.")
    first = (number - 1) * size
    results = list(rows[first : first + size])
    more = first + size < len(rows)
    if call.list_fault == "endless" and rows:
        results, more = list(islice(cycle(rows), size)), True
    if not results and number > 1 and call.choice("page_past_end") == "404":
        raise detail(404, "Invalid page.")
    return json_answer(
        {
            "count": len(rows),
            "next": _page_url(call, version, path, number + 1) if more else None,
            "previous": _page_url(call, version, path, number - 1) if number > 1 else None,
            "results": [show(row) for row in results],
        }
    )


def _page_url(call: Call, version: Version, path: str, number: int) -> str:
    query = [(key, value) for key, value in call.query if key != "page"]
    if number > 1:
        query.append(("page", str(number)))
    encoded = f"?{urlencode(query)}" if query else ""
    return f"{address(call, version)}{path}{encoded}"


# Times


def stamp(when: datetime) -> str:
    """With the account's offset and microseconds, as REST answers write it."""
    return when.astimezone(ACCOUNT_OFFSET).isoformat(timespec="microseconds")


def hook_stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_DAY = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)")


def moment(text: str, *, days_only: bool) -> datetime | None:
    """A time of a filter: a day with dashes or slashes, or a time with or without seconds and zone."""
    given = text.strip().replace("/", "-")
    if days_only and not _DAY.fullmatch(given):
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=ACCOUNT_OFFSET)


def redirect(world: "World", incoming: Incoming) -> Answer:
    query = f"?{incoming.raw_query}" if incoming.raw_query else ""
    return Answer(
        status=301,
        content_type=HTML_TYPE,
        headers={"Location": f"{world.origin}/{SYSTEM}{incoming.path}/{query}"},
    )

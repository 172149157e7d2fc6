"""The hook routes as OpenAPI entries. FastAPI cannot see them, since they are raw ASGI; a test knocks at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services import problems
from services.ingress.door import Door
from shared.connectors.contract import Connector

Json = Mapping[str, Any]

_REFUSALS: Final = {
    "400": "The body must carry the secret; it cannot be read and no good one stands in it, or it stands twice.",
    "404": "There is no such hook, or its secret is wrong. One same answer for both.",
    "405": "Hooks are delivered with POST.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than 900 KiB.",
    "415": "The body has a Content-Encoding.",
    "429": "Too many refusals for this address. Authentic deliveries are never limited.",
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
    },
}
_ACCEPTED: Final = {
    "type": "object",
    "required": ["id", "accepted"],
    "properties": {
        "id": {"type": ["string", "null"], "description": "The id of the first change, as in the log."},
        "accepted": {"type": "integer", "description": "How many changes the body held."},
    },
}
SCHEMAS: Final[Json] = {"Problem": _PROBLEM, "Accepted": _ACCEPTED}


def templates(door: Door) -> Sequence[str]:
    """The paths at which a system's hooks arrive, as templates."""
    with_token = f"/hooks/{door.system}/{{token}}"
    endings = [f"{with_token}/{ending}" for ending in door.endings]
    return [with_token, *endings, *(f"/{ending}" for ending in door.endings)]


def paths(door: Door) -> Json:
    """The OpenAPI path items of one system's door."""
    return {path: {"post": _operation(door.connector, path)} for path in templates(door)}


def _operation(connector: Connector, path: str) -> Json:
    token_in_body = "{token}" not in path
    key = connector.hooks.secret_key or ("api_token" if token_in_body else "")
    kinds = ", ".join(sorted(connector.hooks.kinds))
    said = f"Takes hooks of the kinds {kinds}. The kind is part of the token, never of the body."
    if token_in_body:
        said += f" The token stands in the body, under `{key}`."
    operation: dict[str, Any] = {
        "operationId": "hook" + path.replace("/", "_").replace("{", "").replace("}", "").replace(".", "_"),
        "tags": [connector.name],
        "summary": f"A hook of {connector.title}",
        "description": said,
        "requestBody": {"required": True, "content": {"*/*": {"schema": _body(key)}}},
        "responses": _responses(connector),
    }
    if not token_in_body:
        operation["parameters"] = [
            {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}},
        ]
    return operation


def _body(key: str) -> Json:
    if not key:
        return {}
    return {"type": "object", "required": [key], "properties": {key: {"type": "string"}}}


def _responses(connector: Connector) -> Json:
    responses: dict[str, Any] = {
        "200": {
            "description": "The change is durable: in the log, or in the spool on its way there.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}},
        }
    }
    no = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, description in _REFUSALS.items():
        responses[status] = {"description": description, "content": no}
    unstored = str(connector.hooks.when_unstored)
    if unstored not in responses:
        responses[unstored] = {"description": "Nothing could store the change; send it again.", "content": no}
    return responses

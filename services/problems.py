"""Problem bodies (RFC 9457): the one form in which every service says no."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

# Said by the framework itself, which does not say about what.
_FRAMEWORK = {400: "body", 404: "path", 405: "method"}


def body(status: int, name: str, detail: str, *, field: str = "") -> bytes:
    """The bytes of a problem. `name` is a short word for its kind; `field` names what is wrong in the request."""
    problem = {
        "type": f"urn:puente:problem:{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return msgspec.json.encode(problem | {"field": field} if field else problem)


def install(app: FastAPI) -> None:
    """Have FastAPI answer with problem bodies where it would answer with a form of its own."""

    async def http_problem(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        status = error.status_code
        name = HTTPStatus(status).phrase.lower().replace(" ", "-")
        content = body(status, name, str(error.detail), field=_FRAMEWORK.get(status, ""))
        return Response(content, status, headers=dict(error.headers or {}), media_type=MEDIA_TYPE)

    async def validation_problem(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return Response(body(422, "not-valid", str(first["msg"]), field=field), 422, media_type=MEDIA_TYPE)

    app.add_exception_handler(HTTPException, http_problem)
    app.add_exception_handler(RequestValidationError, validation_problem)

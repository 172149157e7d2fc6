"""What the control API says no with: one sentence and the field that it is about."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as FrameworkError
from starlette.responses import Response


class Problem(BaseModel):
    detail: str
    field: str
    """`system`; where the form of the request is wrong, with its place: `body.seconds`, `query.limit`."""


class No(HTTPException):
    """An answer of 404, 409 or 422 that names its field."""

    def __init__(self, status: int, detail: str, *, field: str) -> None:
        super().__init__(status, detail)
        self.field = field


_MEANINGS = {
    400: "The body is no JSON.",
    404: "The sandbox does not have it.",
    409: "It is there already.",
    422: "A value cannot be taken.",
}
# Said by the framework itself, which does not say about what.
_FRAMEWORK = {400: "body", 404: "path", 405: "method"}


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Entries of a route's `responses` for these statuses."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}


def install(app: FastAPI) -> None:
    async def refused(_: Request, error: Exception) -> Response:
        if not isinstance(error, FrameworkError):
            raise error
        field = error.field if isinstance(error, No) else _FRAMEWORK.get(error.status_code, "")
        content = {"detail": str(error.detail), "field": field}
        return JSONResponse(content, error.status_code, headers=dict(error.headers or {}))

    async def not_valid(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"detail": f"{field}: {first['msg']}", "field": field}, 422)

    app.add_exception_handler(FrameworkError, refused)
    app.add_exception_handler(RequestValidationError, not_valid)

"""The console's app: pages of FastAPI and Jinja2 that htmx refreshes, on the parts that every process has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from services import http
from services.console import words
from services.console.context import Console, NotLoggedIn, console_of, language_of, open_page
from services.console.pages import (
    alerts,
    flows,
    forget,
    history,
    home,
    lag,
    oidc,
    people,
    plots,
    records,
    replays,
    setup,
    waits,
)
from services.console.security import Guard
from shared import errors

_HERE: Final = Path(__file__).parent
_log = structlog.get_logger("puente.console")

PAGES: Final = (people, oidc, home, records, waits, replays, lag, alerts, plots, history, setup, flows, forget)
"""The modules whose routers are the console."""

_STATUS: Final[tuple[tuple[type[errors.PuenteError], int], ...]] = (
    (errors.Misconfigured, 422),
    (errors.Rejected, 422),
    (errors.Lost, 409),
    (errors.NeedsOperator, 409),
    (errors.Retryable, 503),
)


def create_app(console: Console) -> FastAPI:
    app = FastAPI(
        title="Puente console",
        summary="Is everything in step, what waits, what needs a person.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=http.NO_TELEMETRY,
    )
    app.state.console = console
    app.add_middleware(Guard, is_https=console.settings.is_https)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    for module in PAGES:
        app.include_router(module.router)
    _add_health(app, console)
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        NotLoggedIn: _ask_log_in,
        errors.PuenteError: _expected,
        HTTPException: _refused,
        RequestValidationError: _not_valid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    return app


def _add_health(app: FastAPI, console: Console) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        """The process is alive."""
        return JSONResponse({"ok": True})

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        """Whether the store answers."""
        try:
            await console.parts.database.ping()
        except errors.Retryable:
            return JSONResponse({"ready": False, "store": False}, status_code=503)
        return JSONResponse({"ready": True, "store": True})


async def _ask_log_in(request: Request, _problem: Exception) -> Response:
    wanted = request.url.path if request.method == "GET" else "/"
    target = f"/login?to={quote(wanted)}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Redirect": target})
    if "text/event-stream" in request.headers.get("accept", ""):
        # The one answer after which a browser does not connect anew (HTML, section 9.2.3).
        return Response(status_code=204)
    return RedirectResponse(target, status_code=303)


async def _expected(request: Request, problem: Exception) -> Response:
    """What was to be expected: its sentence and the way out, on a page or in the page's message."""
    if not isinstance(problem, errors.PuenteError):
        raise problem
    status = next((code for kind, code in _STATUS if isinstance(problem, kind)), 400)
    _log.info("console.refused", path=_route_of(request), status=status, says=problem.message)
    return _problem(request, status, problem.message, problem.way_out)


async def _refused(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, HTTPException):
        raise problem
    return _problem(request, problem.status_code, str(problem.detail), "")


async def _not_valid(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, RequestValidationError):
        raise problem
    first = problem.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return _problem(request, 422, f"{field}: {first['msg']}", "")


def _problem(request: Request, status: int, says: str, way_out: str) -> Response:
    console, language = console_of(request), language_of(request)
    says, way_out = words.told(language, says), words.told(language, way_out)
    if request.headers.get("hx-request") == "true":
        text = console.templates.get_template("message.html").render(says=says, way_out=way_out, kind="problem")
        headers = {"HX-Retarget": "#message", "HX-Reswap": "innerHTML"}
        return Response(text, status_code=status, media_type="text/html", headers=headers)
    return open_page(request, "problem.html", status=status, says=says, way_out=way_out, lang=language)


def _route_of(request: Request) -> str:
    """The path's pattern: ids of records stay out of the log."""
    route = request.scope.get("route")
    return str(getattr(route, "path", ""))

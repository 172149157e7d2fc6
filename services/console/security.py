"""Headers that every page carries, and where a form may come from."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing but our own files: no inline script or style, no other host, no frame around us.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_BODY: Final = 256 * 1024


class Guard:
    """Middleware: the headers above, no caching of pages, no writes from another site, no large bodies."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    out[name] = value
                if not scope["path"].startswith("/static/"):
                    out["cache-control"] = "no-store"
                if self._is_https:
                    out["strict-transport-security"] = "max-age=31536000"
            await send(message)

        problem = _refusal(scope["method"], headers)
        if problem:
            await PlainTextResponse(problem[1], status_code=problem[0])(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _refusal(method: str, headers: Headers) -> tuple[int, str] | None:
    if method in _SAFE:
        return None
    length = headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _MAX_BODY:
        return 413, "A form must say its length, and that is at most 256 KiB."
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return 403, "This form came from another site."
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        return 403, "This form came from another site."
    return None

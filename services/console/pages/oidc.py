"""Logging in with an account of somebody else's: there and back."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.console import words
from services.console.context import console_of, language_of
from services.console.oidc import NotProven, Provider, begun_of
from services.console.pages.people import login_page, ours, with_cookie
from services.console.people import Refused
from shared import errors

router = APIRouter()

_COOKIE: Final = "puente_oidc"
_MINUTES: Final = 10


@router.get("/login/oidc")
async def begin(request: Request, to: str = "/") -> Response:
    """Send the browser to the provider."""
    console, provider = console_of(request), _provider(request)
    begun, address = await provider.begin(ours(to))
    answer = RedirectResponse(address, status_code=303)
    answer.set_cookie(
        _COOKIE,
        begun.dump(),
        max_age=_MINUTES * 60,
        path="/login/oidc",
        httponly=True,
        samesite="lax",
        secure=console.settings.is_https,
    )
    return answer


@router.get("/login/oidc/back")
async def end(request: Request, code: str = "", state: str = "", iss: str = "") -> Response:
    """The browser came back. Whoever is known, or has a role by the map, is logged in."""
    console, provider = console_of(request), _provider(request)
    begun = begun_of(request.cookies.get(_COOKIE, ""))
    language = language_of(request)
    try:
        if begun is None or not code:
            raise NotProven("This log-in was not begun here, or too long ago.", way_out="Begin it again.")
        told = await provider.end(begun, code=code, state=state, issuer=iss)
        opened = await console.people.log_in_by(told, console.settings.oidc_map())
    except (NotProven, Refused) as problem:
        says = f"{words.say(language, problem.message)} {words.say(language, problem.way_out)}".strip()
        answer: Response = login_page(request, status=401, problem=says)
    except errors.Retryable:
        says = words.say(language, "The provider does not answer. Try again later.")
        answer = login_page(request, status=503, problem=says)
    else:
        answer = with_cookie(console, opened, ours(begun.to))
    answer.delete_cookie(_COOKIE, path="/login/oidc")
    return answer


def _provider(request: Request) -> Provider:
    provider = console_of(request).oidc
    if provider is None:
        raise HTTPException(404, words.say(language_of(request), "There is no such page."))
    return provider

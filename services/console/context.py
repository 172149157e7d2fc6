"""What every page has: the parts of the process, who asks, and one way to render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Form, HTTPException, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.console import words
from services.console.jobs import Jobs
from services.console.oidc import Provider
from services.console.people import People
from services.console.settings import ConsoleSettings
from shared.eventlog.port import EventLog
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used, must_get
from shared.store.users import EVERYWHERE, Role, Session, User

COOKIE: Final = "puente_session"
LANGUAGE_COOKIE: Final = "puente_lang"
_HERE: Final = Path(__file__).parent


@dataclass(slots=True, kw_only=True)
class Console:
    """The console of one process. `first_token` opens the set-up page while there is no user yet."""

    parts: Parts
    log: EventLog
    settings: ConsoleSettings
    people: People
    jobs: Jobs
    first_token: str = field(repr=False)
    templates: Environment
    oidc: Provider | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of somebody who is logged in."""

    console: Console
    request: Request
    session: Session
    user: User
    language: words.Language

    @property
    def parts(self) -> Parts:
        return self.console.parts

    @property
    def actor(self) -> str:
        return f"console:{self.user.name}"

    @property
    def wants_piece(self) -> bool:
        """Whether a script of the page asks, which puts the answer into it; a plain form gets a whole page."""
        return self.request.headers.get("hx-request") == "true"

    def say(self, text: str, **values: object) -> str:
        return words.say(self.language, text, **values)

    def told(self, text: str) -> str:
        """A sentence that is stored or raised in English, as this user reads it."""
        return words.told(self.language, text)

    def need(self, role: Role, workspace_id: str = EVERYWHERE) -> None:
        """Raises 403, or 404 for a workspace that the user may not know of."""
        if self.user.may(role, workspace_id):
            return
        if self.user.role_in(workspace_id) is None:
            raise HTTPException(404, self.say("There is no such page."))
        raise HTTPException(403, self.say("Your role does not allow this. An administrator can change it."))

    async def workspace(self, workspace_id: str, role: Role = "viewer") -> Used:
        """The workspace of a page, for somebody with at least this role in it. Raises 403, 404."""
        self.need(role, workspace_id)
        return await must_get(self.parts.workspaces, workspace_id)

    def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        return _render(
            self.console,
            template,
            status,
            self.language,
            {
                "visit": self,
                "user": self.user,
                "csrf": self.session.csrf,
                "path": self.request.url.path,
                "said": self._said(),
                **values,
            },
        )

    def text(self, template: str, **values: object) -> str:
        """A piece of a page."""
        scope = _scope(self.language) | {"visit": self, "user": self.user, "csrf": self.session.csrf, **values}
        return self.console.templates.get_template(template).render(scope)

    def go(self, path: str, *, said: str = "") -> Response:
        """Send the browser to another page of ours, which shows `said`."""
        target = path
        if said:
            query = urlencode({"said": said, "seal": words.seal(self.session.csrf, said)})
            target = f"{path}{'&' if '?' in path else '?'}{query}"
        if self.wants_piece:
            return Response(status_code=204, headers={"HX-Redirect": target})
        return RedirectResponse(target, status_code=303)

    def _said(self) -> str:
        """What the page before wanted said. A link that somebody else made has no seal and says nothing."""
        given = self.request.query_params
        said = given.get("said", "")
        return said if said and words.same(given.get("seal", ""), words.seal(self.session.csrf, said)) else ""


def console_of(request: Request) -> Console:
    found = request.app.state.console
    assert isinstance(found, Console)  # noqa: S101 - set by create_app
    return found


def language_of(request: Request, user: User | None = None) -> words.Language:
    """The user's language, else the one chosen at the log-in, else the browser's."""
    for text in (user.locale if user else "", request.cookies.get(LANGUAGE_COOKIE, "")):
        if text in {"en", "es"}:
            return "es" if text == "es" else "en"
    first = request.headers.get("accept-language", "").lower()[:2]
    return "es" if first == "es" else "en"


class NotLoggedIn(Exception):
    """The page asks who this is."""


async def visit_of(request: Request) -> Visit:
    """Who asks. Raises NotLoggedIn."""
    console = console_of(request)
    token = request.cookies.get(COOKIE, "")
    found = await console.people.who(token) if token else None
    if found is None:
        raise NotLoggedIn
    session, user = found
    return Visit(console=console, request=request, session=session, user=user, language=language_of(request, user))


async def checked_visit(
    visit: Annotated[Visit, Depends(visit_of)], csrf: Annotated[str, Form(max_length=200)] = ""
) -> Visit:
    """Who asks for a change: with the word of the session in the form or in htmx's header. Raises 403."""
    given = csrf or visit.request.headers.get("x-csrf", "")
    if not words.same(given, visit.session.csrf):
        raise HTTPException(403, visit.say("This form is from another log-in. Load the page again."))
    return visit


Asks = Annotated[Visit, Depends(visit_of)]
Acts = Annotated[Visit, Depends(checked_visit)]


def open_page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page for somebody who is not logged in."""
    console = console_of(request)
    return _render(console, template, status, language_of(request), {"user": None, **values})


def _render(
    console: Console, template: str, status: int, language: words.Language, values: Mapping[str, object]
) -> HTMLResponse:
    text = console.templates.get_template(template).render(_scope(language) | dict(values))
    return HTMLResponse(text, status_code=status)


def _scope(language: words.Language) -> dict[str, Any]:
    return {
        "_": lambda text, **values: words.say(language, text, **values),
        "language": language,
        "spoken": lambda text: words.told(language, text),
        "shown": lambda value: words.shown(language, value),
        "since": lambda seconds: words.since(language, seconds),
    }


def environment() -> Environment:
    """The templates: what is shown is escaped, and a name that a page forgot is an error."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["path"] = lambda text: quote(str(text), safe="")
    return made

"""Receivers of alerts on this machine: a mail server and a web server that keep what they are given."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"


@dataclass
class Mailbox:
    """What a mail server was given. `refuses` makes it turn every message away."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    was_secure: list[bool] = field(default_factory=list)
    refuses: bool = False

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses:
            return "451 not now"
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        self.was_secure.append(session.ssl is not None)
        return "250 kept"

    @property
    def texts(self) -> list[str]:
        return [mail.get_content() for mail in self.mails]


@asynccontextmanager
async def mail_server(
    *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
) -> AsyncIterator[Mailbox]:
    """A real SMTP server; with `tls` it wants STARTTLS, with `login` also a user and a password."""
    box = Mailbox()

    def may(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: object) -> AuthResult:
        given = data if isinstance(data, LoginPassword) else LoginPassword(b"", b"")
        return AuthResult(success=login == (given.login.decode(), given.password.decode()), handled=False)

    def made() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=login is not None,
            authenticator=may if login is not None else None,
        )

    server = await asyncio.get_running_loop().create_server(made, HOST, 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


@dataclass(frozen=True)
class Posted:
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Inbox:
    """What a web server was posted. `status` is what it answers with."""

    url: str = ""
    posts: list[Posted] = field(default_factory=list)
    refused: list[Posted] = field(default_factory=list)
    status: int = 204

    def at(self, path: str) -> list[Posted]:
        return [each for each in self.posts if each.path == path]


@asynccontextmanager
async def web_server() -> AsyncIterator[Inbox]:
    """A real HTTP server that takes any post."""
    box = Inbox()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        post = Posted(request.path, headers, await request.read())
        (box.posts if box.status < 300 else box.refused).append(post)
        return web.Response(status=box.status)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    assert runner.addresses
    box.url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield box
    finally:
        await runner.cleanup()

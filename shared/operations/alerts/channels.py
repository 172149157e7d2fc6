"""The ways out of the house: mail, a signed webhook, a chat hook. Addresses are the operator's, from settings.

Each obeys the rule for outgoing calls: private addresses, and anything without TLS, only inside
PUENTE_OUTGOING_ALLOW. The webhook is signed as Standard Webhooks 1.0 says (headers webhook-id, webhook-timestamp,
webhook-signature with HMAC-SHA256); a repeated delivery has the same id. The chat hook gets `{"text": ...}`, which
Slack, Mattermost and Rocket.Chat take.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import msgspec
from standardwebhooks import Webhook

from shared import errors
from shared.clock import Clock
from shared.connectors.http import HttpWire, UnlimitedBudget
from shared.connectors.outgoing import OutgoingRules
from shared.operations import posting
from shared.operations.alerts.mail import MailServer, mail_server
from shared.operations.alerts.messages import Content
from shared.runtime.settings import Settings

ChannelName = Literal["mail", "webhook", "chat"]
_CHAT_LENGTH: Final = 12_000


class Channel(Protocol):
    @property
    def name(self) -> ChannelName: ...

    async def send(self, message_id: str, content: Content, at: datetime) -> None:
        """Deliver one message. Raises PuenteError; whatever it is, it is tried again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    server: MailServer
    sender: str
    recipients: Sequence[str]
    name: Literal["mail"] = "mail"

    async def send(self, message_id: str, content: Content, at: datetime) -> None:
        await asyncio.to_thread(
            self.server.send,
            sender=self.sender,
            recipients=self.recipients,
            message_id=message_id,
            subject=content.subject,
            text=content.text,
            at=at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posted:
    """A URL that is posted to. Only its host is ever told."""

    url: str = field(repr=False)
    wire: HttpWire = field(repr=False)

    async def post(self, body: bytes, headers: dict[str, str]) -> None:
        await posting.post(self.wire, self.url, body, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedWebhook:
    target: _Posted
    signer: Webhook = field(repr=False)
    name: Literal["webhook"] = "webhook"

    async def send(self, message_id: str, content: Content, at: datetime) -> None:
        body = msgspec.json.encode(
            {
                "type": "puente.alerts",
                "timestamp": at.astimezone(UTC).isoformat(),
                "data": {"workspace": content.workspace, "subject": content.subject, "alerts": content.items},
            }
        )
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self.signer.sign(message_id, at.astimezone(UTC), body.decode()),
        }
        await self.target.post(body, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatHook:
    target: _Posted
    name: Literal["chat"] = "chat"

    async def send(self, message_id: str, content: Content, at: datetime) -> None:
        text = f"*{content.subject}*\n{content.text}"
        # What Slack reads as markup: https://docs.slack.dev/messaging/formatting-message-text
        for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, written)
        await self.target.post(msgspec.json.encode({"text": text[:_CHAT_LENGTH]}), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """All that are set. `wire` is theirs alone and is closed with them."""

    each: Sequence[Channel]
    wire: HttpWire

    @property
    def names(self) -> Sequence[ChannelName]:
        return [channel.name for channel in self.each]

    def named(self, name: str) -> Channel | None:
        return next((channel for channel in self.each if channel.name == name), None)

    async def close(self) -> None:
        await self.wire.aclose()


def channels_of(settings: Settings, clock: Clock) -> Channels:
    """The channels that the settings name, none of them tried yet. Raises Misconfigured for half of one."""
    rules = settings.outgoing()
    wire = HttpWire(clock, UnlimitedBudget(), rules, ca_file=settings.outgoing_ca_file)
    found: list[Channel] = []
    mail = _mail(settings, rules)
    if mail is not None:
        found.append(mail)
    url = settings.alert_webhook_url.get_secret_value()
    if url or settings.alert_webhook_secret_file is not None:
        target = _Posted(url=_checked(url, rules, "PUENTE_ALERT_WEBHOOK_URL"), wire=wire)
        found.append(SignedWebhook(target=target, signer=_signer(settings)))
    if settings.alert_chat_url_file is not None:
        setting = "PUENTE_ALERT_CHAT_URL_FILE"
        url = secret_in(settings.alert_chat_url_file, setting)
        found.append(ChatHook(target=_Posted(url=_checked(url, rules, setting), wire=wire)))
    return Channels(each=found, wire=wire)


def _mail(settings: Settings, rules: OutgoingRules) -> Mail | None:
    recipients = [each.strip() for each in settings.alert_mail_to.split(",") if each.strip()]
    wanted = {
        "PUENTE_ALERT_SMTP": settings.alert_smtp,
        "PUENTE_ALERT_MAIL_FROM": settings.alert_mail_from,
        "PUENTE_ALERT_MAIL_TO": settings.alert_mail_to,
    }
    if not any(wanted.values()):
        return None
    for setting, value in wanted.items():
        if not value.strip():
            raise errors.Misconfigured(
                f"{setting} is not set, and alerts by mail need it.",
                setting=setting,
                way_out="Set PUENTE_ALERT_SMTP, PUENTE_ALERT_MAIL_FROM and PUENTE_ALERT_MAIL_TO, or none of them.",
            )
    for setting, addresses in (
        ("PUENTE_ALERT_MAIL_FROM", [settings.alert_mail_from]),
        ("PUENTE_ALERT_MAIL_TO", recipients),
    ):
        if any("@" not in each or any(sign in each for sign in " <>\r\n") for each in addresses):
            raise errors.Misconfigured(
                f"{setting} holds something that is no mail address.",
                setting=setting,
                way_out="Write addresses as name@example.com, divided by commas.",
            )
    password = ""
    if settings.alert_smtp_password_file is not None:
        password = secret_in(settings.alert_smtp_password_file, "PUENTE_ALERT_SMTP_PASSWORD_FILE")
    server = mail_server(
        settings.alert_smtp,
        user=settings.alert_smtp_user,
        password=password,
        rules=rules,
        ca_file=settings.outgoing_ca_file,
    )
    return Mail(server=server, sender=settings.alert_mail_from, recipients=tuple(recipients))


def _signer(settings: Settings) -> Webhook:
    setting = "PUENTE_ALERT_WEBHOOK_SECRET_FILE"
    if settings.alert_webhook_secret_file is None:
        raise errors.Misconfigured(
            f"{setting} is not set: alerts are posted only with a signature.",
            setting=setting,
            way_out="Write `whsec_` and 24 to 64 random bytes in base64 to a file: "
            'echo "whsec_$(openssl rand -base64 32)".',
        )
    secret = secret_in(settings.alert_webhook_secret_file, setting)
    try:
        size = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith("whsec_") or not 24 <= size <= 64:
        raise errors.Misconfigured(
            f"The file of {setting} holds no secret of Standard Webhooks.",
            setting=setting,
            way_out="It is `whsec_` and 24 to 64 random bytes in base64.",
        )
    return Webhook(secret)


def _checked(url: str, rules: OutgoingRules, setting: str) -> str:
    """The URL, if it may be called. A name is checked again where it is resolved."""
    parts = urlsplit(url)
    try:
        rules.checked_base(f"{parts.scheme}://{parts.netloc}")
    except errors.NeedsOperator as problem:
        raise errors.Misconfigured(
            f"{setting} cannot be used: {problem.message}", setting=setting, way_out=problem.way_out
        ) from None
    return url


def secret_in(path: Path, setting: str) -> str:
    """The secret in a file. Raises Misconfigured, naming the setting."""
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise errors.Misconfigured(
            f"The file of {setting} cannot be read, or is empty.",
            setting=setting,
            way_out=f"Let {setting} name a file that this process may read.",
        )
    return secret

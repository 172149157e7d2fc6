"""The ways out of alerts: mail with TLS and a login, the rule for addresses, and settings that are half set."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared import errors
from shared.clock import SystemClock
from shared.connectors.outgoing import AddressRefused, OutgoingRules, networks_in
from shared.operations.alerts.channels import channels_of
from shared.operations.alerts.mail import MailServer, mail_server
from shared.operations.alerts.messages import Content, Item
from shared.runtime.settings import Settings
from tests.support import receivers
from tests.support.certificates import self_signed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOME = OutgoingRules(networks_in("127.0.0.0/8, ::1/128", setting="-"))
NOWHERE = OutgoingRules()
LOGIN = ("puente", "a secret of mail")


def content(says: str = "acme.customers is paused.") -> Content:
    item = Item(key="k", kind="flow-paused", state="open", since=NOW, count=1, title="T", says=says, command="c")
    return Content(workspace="acme", language="en", items=(item,))


def server(
    url: str, *, rules: OutgoingRules = HOME, ca: Path | None = None, password: str = LOGIN[1]
) -> MailServer:
    return mail_server(url, user=LOGIN[0], password=password, rules=rules, ca_file=ca)


async def send(to: MailServer, subject: str = "Puente: paused") -> None:
    await asyncio.to_thread(
        to.send,
        sender="puente@example.com",
        recipients=["ana@example.com"],
        message_id="m1",
        subject=subject,
        text="Qué hacer: puente status\n",
        at=NOW,
    )


async def test_mail_goes_out_encrypted_and_logged_in(tmp_path: Path) -> None:
    own = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    async with receivers.mail_server(tls=context, login=LOGIN) as box:
        url = f"smtp://localhost:{box.port}"
        await send(server(url, ca=own), subject="Puente:\r\nBcc: x@example.com")
        (mail,) = box.mails
        assert box.was_secure == [True]
        assert (mail["From"], mail["To"], mail["Message-ID"]) == (
            "puente@example.com",
            "ana@example.com",
            "<m1@example.com>",
        )
        assert (mail["Subject"], mail["Bcc"]) == ("Puente: Bcc: x@example.com", None)
        assert "Qué hacer" in box.texts[0]

        with pytest.raises(errors.NeedsOperator, match="does not accept the login") as refused:
            await send(server(url, ca=own, password="another"))
        assert "another" not in str(refused.value)
        with pytest.raises(errors.Retryable, match="certificate"):
            await send(server(url))
        assert len(box.mails) == 1


async def test_mail_is_never_sent_in_clear_where_tls_is_asked_for() -> None:
    async with receivers.mail_server() as box:
        with pytest.raises(errors.NeedsOperator, match="does not offer"):
            await send(server(f"smtp://127.0.0.1:{box.port}"))
        with pytest.raises(errors.Retryable):
            await send(server(f"smtps://127.0.0.1:{box.port}"))
        assert box.mails == []


@pytest.mark.parametrize("url", ["smtp+plain://localhost:{}", "smtp+plain://127.0.0.1:{}", "smtp://localhost:{}"])
async def test_mail_obeys_the_rule_for_addresses(url: str) -> None:
    async with receivers.mail_server() as box:
        to = mail_server(url.format(box.port), user="", password="", rules=NOWHERE, ca_file=None)
        with pytest.raises(AddressRefused):
            await send(to)
        assert box.mails == []


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail.example.com", "smtp://user:secret@mail.example.com", "smtp://:25"]
)
def test_an_address_of_mail_that_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(errors.Misconfigured, match="PUENTE_ALERT_SMTP") as refused:
        server(url)
    assert "secret" not in refused.value.message + refused.value.way_out.replace("password", "")


def test_a_password_is_never_sent_in_clear() -> None:
    with pytest.raises(errors.Misconfigured, match="in clear"):
        server("smtp+plain://127.0.0.1:25")


def settings(folder: Path, **given: object) -> Settings:
    return Settings(**({"data": folder, "outgoing_allow": "10.9.0.0/16"} | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"alert_smtp": "smtps://mail.example.com"}, "PUENTE_ALERT_MAIL_FROM"),
        ({"alert_mail_to": "ana@example.com"}, "PUENTE_ALERT_SMTP"),
        (
            {"alert_smtp": "smtps://m.example", "alert_mail_from": "p@x.example", "alert_mail_to": "ana at x"},
            "PUENTE_ALERT_MAIL_TO",
        ),
        ({"alert_webhook_url": SecretStr("https://hooks.example.com")}, "PUENTE_ALERT_WEBHOOK_SECRET_FILE"),
        ({"alert_webhook_url": SecretStr("http://hooks.example.com")}, "PUENTE_ALERT_WEBHOOK_SECRET_FILE"),
        ({"alert_webhook_url": SecretStr("https://127.0.0.1/x")}, "PUENTE_ALERT_WEBHOOK_URL"),
        ({"alert_webhook_url": SecretStr("https://169.254.169.254/latest")}, "PUENTE_ALERT_WEBHOOK_URL"),
        ({"alert_chat_url_file": Path("not-there")}, "PUENTE_ALERT_CHAT_URL_FILE"),
    ],
)
def test_a_channel_that_is_half_set_is_refused_by_name(
    tmp_path: Path, given: dict[str, object], named: str
) -> None:
    with pytest.raises(errors.Misconfigured) as refused:
        channels_of(settings(tmp_path, **given), SystemClock())
    assert refused.value.setting == named
    assert refused.value.way_out


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "c2hvcnQ=" * 8, "whsec_not base64!"])
def test_a_weak_secret_is_refused(tmp_path: Path, secret: str) -> None:
    (tmp_path / "secret").write_text(secret, encoding="utf-8")
    given = {
        "alert_webhook_url": SecretStr("https://hooks.example.com"),
        "alert_webhook_secret_file": tmp_path / "secret",
    }
    with pytest.raises(errors.Misconfigured, match="PUENTE_ALERT_WEBHOOK_SECRET_FILE"):
        channels_of(settings(tmp_path, **given), SystemClock())


async def test_a_chat_hook_whose_name_leads_inside_is_not_called(tmp_path: Path) -> None:
    async with receivers.web_server() as inbox:
        url = inbox.url.replace("http://127.0.0.1", "https://localhost")
        (tmp_path / "chat").write_text(f"{url}/services/T0/B0/secret", encoding="utf-8")
        channels = channels_of(settings(tmp_path, alert_chat_url_file=tmp_path / "chat"), SystemClock())
        try:
            (chat,) = channels.each
            with pytest.raises(AddressRefused) as refused:
                await chat.send("m1", content(), NOW)
            assert "secret" not in str(refused.value)
        finally:
            await channels.close()
        assert inbox.posts == []


async def test_a_message_for_chat_holds_no_markup_of_a_record(tmp_path: Path) -> None:
    async with receivers.web_server() as inbox:
        (tmp_path / "chat").write_text(f"{inbox.url}/chat?thread=a%20b", encoding="utf-8")
        given = {"alert_chat_url_file": tmp_path / "chat", "outgoing_allow": "127.0.0.0/8"}
        channels = channels_of(settings(tmp_path, **given), SystemClock())
        try:
            await channels.each[0].send("m1", content(says="<!channel> & <https://evil.example|click>"), NOW)
        finally:
            await channels.close()
        text = json.loads(inbox.at("/chat")[0].body)["text"]
        assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in text
        assert "<" not in text

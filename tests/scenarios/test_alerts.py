"""Alerts as people get them: by real mail and web servers, from a running sync whose vendor fails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.runtime.alerts.beside import alerting
from shared.runtime.parts import opened, opened_log
from shared.runtime.settings import Settings
from shared.store import alerts
from shared.store.alerts import Alert
from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import ASUNTOS, CUSTOMERS, World
from tests.support.receivers import Inbox, Mailbox, Posted, mail_server, web_server
from tests.support.waiting import until

SOON = timedelta(seconds=20)
SECRET = secrets.token_bytes(32)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A world whose alerts come by mail, by signed webhook and by chat hook."""

    world: World
    mails: Mailbox
    web: Inbox

    @property
    def hooks(self) -> list[Posted]:
        return self.web.at("/signed")

    @property
    def chats(self) -> list[str]:
        return [json.loads(post.body)["text"] for post in self.web.at("/chat")]

    async def until_told(self, many: int) -> None:
        """Until each channel has this many messages. Time passes by the watch's own interval."""

        async def is_told() -> bool:
            counts = {len(self.mails.mails), len(self.hooks), len(self.chats)}
            if counts == {many}:
                return True
            await self.world.pass_time(seconds=5)
            return False

        await until(is_told, within=SOON, what=f"{many} messages by each channel")

    async def alerts(self) -> dict[str, Alert]:
        known = await self.world.parts.database.read(alerts.known)
        return {each.kind: each for each in known}

    async def until_alert(self, kind: str, state: str) -> Alert:
        async def is_so() -> Alert | None:
            found = (await self.alerts()).get(kind)
            await self.world.pass_time(seconds=5)
            return found if found is not None and found.state == state else None

        return await until(is_so, within=SOON, what=f"{kind} is {state}")


def verified(post: Posted) -> dict[str, Any]:
    """The body of a signed webhook, checked by hand as Standard Webhooks 1.0 says."""
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    right = base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
    assert f"v1,{right}" in post.headers["webhook-signature"].split(" ")
    body: dict[str, Any] = json.loads(post.body)
    assert body["type"] == "puente.alerts"
    return body


def kept(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def told(settings: Settings, folder: Path, *, processes: int = 1, **more: object) -> AsyncIterator[Told]:
    """A live world, and as many processes that look for what is to be told."""
    async with AsyncExitStack() as stack:
        mails = await stack.enter_async_context(mail_server())
        web = await stack.enter_async_context(web_server())
        given: dict[str, object] = {
            "alert_smtp": f"smtp+plain://127.0.0.1:{mails.port}",
            "alert_mail_from": "puente@example.com",
            "alert_mail_to": "ana@example.com, luis@example.com",
            "alert_webhook_url": f"{web.url}/signed",
            "alert_webhook_secret_file": kept(folder, "secret", f"whsec_{base64.b64encode(SECRET).decode()}\n"),
            "alert_chat_url_file": kept(folder, "chat", f"{web.url}/chat\n"),
            "alert_every_seconds": 2.0,
            "alert_calm_seconds": 20.0,
        }
        settings = Settings(**(settings.model_dump() | given | more))
        world = await stack.enter_async_context(World.opened(settings))
        await world.connect()
        await world.go_live()
        for _ in range(processes):
            parts = await stack.enter_async_context(opened(settings, clock=world.clock, migrate=False))
            log = await stack.enter_async_context(opened_log(parts))
            await stack.enter_async_context(alerting(parts, log))
        yield Told(world=world, mails=mails, web=web)


async def test_a_revoked_token_is_told_once_by_each_channel_and_told_as_resolved(
    any_form: Settings, tmp_path: Path
) -> None:
    async with told(any_form, tmp_path, processes=2, console_url="https://puente.example.com") as here:
        world = here.world
        left_id = await world.left.make(**TALLERES)
        await world.quiet()
        await world.control.turn("sugester", "token_revoked")
        await world.left.edit(left_id, city="Adeje")
        await world.until_state(CUSTOMERS, "paused")
        await here.until_told(1)

        (hook,) = here.hooks
        data = verified(hook)["data"]
        (alert,) = [each for each in data["alerts"] if each["key"].endswith(f"acme.{CUSTOMERS}")]
        assert (data["workspace"], alert["kind"], alert["state"]) == ("acme", "account-refused", "open")
        assert alert["command"] == "puente account check acme"
        assert alert["page"] == "https://puente.example.com/w/acme/setup"
        assert alert["runbook"].endswith("runbook.md#alert-account-refused")
        (mail,) = here.mails.mails
        assert here.mails.recipients == [["ana@example.com", "luis@example.com"]]
        assert "[acme] Puente: Un sistema rechaza el acceso" in mail["Subject"]
        assert "puente account check acme" in here.mails.texts[0]
        assert "PROBLEMA" in here.chats[0]
        for text in (*here.mails.texts, *here.chats, hook.body.decode()):
            assert not any(str(value) in text for value in TALLERES.values())
            assert world.sandbox.systems["sugester"]["token"] not in text

        # While it lasts nobody is told again; then it is over.
        await world.pass_time(minutes=5)
        await here.until_alert("account-refused", "open")
        assert {len(here.mails.mails), len(here.hooks), len(here.chats)} == {1}
        await world.control.mend("sugester", "token_revoked")
        for name in (CUSTOMERS, ASUNTOS):
            if (await world.flow(name)).state == "paused":
                await world.resume(name)
        await world.quiet()
        await here.until_alert("account-refused", "resolved")
        await here.until_told(2)
        over = verified(here.hooks[1])["data"]["alerts"]
        assert {each["state"] for each in over} == {"resolved"}
        assert "RESUELTO" in here.mails.texts[1]

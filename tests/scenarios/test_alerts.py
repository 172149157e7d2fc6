"""Alerts as people get them: by real mail and web servers, from a running sync whose vendor fails."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from shared.operations import hooking
from shared.operations.alerts import asking, conditions
from shared.operations.alerts.beside import alerting
from shared.operations.alerts.channels import channels_of
from shared.operations.alerts.watch import AlertWatch
from shared.operations.hookwatch import HookWatch
from shared.operations.housekeeping import whole_sync
from shared.runtime.parts import Parts, opened, opened_log
from shared.runtime.settings import Settings
from shared.store import alerts, marks
from shared.store.alerts import Alert
from shared.store.database import Database
from tests.scenarios.conftest import settings_for
from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import ASUNTOS, CUSTOMERS, World
from tests.support.clocks import ShiftedClock
from tests.support.ports import free_ports
from tests.support.receivers import Inbox, Mailbox, Posted, mail_server, web_server
from tests.support.waiting import until

SOON = timedelta(seconds=60)
_UNHURRIED = timedelta(milliseconds=200)
SECRET = secrets.token_bytes(32)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A world whose alerts come by mail, by signed webhook and by chat hook.

    Those of the workspace: time leaps here, so that the log may seem to stand still.
    """

    world: World
    box: Mailbox
    web: Inbox

    @property
    def mails(self) -> list[EmailMessage]:
        return [mail for mail in self.box.mails if "[acme]" in mail["Subject"]]

    @property
    def hooks(self) -> list[Posted]:
        return [post for post in self.web.at("/signed") if verified(post)["data"]["workspace"] == "acme"]

    @property
    def chats(self) -> list[str]:
        texts = [json.loads(post.body)["text"] for post in self.web.at("/chat")]
        return [text for text in texts if "[acme]" in text]

    async def until_told(self, many: int) -> None:
        """Until each channel has this many messages. Time passes by the watch's own interval."""

        async def is_told() -> bool:
            counts = {len(self.mails), len(self.hooks), len(self.chats)}
            if counts == {many}:
                return True
            await self.world.pass_time(seconds=2)
            return False

        # Slowly: on a busy machine work would seem to stand still, which is told as well.
        what = f"{many} messages by each channel"
        await until(is_told, within=SOON, what=what, every=_UNHURRIED)

    def told_of(self, kind: str) -> list[dict[str, Any]]:
        """What was told of a kind, of whatever workspace."""
        told = [alert for post in self.web.at("/signed") for alert in verified(post)["data"]["alerts"]]
        return [alert for alert in told if alert["kind"] == kind]

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
        yield Told(world=world, box=mails, web=web)


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
        (mail,) = here.mails
        assert mail["To"] == "ana@example.com, luis@example.com"
        assert "[acme] Puente: Un sistema rechaza el acceso" in mail["Subject"]
        assert "puente account check acme" in here.mails[0].get_content()
        assert "PROBLEMA" in here.chats[0]
        for text in (*(mail.get_content() for mail in here.mails), *here.chats, hook.body.decode()):
            assert not any(str(value) in text for value in TALLERES.values())
            assert world.sandbox.systems["sugester"]["token"] not in text

        # While it lasts nobody is told again; then it is over.
        await world.pass_time(minutes=5)
        await here.until_alert("account-refused", "open")
        assert {len(here.mails), len(here.hooks), len(here.chats)} == {1}
        await world.control.mend("sugester", "token_revoked")
        for name in (CUSTOMERS, ASUNTOS):
            if (await world.flow(name)).state == "paused":
                await world.resume(name)
        await world.quiet()
        await here.until_alert("account-refused", "resolved")
        await here.until_told(2)
        over = verified(here.hooks[1])["data"]["alerts"]
        assert {each["state"] for each in over} == {"resolved"}
        assert "RESUELTO" in here.mails[1].get_content()


async def test_records_for_a_person_are_one_message_and_another_one_an_hour_later(tmp_path: Path) -> None:
    async with told(settings_for(tmp_path), tmp_path) as here:
        world = here.world
        names = ["Bodegas Drago", "Bar La Plaza", "Talleres Sur", "Casa Norte"]
        ids = [await world.left.make(name=name, email=f"c{place}@x.example") for place, name in enumerate(names)]
        await world.quiet()
        await world.control.turn("sugester", "error_with_200", match="PUT")
        await world.left.edit(ids[0], city="Adeje")
        await world.quiet()
        await here.until_told(1)
        for each in ids[1:]:
            await world.left.edit(each, city="Arona")
        await world.quiet()
        await here.until_alert("needs-person", "open")
        assert len(here.hooks) == 1
        await world.pass_time(minutes=61)
        await here.until_told(2)

        (alert,) = verified(here.hooks[1])["data"]["alerts"]
        assert (alert["kind"], alert["count"]) == ("needs-person", 4)
        told_ids = [each["id"] for each in alert["records"]]
        assert (told_ids[0], len(set(told_ids) & set(ids))) == (ids[0], 3)
        base = world.sandbox.systems["bitfactura"]["base_url"]
        assert all(each["url"].startswith(base) and each["says"] == "" for each in alert["records"])
        for text in (*(mail.get_content() for mail in here.mails), *here.chats):
            assert not any(name in text for name in [*names, "x.example"])
        # The hour made a listing due too, which tries them again: one that was refused just now would be refused
        # for good, since nobody asks for it below.
        await world.quiet()
        await world.control.mend("sugester", "error_with_200")
        await world.retry("rejected")
        await world.quiet()
        await here.until_told(3)
        assert verified(here.hooks[2])["data"]["alerts"][0]["state"] == "resolved"


async def test_that_no_sync_works_is_told_by_whoever_still_looks(tmp_path: Path) -> None:
    async with told(settings_for(tmp_path), tmp_path) as here:
        parts, stop = here.world.parts, asyncio.Event()
        await here.world.stop_sync()
        working = asyncio.create_task(whole_sync(parts, here.world.log).run(stop))

        async def beats() -> bool:
            return "sync works" in {each.kind for each in await parts.database.read(marks.all_of)}

        await until(beats, within=SOON, what="sync notes that it works")
        assert "sync-gone" not in await here.alerts()
        stop.set()
        await working
        await here.until_alert("sync-gone", "open")
        stop.clear()
        working = asyncio.create_task(whole_sync(parts, here.world.log).run(stop))
        await here.until_alert("sync-gone", "resolved")
        stop.set()
        await working
        await until(lambda: len(here.told_of("sync-gone")) == 2, within=SOON, what="both are told")
        assert [alert["state"] for alert in here.told_of("sync-gone")] == ["open", "resolved"]


async def test_a_channel_that_fails_is_tried_again_and_told_by_the_others(tmp_path: Path) -> None:
    async with told(settings_for(tmp_path), tmp_path, alert_details_of="acme") as here:
        world = here.world
        here.box.refuses = True
        left_id = await world.left.make(**TALLERES)
        await world.quiet()
        await world.control.turn("sugester", "error_with_200", match="PUT")
        await world.left.edit(left_id, city="Adeje")
        await world.quiet()
        await here.until_alert("channel-failing", "open")
        (state,) = [each for each in await asking.states(world.parts, ["mail"]) if each.failing_since is not None]
        assert "451" in state.problem
        failing = await until(
            lambda: here.told_of("channel-failing"), within=SOON, what="the webhook tells that mail fails"
        )
        assert [alert["state"] for alert in failing] == ["open"]
        assert "puente alerts test --channel mail" in failing[0]["command"]
        # This workspace allows the system's own words.
        assert verified(here.hooks[0])["data"]["alerts"][0]["records"][0]["says"]
        here.box.refuses = False
        await here.until_alert("channel-failing", "resolved")
        assert "necesitan a una persona" in here.mails[0]["Subject"]
        assert len({mail["Message-ID"] for mail in here.box.mails}) == len(here.box.mails)
        assert (await asking.states(world.parts, ["mail"]))[0].failing_since is None


async def test_hooks_that_a_vendor_removed_are_put_back_and_told(world: World) -> None:
    public = world.parts.settings.model_copy(update={"public_url": world.public_url})
    parts = replace(world.parts, settings=public)
    watch, used, account = HookWatch(parts), await world.used(), await world.account("bitfactura")
    await watch.look(used, account)
    assert await hook_kinds(parts, world) == set()

    rows = (await world.control.get("webhooks", system="bitfactura"))["webhooks"]
    gone = await world.control.http.delete(
        f"{world.control.url}/webhooks/{rows[0]['id']}", params={"system": "bitfactura"}
    )
    assert gone.status_code == 200
    await world.control.turn("bitfactura", "hooks_lost")
    await world.left.make(**TALLERES)
    await world.control.mend("bitfactura", "hooks_lost")
    await watch.look(used, account)
    assert await hook_kinds(parts, world) == {"hooks-mended"}
    assert len((await world.control.get("webhooks", system="bitfactura"))["webhooks"]) == len(rows)
    await world.quiet()
    assert (await world.right.only())["name"] == TALLERES["name"]  # the gap was swept
    await world.pass_time(minutes=31)
    assert await hook_kinds(parts, world) == set()

    await world.control.turn("bitfactura", "token_revoked")
    await watch.look(used, account)
    assert await hook_kinds(parts, world) == {"hooks-failing"}
    await world.control.mend("bitfactura", "token_revoked")
    await watch.look(used, account)
    assert await hook_kinds(parts, world) == set()

    # What a person takes away stays away.
    assert await hooking.remove(parts, used, account, world.public_url) == len(rows)
    await watch.look(used, account)
    assert (await world.control.get("webhooks", system="bitfactura"))["webhooks"] == []


async def hook_kinds(parts: Parts, world: World) -> set[str]:
    found = await conditions.look(parts, world.log, oldest=timedelta(hours=1), channels=())
    return {each.kind for each in found.findings if each.kind.startswith("hooks-")}


async def test_a_store_that_is_away_is_told_once_from_memory(tmp_path: Path) -> None:
    clock = ShiftedClock()
    (nobody,) = free_ports(1)
    async with web_server() as web, AsyncExitStack() as stack:
        settings = settings_for(tmp_path, alert_chat_url_file=kept(tmp_path, "chat", f"{web.url}/chat"))
        whole = await stack.enter_async_context(opened(settings, clock=clock))
        log = await stack.enter_async_context(opened_log(whole))
        away = Database(f"postgresql://puente:secret@127.0.0.1:{nobody}/puente")
        stack.push_async_callback(away.close)
        channels = channels_of(settings, clock)
        stack.push_async_callback(channels.close)
        watch = AlertWatch(replace(whole, database=away), log, channels, owner="p1")
        running = asyncio.create_task(watch.run())

        async def passed(minutes: int) -> bool:
            clock.advance(timedelta(seconds=30))
            return clock.ahead >= timedelta(minutes=minutes)

        await until(lambda: passed(40), within=SOON, what="forty minutes pass", every=timedelta(milliseconds=50))
        running.cancel()
        await asyncio.wait({running})
        (text,) = [json.loads(post.body)["text"] for post in web.at("/chat")]
        assert "The store cannot be reached" in text
        assert "secret" not in text

"""Alerts, their messages, marks and leases: whoever is first decides, and nobody tells a thing twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from shared import errors
from shared.store import alerts, marks
from shared.store.alerts import Alert, Message
from shared.store.database import Database
from shared.store.marks import Mark
from tests.contracts.store import made
from tests.contracts.store.conftest import Open

MINUTE = timedelta(minutes=1)
ALERT = Alert(
    key="needs-person|shop|f/rejected",
    kind="needs-person",
    workspace_id="shop",
    subject="f/rejected",
    state="open",
    facts={"count": 2, "reason": "rejected"},
    since=made.NOW,
    seen_at=made.NOW,
    told=True,
    told_at=made.NOW,
    told_count=2,
)


def message(message_id: str = "m1", **given: object) -> Message:
    values: dict[str, object] = {"channel": "mail", "content": {"items": []}, "created_at": made.NOW}
    return Message(**({"id": message_id, "next_at": made.NOW} | values | given))  # type: ignore[arg-type]


async def _save(store: Database, alert: Alert, *messages: Message) -> None:
    await store.run(partial(alerts.save, alerts=[alert], messages=messages))


async def _due(store: Database, at: timedelta = timedelta(0)) -> list[Message]:
    return await store.read(partial(alerts.due, channels=["mail", "chat"], now=made.NOW + at, limit=10))


async def test_of_processes_that_see_the_same_one_tells_it(open_store: Open) -> None:
    stores = [open_store() for _ in range(4)]
    done = await asyncio.gather(
        *(_save(store, ALERT, message(f"m{place}")) for place, store in enumerate(stores)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in done) == ["Lost", "Lost", "Lost", "NoneType"]
    assert len(await _due(stores[0])) == 1
    (known,) = await stores[0].read(alerts.known)
    assert known == replace(ALERT, version=1)

    over = replace(known, state="resolved", told=False)
    done = await asyncio.gather(
        *(_save(store, over, message(f"n{place}")) for place, store in enumerate(stores)), return_exceptions=True
    )
    assert sum(each is None for each in done) == 1
    assert len(await _due(stores[0])) == 2
    assert await stores[0].read(alerts.active) == []


async def test_a_lost_alert_takes_the_others_of_its_look_with_it(store: Database) -> None:
    await _save(store, ALERT)
    other = replace(ALERT, key="bug|shop|f/bug")
    with pytest.raises(errors.Lost):
        await store.run(partial(alerts.save, alerts=[other, ALERT], messages=[message()]))
    assert [each.key for each in await store.read(alerts.known)] == [ALERT.key]
    assert await _due(store) == []


async def test_a_message_is_sent_by_whoever_claims_it(open_store: Open) -> None:
    one, two = open_store(), open_store()
    await _save(one, ALERT, message(), message("m2", channel="webhook"))
    (seen,), (also_seen,) = await _due(one), await _due(two)
    claimed = replace(seen, next_at=made.NOW + MINUTE)
    assert await one.run(partial(alerts.move, message=claimed))
    assert not await two.run(partial(alerts.move, message=replace(also_seen, next_at=made.NOW + MINUTE)))
    assert await _due(two) == []
    (again,) = await _due(two, MINUTE)  # whoever claimed it is gone
    assert await two.run(partial(alerts.move, message=replace(again, state="sent", sent_at=made.NOW, tries=1)))
    assert await _due(two, 10 * MINUTE) == []


async def test_a_channel_that_fails_is_known(store: Database) -> None:
    sent = message("m1", channel="chat", state="sent", sent_at=made.NOW)
    failed = message("m2", problem="mail.example.com answers 451.", tries=3)
    await store.run(partial(alerts.put, messages=[sent, failed, message("m3")]))
    chat, mail = await store.read(alerts.health)
    assert (chat.channel, chat.pending, chat.failing_since, chat.last_sent) == ("chat", 0, None, made.NOW)
    assert (mail.channel, mail.pending, mail.failing_since, mail.last_sent) == ("mail", 2, made.NOW, None)
    assert mail.problem == "mail.example.com answers 451."
    await store.run(partial(alerts.forget, before=made.NOW + MINUTE))
    assert [each.channel for each in await store.read(alerts.health)] == ["mail"]


async def test_a_lease_has_one_owner_until_it_ends_or_is_let_go(open_store: Open) -> None:
    stores = [open_store() for _ in range(3)]

    async def take(place: int, at: timedelta = timedelta(0)) -> bool:
        now = made.NOW + at
        return await stores[place].run(
            partial(marks.lease, name="alerts", owner=f"p{place}", now=now, until=now + MINUTE)
        )

    taken = await asyncio.gather(*map(take, range(3)))
    assert sum(taken) == 1
    owner = taken.index(True)
    other = (owner + 1) % 3
    assert await take(owner, MINUTE / 2)
    assert not await take(other, MINUTE)
    assert await take(other, 2 * MINUTE)
    assert not await take(owner, 2 * MINUTE)
    await stores[other].run(partial(marks.let_go, name="alerts", owner=f"p{other}"))
    assert await take(owner, 2 * MINUTE)


async def test_a_mark_that_was_put_again_stays(store: Database) -> None:
    mark = Mark(kind="door gap", workspace_id="shop", subject="shop.left", at=made.NOW, facts={"from": "09:00"})
    await store.run(partial(marks.put, mark=mark))
    later = replace(mark, at=made.NOW + MINUTE)
    await store.run(partial(marks.put, mark=later))
    await store.run(partial(marks.remove, mark=mark))
    assert await store.read(marks.all_of) == [later]
    await store.run(partial(marks.remove, mark=later))
    assert await store.read(marks.all_of) == []

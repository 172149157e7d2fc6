"""Users, roles, sessions and samples, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from shared import errors
from shared.store import series, users
from shared.store.database import Database
from shared.store.users import Session, User

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def someone(name: str = "ana", **values: object) -> User:
    return User(**{"id": f"id-{name}", "name": name, "password_hash": "hash", "created_at": NOW} | values)  # type: ignore[arg-type]


def logged_in(user: User, token: str, *, expires_at: datetime = NOW + timedelta(hours=1)) -> Session:
    return Session(
        token_hash=token, user_id=user.id, csrf="word", created_at=NOW, seen_at=NOW, expires_at=expires_at
    )


async def test_a_user_is_found_by_the_name_as_typed_with_all_roles(store: Database) -> None:
    ana = someone(roles={"acme": "operator", "*": "viewer"})
    await store.run(lambda connection: users.add(connection, ana))
    found = await store.read(lambda connection: users.by_name(connection, "  ANA "))
    assert found == ana
    assert (found.role_in("acme"), found.role_in("other")) == ("operator", "viewer")
    assert found.may("operator", "acme")
    assert not found.may("operator", "other")
    assert not found.may("admin", "acme")


async def test_a_name_is_taken_once(store: Database) -> None:
    await store.run(lambda connection: users.add(connection, someone()))
    with pytest.raises(errors.Lost):
        await store.run(lambda connection: users.add(connection, someone(id="another")))


async def test_a_session_ends_by_time_by_log_out_and_with_its_user(store: Database) -> None:
    ana, bea = someone("ana"), someone("bea")
    for user in (ana, bea):
        await store.run(partial(users.add, user=user))
        for token in ("short", "long", "third"):
            hours = 1 if token == "short" else 5
            opened = logged_in(user, f"{user.name}-{token}", expires_at=NOW + timedelta(hours=hours))
            await store.run(partial(users.open_session, session=opened))

    async def is_open(token: str, at: datetime = NOW) -> bool:
        return await store.read(lambda connection: users.session(connection, token, at)) is not None

    assert await is_open("ana-short")
    assert not await is_open("ana-short", NOW + timedelta(hours=1))
    await store.run(lambda connection: users.end_session(connection, "ana-long"))
    assert not await is_open("ana-long")
    assert await is_open("ana-third")
    await store.run(lambda connection: users.change(connection, ana.id, disabled=True))
    assert not await is_open("ana-third")
    await store.run(lambda connection: users.remove(connection, ana.id))
    assert [user.name for user in await store.read(users.everybody)] == ["bea"]
    assert await store.run(lambda connection: users.forget_ended(connection, NOW + timedelta(hours=2))) == 1
    assert await is_open("bea-long")


async def test_wrong_passwords_are_counted_and_may_lock(store: Database) -> None:
    ana = someone()
    await store.run(lambda connection: users.add(connection, ana))
    until = NOW + timedelta(minutes=1)
    wrong = partial(users.fail, user_id=ana.id, every=2, locked_until=until)

    async def stands() -> tuple[int, datetime | None]:
        found = await store.read(lambda connection: users.by_id(connection, ana.id))
        assert found is not None
        return found.failures, found.locked_until

    await store.run(wrong)
    assert await stands() == (1, None)
    await store.run(wrong)
    assert await stands() == (2, until)


async def test_the_last_sample_of_a_minute_stands_and_old_ones_go(store: Database) -> None:
    for seconds, value in ((0, 1.0), (59, 2.0), (60, 3.0)):
        at = NOW + timedelta(seconds=seconds)
        await store.run(partial(series.add_samples, at=at, values={"lag": value}))
    found = await store.read(lambda connection: series.samples(connection, ["lag", "none"], NOW))
    assert found == {"lag": [(NOW, 2.0), (NOW + timedelta(minutes=1), 3.0)], "none": []}
    assert await store.run(lambda connection: series.forget_samples(connection, NOW + timedelta(minutes=1))) == 1


async def test_one_of_many_keeps_the_samples_of_a_minute(store: Database) -> None:
    for at in (NOW, NOW + timedelta(minutes=1)):
        claims = await asyncio.gather(*(store.run(partial(series.claim_minute, at=at)) for _ in range(6)))
        assert sorted(claims) == [False] * 5 + [True]
        assert await store.read(partial(series.minute_claimed, at=at + timedelta(seconds=59)))
    assert not await store.read(partial(series.minute_claimed, at=NOW + timedelta(minutes=2)))

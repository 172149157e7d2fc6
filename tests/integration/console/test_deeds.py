"""Every deed of the console is done when its route is asked, and a story notices when its handler is taken out."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from tests.integration.console.deeds import DEEDS
from tests.integration.console.desk import Desk, routes

# Who is logged in is a row of its own, and a language changes nothing for anybody else. The first user's story is
# told in an installation of its own.
UNNOTED = {"/login", "/logout", "/language", "/me/language", "/first"}


async def notes(desk: Desk) -> int:
    """How many lines of the audit name somebody at the console."""
    is_there = tables.audit.c.actor.startswith("console:")

    async def unit(connection: AsyncConnection) -> int:
        rows = await connection.execute(select(func.count()).select_from(tables.audit).where(is_there))
        return int(rows.scalar_one())

    return await desk.world.parts.database.read(unit)


def test_every_deed_has_a_story() -> None:
    assert set(DEEDS) == set(routes("POST"))


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize("route", DEEDS)
async def test_it_is_done_and_missed(desk: Desk, route: str) -> None:
    """First with the handler removed, where the story must fail; then as it is."""
    with desk.app.without("POST", route), pytest.raises(AssertionError):
        await DEEDS[route](desk)
    before = await notes(desk)
    await DEEDS[route](desk)
    assert (await notes(desk) > before) is (route not in UNNOTED), "a line in the audit"

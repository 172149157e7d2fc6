"""Why something waits is told in the language of whoever reads it; what is stored stays English."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.store import waiting
from shared.store.rows import Waiting
from tests.integration.console.deeds import FLOW
from tests.integration.console.desk import PASSWORD, Desk

pytestmark = pytest.mark.asyncio(loop_scope="package")

REFUSED = "tax_no: The vendor refused: <b>{name}</b> 1 of 2 Check the account's plan and rights."


@asynccontextmanager
async def buried(desk: Desk, says: str) -> AsyncIterator[Waiting]:
    """A record that waits for a person for this reason, until the end."""
    now, database = desk.world.clock.now(), desk.world.parts.database
    row = Waiting(
        id=desk.world.parts.new_id(),
        workspace_id="acme",
        flow_id=FLOW,
        account_id="acme.bitfactura",
        resource="clients",
        record_id="99000001",
        reason="rejected",
        not_before=now,
        first_seen=now,
        updated_at=now,
        says=says,
    )
    await database.run(lambda connection: waiting.put(connection, row))
    yield row
    await database.run(lambda connection: waiting.dismiss(connection, [row.id]))


async def test_a_spanish_page_says_in_spanish_why_a_record_waits(desk: Desk) -> None:
    await desk.console.people.add("marta", PASSWORD, {"acme": "operator"}, locale="es")
    spanish, english = await desk.as_("marta"), await desk.as_("olga")
    async with buried(desk, REFUSED) as row:
        for path in ("waiting?reason=rejected", f"records/{row.account_id}/{row.resource}/{row.record_id}"):
            page = (await spanish.get(f"/w/acme/{path}")).text
            assert "NIF: El sistema lo rechazó: &lt;b&gt;{name}&lt;/b&gt; 1 of 2 Compruebe el plan" in page
            assert "The vendor" not in page
            assert "<b>{name}" not in page
            assert REFUSED in html.unescape((await english.get(f"/w/acme/{path}")).text)

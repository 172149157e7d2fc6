"""Every deed of the console is done when its route is asked, and a story notices when its handler is taken out."""

from __future__ import annotations

import pytest

from tests.integration.console.deeds import DEEDS
from tests.integration.console.desk import Desk, routes


def test_every_deed_has_a_story() -> None:
    assert set(DEEDS) == set(routes("POST"))


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize("route", DEEDS)
async def test_it_is_done_and_missed(desk: Desk, route: str) -> None:
    """First with the handler removed, where the story must fail; then as it is."""
    with desk.app.without("POST", route), pytest.raises(AssertionError):
        await DEEDS[route](desk)
    await DEEDS[route](desk)

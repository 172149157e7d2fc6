"""How each account's hooks stand, on the page of lag: as they are, and as the hook watch has marked them."""

from __future__ import annotations

import re
from functools import partial

import pytest

from shared.store import marks
from shared.store.marks import Mark, MarkKind
from tests.integration.console.deeds import a_pair
from tests.integration.console.desk import PASSWORD, Desk

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def rows(desk: Desk, name: str) -> dict[str, str]:
    """The text of each account's row."""
    page = (await (await desk.as_(name)).get("/w/acme/lag")).text
    table = page.partition('id="hooks"')[2].partition("</section>")[0]
    found = {}
    for row in re.findall(r"<tr><th.*?</tr>", table, re.DOTALL):
        text = " ".join(re.sub(r"<[^>]+>", " ", row).split())
        if text.startswith("acme."):
            found[text.split()[0]] = text
    return found


async def test_hooks_are_shown_as_they_are_and_as_the_watch_has_found_them(desk: Desk) -> None:
    await a_pair(desk)
    shown = await rows(desk, "vera")
    assert set(shown) == {"acme.bitfactura", "acme.sugester"}
    assert "registered by Puente" in shown["acme.bitfactura"]
    assert "client:create" in shown["acme.bitfactura"]
    assert shown["acme.bitfactura"].endswith("ago in order")
    await desk.console.people.add("lucia", PASSWORD, {"acme": "viewer"}, locale="es")
    marked: tuple[tuple[MarkKind, str, str], ...] = (
        ("hooks mended", "acme.bitfactura", "reparados"),
        ("hooks silent", "acme.bitfactura/clients", "callados"),
        ("hooks failing", "acme.bitfactura", "fallan No answer."),
    )
    for kind, subject, word in marked:
        facts = {"says": "No answer."} if kind == "hooks failing" else {}
        mark = Mark(kind=kind, workspace_id="acme", subject=subject, at=desk.world.clock.now(), facts=facts)
        await desk.world.parts.database.run(partial(marks.put, mark=mark))
        spanish = await rows(desk, "lucia")
        assert "registrados por Puente" in spanish["acme.bitfactura"]
        assert spanish["acme.bitfactura"].endswith(word)
        assert spanish["acme.sugester"] == shown["acme.sugester"].replace(
            "no hooks: lists alone", "sin avisos: solo listados"
        ), "another account's marks are not its own"
    for kind, subject, _word in marked:
        await desk.world.parts.database.run(partial(marks.clear, kind=kind, workspace_id="acme", subject=subject))
    assert (await rows(desk, "vera"))["acme.bitfactura"].endswith("in order")

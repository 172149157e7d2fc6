"""A canary person and the second bridge's secrets go through a whole story, and stand nowhere in clear."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.scenarios.conftest import NewShop, new_shop
from tests.security.canary import Canaries
from tests.security.test_canary import look_into_the_store

__all__ = ["new_shop"]

PERSON = {
    "name": "Zuleica Quintanabrava Ñúñez",
    "tax_no": "B76123458",
    "email": "zuleica.canaria@quintanabrava.example",
    "phone": "922 765 431 preguntar por Eutropia",
    "street": "Camino del Cernícalo 77",
    "note": "Prefiere que la llame su hermana Eutropia",
}
LEAD = {"name": "Hermenegilda Guanarteme", "tax_no": "12345678Z", "email": "hermenegilda@guanarteme.example"}
EDITED = {"street": "Pasaje del Guirre Escondido 12", "note": "Llamar al taller de Guacimara"}
REFUSED = "Rambla de la Hubara 9"


async def test_on_one_machine(new_shop: NewShop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = await new_shop()
    await shop.connect()
    await shop.go_live()
    left_id = await shop.left.make(**PERSON)
    lead = await shop.right.make(**LEAD)
    await shop.sweep(full=True)
    right_id = str((await shop.right.named(PERSON["name"]))["id"])
    await shop.right.edit(right_id, **EDITED)
    await shop.quiet()
    await shop.pass_time(minutes=1)
    # A number that is not the pair's, a token that ends in the middle, and a write that fails at first.
    await shop.right.edit(lead, custom_fields=[{"field": "factusol_id", "value": "4711"}])
    await shop.control.turn("factusol", "token_expired", times=1)
    await shop.control.turn("clientify", "server_error", times=2, match="PUT")
    await shop.left.edit(left_id, street=REFUSED)
    await shop.sweep(full=True)
    assert [row.reason for row in await shop.asks()] == ["other id"]
    password = shop.sandbox.systems["factusol"]["token"].split(":", 3)[3]
    values = {**{f"client: {name}": value for name, value in PERSON.items()}, "refused": REFUSED}
    values |= {f"lead: {name}": value for name, value in LEAD.items()}
    values |= {f"edited {name}": value for name, value in EDITED.items()}
    values |= {"password": password, "as sent": base64.b64encode(password.encode()).decode()}
    canaries = Canaries(values=values | {"key": shop.sandbox.systems["clientify"]["token"]})
    said = capsys.readouterr()
    assert "sync.attempted" in said.out + said.err
    canaries.look_at_lines("what was logged", said.out + said.err)
    canaries.look("what a person is asked", repr(await shop.asks()))
    await look_into_the_store(f"sqlite:///{tmp_path}/store.db", canaries)
    canaries.look_in_files(tmp_path)
    assert canaries.found == []
    assert canaries.looked["table attempt.detail"] > 1000

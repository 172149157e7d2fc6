"""Ids that we choose for new records: one open create holds each, and giving one up is safe with two processes."""

from functools import partial

import pytest

from shared import errors
from shared.store import intents
from shared.store.database import Database
from shared.store.rows import Intent
from tests.contracts.store import made

SCOPE = "shop-factusol/clients"


async def opened(store: Database, intent: Intent, scope: str = SCOPE) -> None:
    async def unit(connection: object) -> None:
        await intents.open_intent(connection, intent, scope="b/customer/", keys={"email": intent.id})  # type: ignore[arg-type]
        await intents.hold_id(connection, intent, scope=scope)  # type: ignore[arg-type]

    await store.run(unit)


def create(number: int, target_id: str) -> Intent:
    return made.intent(id=f"i{number}", subject=f"create/{number}", target_id=target_id, reference=f"r{number}")


async def test_one_open_create_holds_an_id_in_an_account(store: Database) -> None:
    first = create(1, "1044")
    await opened(store, first)
    with pytest.raises(errors.Lost):
        await opened(store, create(2, "1044"))
    await opened(store, create(3, "1044"), scope="other-factusol/clients")
    assert await store.read(partial(intents.held_ids, scope=SCOPE)) == ["1044"]
    found = await store.read(partial(intents.by_chosen_id, scope=SCOPE, record_id="1044"))
    assert found == first
    assert await store.read(partial(intents.by_subject, subject="create/2")) is None
    await store.run(partial(intents.close, intent=first))
    assert await store.read(partial(intents.held_ids, scope=SCOPE)) == []
    await opened(store, create(2, "1044"))


async def test_an_id_is_given_up_for_another_by_its_owner_only(store: Database) -> None:
    first, second = create(1, "1044"), create(2, "1045")
    await opened(store, first)
    await opened(store, second)
    with pytest.raises(errors.Lost):
        await store.run(partial(intents.change_id, intent=first, scope=SCOPE, record_id="1045"))
    changed = await store.run(partial(intents.change_id, intent=first, scope=SCOPE, record_id="1046"))
    assert (changed.target_id, changed.version) == ("1046", 2)
    assert await store.read(partial(intents.by_chosen_id, scope=SCOPE, record_id="1046")) == changed
    assert await store.read(partial(intents.by_chosen_id, scope=SCOPE, record_id="1044")) is None
    with pytest.raises(errors.Lost):
        await store.run(partial(intents.change_id, intent=first, scope=SCOPE, record_id="1047"))
    assert sorted(await store.read(partial(intents.held_ids, scope=SCOPE))) == ["1045", "1046"]


async def test_match_keys_are_no_chosen_ids(store: Database) -> None:
    intent = made.intent(target_id="7")
    await store.run(partial(intents.open_intent, intent=intent, scope=SCOPE, keys={"tax_no": "h"}))
    assert await store.read(partial(intents.held_ids, scope=SCOPE)) == []

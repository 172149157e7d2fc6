"""The match index: what was seen last, by key, and what a complete listing did not meet."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from shared.store import bindings, index
from shared.store.database import Database
from shared.store.rows import Seen
from tests.contracts.store import made

ACCOUNT, RESOURCE = "shop-left", "clients"


async def _save(store: Database, *rows: Seen) -> None:
    await store.run(partial(index.save, rows=rows))


async def _with_key(store: Database, name: str, digest: str, *, limit: int = 20) -> list[str]:
    return await store.read(
        partial(index.with_key, account_id=ACCOUNT, resource=RESOURCE, key_name=name, key_hash=digest, limit=limit)
    )


async def test_records_are_found_by_each_of_their_keys(store: Database) -> None:
    await _save(
        store,
        made.seen("1", keys={"email": "k1", "tax_no": "k2"}),
        made.seen("2", keys={"email": "k1"}),
        made.seen("3", keys={"tax_no": "k1"}),
        made.seen("4", keys={}),
    )
    assert await _with_key(store, "email", "k1") == ["1", "2"]
    assert await _with_key(store, "email", "k1", limit=1) == ["1"]
    assert await _with_key(store, "tax_no", "k2") == ["1"]
    found = await store.read(
        partial(index.keys_of, account_id=ACCOUNT, resource=RESOURCE, record_ids=["1", "4", "5"])
    )
    assert found == {"1": {"email": "k1", "tax_no": "k2"}, "4": {}, "5": {}}


async def test_other_accounts_and_resources_are_other_places(store: Database) -> None:
    await _save(store, made.seen())
    await _save(store, made.seen(account_id="other"))
    await _save(store, made.seen(resource="contacts"))
    assert await _with_key(store, "email", "k1") == ["L1"]
    assert await store.read(partial(index.count, account_id=ACCOUNT, resource=RESOURCE)) == 1


async def test_a_key_that_a_record_no_longer_has_is_found_no_more(store: Database) -> None:
    await _save(store, made.seen(keys={"email": "k1", "tax_no": "k2"}))
    await _save(store, made.seen(keys={"email": "k3"}, fields={"name": "h2"}))
    assert await _with_key(store, "email", "k1") == []
    assert await _with_key(store, "tax_no", "k2") == []
    assert await _with_key(store, "email", "k3") == ["L1"]
    seen = await store.read(partial(index.seen, account_id=ACCOUNT, resource=RESOURCE, record_ids=["L1"]))
    assert seen["L1"].fields == {"name": "h2"}


async def test_a_read_leaves_the_listing_in_which_the_record_was_met(store: Database) -> None:
    await _save(store, made.seen(listing="first"))
    await _save(store, made.seen(seen_at=made.LATER))
    seen = await store.read(partial(index.seen, account_id=ACCOUNT, resource=RESOURCE, record_ids=["L1", "L2"]))
    assert seen == {"L1": made.seen(keys={}, listing="first", seen_at=made.LATER)}


async def test_missed_are_records_that_neither_the_listing_nor_a_read_since_has_met(store: Database) -> None:
    rows = [made.seen(str(number), listing="first") for number in range(5)]
    await _save(store, *rows)
    begun = made.NOW + timedelta(minutes=1)
    await _save(store, *(replace(row, listing="second", seen_at=begun) for row in rows[:2]))
    await _save(store, replace(rows[2], listing="", seen_at=begun))
    missed = partial(index.missed, account_id=ACCOUNT, resource=RESOURCE, listing="second", before=begun)
    assert await store.read(partial(missed, limit=10)) == (["3", "4"], 2)
    assert await store.read(partial(missed, limit=1)) == (["3"], 2)


async def test_a_forgotten_record_is_matched_no_more(store: Database) -> None:
    await _save(store, made.seen("1"), made.seen("2"))
    await store.run(partial(index.forget, account_id=ACCOUNT, resource=RESOURCE, record_id="1"))
    assert await _with_key(store, "email", "k1") == ["2"]
    assert await store.read(partial(index.count, account_id=ACCOUNT, resource=RESOURCE)) == 1


async def test_a_whole_listing_is_walked_in_pages(store: Database) -> None:
    await _save(store, *(made.seen(f"{number:04}", keys={"email": f"k{number}"}) for number in range(1100)))
    walked: list[str] = []
    after = ""
    while rows := await store.read(
        partial(index.page, account_id=ACCOUNT, resource=RESOURCE, after=after, limit=400)
    ):
        walked += [row.record_id for row in rows]
        after = walked[-1]
    assert walked == [f"{number:04}" for number in range(1100)]
    assert (
        len(await store.read(partial(index.keys_of, account_id=ACCOUNT, resource=RESOURCE, record_ids=walked)))
        == 1100
    )


async def test_records_in_no_pair_are_counted_by_what_a_key_says(store: Database) -> None:
    await _save(
        store,
        made.seen("1", keys={"_not_yet.a": "no name"}),
        made.seen("2", keys={"_not_yet.a": "no tax number", "_noted.tax_no": "not valid"}),
        made.seen("3", keys={"_not_yet.a": "no tax number", "_noted.phone": "not valid"}),
        made.seen("L1", keys={"_not_yet.a": "no tax number", "_noted.tax_no": "not valid"}),
        made.seen("4", keys={"_not_yet.b": "another flow's"}),
    )
    await store.run(partial(bindings.add, binding=made.binding()))
    counted = partial(
        index.unbound_with_key,
        account_id=ACCOUNT,
        resource=RESOURCE,
        key_name="_not_yet.a",
        bridge_id="shop-bridge",
        entity="customer",
        role="main",
    )
    assert await store.read(partial(counted, side="left")) == {"no name": 1, "no tax number": 2}
    assert await store.read(partial(counted, side="right")) == {"no name": 1, "no tax number": 3}
    noted = partial(index.noted, account_id=ACCOUNT, resource=RESOURCE, prefix="_noted.")
    assert await store.read(partial(noted, most=1)) == {"phone": (1, ["3"]), "tax_no": (2, ["2"])}

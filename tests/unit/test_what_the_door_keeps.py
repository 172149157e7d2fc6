"""What the door remembers to be fast: randomness in larger pieces, and what tokens and secrets prove."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from shared.clock import ManualClock, PooledRandomness, time_ordered_ids
from shared.connectors import hooks
from shared.keys import DoorKeys, Hook, LogKeys, Ring, generate_ring

HOOK = Hook(system="bitfactura", workspace="acme", account="acme.b", hook_kind="client:update", generation=2)


def test_pooled_randomness_gives_every_byte_once_and_any_count() -> None:
    counted = itertools.count()

    def source(count: int) -> bytes:
        return b"".join(next(counted).to_bytes(2, "big") for _ in range(count // 2))

    pooled = PooledRandomness(source, size=64)
    given = [pooled(count) for count in (10, 12, 40, 12, 200, 10, 64)]
    assert [len(each) for each in given] == [10, 12, 40, 12, 200, 10, 64]
    words = [each[at : at + 2] for each in given for at in range(0, len(each), 2)]
    assert len(set(words)) == len(words)


def test_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    new_id = time_ordered_ids(ManualClock(), PooledRandomness())
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(str(UUID(each)) == each and UUID(each).version == 7 for each in ids)
    assert len({each[:13] for each in ids}) == 1


def test_a_seal_never_uses_a_nonce_twice() -> None:
    keys = LogKeys(Ring.parse(generate_ring(), setting="X"), PooledRandomness())
    sealed = [keys.seal(b"body", workspace="acme", change_id="c") for _ in range(1000)]
    assert len({each[:12] for each in sealed}) == 1000
    assert keys.open(sealed[7], key_id="k1", workspace="acme", change_id="c") == b"body"


def test_a_token_that_was_proven_proves_nothing_for_another_system_or_another_token() -> None:
    keys = DoorKeys(Ring.parse(generate_ring(), setting="X"))
    token = keys.token(HOOK)
    for _ in range(3):
        assert keys.read(token, system="bitfactura") == HOOK
        assert keys.read(token, system="sugester") is None
        assert keys.read(token[:-1] + ("A" if token[-1] != "A" else "B"), system="bitfactura") is None
        assert keys.read(token + "=", system="bitfactura") is None
        assert keys.secret_matches(HOOK, keys.secret(HOOK))
        assert not keys.secret_matches(HOOK, keys.secret(HOOK)[:-1])
        assert not keys.secret_matches(HOOK, "")


def test_a_body_that_was_parsed_for_its_secret_is_still_refused_for_a_key_given_twice() -> None:
    body = b'{"api_token": "s", "client": {"id": 1, "id": 2}}'
    assert hooks.secret_in(body, "api_token") == "s"
    for _ in range(2):
        with pytest.raises(hooks.BadBody) as refused:
            hooks.object_in(body)
        assert refused.value.field == "id"
    assert hooks.object_in(b'\xef\xbb\xbf{"id": 3}') == {"id": 3}

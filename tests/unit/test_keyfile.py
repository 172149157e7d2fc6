"""Keys that rotate while they are used: the key file, and rings that follow it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from shared import errors, keyfile
from shared.keys import LOOK_SECONDS, DoorKeys, Hook, LiveRing, LogKeys, Ring, StoreKeys, generate_ring

HOOK = Hook(system="bitfactura", workspace="acme", account="acme.b", hook_kind="client:update", generation=2)


class Time:
    """Seconds that move when they are told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Turning:
    """A live ring whose source is changed by hand."""

    def __init__(self) -> None:
        self.text = generate_ring()
        self.time = Time()
        self.reads = 0
        self.ring = LiveRing(self._parsed(), self._reread, monotonic=self.time)

    def rotate(self, key_id: str) -> None:
        self.text = f"{generate_ring(key_id=key_id)},{self.text}"

    def _reread(self) -> Ring:
        self.reads += 1
        return self._parsed()

    def _parsed(self) -> Ring:
        return Ring.parse(self.text, setting="TEST")


def test_a_ring_is_looked_at_once_a_second() -> None:
    turning = Turning()
    turning.rotate("k2")
    assert turning.ring.now().current == "k1"
    turning.time.seconds += LOOK_SECONDS
    assert turning.ring.now().current == "k2"
    turning.ring.now()
    assert turning.reads == 1


def test_a_key_that_another_process_put_in_front_is_known_at_once() -> None:
    turning = Turning()
    ahead, behind = Turning(), StoreKeys(turning.ring)
    turning.rotate("k2")
    ahead.text = turning.text
    ahead.time.seconds += LOOK_SECONDS
    ahead_keys = StoreKeys(ahead.ring)
    keys = ahead_keys.new_workspace_keys()
    wrapped = ahead_keys.wrap(keys, workspace="acme")
    assert wrapped.startswith("k2:")
    assert behind.unwrap(wrapped, workspace="acme") == keys


def test_tokens_and_secrets_of_both_keys_are_accepted_until_the_old_one_goes() -> None:
    turning = Turning()
    keys = DoorKeys(turning.ring)
    old, old_secret = keys.token(HOOK), keys.secret(HOOK)
    assert keys.read(old, system="bitfactura") == HOOK
    turning.rotate("k2")
    turning.time.seconds += LOOK_SECONDS
    new, new_secret = keys.token(HOOK), keys.secret(HOOK)
    assert (keys.key_of(old, system="bitfactura"), keys.key_of(new, system="bitfactura")) == ("k1", "k2")
    assert keys.key_of(new, system="sugester") is None
    assert keys.secret_matches(HOOK, old_secret)
    assert keys.secret_matches(HOOK, new_secret)

    turning.text = turning.text.partition(",")[0]
    turning.time.seconds += LOOK_SECONDS
    assert keys.read(old, system="bitfactura") is None, "what was proven before is forgotten"
    assert not keys.secret_matches(HOOK, old_secret)
    assert keys.read(new, system="bitfactura") == HOOK


def test_bodies_are_sealed_with_the_new_key_and_the_old_ones_stay_readable() -> None:
    turning = Turning()
    keys = LogKeys(turning.ring)
    old = keys.seal(b"old", workspace="acme", change_id="c1", key_id=keys.current)
    turning.rotate("k2")
    turning.time.seconds += LOOK_SECONDS
    assert keys.current == "k2"
    new = keys.seal(b"new", workspace="acme", change_id="c2", key_id=keys.current)
    assert keys.open(old, key_id="k1", workspace="acme", change_id="c1") == b"old"
    assert keys.open(new, key_id="k2", workspace="acme", change_id="c2") == b"new"


def test_the_same_id_with_another_secret_is_another_key() -> None:
    turning = Turning()
    keys = LogKeys(turning.ring)
    sealed = keys.seal(b"body", workspace="acme", change_id="c")
    turning.text = generate_ring()
    turning.time.seconds += LOOK_SECONDS
    with pytest.raises(errors.NeedsOperator):
        keys.open(sealed, key_id="k1", workspace="acme", change_id="c")


def test_the_file_is_rotated_and_an_old_key_retired(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keyfile.make(path)
    before = keyfile.read(path)
    keyfile.make(path)
    assert keyfile.read(path) == before, "who was first counts"
    live = keyfile.live_ring(path, "store_keys")

    assert keyfile.rotate(path, ("store_keys",)) == {"store_keys": "k2"}
    after = keyfile.read(path)
    assert after["store_keys"].endswith(f",{before['store_keys']}")
    assert (after["door_keys"], after["log_keys"]) == (before["door_keys"], before["log_keys"])
    assert set(live.with_key("k2").keys) == {"k1", "k2"}
    assert keyfile.rotate(path, ("store_keys",)) == {"store_keys": "k3"}

    with pytest.raises(errors.Misconfigured, match="current"):
        keyfile.retire(path, "store_keys", "k3")
    with pytest.raises(errors.Misconfigured, match="no key"):
        keyfile.retire(path, "store_keys", "k9")
    keyfile.retire(path, "store_keys", "k1")
    assert list(Ring.parse(keyfile.read(path)["store_keys"], setting="TEST").keys) == ["k3", "k2"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == [".keys.lock", "keys"]


def test_two_that_rotate_at_once_both_leave_their_key(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keyfile.make(path)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: keyfile.rotate(path, ("log_keys",))["log_keys"], range(8)))
    ring = Ring.parse(keyfile.read(path)["log_keys"], setting="TEST")
    assert sorted(made) == sorted(set(ring.keys) - {"k1"})
    assert len(ring.keys) == 9


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"store_keys": "k1:short"}', b'{"door_keys": ""}'])
def test_a_file_that_breaks_is_said_at_the_start_and_passed_over_later(
    tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys"
    keyfile.make(path)
    live = keyfile.live_ring(path, "store_keys")
    path.write_bytes(broken)
    with pytest.raises(errors.Misconfigured):
        keyfile.live_ring(path, "store_keys")
    assert live.with_key("k2").current == "k1"
    assert "cannot be used" in caplog.text
    path.write_bytes(msgspec.json.encode({"store_keys": generate_ring(key_id="k2")}))
    assert live.with_key("k2").current == "k2"

"""Keys: what they protect, how they are derived, how they rotate. The only home of `cryptography`.

Three rings, each read from one setting of the form `id:secret,id:secret` (the first is current, the others are
still accepted; a secret is 32 random bytes in base64url):

- door keys make and check hook tokens and the secrets that vendors echo in a hook's body;
- log keys seal hook bodies in the event log, with a key derived per workspace;
- store keys wrap each workspace's own random data key and hash key. They are never given to an ingress.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from shared import errors

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_PASSPHRASE_CONTEXT = b"puente keys"
_KEY_ID = re.compile(r"[a-z0-9]{1,8}")
_TOKEN_VERSION = 1
_MAC_BYTES = 16
LOOK_SECONDS = 1.0
"""How long a process may go on with a ring that was changed meanwhile."""
_LENGTH = struct.Struct(">I")

Randomness = Callable[[int], bytes]


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def _decode(text: str) -> bytes:
    """Strict base64url without padding: raises ValueError for anything that `_encode` would not write."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(raw) != text:
        raise ValueError("not the canonical base64url form")
    return raw


def generate_ring(randomness: Randomness = os.urandom, *, key_id: str = "k1") -> str:
    """A fresh ring with one key, in the form of the settings."""
    return f"{key_id}:{_encode(randomness(_KEY_BYTES))}"


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys by id; `current` is used for new material. Its text form never appears in a message."""

    current: str
    keys: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"Ring(current={self.current!r}, ids={sorted(self.keys)})"

    @classmethod
    def parse(cls, text: str, *, setting: str) -> Ring:
        """Read `id:secret,id:secret`. Raises Misconfigured, naming `setting`, never the secret."""
        way_out = "Set it to id:secret with 32 random bytes in base64url; `puente keys new` prints one."
        keys: dict[str, bytes] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            key_id, _, secret = part.partition(":")
            try:
                raw = _decode(secret.rstrip("="))
            except (ValueError, binascii.Error):
                raw = b""
            if not _KEY_ID.fullmatch(key_id) or len(raw) != _KEY_BYTES or key_id in keys:
                raise errors.Misconfigured(
                    f"{setting} holds a key that cannot be read.", setting=setting, way_out=way_out
                )
            keys[key_id] = raw
        if not keys:
            raise errors.Misconfigured(f"{setting} is empty.", setting=setting, way_out=way_out)
        return cls(next(iter(keys)), keys)

    def now(self) -> Ring:
        """What holds at this moment; a ring out of the environment stays as it is."""
        return self

    def with_key(self, _key_id: str) -> Ring:
        return self


class LiveRing:
    """A ring that is read again while it is used: once a second, and at once when a key is named that it lacks.

    So a key that one process puts in front is known to every other one the moment it meets it.
    """

    def __init__(
        self, ring: Ring, reread: Callable[[], Ring | None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`reread` answers the ring as it is now, or None when nothing changed since it was asked last."""
        self._ring = ring
        self._reread = reread
        self._monotonic = monotonic
        self._looked_at = monotonic()

    def now(self) -> Ring:
        """The ring as it was at most a second ago."""
        if self._monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look()
        return self._ring

    def with_key(self, key_id: str) -> Ring:
        """The ring; read again if it lacks this key."""
        if key_id not in self._ring.keys:
            self._look()
        return self.now()

    def _look(self) -> None:
        self._looked_at = self._monotonic()
        self._ring = self._reread() or self._ring


AnyRing = Ring | LiveRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What a hook URL stands for: one kind of event of one account, at one generation of its registration."""

    system: str
    workspace: str
    account: str
    hook_kind: str
    generation: int


class _ForgedError(Exception):
    """A token that proves nothing."""


class DoorKeys:
    """Makes and reads hook tokens; derives the secrets that a vendor echoes."""

    def __init__(self, ring: AnyRing) -> None:
        self._source = ring
        self._ring = ring.now()
        # What was proven once need not be proven again: the same few hooks come all day.
        self._proven = lru_cache(maxsize=4096)(self._prove)
        self._secrets = lru_cache(maxsize=4096)(self._secret_of)

    def token(self, hook: Hook) -> str:
        """The token of a hook URL, under the current key. Ids are at most 255 bytes each."""
        ring = self._look()
        head = _token_head(hook, ring.current)
        return _encode(head + self._token_mac(ring.current, head, hook.system))

    def read(self, token: str, *, system: str) -> Hook | None:
        """The hook that an authentic token of this system names; None for anything else.

        The system is in the URL already, so the token proves it without carrying it.
        """
        self._look()
        try:
            return self._proven(token, system)
        except _ForgedError:
            return None

    def key_of(self, token: str, *, system: str) -> str | None:
        """The id of the key that made an authentic token; None for anything else."""
        if self.read(token, system=system) is None:
            return None
        return _read_head(_decode(token)[:-_MAC_BYTES], system)[1]

    def _look(self, key_id: str = "") -> Ring:
        """The ring as it is now; what was proven under another one is forgotten."""
        ring = self._source.with_key(key_id) if key_id else self._source.now()
        if ring is not self._ring:
            self._ring = ring
            self._proven.cache_clear()
            self._secrets.cache_clear()
        return ring

    def _prove(self, token: str, system: str) -> Hook:
        """The hook of an authentic token. Raises for any other, so that only authentic ones are remembered."""
        if len(token) > 1200:
            raise _ForgedError
        try:
            raw = _decode(token)
            head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
            hook, key_id = _read_head(head, system)
        except (ValueError, binascii.Error, struct.error, IndexError):
            raise _ForgedError from None
        if key_id not in self._look(key_id).keys or not hmac.compare_digest(
            mac, self._token_mac(key_id, head, system)
        ):
            raise _ForgedError
        return hook

    def secret(self, hook: Hook) -> str:
        """The secret to register at the vendor for this hook."""
        return self._secret_of(self._look().current, hook)

    def secret_matches(self, hook: Hook, given: str) -> bool:
        """True if `given` is this hook's secret under any known key. An empty one never matches."""
        raw = given.encode("utf-8", "surrogatepass")
        matches = [hmac.compare_digest(self._secrets(key_id, hook).encode(), raw) for key_id in self._look().keys]
        return any(matches)

    def _secret_of(self, key_id: str, hook: Hook) -> str:
        parts = ("hook-secret", hook.system, hook.workspace, hook.account, hook.hook_kind, str(hook.generation))
        return _encode(self._mac(key_id, b"hook-secret", "|".join(parts).encode()))

    def _token_mac(self, key_id: str, head: bytes, system: str) -> bytes:
        return self._mac(key_id, b"hook-token", head + system.encode())[:_MAC_BYTES]

    def _mac(self, key_id: str, purpose: bytes, message: bytes) -> bytes:
        return hmac.digest(self._ring.keys[key_id], purpose + b"\0" + message, "sha256")


def _token_head(hook: Hook, key_id: str) -> bytes:
    parts = [part.encode() for part in (key_id, hook.workspace, hook.account, hook.hook_kind)]
    if any(len(part) > 255 for part in parts):
        raise ValueError("a part of a hook token is longer than 255 bytes")
    packed = b"".join(bytes((len(part),)) + part for part in parts)
    return bytes((_TOKEN_VERSION,)) + packed + struct.pack(">I", hook.generation)


def _read_head(head: bytes, system: str) -> tuple[Hook, str]:
    if head[0] != _TOKEN_VERSION:
        raise ValueError("unknown token version")
    parts: list[str] = []
    at = 1
    for _ in range(4):
        length = head[at]
        piece = head[at + 1 : at + 1 + length]
        if len(piece) != length:
            raise ValueError("token cut short")
        parts.append(piece.decode())
        at += 1 + length
    if len(head) != at + 4:
        raise ValueError("token has a wrong length")
    (generation,) = struct.unpack(">I", head[at:])
    hook = Hook(system=system, workspace=parts[1], account=parts[2], hook_kind=parts[3], generation=generation)
    return hook, parts[0]


def _seal(key: bytes, plain: bytes, context: bytes, randomness: Randomness) -> bytes:
    return _seal_with(AESGCM(key), plain, context, randomness)


def _seal_with(cipher: AESGCM, plain: bytes, context: bytes, randomness: Randomness) -> bytes:
    nonce = randomness(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, context)


def _open(key: bytes, sealed: bytes, context: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as problem:
        raise errors.NeedsOperator(
            "Sealed data cannot be opened: the key is missing or the data was changed.",
            way_out="Check that every key that was ever current is still in the key settings.",
        ) from problem


class LogKeys:
    """Seals the bodies of hooks in the event log, with one derived key per workspace."""

    def __init__(self, ring: AnyRing, randomness: Randomness = os.urandom) -> None:
        self._source = ring
        self._ring = ring.now()
        self._randomness = randomness
        self._derived = lru_cache(maxsize=4096)(self._derive)
        self._ciphers = lru_cache(maxsize=4096)(lambda key_id, workspace: AESGCM(self._derived(key_id, workspace)))

    @property
    def current(self) -> str:
        """The id of the key to seal with; it travels beside the body (`Change.body_key`)."""
        return self._look(self._source.now()).current

    def seal(self, body: bytes, *, workspace: str, change_id: str, key_id: str | None = None) -> bytes:
        """Seal a body under a key of the ring, the current one if none is named."""
        cipher = self._ciphers(key_id or self.current, workspace)
        return _seal_with(cipher, body, change_id.encode(), self._randomness)

    def open(self, sealed: bytes, *, key_id: str, workspace: str, change_id: str) -> bytes:
        """Raises NeedsOperator when the key is gone or the bytes were changed."""
        if key_id not in self._look(self._source.with_key(key_id)).keys:
            raise errors.NeedsOperator(
                f"The log key {key_id!r} is not among PUENTE_LOG_KEYS.",
                way_out="Add the old key behind the current one.",
            )
        return _open(self._derived(key_id, workspace), sealed, change_id.encode())

    def _look(self, ring: Ring) -> Ring:
        if ring is not self._ring:
            self._ring = ring
            self._derived.cache_clear()
            self._ciphers.cache_clear()
        return ring

    def _derive(self, key_id: str, workspace: str) -> bytes:
        kdf = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=b"log|" + workspace.encode())
        return kdf.derive(self._ring.keys[key_id])


@dataclass(frozen=True, slots=True)
class WorkspaceKeys:
    """A workspace's own keys, unwrapped: one seals what is stored, the other makes keyed hashes."""

    data: bytes
    hashing: bytes

    def __repr__(self) -> str:
        return "WorkspaceKeys(...)"

    def seal(self, plain: bytes, *, context: str, randomness: Randomness = os.urandom) -> bytes:
        return _seal(self.data, plain, context.encode(), randomness)

    def open(self, sealed: bytes, *, context: str) -> bytes:
        return _open(self.data, sealed, context.encode())

    def digest(self, *parts: str) -> str:
        """A keyed hash of the parts (16 bytes in base64url): equal for equal parts, says nothing else."""
        message = b"".join([_LENGTH.pack(len(raw)) + raw for raw in [part.encode() for part in parts]])
        return _encode(hmac.digest(self.hashing, message, "sha256")[:16])


class StoreKeys:
    """Wraps workspace keys. The wrapped form is `key id` + ":" + base64url."""

    def __init__(self, ring: AnyRing, randomness: Randomness = os.urandom) -> None:
        self._source = ring
        self._randomness = randomness

    @property
    def current(self) -> str:
        return self._source.now().current

    def new_workspace_keys(self) -> WorkspaceKeys:
        return WorkspaceKeys(self._randomness(_KEY_BYTES), self._randomness(_KEY_BYTES))

    def wrap(self, keys: WorkspaceKeys, *, workspace: str) -> str:
        ring = self._source.now()
        sealed = _seal(
            ring.keys[ring.current],
            keys.data + keys.hashing,
            b"workspace|" + workspace.encode(),
            self._randomness,
        )
        return f"{ring.current}:{_encode(sealed)}"

    def unwrap(self, wrapped: str, *, workspace: str) -> WorkspaceKeys:
        """Raises NeedsOperator when the store key that wrapped it is not in PUENTE_STORE_KEYS."""
        key_id, _, text = wrapped.partition(":")
        keys = self._source.with_key(key_id).keys
        if key_id not in keys:
            raise errors.NeedsOperator(
                f"The store key {key_id!r} is not among PUENTE_STORE_KEYS.",
                way_out="Add the old key behind the current one.",
            )
        raw = _open(keys[key_id], _decode(text), b"workspace|" + workspace.encode())
        return WorkspaceKeys(raw[:_KEY_BYTES], raw[_KEY_BYTES:])


def seal_with_passphrase(plain: bytes, passphrase: str, randomness: Randomness = os.urandom) -> bytes:
    """Seal bytes for whoever knows the passphrase: salt, then the nonce and the sealed bytes."""
    salt = randomness(_SALT_BYTES)
    return salt + _seal(_stretched(passphrase, salt), plain, _PASSPHRASE_CONTEXT, randomness)


def open_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """Raises NeedsOperator for another passphrase, or when the bytes were changed."""
    salt, rest = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
    try:
        return _open(_stretched(passphrase, salt), rest, _PASSPHRASE_CONTEXT)
    except errors.NeedsOperator:
        raise errors.NeedsOperator(
            "The passphrase does not open the keys.", way_out="Give the passphrase that the backup was made with."
        ) from None


def _stretched(passphrase: str, salt: bytes) -> bytes:
    """Half a second and 128 MB a guess (RFC 7914; n as its authors advise for files)."""
    return Scrypt(salt=salt, length=_KEY_BYTES, n=2**17, r=8, p=1).derive(passphrase.encode())

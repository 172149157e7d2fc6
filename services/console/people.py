"""Who may log in: passwords, log-ins that end, and the word that every form carries.

Passwords are hashed with Argon2id (argon2-cffi's defaults, RFC 9106's second profile). A wrong one is answered as
slowly as a right one, also for a name that nobody has; five in a row shut the name out for a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.console.oidc import Told
from shared import errors
from shared.clock import Clock, NewId
from shared.store import users
from shared.store.database import Database
from shared.store.users import ROLES, Role, Session, User

MIN_PASSWORD: Final = 10
_FAILURES: Final = 5
_LOCKED: Final = timedelta(minutes=1)
_TOUCH_EVERY: Final = timedelta(minutes=1)

_HASHER: Final = PasswordHasher()
# Of a password that nobody knows: compared where a name is unknown, so that the answer takes as long.
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))


class Refused(errors.PuenteError):
    """A log-in that was refused; the sentence does not say whether the name exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A session just opened: `token` goes into the cookie and is kept nowhere."""

    token: str = field(repr=False)
    session: Session
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The users of one installation."""

    database: Database
    clock: Clock
    new_id: NewId
    session_length: timedelta
    idle: timedelta
    new_token: Callable[[], str]

    async def add(self, name: str, password: str, roles: Mapping[str, Role], *, locale: str = "es") -> User:
        """Raises Misconfigured for a name that is taken or a password that is too short."""
        check_password(password)
        wanted = name.strip().casefold()
        if not wanted or len(wanted) > 200:
            raise errors.Misconfigured("A user needs a name.", way_out="Give an e-mail address or a short name.")
        for role in roles.values():
            check_role(role)
        user = User(
            id=self.new_id(),
            name=wanted,
            password_hash=await asyncio.to_thread(_HASHER.hash, password),
            locale=locale,
            created_at=self.clock.now(),
            roles=dict(roles),
        )
        try:
            await self.database.run(partial(users.add, user=user))
        except errors.Lost:
            raise errors.Misconfigured(
                f"There is a user {wanted!r} already.", way_out="Choose another name."
            ) from None
        return user

    async def set_password(self, user: User, password: str) -> None:
        """A new password ends every log-in of the user. Raises Misconfigured for one that is too short."""
        check_password(password)
        hashed = await asyncio.to_thread(_HASHER.hash, password)

        async def unit(connection: Any) -> None:
            await users.change(connection, user.id, password_hash=hashed, failures=0, locked_until=None)
            await users.end_sessions_of(connection, user.id)

        await self.database.run(unit)

    async def log_in(self, name: str, password: str) -> LoggedIn:
        """Raises Refused."""
        now = self.clock.now()
        user = await self.database.read(lambda connection: users.by_name(connection, name))
        right = await asyncio.to_thread(_matches, user.password_hash if user is not None else "", password)
        if user is None:
            raise _refused()
        if user.locked_until is not None and user.locked_until > now:
            raise Refused("Too many wrong passwords.", way_out="Wait a minute, then try again.")
        if not right or user.disabled:
            await self.database.run(
                partial(users.fail, user_id=user.id, every=_FAILURES, locked_until=now + _LOCKED)
            )
            raise _refused()
        return await self._open(user)

    async def log_in_by(self, told: Told, roles: Mapping[str, tuple[str, Role]]) -> LoggedIn:
        """Open a session for whom a provider told of: known by its subject, else by a verified e-mail that is the
        name of a user, else made where the map gives a role. The map's roles replace those of before.

        Raises Refused for everybody else, and for one whose roles at the provider are gone.
        """
        mapped: dict[str, Role] = {}
        for where, role in (roles[each] for each in told.values if each in roles):
            mapped[where] = max(role, mapped.get(where, role), key=ROLES.index)
        user = await self.database.read(lambda connection: users.by_subject(connection, told.subject))
        if user is None and told.email:
            user = await self.database.read(lambda connection: users.by_name(connection, told.email))
        if user is not None and (user.disabled or user.subject not in {None, told.subject}):
            raise _unknown()
        if not mapped and (user is None or not user.password_hash):
            raise _unknown()
        if user is None:
            user = await self._add_told(told, mapped)
        else:
            user = await self._renew(user, told, mapped)
        return await self._open(user)

    async def _add_told(self, told: Told, roles: Mapping[str, Role]) -> User:
        """Somebody new, who can log in through the provider only."""
        user = User(
            id=self.new_id(),
            name=told.name.strip().casefold(),
            password_hash="",
            subject=told.subject,
            locale="es",
            created_at=self.clock.now(),
            roles=dict(roles),
        )
        try:
            await self.database.run(partial(users.add, user=user))
        except errors.Lost:
            raise _unknown() from None
        return user

    async def _renew(self, user: User, told: Told, roles: Mapping[str, Role]) -> User:
        async def unit(connection: Any) -> None:
            await users.change(connection, user.id, subject=told.subject)
            if roles:
                await users.set_roles(connection, user.id, roles)

        await self.database.run(unit)
        return replace(user, subject=told.subject, roles=dict(roles) or user.roles)

    async def _open(self, user: User) -> LoggedIn:
        now, token = self.clock.now(), self.new_token()
        session = Session(
            token_hash=_hash_of(token),
            user_id=user.id,
            csrf=self.new_token(),
            created_at=now,
            seen_at=now,
            expires_at=now + self.session_length,
        )

        async def unit(connection: Any) -> None:
            await users.change(connection, user.id, failures=0, locked_until=None)
            await users.forget_ended(connection, now)
            await users.open_session(connection, session)

        await self.database.run(unit)
        return LoggedIn(token=token, session=session, user=user)

    async def who(self, token: str) -> tuple[Session, User] | None:
        """The session behind a cookie; None for one that ended, by time, by disuse or by log-out."""
        now, token_hash = self.clock.now(), _hash_of(token)
        found = await self.database.read(lambda connection: users.session(connection, token_hash, now))
        if found is None:
            return None
        session, _user = found
        if now - session.seen_at > self.idle:
            await self.database.run(partial(users.end_session, token_hash=token_hash))
            return None
        if now - session.seen_at > _TOUCH_EVERY:
            await self.database.run(partial(users.touch, token_hash=token_hash, now=now))
        return found

    async def log_out(self, session: Session) -> None:
        await self.database.run(partial(users.end_session, token_hash=session.token_hash))


def check_password(password: str) -> None:
    """Raises Misconfigured for one that is too short, or so long that hashing it would be a burden."""
    if not MIN_PASSWORD <= len(password) <= 500:
        raise errors.Misconfigured(
            f"A password needs {MIN_PASSWORD} characters or more.", way_out="Three or four words are easy to keep."
        )


def check_role(role: str) -> Role:
    """Raises Misconfigured for a word that is no role."""
    for each in ROLES:
        if each == role:
            return each
    raise errors.Misconfigured(f"There is no role {role!r}.", way_out=f"Roles: {', '.join(ROLES)}.")


def _matches(hashed: str, password: str) -> bool:
    try:
        _HASHER.verify(hashed or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _unknown() -> Refused:
    return Refused("The provider knows you; Puente does not.", way_out="Ask an administrator for a role.")


def _refused() -> Refused:
    return Refused("The name or the password is wrong.", way_out="An administrator can set a new password.")

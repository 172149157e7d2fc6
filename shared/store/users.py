"""Users of the console: their passwords' hashes, their roles, their sessions.

A role is of one workspace, or of all ("*"): a provider's. Sessions are kept under the hash of their cookie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import Row, case, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.sql import upsert

Role = Literal["viewer", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
EVERYWHERE: Final = "*"
"""The workspace of a provider's role."""

_U = tables.console_user
_R = tables.console_role
_S = tables.console_session


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person who may log in. `roles` is {workspace or "*": role}."""

    id: str
    name: str
    password_hash: str = field(repr=False)
    subject: str | None = None
    locale: str = "en"
    disabled: bool = False
    failures: int = 0
    locked_until: datetime | None = None
    created_at: datetime
    roles: Mapping[str, Role] = field(default_factory=dict)

    def role_in(self, workspace_id: str) -> Role | None:
        """The higher of the role here and the one everywhere; None without either."""
        held = [self.roles[each] for each in (workspace_id, EVERYWHERE) if each in self.roles]
        return max(held, key=ROLES.index, default=None)

    def may(self, role: Role, workspace_id: str) -> bool:
        """Whether the user has this role in the workspace, or a higher one."""
        held = self.role_in(workspace_id)
        return held is not None and ROLES.index(held) >= ROLES.index(role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One log-in. `csrf` is the word that every form of it must carry."""

    token_hash: str = field(repr=False)
    user_id: str
    csrf: str = field(repr=False)
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


async def count(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.count()).select_from(_U))).scalar_one()


async def add(connection: AsyncConnection, user: User) -> None:
    """Raises Lost (outside) for a name or subject that is taken."""
    values = {name: getattr(user, name) for name in _COLUMNS}
    await connection.execute(insert(_U).values(**values))
    await set_roles(connection, user.id, user.roles)


async def set_roles(connection: AsyncConnection, user_id: str, roles: Mapping[str, Role]) -> None:
    await connection.execute(delete(_R).where(_R.c.user_id == user_id))
    await upsert(
        connection,
        _R,
        [{"user_id": user_id, "workspace_id": workspace, "role": role} for workspace, role in roles.items()],
    )


async def change(connection: AsyncConnection, user_id: str, **values: object) -> None:
    """Set columns of one user."""
    await connection.execute(update(_U).where(_U.c.id == user_id).values(**values))


async def remove(connection: AsyncConnection, user_id: str) -> None:
    for table, column in ((_S, _S.c.user_id), (_R, _R.c.user_id), (_U, _U.c.id)):
        await connection.execute(delete(table).where(column == user_id))


async def by_name(connection: AsyncConnection, name: str) -> User | None:
    return await _one(connection, _U.c.name == name.strip().casefold())


async def by_id(connection: AsyncConnection, user_id: str) -> User | None:
    return await _one(connection, _U.c.id == user_id)


async def by_subject(connection: AsyncConnection, subject: str) -> User | None:
    return await _one(connection, _U.c.subject == subject)


async def everybody(connection: AsyncConnection) -> list[User]:
    rows = (await connection.execute(select(_U).order_by(_U.c.name))).all()
    roles = await _roles(connection, [row.id for row in rows])
    return [_user(row, roles.get(row.id, {})) for row in rows]


async def fail(connection: AsyncConnection, user_id: str, *, every: int, locked_until: datetime) -> None:
    """Count a wrong password; each `every`-th in a row shuts the user out. Counted in the row: tries side by side
    count too."""
    now_wrong = _U.c.failures + 1
    locked = case((now_wrong % every == 0, literal(locked_until, _U.c.locked_until.type)), else_=_U.c.locked_until)
    await connection.execute(update(_U).where(_U.c.id == user_id).values(failures=now_wrong, locked_until=locked))


# Sessions


async def open_session(connection: AsyncConnection, session: Session) -> None:
    await connection.execute(insert(_S).values(**{name: getattr(session, name) for name in _OF_SESSION}))


async def session(connection: AsyncConnection, token_hash: str, now: datetime) -> tuple[Session, User] | None:
    """A session that has not ended, with its user as it is now; None also for one who was shut out."""
    row = (
        await connection.execute(select(_S).where(_S.c.token_hash == token_hash, _S.c.expires_at > now))
    ).first()
    if row is None:
        return None
    user = await by_id(connection, row.user_id)
    if user is None or user.disabled:
        return None
    return Session(**{name: getattr(row, name) for name in _OF_SESSION}), user


async def touch(connection: AsyncConnection, token_hash: str, now: datetime) -> None:
    await connection.execute(update(_S).where(_S.c.token_hash == token_hash).values(seen_at=now))


async def end_session(connection: AsyncConnection, token_hash: str) -> None:
    await connection.execute(delete(_S).where(_S.c.token_hash == token_hash))


async def end_sessions_of(connection: AsyncConnection, user_id: str) -> None:
    await connection.execute(delete(_S).where(_S.c.user_id == user_id))


async def end_all_sessions(connection: AsyncConnection) -> None:
    await connection.execute(delete(_S))


async def forget_ended(connection: AsyncConnection, now: datetime) -> int:
    """Remove sessions that have ended; how many."""
    return (await connection.execute(delete(_S).where(_S.c.expires_at <= now))).rowcount


async def _one(connection: AsyncConnection, condition: Any) -> User | None:
    row = (await connection.execute(select(_U).where(condition))).first()
    if row is None:
        return None
    roles = await _roles(connection, [row.id])
    return _user(row, roles.get(row.id, {}))


async def _roles(connection: AsyncConnection, user_ids: Sequence[str]) -> dict[str, dict[str, Role]]:
    found: dict[str, dict[str, Role]] = {}
    for row in await connection.execute(select(_R).where(_R.c.user_id.in_(list(user_ids)))):
        found.setdefault(row.user_id, {})[row.workspace_id] = row.role
    return found


def _user(row: Row[Any], roles: Mapping[str, Role]) -> User:
    return User(**{name: getattr(row, name) for name in _COLUMNS}, roles=roles)


_COLUMNS = (
    "id",
    "name",
    "password_hash",
    "subject",
    "locale",
    "disabled",
    "failures",
    "locked_until",
    "created_at",
)
_OF_SESSION = ("token_hash", "user_id", "csrf", "created_at", "seen_at", "expires_at")

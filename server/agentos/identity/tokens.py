"""Bearer tokens: shown once, stored as a hash, scoped by role, expiring, revocable."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agentos.calls import Principal, Role
from agentos.clock import format_time
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import InvalidArgumentError, NotFoundError, RequestError
from agentos.events.model import Event, EventType, NewEvent
from agentos.events.store import EventStore
from agentos.identity.oauth.settings import OAUTH_PREFIX
from agentos.ids import new_id
from agentos.profiles import check_profile

PREFIX = "aos_"
SYSTEM = "system"
"""The actor of events that no principal caused."""
MAX_NAME_CHARS = 200
MAX_TTL_S = 10 * 365 * 86_400

TOKEN_EVENT_TYPES = (
    EventType("token.created", "A bearer token was handed out; the secret is not in the event."),
    EventType("token.revoked", "A bearer token was revoked."),
)

_sql = Queries("agentos")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token; `secret` is not stored anywhere and cannot be shown again."""

    id: str
    secret: str
    principal: Principal
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is stored of a token."""

    id: str
    worker: str
    role: Role
    person: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    profile: str | None


class Tokens:
    """Issues, checks and revokes bearer tokens."""

    def __init__(self, database: Database, events: EventStore) -> None:
        self._database = database
        self._events = events

    async def create(
        self,
        worker: str,
        role: Role,
        *,
        now: datetime,
        ttl_s: int | None = None,
        person: str | None = None,
        profile: str | None = None,
        by: str = "system",
    ) -> IssuedToken:
        """A new token for `worker` in `role`; expires after `ttl_s` seconds, or never.

        `profile` is which tools it is shown (`agentos.profiles`), None what fits the role. `by` is
        who hands it out; the event names them, and never the secret.
        """
        _check_name("worker", worker)
        if worker.strip().casefold() == SYSTEM:
            raise InvalidArgumentError(
                f"worker may not be {worker!r}: what the server does by itself has that name"
            )
        if worker.strip().casefold().startswith(OAUTH_PREFIX):
            raise InvalidArgumentError(
                f"worker may not begin with {OAUTH_PREFIX!r}: an identity provider's callers do"
            )
        if person is not None:
            _check_name("person", person)
        if profile is not None:
            check_profile(profile)
        if ttl_s is not None and not 1 <= ttl_s <= MAX_TTL_S:
            raise InvalidArgumentError(f"ttl_s is {ttl_s}; it must be 1 to {MAX_TTL_S} seconds")
        id, secret = new_id("TK"), PREFIX + secrets.token_urlsafe(32)
        expires_at = None if ttl_s is None else now + timedelta(seconds=ttl_s)
        described = {
            "id": id,
            "worker": worker,
            "role": role.value,
            "person": person,
            "expires_at": None if expires_at is None else format_time(expires_at),
            "profile": profile,
        }
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(
                _sql.insert_token,
                id,
                _hash(secret),
                worker,
                role.value,
                person,
                now,
                expires_at,
                profile,
            )
            event = NewEvent(f"token/{id}", "token.created", by, now, described)
            stored = await self._events.append(connection, [event])
        self._events.acknowledged(stored)
        return IssuedToken(id, secret, Principal(worker, role, person, id, profile), expires_at)

    async def authenticate(self, secret: str, *, now: datetime) -> Principal:
        """The principal of a valid token; RequestError for an unknown, expired or revoked one."""
        return _principal(await self._database.fetch_row(_sql.find_token, _hash(secret)), now)

    async def authenticate_again(self, id: str, *, now: datetime) -> Principal:
        """The same by a token's id, for what a caller began and the server goes on with."""
        return _principal(await self._database.fetch_row(_sql.find_token_by_id, id), now)

    async def list(self) -> list[TokenInfo]:
        """Every token, newest first, without secrets."""
        return [_info(row) for row in await self._database.fetch(_sql.list_tokens)]

    async def revoke(self, id: str, *, now: datetime, by: str = "system") -> datetime:
        """Revoke a token now and for ever; NotFoundError for an unknown id. Idempotent."""
        stored: Sequence[Event] = ()
        async with self._database.connection() as connection, connection.transaction():
            row = await connection.fetchrow(_sql.revoke_token, id, now)
            if row is None:
                raise NotFoundError(f"no token has the id {id!r}; `agentos token list` shows them")
            if row["is_first"]:
                event = NewEvent(f"token/{id}", "token.revoked", by, now, {"id": id})
                stored = await self._events.append(connection, [event])
        if stored:
            self._events.acknowledged(stored)
        revoked_at: datetime = row["revoked_at"]
        return revoked_at


def _principal(row: Any, now: datetime) -> Principal:
    if row is None:
        raise RequestError("the bearer token is not known to this server")
    if row["revoked_at"] is not None:
        raise RequestError("the bearer token was revoked; ask an admin for a new one")
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise RequestError("the bearer token has expired; ask an admin for a new one")
    return Principal(row["worker"], Role(row["role"]), row["person"], row["id"], row["profile"])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _check_name(field: str, name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise InvalidArgumentError(
            f"{field} must be 1 to {MAX_NAME_CHARS} printable characters, got {len(name)}"
        )


def _info(row: Any) -> TokenInfo:
    return TokenInfo(
        row["id"],
        row["worker"],
        Role(row["role"]),
        row["person"],
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        row["profile"],
    )

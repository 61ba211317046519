"""Linking a channel's users to persons: by a one-time code, or by an address that the channel verified.

Above: create_link_code, link_identity, unlink_identity. Below: `sql/identities.sql`. A code looks like
a token, so that records of calls leave it out; it is stored as a digest, works once and for ten
minutes. Who tries too often is not heard for a while. An identity that an admin took away stays
away: an address does not bring it back, only an admin or a code that was made since.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agentos import (
    CallRefusedError,
    ConflictError,
    LimitExceededError,
    NewEvent,
    NotFoundError,
    Role,
    ToolCall,
    Transaction,
    format_time,
    sha256_hex,
)
from agentos_governance.persons.events import identity_stream, person_stream, sql
from agentos_governance.persons.model import LinkCode, LinkedIdentity, UnlinkedIdentity
from agentos_governance.persons.registry import email_key, get_person, is_same_mailbox
from agentos_governance.persons.settings import EmailLinking

CODE_TTL = timedelta(minutes=10)
WINDOW = timedelta(minutes=10)
MAX_CODES = 5
"""For one person within the window."""
MAX_REFUSALS = 5
"""Of one identity within the window."""
MAX_CHANNEL_REFUSALS = 100
_PREFIX = "aos_"
_CODE_BYTES = 18


async def create_link_code(call: ToolCall, name: str | None) -> LinkCode:
    """A fresh code for a person; for others than the caller's own person only by an admin."""
    person = await get_person(call.kernel.database, _asked_for(call, name))
    transaction = await call.begin()
    await transaction.execute(sql.lock_persons)
    since = call.now() - WINDOW
    if await transaction.fetch_value(sql.count_link_codes, person["name"], since) >= MAX_CODES:
        raise LimitExceededError(
            f"{MAX_CODES} codes were made for {person['name']} within 10 minutes, the limit",
            remedy="use one of them, or wait",
        )
    code = _PREFIX + secrets.token_urlsafe(_CODE_BYTES)
    expires_at = format_time(call.now() + CODE_TTL)
    data = {"person": person["name"], "code_sha256": _digest(code), "expires_at": expires_at}
    await transaction.append(_event(call, person["name"], "person.link_code_created", data))
    return LinkCode(person=person["name"], code=code, expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class Claimed:
    """By what a channel's user is said to be a person: one of the three."""

    email: str | None = None
    code: str | None = None
    person: str | None = None
    """An admin's own word."""

    @property
    def proof(self) -> str:
        """Which of the three, as it is recorded."""
        if self.person is not None:
            return "admin"
        return "email" if self.code is None else "code"


async def link_identity(
    call: ToolCall, channel: str, external_id: str, claimed: Claimed
) -> LinkedIdentity:
    """Link a channel's user to the person of an address or a code, or whom an admin names.

    Raises ConflictError where it is somebody else's already, NotFoundError where neither fits,
    CallRefusedError for an address that does not count here, and LimitExceededError after too many
    that did not fit.
    """
    if claimed.person is None:
        await _check_attempts(call, channel, external_id)
    transaction = await call.begin()
    await transaction.execute(sql.lock_persons)
    unlinked = await transaction.fetch_row(sql.get_unlinked, channel, external_id)
    if claimed.email is not None:
        _check_address(call, channel, external_id, claimed.email, unlinked)
    person = await _person_of(call, transaction, claimed, unlinked)
    linked = await transaction.fetch_row(sql.lock_identity, channel, external_id)
    if person is None and claimed.code is not None and linked is not None:
        person = await _person_of_used(transaction, claimed.code, linked["person"])
    if person is None:
        await transaction.rollback()
        call.transaction = None
        await _refuse(call, channel, external_id)
    if linked is not None and linked["person"] != person["name"]:
        raise ConflictError(
            f"{external_id} of {channel} is linked to another person",
            remedy="an admin unlinks it first: `agentos person unlink`",
        )
    if linked is None:
        data = {
            "channel": channel,
            "external_id": external_id,
            "person": person["name"],
            "proof": claimed.proof,
            "code_sha256": None if claimed.code is None else _digest(claimed.code),
        }
        await transaction.append(_event(call, person["name"], "identity.linked", data))
    return LinkedIdentity(
        channel=channel, external_id=external_id, person=person["name"], roles=person["roles"]
    )


async def unlink_identity(call: ToolCall, channel: str, external_id: str) -> UnlinkedIdentity:
    """Take a link away; calls for it are refused from then on."""
    transaction = await call.begin()
    await transaction.execute(sql.lock_persons)
    linked = await transaction.fetch_row(sql.lock_identity, channel, external_id)
    if linked is None:
        raise NotFoundError(
            f"nobody is linked to {external_id!r} of {channel}",
            remedy="`agentos person list` shows the links",
        )
    data = {"channel": channel, "external_id": external_id, "person": linked["person"]}
    await transaction.append(_event(call, linked["person"], "identity.unlinked", data))
    return UnlinkedIdentity(channel=channel, external_id=external_id, person=linked["person"])


def _asked_for(call: ToolCall, name: str | None) -> str:
    own = call.principal.person
    if call.principal.role is Role.ADMIN and (name or own) is not None:
        return str(name or own)
    if own is None or name not in (None, own):
        raise CallRefusedError(
            f"{call.principal.name} may make codes only for the person behind its own token",
            rule="own_person",
            remedy="use a token that was created with --person, or ask an admin",
        )
    return own


async def _check_attempts(call: ToolCall, channel: str, external_id: str) -> None:
    row = await call.kernel.database.fetch_row(
        sql.count_link_refusals, channel, external_id, call.now() - WINDOW
    )
    assert row is not None
    if row["of_identity"] >= MAX_REFUSALS or row["of_channel"] >= MAX_CHANNEL_REFUSALS:
        raise LimitExceededError(
            f"too many attempts to link did not fit within 10 minutes: {row['of_identity']} of "
            f"this identity (limit {MAX_REFUSALS}), {row['of_channel']} of {channel} (limit "
            f"{MAX_CHANNEL_REFUSALS})",
            remedy="wait 10 minutes, then use a fresh code",
        )


def _check_address(
    call: ToolCall, channel: str, external_id: str, email: str, unlinked: Any | None
) -> None:
    """CallRefusedError where no address links this identity; that is no attempt to guess."""
    how = "`agentos person link-code NAME` prints a code, good for 10 minutes"
    if not call.service(EmailLinking).admits(channel, email):
        raise CallRefusedError(
            f"{channel} may not link anybody by this address: [governance.link_by_email]",
            rule="identity.link_by_email",
            remedy=how,
        )
    if unlinked is not None:
        raise CallRefusedError(
            f"an admin took {external_id} of {channel} away from a person; an address does not "
            "bring it back",
            rule="identity.unlinked_by_admin",
            remedy=f"{how}; or an admin links it: `agentos person link`",
        )


async def _person_of(
    call: ToolCall, transaction: Transaction, claimed: Claimed, unlinked: Any | None
) -> Any:
    email, code = claimed.email, claimed.code
    if claimed.person is not None:
        person = await get_person(transaction, claimed.person)
    elif email is not None:
        person = await transaction.fetch_row(sql.find_person_by_email, email_key(email))
        # Addresses that only read alike are different mailboxes: groß@ and gross@ of one domain.
        if person is not None and not is_same_mailbox(person["email"], email):
            return None
    else:
        assert code is not None
        found = await transaction.fetch_row(sql.find_link_code, _digest(code))
        if found is None or found["used_at"] is not None or found["expires_at"] <= call.now():
            return None
        if unlinked is not None and _is_of_before(found, unlinked):
            return None
        person = await get_person(transaction, found["person"])
    return person if person is not None and person["is_active"] else None


def _is_of_before(code: Any, unlinked: Any) -> bool:
    """Whether a code was made for the person from whom an admin took the identity since."""
    return bool(
        code["person"] == unlinked["person"] and code["created_at"] < unlinked["unlinked_at"]
    )


async def _person_of_used(transaction: Transaction, code: str, linked_to: str) -> Any:
    """Whom the code linked before: a channel may deliver the same message twice."""
    found = await transaction.fetch_row(sql.find_link_code, _digest(code))
    if found is None or found["used_at"] is None or found["person"] != linked_to:
        return None
    person = await get_person(transaction, linked_to)
    return person if person["is_active"] else None


async def _refuse(call: ToolCall, channel: str, external_id: str) -> None:
    """Record the attempt, which the failing call would take back, and say so."""
    data = {"channel": channel, "external_id": external_id}
    transaction = await call.kernel.open_transaction()
    try:
        await transaction.append(
            NewEvent(
                identity_stream(channel),
                "identity.link_refused",
                call.principal.name,
                call.now(),
                data,
            )
        )
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    raise NotFoundError(
        "the code or the address is nobody's, or no longer",
        remedy="`agentos person link-code NAME` prints a fresh code, good for 10 minutes",
    )


def _event(call: ToolCall, person: str, type: str, data: dict[str, Any]) -> NewEvent:
    return NewEvent(person_stream(person), type, call.principal.name, call.now(), data)


def _digest(code: str) -> str:
    return sha256_hex(code.encode("utf-8", "replace"))

"""Keeping the persons who may decide.

Above: set_person, list_persons. Below: `sql/identities.sql`. A name and an e-mail address stand for
one person only, however they are written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from agentos import (
    ConflictError,
    InvalidArgumentError,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    format_time,
)
from agentos_governance.authority.persons import same_person_key
from agentos_governance.orders import Reader
from agentos_governance.persons.events import person_stream, sql
from agentos_governance.persons.model import IdentityView, PersonView

DEFAULT_ROLES = ("reviewer",)
_RESERVED = re.compile(r"^(system$|oauth:)")
_EMAIL = re.compile(r"^[^\s@]{1,64}@[^\s@]{1,190}$")


async def set_person(
    call: ToolCall,
    name: str,
    *,
    email: str | None,
    roles: Sequence[str] | None,
    escalation: int | None,
    is_active: bool | None,
) -> PersonView:
    """Add a person or change one; None keeps what is there, "" and 0 take it away."""
    _check_name(name)
    transaction = await call.begin()
    await transaction.execute(sql.lock_persons)
    known = await transaction.fetch_row(sql.get_person, same_person_key(name))
    if known is not None and known["name"] != name:
        raise ConflictError(
            f"{name!r} reads like {known['name']!r}, who is registered already",
            remedy="write the name as it is registered",
        )
    address = (known["email"] if known else None) if email is None else email or None
    key = None if address is None else await _free_email_key(transaction, name, address)
    place = (known["escalation"] if known else None) if escalation is None else escalation or None
    data = {
        "person": name,
        "person_key": same_person_key(name),
        "email": address,
        "email_key": key,
        "roles": sorted(set(roles if roles is not None else _roles_of(known))),
        "escalation": place,
        "is_active": is_active if is_active is not None else known is None or known["is_active"],
    }
    event = NewEvent(person_stream(name), "person.set", call.principal.name, call.now(), data)
    await transaction.append(event)
    (person,) = await views_of(transaction, [await get_person(transaction, name)])
    return person


async def get_person(reader: Reader, name: str) -> Any:
    """The row of a person, however the name is written; NotFoundError for an unknown one."""
    row = await reader.fetch_row(sql.get_person, same_person_key(name))
    if row is None:
        raise NotFoundError(
            f"no person is registered as {name!r}", remedy="`agentos person list` shows the names"
        )
    return row


async def views_of(reader: Reader, rows: Sequence[Any]) -> list[PersonView]:
    """Persons with the identities that are linked to them."""
    found = await reader.fetch(sql.list_identities, [row["name"] for row in rows])
    linked: dict[str, list[IdentityView]] = {}
    for each in found:
        linked.setdefault(each["person"], []).append(_identity_view(each))
    return [
        PersonView(
            name=row["name"],
            email=row["email"],
            roles=row["roles"],
            escalation=row["escalation"],
            is_active=row["is_active"],
            created_at=format_time(row["created_at"]),
            identities=linked.get(row["name"], []),
        )
        for row in rows
    ]


def email_key(address: str) -> str:
    """Equal for addresses that read alike; no two persons have such."""
    return unicodedata.normalize("NFKC", address.strip()).casefold()


def is_same_mailbox(address: str, other: str) -> bool:
    """Whether mail to both reaches the same person: they differ in the case of ASCII at most."""
    return _in_lower_ascii(address) == _in_lower_ascii(other)


def _in_lower_ascii(address: str) -> str:
    composed = unicodedata.normalize("NFC", address.strip())
    return "".join(each.lower() if each.isascii() else each for each in composed)


def _identity_view(row: Any) -> IdentityView:
    return IdentityView(
        channel=row["channel"],
        external_id=row["external_id"],
        person=row["person"],
        linked_at=format_time(row["linked_at"]),
        linked_by=row["linked_by"],
        proof=row["proof"],
    )


async def _free_email_key(transaction: Transaction, name: str, address: str) -> str:
    if _EMAIL.fullmatch(address) is None or not address.isprintable():
        raise InvalidArgumentError("argument `email` is not an e-mail address")
    key = email_key(address)
    other = await transaction.fetch_row(sql.find_person_by_email, key)
    if other is not None and other["name"] != name:
        raise ConflictError(f"{address} is the address of {other['name']!r}")
    return key


def _roles_of(known: Any) -> Sequence[str]:
    return DEFAULT_ROLES if known is None else known["roles"]


def _check_name(name: str) -> None:
    if not name.isprintable() or name != name.strip() or _RESERVED.match(name.casefold()):
        raise InvalidArgumentError(
            f"argument `name`: {name[:80]!r} cannot be the name of a person",
            remedy="use printable text that is not the server's or an identity provider's own",
        )

"""Persons and identities as tools answer them.

Above: tools, the command line, bots. Below: pydantic.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

PersonName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="As tokens and contracts write it (`agentos token create --person`)",
    ),
]
Channel = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="Such as slack, github")
]
ExternalId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Who it is in the channel, such as T024BE7LD:U2147483697",
    ),
]


class IdentityView(BaseModel):
    """By what name a channel knows a person."""

    channel: str
    external_id: str
    person: str
    linked_at: str
    linked_by: str
    proof: str = Field(description="`email`, `code` or `admin`: how the user was recognised")


class PersonView(BaseModel):
    """A person who may decide."""

    name: str
    email: str | None
    roles: list[str]
    escalation: int | None = Field(description="Place on the escalation list; null: not on it")
    is_active: bool
    created_at: str
    identities: list[IdentityView]


class PersonList(BaseModel):
    """A page of persons by name."""

    persons: list[PersonView]
    truncated: bool
    next_cursor: str | None


class FoundIdentity(BaseModel):
    """How to address a person in a channel."""

    person: str
    external_id: str


class FoundIdentities(BaseModel):
    """Those of the persons asked for that the channel knows; one may have several names there."""

    identities: list[FoundIdentity]


class LinkCode(BaseModel):
    """What the person types in the channel, once, before it expires."""

    person: str
    code: str
    expires_at: str


class LinkedIdentity(BaseModel):
    """Whom a channel's user is from now on."""

    channel: str
    external_id: str
    person: str
    roles: list[str]


class UnlinkedIdentity(BaseModel):
    """Whom a channel's user was until now."""

    channel: str
    external_id: str
    person: str

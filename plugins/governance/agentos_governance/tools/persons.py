"""Persons who decide, and the identities by which channels know them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentos import CallRefusedError, InvalidArgumentError, Role, ToolCall, tool
from agentos_governance.authority.persons import same_person_key
from agentos_governance.authority.roles import IDENTITIES, LINK_CODES, PERSONS
from agentos_governance.persons import linking, registry
from agentos_governance.persons.events import sql
from agentos_governance.persons.model import (
    Channel,
    ExternalId,
    FoundIdentities,
    FoundIdentity,
    LinkCode,
    LinkedIdentity,
    PersonList,
    PersonName,
    PersonView,
    UnlinkedIdentity,
)

RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Email = Annotated[str, Field(max_length=255)]


@tool(reads=[PERSONS], writes=[PERSONS], profiles=[])
async def set_person(
    call: ToolCall,
    name: PersonName,
    email: Annotated[Email | None, Field(description='Kept where null; "" takes it away')] = None,
    roles: Annotated[
        list[RoleName] | None,
        Field(max_length=20, description="admin, reviewer, planner, and roles of reviews"),
    ] = None,
    escalation: Annotated[
        int | None, Field(ge=0, le=1_000, description="Place on the escalation list; 0: not on it")
    ] = None,
    is_active: bool | None = None,
) -> PersonView:
    """Register a person who may decide, or change one; what is left out stays as it is.

    A new person is a reviewer. Through a bot, only whoever is `reviewer` or `admin` decides.
    """
    return await registry.set_person(
        call, name, email=email, roles=roles, escalation=escalation, is_active=is_active
    )


@tool(reads=[PERSONS], profiles=[])
async def list_persons(
    call: ToolCall,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Field(max_length=200)] = None,
) -> PersonList:
    """List the registered persons by name, with their identities in channels; for admins."""
    _require_role(call, Role.ADMIN)
    rows = await call.kernel.database.fetch(sql.list_persons, cursor, limit + 1)
    page = rows[:limit]
    is_cut = len(rows) > limit
    return PersonList(
        persons=await registry.views_of(call.kernel.database, page),
        truncated=is_cut,
        next_cursor=page[-1]["name"] if is_cut else None,
    )


@tool(reads=[PERSONS], profiles=["bot"])
async def find_identities(
    call: ToolCall,
    channel: Channel,
    persons: Annotated[list[PersonName], Field(min_length=1, max_length=200)],
) -> FoundIdentities:
    """Find by what names a channel knows persons, to address them; for its bot."""
    _require_role(call, Role.ADMIN, Role.BOT)
    keys = [same_person_key(name) for name in persons]
    rows = await call.kernel.database.fetch(sql.find_identities, channel, keys)
    return FoundIdentities(
        identities=[FoundIdentity(person=r["person"], external_id=r["external_id"]) for r in rows]
    )


@tool(reads=[PERSONS], writes=[LINK_CODES], profiles=[])
async def create_link_code(
    call: ToolCall,
    person: Annotated[PersonName | None, Field(description="Yourself where null")] = None,
) -> LinkCode:
    """Make a code that links one user of a channel, such as Slack, to a person.

    The person gives it to the channel's bot within 10 minutes; it works once. Refuses codes for
    others, unless by an admin.
    """
    return await linking.create_link_code(call, person)


@tool(reads=[PERSONS], writes=[IDENTITIES], profiles=["bot"])
async def link_identity(
    call: ToolCall,
    channel: Channel,
    external_id: ExternalId,
    email: Annotated[
        Email | None, Field(min_length=3, description="Only one that the channel has verified")
    ] = None,
    code: Annotated[str | None, Field(min_length=8, max_length=200)] = None,
    person: Annotated[PersonName | None, Field(description="For admins: who it is")] = None,
) -> LinkedIdentity:
    """Say who a channel's user is, by a verified e-mail address or a one-time code; for bots.

    Refuses an identity that is somebody else's, an address where an admin unlinked it, and for a
    while whoever guesses. An admin names the person.
    """
    if [email, code, person].count(None) != 2:
        raise InvalidArgumentError("pass either `email` or `code`, or as an admin `person`")
    if person is not None:
        _require_role(call, Role.ADMIN)
    claimed = linking.Claimed(email, code, person)
    return await linking.link_identity(call, channel, external_id, claimed)


@tool(reads=[PERSONS], writes=[PERSONS], destructive=True, profiles=[])
async def unlink_identity(
    call: ToolCall, channel: Channel, external_id: ExternalId
) -> UnlinkedIdentity:
    """Take a channel's user away from a person; a bot can no longer act for it. For admins.

    It stays away, also where its e-mail address is a person's, until an admin links it or a code is
    used that was made since.
    """
    return await linking.unlink_identity(call, channel, external_id)


def _require_role(call: ToolCall, *roles: Role) -> None:
    # Also a person through a bot: addresses of others are no part of a review.
    if call.principal.role not in roles or call.principal.via is not None:
        raise CallRefusedError(
            f"the role {call.principal.role} may not see who is behind which identity",
            rule=f"role:{call.principal.role}",
            remedy=f"use a token of role {' or '.join(roles)}",
        )

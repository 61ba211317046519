"""The events of persons and identities, and the read models they keep.

Above: the plugin registers these. Below: `sql/identities.sql`. Codes are here by their digests only.
"""

from __future__ import annotations

from datetime import datetime

from agentos import Event, EventType, ProjectionWriter, Queries, ReadModel

sql = Queries("agentos_governance", "sql/identities.sql")

READ_MODEL = ReadModel(
    "governance", ("person", "identity", "link_code", "link_refusal", "unlinked_identity")
)


async def _set(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.upsert_person,
        data["person"],
        data["person_key"],
        data["email"],
        data["email_key"],
        data["roles"],
        data["escalation"],
        data["is_active"],
        event.at,
        event.actor,
    )


async def _code_made(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_link_code,
        data["code_sha256"],
        data["person"],
        event.at,
        event.actor,
        datetime.fromisoformat(data["expires_at"]),
    )


async def _linked(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_identity,
        data["channel"],
        data["external_id"],
        data["person"],
        data["proof"],
        event.at,
        event.actor,
    )
    await writer.execute(sql.delete_unlinked, data["channel"], data["external_id"])
    if data["code_sha256"] is not None:
        await writer.execute(sql.set_link_code_used, data["code_sha256"], event.at)


async def _unlinked(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(sql.delete_identity, data["channel"], data["external_id"])
    await writer.execute(
        sql.insert_unlinked,
        data["channel"],
        data["external_id"],
        data["person"],
        event.at,
        event.actor,
    )


async def _refused(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_link_refusal, event.hash, data["channel"], data["external_id"], event.at
    )


EVENT_TYPES = (
    EventType("person.set", "A person who may decide, with roles and address.", _set),
    EventType("person.link_code_created", "A one-time code; its digest is here.", _code_made),
    EventType("identity.linked", "A channel's user is this person from now on.", _linked),
    EventType("identity.unlinked", "A channel's user is nobody from now on.", _unlinked),
    EventType("identity.link_refused", "A code or an address linked nobody.", _refused),
)


def person_stream(person: str) -> str:
    """Where the events of a person stand."""
    return f"person/{person}"[:200]


def identity_stream(channel: str) -> str:
    """Where attempts stand that linked nobody."""
    return f"identities/{channel}"

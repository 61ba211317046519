"""Approvals: which definition of which tool, prompt or resource a person admitted.

Above: the gateway. Below: `gateway.pin`, a read model of the events, and `gateway.definition`, the
texts by digest. A text that does not have its digest any more counts as not approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from agentos import (
    Database,
    Event,
    EventType,
    NewEvent,
    ProjectionWriter,
    Queries,
    ReadModel,
    ToolCall,
    sha256_hex,
)
from agentos_gateway.definitions import Definition, Kind, restore

sql = Queries("agentos_gateway", "sql/pins.sql")

APPROVED = "gateway.approved"
REVOKED = "gateway.revoked"
READ_MODEL = ReadModel("gateway", ("pin",))

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pin:
    """An approval."""

    definition: Definition
    approved_by: str
    approved_at: datetime


Pins = Mapping[tuple[str, str, str], Pin]
"""By server, kind and name."""


async def read_pins(database: Database) -> dict[tuple[str, str, str], Pin]:
    """Every approval whose text is what was approved."""
    pins: dict[tuple[str, str, str], Pin] = {}
    for row in await database.fetch(sql.list_pins):
        if row["text"] is None or sha256_hex(row["text"].encode()) != row["digest"]:
            _log.error("gateway_definition_altered", server=row["server"], name=row["name"])
            continue
        definition = restore(row["text"])
        if definition.key != (row["kind"], row["name"]):
            _log.error("gateway_definition_altered", server=row["server"], name=row["name"])
            continue
        pin = Pin(definition, row["approved_by"], row["approved_at"])
        pins[(row["server"], row["kind"], row["name"])] = pin
    return pins


async def approve(call: ToolCall, server: str, definitions: Sequence[Definition]) -> None:
    """Admit definitions, in the call's transaction."""
    transaction = await call.begin()
    for each in definitions:
        await transaction.execute(sql.keep_definition, each.digest, each.text)
        await transaction.append(
            _event(call, server, APPROVED, each.kind, each.name, digest=each.digest)
        )


async def revoke(call: ToolCall, server: str, keys: Sequence[tuple[Kind, str]]) -> None:
    """Take approvals back, in the call's transaction."""
    transaction = await call.begin()
    for kind, name in keys:
        await transaction.append(_event(call, server, REVOKED, kind, name))


def _event(call: ToolCall, server: str, type: str, kind: str, name: str, **more: str) -> NewEvent:
    data = {"server": server, "kind": kind, "name": name, "call": call.id, **more}
    return NewEvent(f"gateway/{server}", type, call.principal.name, call.now(), data)


async def _approved(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.set_pin,
        data["server"],
        data["kind"],
        data["name"],
        data["digest"],
        event.actor,
        event.at,
    )


async def _revoked(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(sql.delete_pin, data["server"], data["kind"], data["name"])


EVENT_TYPES = (
    EventType(APPROVED, "What another server says of a tool was admitted, as it is.", _approved),
    EventType(REVOKED, "A tool of another server is no longer admitted.", _revoked),
)

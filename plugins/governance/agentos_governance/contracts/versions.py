"""The versions of a contract: each is an event and an immutable row; the newest one binds.

Above: amend_contract, list_contract_versions, the plugin that registers these. Below:
`sql/contracts.sql`. The database refuses a change of a stored version, and a contract in force
that is not the newest version.
"""

from __future__ import annotations

from agentos import Event, EventType, ProjectionWriter, Queries, ReadModel

sql = Queries("agentos_governance", "sql/contracts.sql")

READ_MODEL = ReadModel("governance", ("contract_version",))


async def insert_first_version(writer: ProjectionWriter, event: Event) -> None:
    """The version that `work_order.created` brings."""
    data = event.data
    await writer.execute(
        sql.insert_contract_version,
        data["work_order"],
        1,
        data["contract_version"],
        data["contract"],
        None,
        event.actor,
        event.at,
    )


async def _amended(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_contract_version,
        data["work_order"],
        data["number"],
        data["contract_version"],
        data["contract"],
        data["reason"],
        event.actor,
        event.at,
    )
    await writer.execute(
        sql.set_contract, data["work_order"], data["contract_version"], data["contract"]
    )


EVENT_TYPES = (
    EventType("contract.amended", "A new version of a contract binds from now on.", _amended),
)

"""Who is behind an identity of a channel: the service by which bots act for persons.

Above: the plugin offers it as `agentos.Delegates`. Below: `sql/identities.sql`.
"""

from __future__ import annotations

from agentos import Delegate, Kernel
from agentos_governance.persons.events import sql
from agentos_governance.persons.roles import kernel_role


class LinkedIdentities:
    """Implements `agentos.Delegates`; nothing is cached, so that an unlinking counts at once."""

    def __init__(self, kernel: Kernel) -> None:
        self._database = kernel.database

    async def find(self, channel: str, external_id: str) -> Delegate | None:
        """The active person who is linked to it, or None."""
        row = await self._database.fetch_row(sql.find_identity, channel, external_id)
        return None if row is None else Delegate(row["name"], kernel_role(row["roles"]))

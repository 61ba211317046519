"""Separation of duties: who worked on what a work order checks does not claim it.

Above: claims. Below: persons, `sql/persons.sql`. Whom a work order is kept from follows from the
order itself and those above it (`not_by_orders`), whatever made them: a workflow's definition is
not looked at.
"""

from __future__ import annotations

from typing import Any

from agentos import CallRefusedError, Principal
from agentos_governance.authority.persons import keys_apart, keys_behind
from agentos_governance.orders import Reader

RULE = "four_eyes"


async def require_apart(reader: Reader, principal: Principal, row: Any) -> None:
    """CallRefusedError (rule `four_eyes`) where the claim of a work order's row is another's.

    What the work order is kept apart from has ended by the time it is made, so that nobody can
    join those who are kept from it between this and the end of the claim's transaction.
    """
    if row["parent"] is None and not row["not_by_orders"]:
        return
    kept_from = await keys_apart(reader, row["id"])
    if not kept_from:
        return
    if not kept_from.isdisjoint(await keys_behind(reader, (principal.answerable, principal.name))):
        raise CallRefusedError(
            f"{principal.answerable} worked on what {row['id']} checks or puts into use; that is "
            "for somebody else",
            rule=RULE,
            contract_version=row["contract_version"],
            remedy="leave it to somebody else; claim another work order, by role for instance",
        )

"""Whether a work order may stand below a parent: how deep, how many, and within its contract.

Above: creation of work orders. Below: the mandate, narrowing. Called under the lock of the
parent's row, so that two children made at once see each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agentos import CallRefusedError, LimitExceededError, Transaction
from agentos_governance.authority.mandate import MAX_ANCESTORS, read_ancestors, sql
from agentos_governance.contracts.model import Contract, contract_digest, parse_contract
from agentos_governance.contracts.narrowing import Excess, find_child_excess

MAX_CHILDREN = 10_000
"""Of one work order, ended ones included."""
MAX_DELEGATED_CHILDREN = 50
"""Of one work order, where the worker that holds it makes them."""


async def check_child(
    transaction: Transaction,
    parent: Any,
    contract: Contract,
    *,
    repo: str | None = None,
    priority: int = 0,
    is_delegated: bool = False,
) -> None:
    """Refuse a child that would exceed the locked row `parent`, or any of its ancestors.

    Raises CallRefusedError naming the field, the child's value and the parent's, and
    LimitExceededError for a line that is too deep or a parent with too many children. A child
    that is delegated, which is made by the worker that holds the parent, may not reach another
    repository nor go before its parent in the queue.
    """
    max_children = MAX_DELEGATED_CHILDREN if is_delegated else MAX_CHILDREN
    ancestors = await read_ancestors(transaction, parent["id"])
    if len(ancestors) + 1 > MAX_ANCESTORS:
        raise LimitExceededError(
            f"{parent['id']} has {len(ancestors)} ancestors; a work order may have at most "
            f"{MAX_ANCESTORS}"
        )
    n_children = await transaction.fetch_value(sql.count_children, parent["id"])
    if n_children >= max_children:
        raise LimitExceededError(
            f"{parent['id']} has {n_children} children; the limit is {max_children}"
        )
    if repo not in (None, parent["repo"]) and (is_delegated or parent["repo"] is not None):
        raise _refusal("repo", parent["id"], contract, f"{repo} is not {parent['repo']}")
    if is_delegated and priority > parent["priority"]:
        reason = f"{priority} is more than {parent['priority']}"
        raise _refusal("priority", parent["id"], contract, reason)
    own = parse_contract(parent["contract"])
    above = [(parent["id"], own), *((g.work_order, g.contract.contract) for g in ancestors)]
    await check_within_ancestors(contract, above)


async def check_within_ancestors(contract: Contract, above: Sequence[tuple[str, Contract]]) -> None:
    """CallRefusedError where a contract exceeds one of those above it, given with their orders."""
    # Comparing globs may take a tenth of a second, in which other calls should go on.
    found = await asyncio.to_thread(_find_excess, contract, above)
    if found is not None:
        holder, excess = found
        raise _refusal(f"contract.{excess.field}", holder, contract, excess.reason_in_full)


def _find_excess(
    contract: Contract, above: Sequence[tuple[str, Contract]]
) -> tuple[str, Excess] | None:
    for work_order, limit in above:
        for excess in find_child_excess(contract, limit):
            return work_order, excess
    return None


def _refusal(field: str, parent: str, contract: Contract, reason: str) -> CallRefusedError:
    return CallRefusedError(
        f"{field} of a child may not exceed that of {parent}: {reason}",
        rule=f"parent.{field.removeprefix('contract.')}",
        contract_version=contract_digest(contract),
        remedy="narrow the field, or ask for a parent whose contract allows it",
    )

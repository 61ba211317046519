"""Makes a work order in a transaction: what it waits for, whom it belongs to, its money.

Above: create_work_order, workflows. Below: orders, `sql/queries.sql`. A work order waits for what
it depends on, and a parent for its open children; a new one may not close a circle of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agentos import (
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    NotFoundError,
    Transaction,
    new_id,
)
from agentos_governance.authority.delegation import check_child
from agentos_governance.contracts.model import (
    Contract,
    contract_digest,
    contract_document,
    usd_text,
)
from agentos_governance.orders import lock_order, sql
from agentos_governance.projections import work_order_stream

PARENT_STATES = ("blocked", "ready", "active", "suspended")
"""States in which a work order takes further children."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A work order to make; `repo` is the root of an inspected repository, or None."""

    title: str
    objective: str
    contract: Contract
    phase: str = "work"
    role: str = "worker"
    depends_on: tuple[str, ...] = ()
    parent: str | None = None
    priority: int = 0
    repo: str | None = None
    preset: str | None = None
    """The persona whose contract filled what the given one left out."""
    not_by_orders: tuple[str, ...] = ()
    """Whoever worked on one of these may not claim it."""
    is_delegated: bool = False
    """Made by the worker that holds the parent."""
    waits_for_workflow: bool = False
    """Never claimable: `blocked` until the workflow that drives it ends it."""


async def create_order(
    transaction: Transaction, order: NewOrder, *, actor: str, person: str | None, now: datetime
) -> str:
    """The id of a new work order, ready or blocked, in the caller's transaction.

    Raises NotFoundError for a parent or dependency that does not exist, InvalidStateError for one
    that takes no children or never completes, InvalidArgumentError where the new work order and
    its parent would wait for each other.
    """
    depends_on = sorted(set(order.depends_on))
    if order.parent is not None:
        await _enter_family(transaction, order, order.parent, depends_on)
    state = await _initial_state(transaction, depends_on)
    work_order = new_id("WO")
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "work_order.created",
            actor,
            now,
            {
                "work_order": work_order,
                "title": order.title,
                "objective": order.objective,
                "contract": contract_document(order.contract),
                "contract_version": contract_digest(order.contract),
                "phase": order.phase,
                "role": order.role,
                "depends_on": depends_on,
                "parent": order.parent,
                "priority": order.priority,
                "repo": order.repo,
                "preset": order.preset,
                "not_by_orders": list(order.not_by_orders),
                "state": "blocked" if order.waits_for_workflow else state,
                "person": person,
            },
        )
    )
    await transaction.execute(
        sql.create_budget, work_order, usd_text(order.contract.cost_budget_usd)
    )
    return work_order


async def _enter_family(
    transaction: Transaction, order: NewOrder, parent: str, depends_on: list[str]
) -> None:
    if depends_on:
        # Two children that are made at once could each close half of a circle.
        await transaction.execute(sql.lock_work_graph)
    row = await lock_order(transaction, parent)
    if row["state"] not in PARENT_STATES:
        raise InvalidStateError(
            f"{parent} is {row['state']}; only work that is open and not in review takes children"
        )
    await check_child(
        transaction,
        row,
        order.contract,
        repo=order.repo,
        priority=order.priority,
        is_delegated=order.is_delegated,
    )
    waiting = await transaction.fetch(sql.find_waiting_for, parent, depends_on)
    if waiting:
        raise InvalidArgumentError(
            f"depends_on names {waiting[0]['id']}, which waits for {parent}; {parent} would wait "
            "for its new child and both for ever",
            remedy="leave the dependency or the parent out",
        )


async def _initial_state(transaction: Transaction, depends_on: list[str]) -> str:
    if not depends_on:
        return "ready"
    rows = await transaction.fetch(sql.lock_dependencies, depends_on)
    states = {row["id"]: row["state"] for row in rows}
    for dependency in depends_on:
        if dependency not in states:
            raise NotFoundError(f"depends_on names {dependency!r}, which does not exist")
        if states[dependency] in ("failed", "cancelled"):
            raise InvalidStateError(f"{dependency} is {states[dependency]} and never completes")
    return "ready" if all(s == "completed" for s in states.values()) else "blocked"

"""Creating, listing, reading and cancelling work orders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import (
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    new_id,
    redact,
    tool,
)
from agentos_governance.authority.roles import WORK_ORDERS
from agentos_governance.bounds import json_bytes
from agentos_governance.contracts.model import (
    Contract,
    contract_digest,
    contract_document,
    usd_text,
)
from agentos_governance.orders import (
    MAX_DETAILS_BYTES,
    MAX_PRIORITY,
    OPEN_STATES,
    cursor_of,
    get_order,
    list_depends_on,
    lock_order,
    order_details,
    order_view,
    parse_cursor,
    sql,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.views import State, WorkOrderDetails, WorkOrderView
from agentos_governance.workspace.worktrees import inspect_repository

MAX_PAGE_BYTES = 512 * 1024

WorkOrderId = Annotated[
    str, Field(min_length=1, max_length=60, description="Work order id, such as WO-3F9K2M7Q")
]
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")]


class WorkOrderList(BaseModel):
    """A page of work orders, highest priority first, then oldest first."""

    work_orders: list[WorkOrderView]
    truncated: bool
    next_cursor: str | None


@tool(reads=[WORK_ORDERS], writes=[WORK_ORDERS], max_result_bytes=MAX_DETAILS_BYTES)
async def create_work_order(
    call: ToolCall,
    title: Annotated[str, Field(min_length=1, max_length=200)],
    objective: Annotated[
        str, Field(min_length=1, max_length=20_000, description="What is done when this is done")
    ],
    contract: Annotated[Contract, Field(description="What the worker may touch, spend and owes")],
    phase: Annotated[
        Name, Field(description="Phase of the job, such as analyse or change")
    ] = "work",
    role: Annotated[Name, Field(description="Which kind of worker should claim it")] = "worker",
    depends_on: Annotated[
        list[WorkOrderId], Field(max_length=100, description="Work orders that complete first")
    ] = [],  # noqa: B006 - pydantic copies defaults
    parent: WorkOrderId | None = None,
    priority: Annotated[
        int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Higher is claimed first")
    ] = 0,
    repo: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4096,
            description="Git repository on the server's machine; a claim makes a worktree of it",
        ),
    ] = None,
) -> WorkOrderDetails:
    """Create a work order with its contract.

    It is ready at once, or blocked until everything in depends_on has completed. Refuses a
    contract with unknown fields, dependencies that do not exist, and a repo that is not git.
    """
    _refuse_secrets(contract)
    root = await _repository_root(repo)
    work_order = new_id("WO")
    transaction = await call.begin()
    state = await _initial_state(transaction, depends_on)
    if parent is not None:
        await get_order(transaction, parent)
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "work_order.created",
            call.principal.name,
            call.now(),
            {
                "work_order": work_order,
                "title": title,
                "objective": objective,
                "contract": contract_document(contract),
                "contract_version": contract_digest(contract),
                "phase": phase,
                "role": role,
                "depends_on": sorted(set(depends_on)),
                "parent": parent,
                "priority": priority,
                "repo": root,
                "state": state,
                "person": call.principal.answerable,
            },
        )
    )
    await transaction.execute(sql.create_budget, work_order, usd_text(contract.cost_budget_usd))
    return await order_details(transaction, work_order, call.now())


@tool(reads=[WORK_ORDERS])
async def list_work_orders(
    call: ToolCall,
    state: State | None = None,
    role: Name | None = None,
    phase: Name | None = None,
    ready_only: Annotated[
        bool, Field(description="Only those a worker can claim now (ready or left by another)")
    ] = False,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Field(max_length=200)] = None,
) -> WorkOrderList:
    """List work orders, highest priority first. Use ready_only to find something to claim.

    A page with long objectives ends early; `next_cursor` continues it.
    """
    after = parse_cursor(cursor) or (None, None, None)
    rows = await call.kernel.database.fetch(
        sql.list_work_orders, state, role, phase, ready_only, *after, call.now(), limit + 1
    )
    depends_on = await list_depends_on(call.kernel.database, [row["id"] for row in rows])
    views = [order_view(row, depends_on.get(row["id"], []), call.now()) for row in rows]
    page = views[: _fitting(views[:limit])]
    is_cut = len(rows) > len(page)
    return WorkOrderList(
        work_orders=page,
        truncated=is_cut,
        next_cursor=cursor_of(rows[len(page) - 1]) if is_cut else None,
    )


@tool(reads=[WORK_ORDERS], max_result_bytes=MAX_DETAILS_BYTES)
async def get_work_order(call: ToolCall, work_order: WorkOrderId) -> WorkOrderDetails:
    """One work order: contract, state, lease, cost, and its newest evidence, votes and findings.

    `counts` says how many there are of each; the evidence packet holds all.
    """
    return await order_details(call.kernel.database, work_order, call.now())


@tool(reads=[WORK_ORDERS], writes=[WORK_ORDERS], destructive=True)
async def cancel_work_order(
    call: ToolCall,
    work_order: WorkOrderId,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> WorkOrderView:
    """End a work order before completion. Its worker loses the lease at once; files stay."""
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    if row["state"] not in OPEN_STATES:
        raise InvalidStateError(f"{work_order} is {row['state']}; only open work can be cancelled")
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "work_order.cancelled",
            call.principal.name,
            call.now(),
            {"work_order": work_order, "reason": reason},
        )
    )
    await transaction.execute(sql.drop_lease, work_order)
    depends_on = await list_depends_on(transaction, [work_order])
    return order_view(
        await get_order(transaction, work_order), depends_on.get(work_order, []), call.now()
    )


def _refuse_secrets(contract: Contract) -> None:
    # Redaction would silently change a rule, and the contract would not be what its version says.
    document = contract_document(contract)
    if redact(document) != document:
        raise InvalidArgumentError("the contract contains what looks like a secret; leave it out")


def _fitting(views: list[WorkOrderView]) -> int:
    """How many of the views a page holds: at least one, whatever its size."""
    left = MAX_PAGE_BYTES
    for number, view in enumerate(views):
        left -= json_bytes(view)
        if left < 0 and number > 0:
            return number
    return len(views)


async def _repository_root(repo: str | None) -> str | None:
    if repo is None:
        return None
    if not Path(repo).is_absolute():
        raise InvalidArgumentError(
            "argument `repo` must be the absolute path of a git repository on the server's machine"
        )
    repository = await inspect_repository(Path(repo))
    repository.require_head()
    return str(repository.root)


async def _initial_state(transaction: Transaction, depends_on: list[str]) -> str:
    if not depends_on:
        return "ready"
    rows: Any = await transaction.fetch(sql.lock_dependencies, sorted(set(depends_on)))
    states = {row["id"]: row["state"] for row in rows}
    for dependency in depends_on:
        if dependency not in states:
            raise NotFoundError(f"depends_on names {dependency!r}, which does not exist")
        if states[dependency] in ("failed", "cancelled"):
            raise InvalidStateError(f"{dependency} is {states[dependency]} and never completes")
    return "ready" if all(s == "completed" for s in states.values()) else "blocked"

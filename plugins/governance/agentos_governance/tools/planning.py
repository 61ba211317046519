"""Creating, listing, reading and cancelling work orders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from agentos import (
    CallRefusedError,
    InvalidArgumentError,
    InvalidStateError,
    Role,
    ToolCall,
    Transaction,
    redact,
    tool,
)
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.authority.roles import DELEGATION, WORK_ORDERS
from agentos_governance.bounds import ONE_LINE
from agentos_governance.contracts.actions import OWN_SERVER, Action
from agentos_governance.contracts.model import Contract, contract_document
from agentos_governance.contracts.presets import fill_from_preset, get_preset
from agentos_governance.creation import NewOrder, create_order
from agentos_governance.endings import cancel_order
from agentos_governance.orders import (
    MAX_DETAILS_BYTES,
    MAX_PRIORITY,
    OPEN_STATES,
    cursor_of,
    find_claimable,
    get_order,
    list_depends_on,
    lock_order,
    order_details,
    order_view,
    parse_cursor,
    sql,
)
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.views import State, WorkOrderDetails, WorkOrderView
from agentos_governance.workflows.store import refuse_root
from agentos_governance.workspace.worktrees import inspect_repository

MAX_PAGE_BYTES = 512 * 1024

WorkOrderId = Annotated[str, Field(min_length=1, max_length=60)]
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")]


class WorkOrderList(BaseModel):
    """A page of work orders, highest priority first, then oldest first."""

    work_orders: list[WorkOrderView]
    truncated: bool
    next_cursor: str | None


@tool(
    reads=[WORK_ORDERS],
    writes=[DELEGATION],
    max_result_bytes=MAX_DETAILS_BYTES,
    profiles=["planner", "admin"],
)
async def create_work_order(
    call: ToolCall,
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)],
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
    preset: Annotated[
        Name | None,
        Field(description="Persona whose contract fills the fields that `contract` leaves out"),
    ] = None,
) -> WorkOrderDetails:
    """Hand out a piece of work: an objective, and a contract that says what its worker may do.

    It is ready at once, or when everything in depends_on has completed. Keep roots and tools as
    narrow as the work allows; `preset` fills in what `contract` leaves out. A child may not
    exceed its parent's contract; a worker creates only children of what it holds.
    """
    is_delegated = call.principal.role is Role.WORKER
    if is_delegated:
        phase = _delegated_phase(_require_delegation(call, parent), call.arguments.get("phase"))
    if preset is not None:
        contract = fill_from_preset(contract, get_preset(preset))
    refuse_secrets(contract)
    call.service(PoliciesInForce).check_contract(contract)
    root = await repository_root(repo)
    order = NewOrder(
        title=title,
        objective=objective,
        contract=contract,
        phase=phase,
        role=role,
        depends_on=tuple(depends_on),
        parent=parent,
        priority=priority,
        repo=root,
        preset=preset,
        is_delegated=is_delegated,
    )
    if parent is not None and depends_on:
        # Before the guard that locks what the caller holds, perhaps the parent: creation takes
        # the two in this order.
        call.guards.insert(0, _lock_work_graph)
    transaction = await call.begin()
    work_order = await create_order(
        transaction,
        order,
        actor=call.principal.name,
        person=call.principal.answerable,
        now=call.now(),
    )
    return await order_details(transaction, work_order, call.now())


@tool(reads=[WORK_ORDERS], profiles=["reviewer", "planner", "admin"])
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
    """Find work orders by state, role or phase, highest priority first.

    With ready_only those that can be claimed now; claim_work_order without a name takes the best
    of them. A page with long objectives ends early.
    """
    after = parse_cursor(cursor)
    reader = call.kernel.database
    if ready_only:
        ids = await find_claimable(
            reader, call.now(), limit + 1, role=role, state=state, phase=phase, after=after
        )
        rows = await reader.fetch(sql.show_work_orders, ids)
    else:
        rows = await reader.fetch(sql.list_work_orders, state, role, phase, *after, limit + 1)
    views = [order_view(row, row["depends_on"], call.now()) for row in rows]
    page = views[: _fitting(views[:limit])]
    is_cut = len(rows) > len(page)
    return WorkOrderList(
        work_orders=page,
        truncated=is_cut,
        next_cursor=cursor_of(rows[len(page) - 1]) if is_cut else None,
    )


@tool(
    reads=[WORK_ORDERS],
    max_result_bytes=MAX_DETAILS_BYTES,
    profiles=["worker", "reviewer", "planner", "admin"],
)
async def get_work_order(call: ToolCall, work_order: WorkOrderId) -> WorkOrderDetails:
    """Read one work order: contract, state, lease, cost, newest evidence, votes and findings.

    `counts` says how many there are of each.
    """
    return await order_details(call.kernel.database, work_order, call.now())


@tool(reads=[WORK_ORDERS], writes=[WORK_ORDERS], destructive=True, profiles=["planner", "admin"])
async def cancel_work_order(
    call: ToolCall,
    work_order: WorkOrderId,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> WorkOrderView:
    """End a work order that is no longer wanted, and its open children. Files stay.

    Workers lose their leases at once. To change what it may do, amend_contract.
    """
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    if row["state"] not in OPEN_STATES:
        raise InvalidStateError(f"{work_order} is {row['state']}; only open work can be cancelled")
    await refuse_root(transaction, work_order)
    await cancel_order(transaction, work_order, reason, actor=call.principal.name, now=call.now())
    depends_on = await list_depends_on(transaction, [work_order])
    return order_view(
        await get_order(transaction, work_order), depends_on.get(work_order, []), call.now()
    )


async def _lock_work_graph(transaction: Transaction) -> None:
    await transaction.execute(sql.lock_work_graph)


def _require_delegation(call: ToolCall, parent: str | None) -> HeldOrder:
    """The parent as its worker holds it; refuses a worker that does not, or may not delegate."""
    held = held_order(call)
    if parent is None or held is None or held.id != parent:
        raise CallRefusedError(
            f"the role {call.principal.role} may create only children of a work order that it holds",
            rule=f"role:{call.principal.role}",
            remedy="pass the work order that you hold as `parent`",
        )
    action = Action(call.tool.name, capability="read", server=OWN_SERVER)
    judgement = held.judge(action, call.now())
    if not judgement.is_allowed:
        raise CallRefusedError(
            judgement.reason,
            rule=judgement.rule,
            contract_version=judgement.contract_version,
            remedy=judgement.remedy,
        )
    return held


def _delegated_phase(parent: HeldOrder, phase: str | None) -> str:
    """The parent's phase; policies ask about it, so whoever delegates may not choose another."""
    if phase not in (None, parent.phase):
        raise CallRefusedError(
            f"phase of a delegated child is that of {parent.id}, {parent.phase!r}, not {phase!r}",
            rule="parent.phase",
            contract_version=parent.contract.version,
            remedy="leave the phase out, or ask a planner for work in another phase",
        )
    return parent.phase


def refuse_secrets(contract: Contract) -> None:
    """InvalidArgumentError for a contract that redaction would change."""
    # Redaction would silently change a rule, and the contract would not be what its version says.
    document = contract_document(contract)
    if redact(document) != document:
        raise InvalidArgumentError("the contract contains what looks like a secret; leave it out")


def _fitting(views: list[WorkOrderView]) -> int:
    """How many of the views a page holds: at least one, whatever its size."""
    left = MAX_PAGE_BYTES
    for number, view in enumerate(views):
        left -= len(view.model_dump_json().encode())
        if left < 0 and number > 0:
            return number
    return len(views)


async def repository_root(repo: str | None) -> str | None:
    """The root of the repository that an argument names; it has a commit."""
    if repo is None:
        return None
    if not Path(repo).is_absolute():
        raise InvalidArgumentError(
            "argument `repo` must be the absolute path of a git repository on the server's machine"
        )
    repository = await inspect_repository(Path(repo))
    repository.require_head()
    return str(repository.root)

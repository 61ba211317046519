"""Contracts after creation: amending them, their versions, and the presets they start from."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import (
    CallRefusedError,
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    Role,
    ToolCall,
    Transaction,
    tool,
)
from agentos_governance.approvals.deciding import cancel_open_approvals
from agentos_governance.authority.delegation import check_within_ancestors
from agentos_governance.authority.mandate import read_ancestors
from agentos_governance.authority.roles import WORK_ORDERS
from agentos_governance.bounds import newest_within
from agentos_governance.contracts.model import (
    Contract,
    contract_digest,
    contract_document,
    parse_contract,
    usd_text,
)
from agentos_governance.contracts.narrowing import find_amendment_excess
from agentos_governance.contracts.presets import load_presets
from agentos_governance.contracts.versions import sql
from agentos_governance.orders import (
    MAX_DETAILS_BYTES,
    contract_version_view,
    get_order,
    lock_order,
    order_details,
)
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.projections import work_order_stream
from agentos_governance.tools.planning import WorkOrderId, refuse_secrets
from agentos_governance.views import ContractVersionView, WorkOrderDetails

AMENDABLE_STATES = ("blocked", "ready", "suspended")
MAX_VERSIONS = 1_000
MAX_SHOWN_BYTES = 1024 * 1024


class ContractVersionDetails(ContractVersionView):
    """A version with its text."""

    contract: dict[str, Any]


class ContractVersionList(BaseModel):
    """The versions of a contract, newest first; the first of them binds."""

    work_order: str
    versions: list[ContractVersionDetails]
    truncated: bool


class PresetView(BaseModel):
    """A persona's contract: the fields that it fills."""

    name: str
    summary: str
    contract: dict[str, Any]


class PresetList(BaseModel):
    """The presets that create_work_order knows."""

    presets: list[PresetView]


@tool(
    reads=[WORK_ORDERS],
    writes=[WORK_ORDERS],
    max_result_bytes=MAX_DETAILS_BYTES,
    profiles=["planner"],
)
async def amend_contract(
    call: ToolCall,
    work_order: WorkOrderId,
    contract: Annotated[Contract, Field(description="The whole contract, as it shall be")],
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> WorkOrderDetails:
    """Give a work order that nobody holds a new version of its contract; the old ones stay.

    It binds at once, also the children of the work order. Only an admin may allow more than
    before, and nobody more than a parent allows. Refuses while a worker holds the work order or
    a reviewer looks at it: let the worker stand down first.
    """
    refuse_secrets(contract)
    call.service(PoliciesInForce).check_contract(contract)
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    await _check(call, transaction, row, contract)
    number = 1 + await transaction.fetch_value(sql.last_number, work_order)
    if number > MAX_VERSIONS:
        raise InvalidStateError(
            f"{work_order} has {MAX_VERSIONS} contract versions; create another"
        )
    await _set_budget(transaction, row, contract, call.now())
    await cancel_open_approvals(transaction, work_order, "its contract was amended", call.now())
    await transaction.append(_amended(call, row, contract, number, reason))
    return await order_details(transaction, work_order, call.now())


@tool(reads=[WORK_ORDERS], max_result_bytes=MAX_DETAILS_BYTES, profiles=[])
async def list_contract_versions(
    call: ToolCall,
    work_order: WorkOrderId,
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
) -> ContractVersionList:
    """Every version of a work order's contract, newest first: who made it, when and why.

    For questions such as since when a tool was allowed. The first is the one that binds.
    """
    await get_order(call.kernel.database, work_order)
    rows = await call.kernel.database.fetch(sql.list_contract_versions, work_order, limit + 1)
    versions = [
        ContractVersionDetails(
            **contract_version_view(row).model_dump(), contract=dict(row["contract"])
        )
        for row in rows[:limit]
    ]
    shown = newest_within(versions[::-1], limit, MAX_SHOWN_BYTES)[::-1]
    return ContractVersionList(
        work_order=work_order, versions=shown, truncated=len(rows) > len(shown)
    )


@tool(reads=[WORK_ORDERS], profiles=["planner"])
async def list_contract_presets(call: ToolCall) -> PresetList:
    """The personas whose contracts create_work_order can fill in with `preset`."""
    return PresetList(
        presets=[
            PresetView(
                name=preset.name,
                summary=preset.summary,
                contract=preset.contract.model_dump(mode="json", exclude_unset=True),
            )
            for preset in load_presets().values()
        ]
    )


async def _check(call: ToolCall, transaction: Transaction, row: Any, contract: Contract) -> None:
    if row["state"] not in AMENDABLE_STATES:
        raise InvalidStateError(
            f"{row['id']} is {row['state']}; its contract changes only while it is "
            f"{', '.join(AMENDABLE_STATES)}",
            remedy="let its worker stand down first",
        )
    old = parse_contract(row["contract"])
    if contract == old:
        raise InvalidArgumentError(f"this is the contract of {row['id']} already")
    if call.principal.role is not Role.ADMIN:
        found = await asyncio.to_thread(find_amendment_excess, contract, old)
        for excess in found:
            raise CallRefusedError(
                f"only an admin may widen a contract; {excess.field}: {excess.reason_in_full}",
                rule=f"amendment.{excess.field}",
                contract_version=row["contract_version"],
                remedy="narrow the field, or ask an admin",
            )
    ancestors = await read_ancestors(transaction, row["id"])
    await check_within_ancestors(
        contract, [(grant.work_order, grant.contract.contract) for grant in ancestors]
    )


async def _set_budget(
    transaction: Transaction, row: Any, contract: Contract, now: datetime
) -> None:
    cap = usd_text(contract.cost_budget_usd)
    await transaction.fetch(sql.lock_budget, row["id"])
    await transaction.fetch(sql.count_descendants, row["id"], now)
    if await transaction.fetch_row(sql.set_budget, row["id"], cap) is None:
        raise InvalidStateError(
            f"{row['id']} has spent or holds more than the {cap} USD of the new contract"
        )


def _amended(call: ToolCall, row: Any, contract: Contract, number: int, reason: str) -> NewEvent:
    return NewEvent(
        work_order_stream(row["id"]),
        "contract.amended",
        call.principal.name,
        call.now(),
        {
            "work_order": row["id"],
            "number": number,
            "contract": contract_document(contract),
            "contract_version": contract_digest(contract),
            "previous_version": row["contract_version"],
            "reason": reason,
            "person": call.principal.answerable,
        },
    )

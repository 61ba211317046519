"""Reserves money for calls that may cost some, and settles it after them.

Above: the kernel composes it around tools that declare a ceiling. Below: `sql/queries.sql`: the
statement that admits a call is the one that sets its money aside, so concurrent calls cannot
overspend. What a call cost (`call.cost_usd`) becomes a ledger entry under the call's id; a tool
may say in `call.facts["usage"]` for which `model`, `input_tokens`, `output_tokens` and
`cached_input_tokens`.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import structlog

from agentos import (
    BudgetExceededError,
    CallNext,
    Layer,
    Middleware,
    NewEvent,
    ToolCall,
    ToolResult,
    Transaction,
    middleware,
)
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.contracts.model import usd_text
from agentos_governance.orders import get_order, lock_order, roll_back, sql
from agentos_governance.projections import work_order_stream

USAGE = "usage"

_log = structlog.get_logger(__name__)


def reserve_up_to(ceiling_usd: Decimal) -> Middleware:
    """Hold `ceiling_usd` of the work order's budget during the call; settle what it really cost."""

    @middleware(Layer.RESERVE)
    async def reserve(call: ToolCall, call_next: CallNext) -> ToolResult:
        held = held_order(call)
        if held is None:
            return await call_next(call)
        await _hold(call, held, ceiling_usd)
        try:
            result = await call_next(call)
        except BaseException:
            # What was spent is spent, also where the call failed or its caller went away.
            with anyio.CancelScope(shield=True):
                await roll_back(call)
                await _settle_alone(call, held)
            raise
        if call.transaction is None:
            await _settle_alone(call, held)
        else:
            await _settle(call, held, call.transaction)
        return result

    return reserve


async def _hold(call: ToolCall, held: HeldOrder, usd: Decimal) -> None:
    expires_at = call.now() + timedelta(seconds=call.tool.timeout_s * 2)
    async with call.kernel.database.connection() as connection:
        admitted = await connection.fetchrow(
            sql.hold_cost, call.id, held.id, usd_text(usd), expires_at
        )
    if admitted is None:
        raise BudgetExceededError(
            f"{call.tool.name} may cost {usd_text(usd)} USD, which the budget of {held.id} "
            "does not cover",
            rule="cost_budget_usd",
            contract_version=held.contract.version,
            remedy="stand down, or ask for a contract with a larger budget",
        )


async def _settle_alone(call: ToolCall, held: HeldOrder) -> None:
    transaction = await call.kernel.open_transaction()
    try:
        await lock_order(transaction, held.id)
        await _settle(call, held, transaction)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise


async def _settle(call: ToolCall, held: HeldOrder, transaction: Transaction) -> None:
    usd = await transaction.fetch_value(sql.settle_hold, call.id, call.cost_usd or "0")
    if call.cost_usd is None:
        return
    if usd is None:
        # The sweeper took the call for dead and released its hold.
        if await transaction.fetch_row(sql.book_cost, held.id, call.cost_usd) is None:
            _log.error("cost_not_booked", call=call.id, work_order=held.id, usd=call.cost_usd)
            return
        usd = Decimal(call.cost_usd)
    if usd < Decimal(call.cost_usd):
        _log.error("cost_above_ceiling", call=call.id, tool=call.tool.name, usd=call.cost_usd)
    row = await get_order(transaction, held.id)
    await transaction.append(
        NewEvent(
            work_order_stream(held.id),
            "usage.recorded",
            call.principal.name,
            call.now(),
            _usage(call, row, usd),
        )
    )


def _usage(call: ToolCall, row: Any, usd: Decimal) -> dict[str, Any]:
    usage = call.facts.get(USAGE, {})
    return {
        "work_order": row["id"],
        "request_id": call.id,
        "phase": row["phase"],
        "role": row["role"],
        "model": usage.get("model", "unknown"),
        "action": call.tool.name,
        "worker": call.principal.name,
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cached_input_tokens": usage.get("cached_input_tokens", 0),
        "usd": usd_text(usd),
    }

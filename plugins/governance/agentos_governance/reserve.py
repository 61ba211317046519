"""Reserves money for calls that may cost some, and settles it after them.

Above: the kernel composes it around tools that declare a ceiling. Below: `sql/queries.sql`: the
statement that admits a call is the one that sets its money aside, so concurrent calls cannot
overspend.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from agentos import (
    BudgetExceededError,
    CallNext,
    Layer,
    Middleware,
    ToolCall,
    ToolResult,
    middleware,
)
from agentos_governance.contracts import usd_text
from agentos_governance.enforcement import HeldOrder, held_order
from agentos_governance.orders import sql


def reserve_up_to(ceiling_usd: Decimal) -> Middleware:
    """Hold `ceiling_usd` of the work order's budget during the call; settle what it really cost."""

    @middleware(Layer.RESERVE)
    async def reserve(call: ToolCall, call_next: CallNext) -> ToolResult:
        held = held_order(call)
        if held is None:
            return await call_next(call)
        await _hold(call, held, ceiling_usd)
        try:
            return await call_next(call)
        finally:
            await _settle(call)

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


async def _settle(call: ToolCall) -> None:
    async with call.kernel.database.connection() as connection:
        await connection.fetchrow(sql.settle_hold, call.id, call.cost_usd or "0")

"""Reserves money for calls that may cost some, and settles it after them.

Above: the kernel composes it around tools that declare a ceiling. Below: budgets: the statement
that admits a call is the one that sets its money aside in every layer, so concurrent calls cannot
overspend. What a call cost (`call.cost_usd`) becomes a ledger entry under the call's id; a tool
may say in `call.facts["usage"]` for which `model`, `input_tokens`, `output_tokens` and
`cached_input_tokens`, and the `price_version` it used.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import structlog

from agentos import (
    CallNext,
    Layer,
    Middleware,
    NewEvent,
    ToolCall,
    ToolResult,
    Transaction,
    UnavailableError,
    middleware,
)
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.contracts.model import usd_text
from agentos_governance.cost.budgets import Budgets, money_of, refusal_of, settle
from agentos_governance.orders import get_order, lock_order, roll_back
from agentos_governance.projections import work_order_stream

USAGE = "usage"
SETTLE_ATTEMPTS = 3

_log = structlog.get_logger(__name__)


def reserve_up_to(ceiling_usd: Decimal) -> Middleware:
    """Hold `ceiling_usd` in every layer during the call; settle what it really cost."""

    @middleware(Layer.RESERVE)
    async def reserve(call: ToolCall, call_next: CallNext) -> ToolResult:
        held = held_order(call)
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


async def _hold(call: ToolCall, held: HeldOrder | None, usd: Decimal) -> None:
    expires_at = call.now() + timedelta(seconds=call.tool.timeout_s * 2)
    money = money_of(call, held, usd)
    shortage = await call.service(Budgets).hold(call.kernel.database, money, expires_at)
    if shortage is not None:
        version = None if held is None else held.contract.version
        raise refusal_of(shortage, f"{call.tool.name} may cost {usd_text(usd)} USD", version)


async def _settle_alone(call: ToolCall, held: HeldOrder | None) -> None:
    # A settlement is booked once however often it is sent, also where a commit's outcome was lost.
    for attempt in range(1, SETTLE_ATTEMPTS + 1):
        try:
            return await _settle_once(call, held)
        except UnavailableError:
            if attempt == SETTLE_ATTEMPTS:
                _log.error("cost_not_settled", call=call.id, usd=call.cost_usd)
                raise


async def _settle_once(call: ToolCall, held: HeldOrder | None) -> None:
    transaction = await call.kernel.open_transaction()
    try:
        if held is not None:
            await lock_order(transaction, held.id)
        await _settle(call, held, transaction)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise


async def _settle(call: ToolCall, held: HeldOrder | None, transaction: Transaction) -> None:
    settled = await settle(transaction, call.id, call.cost_usd or "0", call.now())
    if call.cost_usd is None:
        return
    if settled is None:
        usd = await _report_late(call, held, transaction)
    else:
        usd = settled[0] if settled[1] else None
    if usd is None:
        return
    if usd < Decimal(call.cost_usd):
        _log.error("cost_above_ceiling", call=call.id, tool=call.tool.name, usd=call.cost_usd)
    if held is None:
        return
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


async def _report_late(
    call: ToolCall, held: HeldOrder | None, transaction: Transaction
) -> Decimal | None:
    """Book what a call cost that the sweeper took for dead; its hold was given back."""
    usd = Decimal(call.cost_usd or "0")
    # Its shares of the expired hold may still be there under the call's own id.
    money = replace(money_of(call, held, usd), call=f"{call.id}/late")
    if await call.service(Budgets).report(transaction, money) is None:
        return usd
    order = None if held is None else held.id
    _log.error("cost_not_booked", call=call.id, work_order=order, usd=call.cost_usd)
    return None


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
        "price_version": usage.get("price_version"),
    }

"""Reserves money for calls that may cost some, and settles it after them.

Above: the kernel composes it around tools that declare a ceiling. Below: budgets: the statement
that admits a call is the one that sets its money aside in every layer, so concurrent calls cannot
overspend. What a call cost (`call.cost_usd`) becomes a ledger entry under the call's id; a tool
may say in `call.facts["usage"]` for which `model`, `input_tokens`, `output_tokens` and
`cached_input_tokens`, and the `price_version` it used.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import anyio

from agentos import CallNext, Layer, Middleware, ToolCall, ToolResult, middleware
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.contracts.model import usd_text
from agentos_governance.cost.budgets import Budgets, money_of, refusal_of
from agentos_governance.cost.settling import Spent, settle_alone, settle_in
from agentos_governance.orders import roll_back

USAGE = "usage"


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
                await settle_alone(call.kernel, _spent(call, held))
            raise
        spent = _spent(call, held)
        if call.transaction is None:
            await settle_alone(call.kernel, spent)
        else:
            await settle_in(call.transaction, call.service(Budgets), spent)
        return result

    return reserve


async def _hold(call: ToolCall, held: HeldOrder | None, usd: Decimal) -> None:
    expires_at = call.now() + timedelta(seconds=call.tool.timeout_s * 2)
    money = money_of(call, held, usd)
    shortage = await call.service(Budgets).hold(call.kernel.database, money, expires_at)
    if shortage is not None:
        version = None if held is None else held.contract.version
        raise refusal_of(shortage, f"{call.tool.name} may cost {usd_text(usd)} USD", version)


def _spent(call: ToolCall, held: HeldOrder | None) -> Spent:
    usd = None if call.cost_usd is None else Decimal(call.cost_usd)
    return Spent(
        money=money_of(call, held, usd or Decimal(0)),
        usd=usd,
        actor=call.principal.name,
        action=call.tool.name,
        usage=call.facts.get(USAGE, {}),
    )

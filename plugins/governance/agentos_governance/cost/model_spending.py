"""The service `agentos.ModelLedger`: requests to models, held and booked like every other cost.

Above: plugins that provide models. Below: prices, budgets, settling: the code that reserves for
paid tools. The entry stands on the work order of the call for which the model was asked; a request
in the background has none, and counts in the organisation's budgets alone.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from agentos import BudgetExceededError, Kernel, ModelRequest, ModelUsage, PluginError, ToolCall
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.contracts.model import usd_text
from agentos_governance.cost.budgets import Budgets, Money, money_of, refusal_of
from agentos_governance.cost.prices import PriceTable
from agentos_governance.cost.settling import Spent, settle_alone
from agentos_governance.orders import sql

BACKGROUND = "background"
"""The actor and the action of what no call asked for."""


class ModelSpending:
    """One kernel's ledger of requests to models."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def hold(self, request: ModelRequest) -> None:
        """See `agentos.ModelLedger`; a budget of tokens in the contract refuses, too."""
        prices, held = self._kernel.service(PriceTable), _held(request)
        if prices.find(request.model) is None:
            raise PluginError(
                f"no price is known for model {request.model[:200]!r}, so it is not asked; set "
                'fabric.completer.prices ("0" is free), or add a price table'
            )
        usd = prices.price_of(request.model, request.max_input_tokens, request.max_output_tokens)
        if held is not None:
            await self._check_tokens(held, request.max_input_tokens + request.max_output_tokens)
        if not usd:
            # A free model; its tokens are booked with the settlement.
            return
        expires_at = self._kernel.clock.now() + timedelta(seconds=2 * request.max_s)
        budgets = self._kernel.service(Budgets)
        money = self._money(request, held, usd)
        shortage = await budgets.hold(self._kernel.database, money, expires_at)
        if shortage is not None:
            version = None if held is None else held.contract.version
            what = f"a request to {request.model} may cost {usd_text(usd)} USD"
            raise refusal_of(shortage, what, version)

    async def settle(self, request: ModelRequest, usage: ModelUsage | None) -> None:
        """See `agentos.ModelLedger`."""
        prices, held = self._kernel.service(PriceTable), _held(request)
        call = request.call
        actor, action = _labels(call)
        money = self._money(request, held, Decimal(0))
        if usage is None:
            return await settle_alone(self._kernel, Spent(money, None, actor, action))
        counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
        spent = Spent(
            money=money,
            usd=prices.price_of(request.model, *counts),
            actor=actor,
            action=action,
            usage={
                "model": request.model,
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "cached_input_tokens": usage.cached_input_tokens,
                "price_version": prices.version,
            },
            prices=prices,
        )
        await settle_alone(self._kernel, spent)

    def _money(self, request: ModelRequest, held: HeldOrder | None, usd: Decimal) -> Money:
        if request.call is None:
            subjects = {"organisation": ""}
            return Money(request.id, None, usd, self._kernel.clock.now(), subjects)
        money = money_of(request.call, held, usd)
        return Money(request.id, money.work_order, usd, money.at, money.subjects)

    async def _check_tokens(self, held: HeldOrder, tokens: int) -> None:
        budget = held.contract.contract.token_budget
        if budget is None:
            return
        spent: int = await self._kernel.database.fetch_value(sql.sum_tokens, held.id)
        if spent + tokens > budget:
            raise BudgetExceededError(
                f"a request of at most {tokens} tokens after {spent} exceeds the budget of "
                f"{budget} tokens",
                rule="token_budget",
                contract_version=held.contract.version,
                remedy="stand down, or ask for a contract with a larger budget",
            )


def _held(request: ModelRequest) -> HeldOrder | None:
    return None if request.call is None else held_order(request.call)


def _labels(call: ToolCall | None) -> tuple[str, str]:
    return (BACKGROUND, BACKGROUND) if call is None else (call.principal.name, call.tool.name)

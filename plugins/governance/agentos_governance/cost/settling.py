"""What was held, settled by what it came to, with the entry in the ledger.

Above: the RESERVE middleware, requests to models. Below: budgets. A settlement is booked once,
however often it is sent; what a dead call's expired hold no longer covers is booked as a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import structlog

from agentos import Kernel, NewEvent, Transaction, UnavailableError
from agentos_governance.contracts.model import usd_text
from agentos_governance.cost.budgets import Budgets, Money, settle
from agentos_governance.cost.price_versions import adopt
from agentos_governance.cost.prices import PriceTable
from agentos_governance.orders import get_order, lock_order
from agentos_governance.projections import work_order_stream

SETTLE_ATTEMPTS = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a hold came to. `usd` None says that nothing is known to be spent: no entry is made."""

    money: Money
    """As it was held; its `usd` does not count any more."""
    usd: Decimal | None
    actor: str
    action: str
    usage: Mapping[str, Any] = field(default_factory=dict)
    """`model`, `input_tokens`, `output_tokens`, `cached_input_tokens`, `price_version`."""
    prices: PriceTable | None = None
    """The table that priced it, kept with the first entry that it prices."""


async def settle_alone(kernel: Kernel, spent: Spent) -> None:
    """Settle in a transaction of its own; UnavailableError where the database stays away."""
    # A settlement is booked once however often it is sent, also where a commit's outcome was lost.
    for attempt in range(1, SETTLE_ATTEMPTS + 1):
        try:
            return await _settle_once(kernel, spent)
        except UnavailableError:
            if attempt == SETTLE_ATTEMPTS:
                usd = None if spent.usd is None else usd_text(spent.usd)
                _log.error("cost_not_settled", call=spent.money.call, usd=usd)
                raise


async def settle_in(transaction: Transaction, budgets: Budgets, spent: Spent) -> None:
    """Settle in the caller's transaction, which holds the work order's lock."""
    money = spent.money
    settled = await settle(transaction, money.call, usd_text(spent.usd or Decimal(0)), money.at)
    if spent.usd is None:
        return
    if settled is None:
        usd = await _report_late(transaction, budgets, spent)
    else:
        usd = settled[0] if settled[1] else None
    if usd is None:
        return
    if usd < spent.usd:
        said = usd_text(spent.usd)
        _log.error("cost_above_ceiling", call=money.call, action=spent.action, usd=said)
    if money.work_order is not None:
        await _enter(transaction, spent, money.work_order, usd)


async def _settle_once(kernel: Kernel, spent: Spent) -> None:
    transaction = await kernel.open_transaction()
    try:
        if spent.money.work_order is not None:
            await lock_order(transaction, spent.money.work_order)
        await settle_in(transaction, kernel.service(Budgets), spent)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise


async def _report_late(transaction: Transaction, budgets: Budgets, spent: Spent) -> Decimal | None:
    """Book what a call cost that the sweeper took for dead; its hold was given back."""
    assert spent.usd is not None
    # Its shares of the expired hold may still be there under the call's own id.
    money = replace(spent.money, call=f"{spent.money.call}/late", usd=spent.usd)
    if await budgets.report(transaction, money) is None:
        return spent.usd
    usd = usd_text(spent.usd)
    _log.error("cost_not_booked", call=spent.money.call, work_order=money.work_order, usd=usd)
    return None


async def _enter(transaction: Transaction, spent: Spent, work_order: str, usd: Decimal) -> None:
    if spent.prices is not None:
        await adopt(transaction, spent.prices, spent.actor, spent.money.at)
    row = await get_order(transaction, work_order)
    data = {
        "work_order": work_order,
        "request_id": spent.money.call,
        "phase": row["phase"],
        "role": row["role"],
        "model": spent.usage.get("model", "unknown"),
        "action": spent.action,
        "worker": spent.actor,
        "input_tokens": spent.usage.get("input_tokens", 0),
        "output_tokens": spent.usage.get("output_tokens", 0),
        "cached_input_tokens": spent.usage.get("cached_input_tokens", 0),
        "usd": usd_text(usd),
        # What a ceiling cut off is not what a table makes of the tokens.
        "price_version": spent.usage.get("price_version") if usd == spent.usd else None,
    }
    event = NewEvent(
        work_order_stream(work_order), "usage.recorded", spent.actor, spent.money.at, data
    )
    await transaction.append(event)

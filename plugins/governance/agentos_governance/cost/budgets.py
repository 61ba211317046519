"""Money in layers: held before a call, settled after it, or reported by whoever spent it.

Above: the RESERVE middleware, record_usage, late settlements. Below: `sql/budgets.sql`, whose
functions lock, check and book in one statement; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from agentos import (
    BudgetExceededError,
    CallRefusedError,
    ConflictError,
    Database,
    Queries,
    ToolCall,
    ToolError,
    Transaction,
)
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.contracts.model import usd_text
from agentos_governance.cost.limits import LimitTable, limits_for, subjects_of

sql = Queries("agentos_governance", "sql/budgets.sql")

STOP_RULE = "emergency_stop"
ORDER_RULE = "cost_budget_usd"
_LAYER_NAMES = {
    ORDER_RULE: "budget of {subject}",
    "session": "budget of this session ({subject})",
    "process": "budget of this agent process ({subject})",
    "person": "budget of {subject}",
    "organisation": "budget of the organisation",
}


@dataclass(frozen=True, slots=True)
class Money:
    """What a call asks for, and whom it belongs to by layer."""

    call: str
    work_order: str | None
    usd: Decimal
    at: datetime
    subjects: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shortage:
    """The nearest limit that has no room, with its figures."""

    layer: str
    subject: str
    window_s: int
    cap_usd: Decimal
    spent_usd: Decimal
    held_usd: Decimal
    retry_after_s: float | None


class Budgets:
    """The gate of money, with the limits of the settings; one a kernel."""

    def __init__(self, limits: LimitTable) -> None:
        self.limits = limits

    async def hold(self, database: Database, money: Money, expires_at: datetime) -> Shortage | None:
        """Set money aside until `settle` or `expires_at`; the limit without room, or None.

        Idempotent by call: a repeated hold holds nothing more. Durable with the next record that
        the same process stores, which is the call's own.
        """
        async with database.connection() as connection:
            row = await connection.fetchrow(
                sql.admit_money, *self._arguments(money, expires_at, is_report=False)
            )
        return _shortage(row)

    async def report(self, transaction: Transaction, money: Money) -> Shortage | None:
        """Book what was already spent, in the caller's transaction.

        It counts in every layer; only the budgets of work orders and limits that refuse reports
        may say no.
        """
        row = await transaction.fetch_row(
            sql.admit_money, *self._arguments(money, money.at, is_report=True)
        )
        return _shortage(row)

    def _arguments(self, money: Money, expires_at: datetime, *, is_report: bool) -> tuple[Any, ...]:
        limits = limits_for(self.limits, money.subjects)
        return (
            money.call,
            money.work_order,
            usd_text(money.usd),
            money.at,
            expires_at,
            is_report,
            list(money.subjects),
            list(money.subjects.values()),
            limits.layers,
            limits.windows,
            limits.caps,
            limits.refuses,
            limits.specific,
        )


async def settle(
    transaction: Transaction, call: str, usd: str, at: datetime
) -> tuple[Decimal, bool] | None:
    """What was booked for the call, at most what it held, and whether this was the first time.

    None where the hold had expired. A repeated settle changes nothing and answers the same amount.
    """
    row = await transaction.fetch_row(sql.settle_money, call, usd, at)
    return None if row is None else (row["usd"], row["is_first"])


def money_of(call: ToolCall, held: HeldOrder | None, usd: Decimal) -> Money:
    """What the call asks for under the work order it holds, if any."""
    order = None if held is None else held.id
    return Money(call.id, order, usd, call.now(), subjects_of(call, held))


def refusal_of(shortage: Shortage, what: str, contract_version: str | None) -> ToolError:
    """The error that names the layer, its cap, what is spent and held, and when room appears."""
    if shortage.layer == STOP_RULE:
        return stop_error(shortage.subject)
    if shortage.layer == "settled":
        return ConflictError(f"call {shortage.subject} was settled before and holds nothing now")
    is_order = shortage.layer == ORDER_RULE
    return BudgetExceededError(
        f"{what}, which the {_name(shortage)} does not cover: {_figures(shortage)}",
        rule=ORDER_RULE if is_order else f"{shortage.layer}_budget",
        contract_version=contract_version if is_order else None,
        remedy=_remedy(shortage),
        retry_after_s=shortage.retry_after_s,
    )


def stop_error(reason: str) -> CallRefusedError:
    """The refusal of everything that costs while spending is stopped."""
    return CallRefusedError(
        f"spending is stopped: {reason}",
        rule=STOP_RULE,
        remedy="wait; an admin lets it go on with `agentos budget resume`",
    )


def _shortage(row: Any) -> Shortage | None:
    if row is None:
        return None
    return Shortage(
        row["refused_by"],
        row["subject"],
        row["window_s"],
        row["cap_usd"],
        row["spent_usd"],
        row["held_usd"],
        row["retry_after_s"],
    )


def _name(shortage: Shortage) -> str:
    return _LAYER_NAMES[shortage.layer].format(subject=shortage.subject)


def _figures(shortage: Shortage) -> str:
    window = f" in {shortage.window_s} s" if shortage.window_s else ""
    return (
        f"{usd_text(shortage.spent_usd)} spent and {usd_text(shortage.held_usd)} held of "
        f"{usd_text(shortage.cap_usd)} USD{window}"
    )


def _remedy(shortage: Shortage) -> str:
    if shortage.retry_after_s is not None:
        return f"repeat the call in {max(shortage.retry_after_s, 0.1):.1f} s"
    if shortage.layer == ORDER_RULE:
        return "stand down, or ask for a contract with a larger budget"
    if shortage.held_usd > 0 and shortage.window_s:
        return "repeat the call when those in flight have ended"
    return "ask an admin for a larger cap (`agentos budget set`)"

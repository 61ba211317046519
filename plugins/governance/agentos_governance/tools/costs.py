"""Booking what was spent, exactly, and reporting it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from agentos import (
    BudgetExceededError,
    ConflictError,
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    Role,
    ToolCall,
    Transaction,
    format_time,
    redact_text,
    tool,
)
from agentos_governance.authority.enforcement import held_order
from agentos_governance.authority.roles import COSTS, WORK_ORDERS
from agentos_governance.contracts.model import Usd, parse_contract, usd_text
from agentos_governance.cost.budgets import Budgets, money_of, refusal_of
from agentos_governance.cost.price_versions import adopt
from agentos_governance.cost.prices import PriceTable
from agentos_governance.orders import OPEN_STATES, get_order, lock_order, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.tools.leases import require_held, require_lease
from agentos_governance.tools.planning import Name, WorkOrderId

MAX_TOKENS = 10**12
_LABELS = ("request_id", "phase", "role", "model", "action")
_FIGURES = (*_LABELS[1:], "input_tokens", "output_tokens", "cached_input_tokens")
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]
Label = Annotated[str, Field(min_length=1, max_length=200)]
Dimension = Literal["work_order", "phase", "role", "model", "action"]


class LedgerEntry(BaseModel):
    """One booked line."""

    work_order: str
    request_id: str
    phase: str
    role: str
    model: str
    action: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    usd: str
    price_version: str | None = Field(
        description="Day and digest of the price table; null where the caller stated the cost"
    )
    recorded_at: str


class RecordedUsage(BaseModel):
    """The entry and where the budget stands after it."""

    entry: LedgerEntry
    spent_usd: str
    held_usd: str
    budget_usd: str


class CostRow(BaseModel):
    """Costs of one group; the dimensions that were not asked for are null."""

    work_order: str | None
    phase: str | None
    role: str | None
    model: str | None
    action: str | None
    usd: str
    input_tokens: int
    output_tokens: int
    n_calls: int


class CostReport(BaseModel):
    """Grouped costs, most expensive first."""

    rows: list[CostRow]
    frontier_share: float = Field(
        description="Share of the money that went to models the price table marks as frontier, 0-1"
    )
    total_usd: str


@tool(reads=[WORK_ORDERS], writes=[COSTS], profiles=[])
async def record_usage(
    call: ToolCall,
    work_order: WorkOrderId,
    phase: Name,
    role: Name,
    model: Label,
    action: Label,
    input_tokens: Tokens,
    output_tokens: Tokens,
    request_id: Annotated[
        str, Field(min_length=1, max_length=200, description="Unique; a repeat books nothing")
    ],
    cached_input_tokens: Annotated[
        int, Field(ge=0, le=MAX_TOKENS, description="Of the input tokens, those read from a cache")
    ] = 0,
    cost_usd: Annotated[
        Usd | None, Field(description="Decimal string; computed from the price table if absent")
    ] = None,
) -> RecordedUsage:
    """Book tokens and money on a work order, exactly once per request_id.

    Refuses with budget_exceeded what the budget of the work order, or of one above it, does not
    cover; the refusal keeps the figures. The budgets of session, process, person and organisation
    count it, so that the next paid call finds less room. Only the worker that holds the lease, a
    reviewer, planner or admin may book.
    """
    if cached_input_tokens > input_tokens:
        raise InvalidArgumentError(
            f"argument `cached_input_tokens` is {cached_input_tokens}, more than the "
            f"{input_tokens} input tokens it is part of"
        )
    prices = call.service(PriceTable)
    usd = cost_usd
    if usd is None:
        usd = prices.price_of(model, input_tokens, output_tokens, cached_input_tokens)
    data = {
        "work_order": work_order,
        "request_id": request_id,
        "phase": phase,
        "role": role,
        "model": model,
        "action": action,
        "worker": call.principal.name,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cached_input_tokens": cached_input_tokens,
        "usd": usd_text(usd),
        "price_version": prices.version if cost_usd is None else None,
    }
    _refuse_secrets(data)
    transaction, row = await _open(call, work_order)
    booked = await transaction.fetch_row(sql.find_ledger_entry, work_order, request_id)
    if booked is not None:
        return await _repeat(transaction, booked, data, cost_usd)
    await _check_tokens(transaction, row, input_tokens + output_tokens)
    await _book(call, transaction, row, usd)
    if cost_usd is None:
        await adopt(transaction, prices, call.principal.name, call.now())
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "usage.recorded",
            call.principal.name,
            call.now(),
            data,
        )
    )
    call.cost_usd = usd_text(usd)
    money = await transaction.fetch_row(sql.get_budget, work_order)
    assert money is not None
    return _recorded(data, format_time(call.now()), money)


@tool(reads=[COSTS], profiles=["planner", "admin"])
async def get_cost_report(
    call: ToolCall,
    group_by: Annotated[list[Dimension], Field(min_length=1, max_length=5)],
    work_order: WorkOrderId | None = None,
    since: Annotated[str | None, Field(max_length=40, description="RFC 3339 time")] = None,
    until: Annotated[str | None, Field(max_length=40, description="RFC 3339 time")] = None,
) -> CostReport:
    """What was spent, by work order, phase, role, model or action, in exact USD.

    `group_by` takes several at once; `frontier_share` is the part that hosted models cost. For
    what may still be spent, get_budget_status.
    """
    bounds = (_parse_time("since", since), _parse_time("until", until))
    rows = await call.kernel.database.fetch(sql.cost_rows, list(group_by), work_order, *bounds)
    by_model = await call.kernel.database.fetch(sql.cost_rows, ["model"], work_order, *bounds)
    total = sum((row["usd"] for row in by_model), Decimal(0))
    prices = call.service(PriceTable)
    frontier = sum((row["usd"] for row in by_model if prices.is_frontier(row["model"])), Decimal(0))
    return CostReport(
        rows=[_cost_row(row) for row in rows],
        frontier_share=round(float(frontier / total), 6) if total else 0.0,
        total_usd=usd_text(total),
    )


def _refuse_secrets(data: dict[str, Any]) -> None:
    # Redaction would make two requests one.
    for name in _LABELS:
        if redact_text(data[name]) != data[name]:
            raise InvalidArgumentError(f"argument `{name}` looks like a secret; name it otherwise")


async def _open(call: ToolCall, work_order: str) -> tuple[Transaction, Any]:
    """The transaction with the work order locked, for whoever may book on it."""
    if call.principal.role is Role.WORKER or held_order(call) is not None:
        held = require_held(call, work_order)
        transaction = await require_lease(call, held)
        return transaction, await get_order(transaction, work_order)
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    if row["state"] not in OPEN_STATES:
        raise InvalidStateError(f"{work_order} is {row['state']}; its costs are closed")
    return transaction, row


async def _repeat(
    transaction: Transaction, booked: Any, data: dict[str, Any], cost_usd: Decimal | None
) -> RecordedUsage:
    # A price table may have changed since; only a cost that the caller states must be the same.
    is_same_cost = cost_usd is None or cost_usd == Decimal(booked["usd"])
    if not is_same_cost or any(booked[name] != data[name] for name in _FIGURES):
        raise ConflictError(
            f"request_id {data['request_id']!r} was booked with other figures",
            remedy="use a request_id of its own for every request",
        )
    money = await transaction.fetch_row(sql.get_budget, data["work_order"])
    assert money is not None
    data = data | {
        "usd": usd_text(Decimal(booked["usd"])),
        "price_version": booked["price_version"],
    }
    return _recorded(data, format_time(booked["recorded_at"]), money)


async def _check_tokens(transaction: Transaction, row: Any, tokens: int) -> None:
    contract = parse_contract(row["contract"])
    if contract.token_budget is None:
        return
    spent: int = await transaction.fetch_value(sql.sum_tokens, row["id"])
    if spent + tokens > contract.token_budget:
        raise BudgetExceededError(
            f"{tokens} tokens after {spent} exceed the budget of {contract.token_budget} tokens",
            rule="token_budget",
            contract_version=row["contract_version"],
            remedy="stand down, or ask for a contract with a larger budget",
        )


async def _book(call: ToolCall, transaction: Transaction, row: Any, usd: Decimal) -> None:
    """Count the money in every layer, or refuse it with the figures of the nearest budget."""
    money = replace(money_of(call, held_order(call), usd), work_order=row["id"])
    shortage = await call.service(Budgets).report(transaction, money)
    if shortage is not None:
        raise refusal_of(shortage, f"{usd_text(usd)} USD were spent", row["contract_version"])


def _recorded(data: dict[str, Any], recorded_at: str, money: Any) -> RecordedUsage:
    entry = {name: value for name, value in data.items() if name != "worker"}
    return RecordedUsage(
        entry=LedgerEntry(**entry, recorded_at=recorded_at),
        spent_usd=usd_text(money["spent_usd"]),
        held_usd=usd_text(money["held_usd"]),
        budget_usd=usd_text(money["cap_usd"]),
    )


def _cost_row(row: Any) -> CostRow:
    return CostRow(**{**dict(row), "usd": usd_text(row["usd"])})


def _parse_time(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidArgumentError(
        f"argument `{field}` must be an RFC 3339 time, such as 2026-03-01T09:30:00Z"
    )

"""Caps at run time, the emergency stop, unlocks, and what something would cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import (
    CallRefusedError,
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    NotFoundError,
    Role,
    ToolCall,
    format_time,
    new_id,
    redact_text,
    tool,
)
from agentos_governance.authority.persons import keys_behind, same_person_key
from agentos_governance.authority.roles import BUDGETS, COSTS, SPENDING_STOP, UNLOCKS
from agentos_governance.contracts.model import Entry, Usd, usd_text
from agentos_governance.cost.budgets import Budgets, sql
from agentos_governance.cost.estimates import Question, estimate
from agentos_governance.cost.events import LIMITS_STREAM, STOP_STREAM, UNLOCKS_STREAM
from agentos_governance.cost.limits import (
    LAYERS,
    MAX_WINDOW_S,
    Layer,
    OnReport,
    subject_key,
)
from agentos_governance.cost.locks import MAX_UNLOCK_S, Locks
from agentos_governance.cost.prices import PriceTable
from agentos_governance.orders import OPEN_STATES, get_order
from agentos_governance.tools.costs import Label, Tokens
from agentos_governance.tools.planning import WorkOrderId

MAX_ROWS = 200
Reason = Annotated[str, Field(min_length=3, max_length=2_000)]
Subject = Annotated[
    str,
    Field(
        max_length=300,
        description="One person, process (token id or local worker) or session (work order#epoch)",
    ),
]
Window = Annotated[int, Field(ge=1, le=MAX_WINDOW_S, description="Sliding window in seconds")]


class LimitView(BaseModel):
    """A cap in force; without `cap_usd` there is none."""

    layer: Layer
    subject: str = Field(description="Empty: each of them")
    per_s: int | None = Field(description="Within any so many seconds; null: ever")
    cap_usd: str | None
    on_report: OnReport
    source: str = Field(description="`settings`, or who set it at run time")


class AllowanceView(BaseModel):
    """What a subject has spent and holds against its cap."""

    layer: Layer
    subject: str
    per_s: int | None
    spent_usd: str
    held_usd: str


class StopView(BaseModel):
    """The emergency stop that is on."""

    all_calls: bool
    reason: str
    stopped_by: str
    stopped_at: str


class UnlockView(BaseModel):
    """What is open for whom, until when."""

    id: str
    pattern: str
    work_order: str | None
    person: str | None
    expires_at: str


class BudgetStatus(BaseModel):
    """Caps, what is used of them, the stop and the unlocks."""

    limits: list[LimitView]
    allowances: list[AllowanceView]
    stop: StopView | None
    unlocks: list[UnlockView]
    truncated: bool


class SpendingState(BaseModel):
    """Whether spending is stopped now."""

    is_stopped: bool
    all_calls: bool
    reason: str


class CostEstimate(BaseModel):
    """A range in USD: 10th, 50th and 90th percentile, or what `basis` says."""

    low_usd: str
    likely_usd: str
    high_usd: str
    basis: str
    n_entries: int = Field(description="Ledger entries the range is based on")
    price_version: str | None


@tool(reads=[BUDGETS], profiles=["admin"])
async def get_budget_status(call: ToolCall, layer: Layer | None = None) -> BudgetStatus:
    """Which caps are in force by layer, what is spent and held, what is stopped or unlocked.

    After budget_exceeded or a locked tool: which layer has no room, what a person has stopped.
    """
    database, now = call.kernel.database, call.now()
    rows = await database.fetch(sql.list_allowances, layer, now, MAX_ROWS + 1)
    unlocks = await database.fetch(sql.list_all_unlocks, now, MAX_ROWS + 1)
    stop = await database.fetch_row(sql.get_stop)
    limits = await _limits_in_force(call, layer)
    return BudgetStatus(
        limits=limits[:MAX_ROWS],
        allowances=[_allowance_view(row) for row in rows[:MAX_ROWS]],
        stop=None if stop is None else _stop_view(stop),
        unlocks=[_unlock_view(row) for row in unlocks[:MAX_ROWS]],
        truncated=any(len(listed) > MAX_ROWS for listed in (rows, unlocks, limits)),
    )


@tool(reads=[BUDGETS], writes=[BUDGETS], profiles=["admin"])
async def set_budget(
    call: ToolCall,
    layer: Layer,
    reason: Reason,
    cap_usd: Annotated[Usd | None, Field(description="Decimal string; null: no limit")] = None,
    per_s: Window | None = None,
    subject: Subject = "",
    on_report: OnReport = "count",
    reset: Annotated[bool, Field(description="Back to what the settings say")] = False,
) -> LimitView:
    """Set the cap of a layer, or of one person, process or session, for every call from now on.

    Without `per_s` the cap is for ever (a session: from claim to release), counted from when it is
    first used. It goes before the settings; `reset` takes it back. For admins.
    """
    if layer == "organisation" and subject:
        raise InvalidArgumentError("argument `subject`: there is one organisation")
    _refuse_secret("subject", subject)
    if reset and cap_usd is not None:
        raise InvalidArgumentError("pass `cap_usd` or `reset`, not both")
    data: dict[str, Any] = {
        "layer": layer,
        "subject": subject_key(layer, subject),
        "window_s": per_s or 0,
        "reason": reason,
    }
    if not reset:
        cap = None if cap_usd is None else usd_text(cap_usd)
        data |= {"cap_usd": cap, "on_report": on_report}
    await _append(call, LIMITS_STREAM, "budget.limit_reset" if reset else "budget.limit_set", data)
    return LimitView(
        layer=layer,
        subject=data["subject"],
        per_s=per_s,
        cap_usd=data.get("cap_usd"),
        on_report=on_report,
        source="settings" if reset else call.principal.name,
    )


@tool(reads=[BUDGETS], writes=[SPENDING_STOP], profiles=["admin"])
async def stop_spending(
    call: ToolCall,
    reason: Reason,
    all_calls: Annotated[
        bool, Field(description="Refuse every call that writes anything, not only paid ones")
    ] = False,
) -> SpendingState:
    """Refuse at once, in every process, each call that may cost money and record_usage.

    Calls that run already settle what they spent. For reviewers and admins.
    """
    await _append(call, STOP_STREAM, "budget.stopped", {"is_all": all_calls, "reason": reason})
    return SpendingState(is_stopped=True, all_calls=all_calls, reason=reason)


@tool(reads=[BUDGETS], writes=[BUDGETS], profiles=["admin"])
async def resume_spending(call: ToolCall, reason: Reason) -> SpendingState:
    """End the emergency stop of stop_spending, in every process at once. For admins."""
    if await call.kernel.database.fetch_row(sql.get_stop) is None:
        raise InvalidStateError("spending is not stopped")
    await _append(call, STOP_STREAM, "budget.resumed", {"reason": reason})
    return SpendingState(is_stopped=False, all_calls=False, reason=reason)


@tool(reads=[UNLOCKS], writes=[UNLOCKS], profiles=["admin"])
async def unlock_tool(
    call: ToolCall,
    pattern: Annotated[Entry, Field(description="Glob of tool names or repository paths")],
    seconds: Annotated[int, Field(ge=1, le=MAX_UNLOCK_S)],
    reason: Reason,
    work_order: WorkOrderId | None = None,
    person: Annotated[str | None, Field(min_length=1, max_length=200)] = None,
) -> UnlockView:
    """Open locked tools or paths for a time, for one work order or one person.

    For reviewers and admins, and never for themselves: neither for their own person nor for a work
    order that their person ever held.
    """
    if (work_order is None) == (person is None):
        raise InvalidArgumentError("pass `work_order` or `person`, one of them")
    limit_s = call.service(Locks).settings.max_unlock_s
    if seconds > limit_s:
        raise InvalidArgumentError(
            f"argument `seconds` is {seconds}; the setting locks.max_unlock_s is {limit_s}"
        )
    for name, text in (("pattern", pattern), ("person", person or "")):
        _refuse_secret(name, text)
    opener = same_person_key(call.principal.answerable)
    await _require_four_eyes(call, work_order, person)
    until = call.now() + timedelta(seconds=seconds)
    data = {
        "unlock": new_id("UL"),
        "pattern": pattern,
        "work_order": work_order,
        "person": None if person is None else same_person_key(person),
        "expires_at": format_time(until),
        "opener": opener,
        "reason": reason,
    }
    await _append(call, UNLOCKS_STREAM, "tool.unlocked", data)
    return UnlockView(
        id=data["unlock"] or "",
        pattern=pattern,
        work_order=work_order,
        person=data["person"],
        expires_at=format_time(until),
    )


@tool(reads=[UNLOCKS], writes=[UNLOCKS], idempotent=True, profiles=["admin"])
async def lock_tool(
    call: ToolCall, unlock: Annotated[str, Field(min_length=1, max_length=60)], reason: Reason
) -> UnlockView:
    """End an unlock_tool before its time, so that the tool or path is refused again.

    For reviewers and admins.
    """
    row = await call.kernel.database.fetch_row(sql.find_unlock, unlock)
    if row is None:
        raise NotFoundError(
            f"no unlock has the id {unlock!r}", remedy="get_budget_status shows those that are open"
        )
    await _append(call, UNLOCKS_STREAM, "tool.locked", {"unlock": unlock, "reason": reason})
    until: datetime = min(row["expires_at"], call.now())
    return _unlock_view({**dict(row), "expires_at": until})


@tool(reads=[COSTS], profiles=[])
async def estimate_cost(
    call: ToolCall,
    action: Annotated[Label, Field(description="Name of a tool, or an action as booked")],
    model: Label | None = None,
    input_tokens: Tokens | None = None,
    output_tokens: Tokens | None = None,
    cached_input_tokens: Tokens = 0,
    n_calls: Annotated[int, Field(ge=1, le=1_000_000)] = 1,
) -> CostEstimate:
    """What an action would probably cost, as a range, before it is done. Holds and books nothing.

    From the price table where tokens are given, else from what the action cost before.
    """
    if cached_input_tokens > (input_tokens or 0):
        raise InvalidArgumentError("argument `cached_input_tokens` is more than `input_tokens`")
    declared = call.kernel.tools.get(action)
    found = await estimate(
        call.kernel.database,
        call.service(PriceTable),
        Question(action, model, input_tokens, output_tokens, cached_input_tokens),
        None if declared is None else declared.max_cost_usd,
    )
    total = found.times(n_calls)
    return CostEstimate(
        low_usd=usd_text(total.low_usd),
        likely_usd=usd_text(total.likely_usd),
        high_usd=usd_text(total.high_usd),
        basis=found.basis,
        n_entries=found.n_entries,
        price_version=found.price_version,
    )


async def _append(call: ToolCall, stream: str, type: str, data: dict[str, Any]) -> None:
    transaction = await call.begin()
    await transaction.append(NewEvent(stream, type, call.principal.name, call.now(), data))


async def _require_four_eyes(call: ToolCall, work_order: str | None, person: str | None) -> None:
    if work_order is None:
        behind = {same_person_key(person or "")}
    else:
        row = await get_order(call.kernel.database, work_order)
        if row["state"] not in OPEN_STATES:
            raise InvalidStateError(f"{work_order} is {row['state']}; it needs nothing unlocked")
        rows = await call.kernel.database.fetch(sql.list_claimants, work_order)
        names = [name for row in rows for name in (row["person"], row["worker"])]
        behind = await keys_behind(call.kernel.database, names)
    own = (call.principal.answerable, call.principal.name)
    opener = await keys_behind(call.kernel.database, own)
    if not opener.isdisjoint(behind) or call.principal.role is Role.WORKER:
        raise CallRefusedError(
            f"{call.principal.answerable} may not unlock anything for themselves",
            rule="four_eyes",
            remedy="ask a reviewer or admin who is another person",
        )


async def _limits_in_force(call: ToolCall, layer: Layer | None) -> list[LimitView]:
    views: dict[tuple[str, str, int], LimitView] = {}
    for each in LAYERS:
        for limit in call.service(Budgets).limits.of_layer(each):
            key = (each, subject_key(each, limit.subject), limit.per_s or 0)
            views[key] = LimitView(
                layer=each,
                subject=key[1],
                per_s=limit.per_s,
                cap_usd=usd_text(limit.cap_usd),
                on_report=limit.on_report,
                source="settings",
            )
    for row in await call.kernel.database.fetch(sql.list_limits):
        views[row["layer"], row["subject"], row["window_s"]] = LimitView(
            layer=row["layer"],
            subject=row["subject"],
            per_s=row["window_s"] or None,
            cap_usd=None if row["cap_usd"] is None else usd_text(row["cap_usd"]),
            on_report=row["on_report"],
            source=row["set_by"],
        )
    return [view for view in views.values() if layer in (None, view.layer)]


def _allowance_view(row: Any) -> AllowanceView:
    return AllowanceView(
        layer=row["layer"],
        subject=row["subject"],
        per_s=row["window_s"] or None,
        spent_usd=usd_text(row["spent_usd"]),
        held_usd=usd_text(row["held_usd"]),
    )


def _stop_view(row: Any) -> StopView:
    return StopView(
        all_calls=row["is_all"],
        reason=row["reason"],
        stopped_by=row["stopped_by"],
        stopped_at=format_time(row["stopped_at"]),
    )


def _unlock_view(row: Any) -> UnlockView:
    return UnlockView(
        id=row["id"],
        pattern=row["pattern"],
        work_order=row["work_order"],
        person=row["person"],
        expires_at=format_time(row["expires_at"]),
    )


def _refuse_secret(name: str, text: str) -> None:
    # Redaction would store another text than the one that is compared.
    if redact_text(text) != text:
        raise InvalidArgumentError(f"argument `{name}` looks like a secret; name it otherwise")

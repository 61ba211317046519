"""Asking a person: the verdict on a call that a policy wants approved first.

Above: enforcement and check_action call `ask` once every layer has been asked and none denies.
Below: binding, `sql/approvals.sql`. Nothing waits: the question is stored and the call refused
with its id; the identical call, made again after the approval, uses it up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from agentos import (
    ApprovalRequiredError,
    NewEvent,
    ToolCall,
    Transaction,
    Verdict,
    canonical_json,
    new_id,
)
from agentos_governance.approvals.binding import Binding, Subject, bind
from agentos_governance.approvals.events import approval_stream, sql
from agentos_governance.approvals.lifetime import ApprovalLifetime
from agentos_governance.authority.mandate import Mandate
from agentos_governance.review.schedules import schedule_for
from agentos_governance.review.settings import ReviewSettings

Use = Callable[[Transaction], Awaitable[None]]
"""Uses an approval up; ApprovalRequiredError where another call was first."""
MAX_PENDING = 50
"""Questions of one worker under one work order that wait at once."""
MAX_SHOWN_BYTES = 64 * 1024
"""Of arguments as canonical JSON: whoever approves must be able to see all of them."""
MAX_DETERMINING_BYTES = 16 * 1024


async def ask(
    call: ToolCall,
    rule: str,
    reason: str,
    *,
    mandate: Mandate | None = None,
    policy_hash: str | None = None,
    determining: Sequence[Mapping[str, Any]] = (),
    subject: Subject | None = None,
    leads_to: Sequence[str] = (),
    uses: list[Use] | None = None,
) -> Verdict:
    """Allow where an unused approval of this very call exists; else ask.

    `mandate` names the contracts that bind; `determining` are the rules with their values, for
    the person who decides; `leads_to` is what the call touches, links followed. The approval is
    used up in the transaction that admits the call, so at most once, in whatever process, and not
    by a call that is refused after all: `uses` gets what that transaction must await, by default
    `call.admissions`. `subject` is set where `call` only asks about an action. Call it before the
    call's own transaction begins, since it commits one of its own.
    """
    binding = bind(call, subject, mandate, policy_hash, leads_to)
    version = mandate.own.contract.version if mandate is not None else None
    if len(canonical_json(dict(binding.subject.arguments))) > MAX_SHOWN_BYTES:
        return Verdict.deny(
            rule,
            f"{reason}; it needs an approval, and its arguments are more than the "
            f"{MAX_SHOWN_BYTES} bytes that a person can be shown",
            remedy="do it in smaller steps",
            contract_version=version,
        )
    transaction = await call.kernel.open_transaction()
    try:
        question = _Question(rule, reason, version, determining)
        uses = call.admissions if uses is None else uses
        verdict = await _decide(transaction, call, binding, question, uses)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    call.kernel.bus.announce()
    return verdict


class _Question:
    """What the policy said, for the verdict and the record."""

    def __init__(
        self,
        rule: str,
        reason: str,
        version: str | None,
        determining: Sequence[Mapping[str, Any]],
    ) -> None:
        self.rule = rule
        self.reason = reason
        self.version = version
        shown = [dict(each) for each in determining]
        self.determining = shown if len(canonical_json(shown)) <= MAX_DETERMINING_BYTES else []

    def refused_until(self, review_id: str, what: str) -> Verdict:
        return Verdict.ask(
            self.rule,
            f"{self.reason}; {review_id} {what}",
            review_id=review_id,
            remedy="repeat the identical call after the approval; get_review shows it",
            contract_version=self.version,
        )


async def _decide(
    transaction: Transaction,
    call: ToolCall,
    binding: Binding,
    question: _Question,
    uses: list[Use],
) -> Verdict:
    await transaction.execute(sql.lock_binding, binding.key)
    row = await transaction.fetch_row(sql.find_by_binding, binding.key)
    is_current = row is not None and row["expires_at"] > call.now()
    if row is not None and is_current and row["state"] == "approved":
        uses.append(_use_on_admission(call, binding, row["id"], question))
        return Verdict.allow(f"approval:{row['id']}", contract_version=question.version)
    if row is not None and is_current and row["state"] == "pending":
        return question.refused_until(row["id"], "waits for a decision")
    if row is not None and is_current and row["state"] == "rejected":
        return Verdict.deny(
            question.rule,
            f"{row['id']} was rejected by {row['decided_by']}: {row['decision_reason']}",
            remedy="do the work without it, or stand down and say why it is needed",
            contract_version=question.version,
        )
    if row is not None and row["state"] in ("pending", "approved"):
        await transaction.append(_expired(call, binding, row["id"]))
    return await _request(transaction, call, binding, question)


def _use_on_admission(call: ToolCall, binding: Binding, review_id: str, question: _Question) -> Use:
    async def use(transaction: Transaction) -> None:
        await transaction.execute(sql.lock_binding, binding.key)
        row = await transaction.fetch_row(sql.find_by_binding, binding.key)
        is_usable = row is not None and row["id"] == review_id and row["state"] == "approved"
        if row is None or not is_usable or row["expires_at"] <= call.now():
            raise ApprovalRequiredError(
                f"{question.reason}; {review_id} was used by another call, or ended, meanwhile",
                rule=question.rule,
                review_id=review_id,
                contract_version=question.version,
                remedy="repeat the call, which asks for another approval",
            )
        await transaction.append(_used(call, binding, review_id))

    return use


async def _request(
    transaction: Transaction, call: ToolCall, binding: Binding, question: _Question
) -> Verdict:
    n_pending = await transaction.fetch_value(sql.count_pending, binding.worker, binding.work_order)
    if n_pending >= MAX_PENDING:
        return Verdict.deny(
            question.rule,
            f"{question.reason}; {n_pending} questions of {binding.worker} wait already, "
            f"the limit is {MAX_PENDING}",
            remedy="wait until some are decided; list_reviews shows them",
            contract_version=question.version,
        )
    review_id = new_id("RV")
    # A rejection answers the same question until then as well.
    expires_at = call.now() + call.service(ApprovalLifetime).duration
    settings = call.service(ReviewSettings)
    schedule = await schedule_for(transaction, settings)
    clock = schedule.opened(call.now(), settings.quiet_hours, expires_at=expires_at)
    await transaction.append(_requested(call, binding, question, review_id, clock))
    return question.refused_until(review_id, "was asked for")


def _requested(
    call: ToolCall,
    binding: Binding,
    question: _Question,
    review_id: str,
    clock: Mapping[str, Any],
) -> NewEvent:
    return NewEvent(
        approval_stream(binding.work_order, binding.worker),
        "approval.requested",
        call.principal.name,
        call.now(),
        {
            "review_id": review_id,
            "binding": binding.key,
            "call": call.id,
            "work_order": binding.work_order,
            "worker": binding.worker,
            "person": binding.person,
            "tool": binding.subject.tool,
            "arguments": dict(binding.subject.arguments),
            "arguments_sha256": binding.subject.arguments_sha256,
            "contract_versions": [list(pair) for pair in binding.contract_versions],
            "policy_hash": binding.policy_hash,
            "rule": question.rule,
            "reason": question.reason,
            "determining": question.determining,
            "expires_at": clock["expires_at"],
            "clock": clock,
        },
    )


def _used(call: ToolCall, binding: Binding, review_id: str) -> NewEvent:
    return NewEvent(
        approval_stream(binding.work_order, binding.worker),
        "approval.used",
        call.principal.name,
        call.now(),
        {"review_id": review_id, "work_order": binding.work_order, "call": call.id},
    )


def _expired(call: ToolCall, binding: Binding, review_id: str) -> NewEvent:
    return NewEvent(
        approval_stream(binding.work_order, binding.worker),
        "approval.expired",
        "system",
        call.now(),
        {"review_id": review_id, "work_order": binding.work_order},
    )

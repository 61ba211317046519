"""Narrowing what contract and role granted, by the policies in force.

Above: the authorizer of every tool, check_action. Below: policies in force, limits, approvals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentos import CallRefusedError, Effect, ToolCall, Transaction, Verdict, sha256_hex
from agentos_governance.approvals.asking import ask
from agentos_governance.approvals.binding import Subject
from agentos_governance.contracts.actions import Action
from agentos_governance.policies.deciding import Outcome
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.policies.limits import LimitedCall, take_limits

if TYPE_CHECKING:
    from agentos_governance.authority.enforcement import HeldOrder


async def narrow(
    call: ToolCall, held: HeldOrder | None, granted: Verdict, action: Action, *, is_protocol: bool
) -> Verdict:
    """The granted verdict, or the refusal or question of a policy; recorded with the call."""
    policies = call.kernel.find_service(PoliciesInForce)
    if policies is None:
        return granted
    outcome = await policies.judge_call(call, held, action, is_protocol=is_protocol)
    if outcome is None:
        return granted
    call.decision = outcome.record
    if outcome.effect is Effect.DENY:
        return refusal(outcome, held)
    verdict = granted
    if outcome.effect is Effect.ASK:
        verdict = await question(call, held, outcome)
    if outcome.limits and verdict.effect is Effect.ALLOW:
        call.admissions.append(_counting(call, held, outcome))
    return verdict


def refusal(outcome: Outcome, held: HeldOrder | None) -> Verdict:
    """The denial that names the rule and the line."""
    return Verdict.deny(
        outcome.rule,
        f"{outcome.rule}: {outcome.reason}",
        remedy="do the work without it, or stand down and say why it is needed",
        contract_version=held.contract.version if held is not None else None,
    )


async def question(
    call: ToolCall, held: HeldOrder | None, outcome: Outcome, subject: Subject | None = None
) -> Verdict:
    """Allow where a person has approved this very call, else the question to one."""
    return await ask(
        call,
        outcome.rule,
        f"{outcome.rule}: {outcome.reason}",
        mandate=held.mandate if held is not None else None,
        policy_hash=policy_hash(outcome.record),
        determining=outcome.determining,
        subject=subject,
    )


def policy_hash(record: Mapping[str, Any]) -> str:
    """One digest of all policies that decided: an approval holds only under the same ones."""
    hashes = [hash_ for layer in record["layers"] for hash_ in layer["policies"]]
    return f"sha256:{sha256_hex(' '.join(hashes).encode())}"


async def take_limits_of(
    transaction: Transaction, call: ToolCall, held: HeldOrder | None, outcome: Outcome
) -> None:
    """Count the call in every limit of the outcome; CallRefusedError for one that is used up."""
    limited = LimitedCall(
        id=call.id,
        stream=call.stream,
        at=call.now(),
        work_order=held.id if held is not None else None,
        epoch=held.epoch if held is not None else 0,
    )
    await take_limits(transaction, limited, outcome.limits)


def _counting(call: ToolCall, held: HeldOrder | None, outcome: Outcome) -> Any:
    async def count(transaction: Transaction) -> None:
        try:
            await take_limits_of(transaction, call, held, outcome)
        except CallRefusedError as refused:
            call.decision = {**outcome.record, "effect": Effect.DENY.value, "limit": refused.rule}
            raise

    return count

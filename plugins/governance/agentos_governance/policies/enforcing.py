"""Narrowing what contract and role granted, by the policies in force.

Above: the authorizer of every tool, check_action. Below: policies in force, limits, approvals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentos import CallRefusedError, Effect, ToolCall, Transaction, Verdict, sha256_hex
from agentos_governance.approvals.asking import Use, ask
from agentos_governance.approvals.binding import Subject
from agentos_governance.contracts.actions import Action, command_of, paths_of
from agentos_governance.policies.deciding import Outcome, with_full_shadow
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.policies.limits import LimitedCall, take_limits, take_shadow_limits
from agentos_governance.policies.subjects import places_of
from agentos_governance.workspace.paths import PathResolver, Place

if TYPE_CHECKING:
    from agentos_governance.authority.enforcement import HeldOrder

MAX_SHOWN_PLACES = 5


async def narrow(
    call: ToolCall,
    held: HeldOrder | None,
    granted: Verdict,
    action: Action,
    *,
    is_protocol: bool,
    resolver: PathResolver | None = None,
) -> Verdict:
    """The granted verdict, or the refusal or question of a policy; recorded with the call.

    `resolver` is what the contract's judgement has asked where the paths lead.
    """
    policies = call.kernel.find_service(PoliciesInForce)
    if policies is None:
        return granted
    return await narrow_by(
        policies, call, held, granted, action, is_protocol=is_protocol, resolver=resolver
    )


async def narrow_by(
    policies: PoliciesInForce,
    call: ToolCall,
    held: HeldOrder | None,
    granted: Verdict,
    action: Action,
    *,
    is_protocol: bool,
    resolver: PathResolver | None = None,
) -> Verdict:
    """The same, by the given policies."""
    outcome = await policies.judge_call(
        call, held, action, is_protocol=is_protocol, resolver=resolver
    )
    if outcome is None:
        return granted
    call.decision = outcome.record
    if outcome.effect is Effect.DENY:
        return refusal(outcome, held)
    verdict = granted
    if outcome.effect is Effect.ASK:
        verdict = await question(call, held, outcome, action)
    if (outcome.limits or outcome.shadow_limits) and verdict.effect is Effect.ALLOW:
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
    call: ToolCall,
    held: HeldOrder | None,
    outcome: Outcome,
    action: Action,
    subject: Subject | None = None,
    uses: list[Use] | None = None,
) -> Verdict:
    """Allow where a person has approved this very call, else the question to one."""
    place = Place(held.workspace if held is not None else None, is_strict=False)
    leads_to = await asyncio.to_thread(places_of, action, place)
    return await ask(
        call,
        outcome.rule,
        f"{outcome.rule}: {outcome.reason}{_detours(action, leads_to)}",
        mandate=held.mandate if held is not None else None,
        policy_hash=policy_hash(outcome.record),
        determining=outcome.determining,
        subject=subject,
        leads_to=leads_to,
        uses=uses,
    )


def _detours(action: Action, leads_to: Sequence[str]) -> str:
    """For whoever approves: the places that the call's own text does not name."""
    text = "\n".join([*paths_of(action), command_of(action) or ""])
    hidden = [each for each in leads_to if each.partition(" ")[2] not in text]
    more = ", ..." if len(hidden) > MAX_SHOWN_PLACES else ""
    return f"; it leads to: {', '.join(hidden[:MAX_SHOWN_PLACES])}{more}" if hidden else ""


def policy_hash(record: Mapping[str, Any]) -> str:
    """One digest of all policies that decided: an approval holds only under the same ones."""
    hashes = [hash_ for layer in record["layers"] for hash_ in layer["policies"]]
    return f"sha256:{sha256_hex(' '.join(hashes).encode())}"


async def take_limits_of(
    transaction: Transaction, call: ToolCall, held: HeldOrder | None, outcome: Outcome
) -> Mapping[str, Any]:
    """Count the call in every limit of the outcome; CallRefusedError for one that is used up.

    Returns what is recorded of the decision: one that is used up in shadow refuses nothing.
    """
    limited = LimitedCall(
        id=call.id,
        stream=call.stream,
        at=call.now(),
        work_order=held.id if held is not None else None,
        epoch=held.epoch if held is not None else 0,
    )
    if outcome.limits:
        await take_limits(transaction, limited, outcome.limits)
    full = await take_shadow_limits(transaction, limited, outcome.shadow_limits)
    return outcome.record if full is None else with_full_shadow(outcome.record, full)


def _counting(call: ToolCall, held: HeldOrder | None, outcome: Outcome) -> Any:
    async def count(transaction: Transaction) -> None:
        try:
            call.decision = await take_limits_of(transaction, call, held, outcome)
        except CallRefusedError as refused:
            call.decision = {**outcome.record, "effect": Effect.DENY.value, "limit": refused.rule}
            raise

    return count

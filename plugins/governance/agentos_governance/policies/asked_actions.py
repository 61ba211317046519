"""Policies for what a client does with its own tools: the same layers as for real calls.

Above: check_action. Below: policies in force, limits, approvals. A limit counts an action in the
transaction that stores the answer; the answer is the admission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agentos import ApprovalRequiredError, CallRefusedError, Effect, ToolCall, Transaction, Verdict
from agentos_governance.approvals.asking import Use
from agentos_governance.approvals.binding import Subject
from agentos_governance.contracts.actions import OWN_SERVER, Action
from agentos_governance.contracts.judgement import Judgement
from agentos_governance.policies.deciding import Outcome
from agentos_governance.policies.enforcing import question, refusal, take_limits_of
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.workspace.paths import PathResolver

if TYPE_CHECKING:
    from agentos_governance.authority.enforcement import HeldOrder


@dataclass(slots=True)
class NarrowedAction:
    """The judgement after the policies, what they decided, and the question where they ask."""

    judgement: Judgement
    outcome: Outcome | None = None
    record: Mapping[str, Any] | None = None
    review_id: str | None = None
    uses: list[Use] = field(default_factory=list)
    """What the answer uses up: an approval."""


async def narrow_action(
    call: ToolCall,
    held: HeldOrder,
    action: Action,
    granted: Judgement,
    resolver: PathResolver | None = None,
) -> NarrowedAction:
    """The granted judgement, or the refusal or question of a policy.

    `resolver` is what the contract's judgement has asked where the paths lead.
    """
    try:
        outcome = await call.service(PoliciesInForce).judge_action(
            call, held, _known(call, action), resolver
        )
    except CallRefusedError as broken:
        return NarrowedAction(Judgement("deny", broken.rule, broken.message, broken.remedy))
    if outcome is None:
        return NarrowedAction(granted)
    if outcome.effect is Effect.ALLOW:
        return NarrowedAction(granted, outcome, outcome.record)
    uses: list[Use] = []
    if outcome.effect is Effect.DENY:
        verdict = refusal(outcome, held)
    else:
        verdict = await question(call, held, outcome, action, _subject(action), uses)
    judgement = _judgement(granted, verdict)
    return NarrowedAction(judgement, outcome, outcome.record, verdict.review_id, uses)


async def count_action(
    transaction: Transaction, call: ToolCall, held: HeldOrder, narrowed: NarrowedAction
) -> Judgement:
    """The judgement after its approval is used and every limit has counted the action.

    All of it or nothing: where a limit is used up, the action is denied and the approval is left.
    """
    outcome, judgement = narrowed.outcome, narrowed.judgement
    if outcome is None or not judgement.is_allowed:
        return judgement
    if not (narrowed.uses or outcome.limits or outcome.shadow_limits):
        return judgement
    try:
        async with transaction.connection.transaction():
            for use in narrowed.uses:
                await use(transaction)
            narrowed.record = await take_limits_of(transaction, call, held, outcome)
    except ApprovalRequiredError as used:
        narrowed.review_id = used.review_id
        return Judgement("ask", used.rule, used.message, used.remedy)
    except CallRefusedError as full:
        narrowed.record = {**outcome.record, "effect": Effect.DENY.value, "limit": full.rule}
        return Judgement("deny", full.rule, full.message, full.remedy)
    return judgement


def _known(call: ToolCall, action: Action) -> Action:
    """The action, as of this server where its tool is one of this server's."""
    prefix = f"mcp__{OWN_SERVER}__"
    if action.tool.startswith(prefix) and action.tool.removeprefix(prefix) in call.kernel.tools:
        return replace(action, server=OWN_SERVER)
    return action


def _subject(action: Action) -> Subject:
    return Subject.of_action(
        action.tool,
        {
            "tool": action.tool,
            "capability": action.capability,
            "paths": list(action.paths),
            "command": action.command,
            "args": dict(action.args) if action.args is not None else None,
            **({} if action.cwd == "." else {"cwd": action.cwd}),
        },
    )


def _judgement(granted: Judgement, verdict: Verdict) -> Judgement:
    if verdict.effect is Effect.ALLOW:
        return granted
    return Judgement(
        "deny" if verdict.effect is Effect.DENY else "ask",
        verdict.rule,
        verdict.reason,
        verdict.remedy,
    )

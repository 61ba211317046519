"""Asking first: may I do this? Judges what clients do with their own tools."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentos import ConflictError, InvalidArgumentError, NewEvent, ToolCall, tool
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.authority.roles import OWN_WORK_ORDER, WORK_ORDERS
from agentos_governance.contracts.actions import Action, capabilities_of
from agentos_governance.contracts.judgement import MAX_PATHS, Judgement
from agentos_governance.cost.locks import judge_locks
from agentos_governance.policies.asked_actions import (
    NarrowedAction,
    count_action,
    narrow_action,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.shell.parsing import MAX_COMMAND_CHARACTERS
from agentos_governance.tools.leases import require_held
from agentos_governance.tools.planning import WorkOrderId
from agentos_governance.workspace.paths import PathResolver

MAX_INLINE_BYTES = 1_024
"""Of an action and of its contract's globs; what is larger is judged in a thread."""


class RequestedAction(BaseModel):
    """What is about to be done."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    tool: Annotated[str, Field(min_length=1, max_length=200, description="Such as Edit, Bash")]
    capability: Literal["read", "write", "execute", "network"] | None = None
    paths: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=4_096)]], Field(max_length=MAX_PATHS)
    ] = []
    command: Annotated[str | None, Field(max_length=MAX_COMMAND_CHARACTERS)] = None
    args: dict[str, Any] | None = Field(default=None, description="Its own arguments")

    def as_action(self) -> Action:
        """The action as contracts judge it."""
        return Action(
            self.tool,
            capability=self.capability,
            paths=self.paths,
            command=self.command,
            args=self.args,
        )


class ActionVerdict(BaseModel):
    """Whether the action is allowed, and which rule says so."""

    verdict: Literal["allow", "deny", "ask"]
    rule: str
    reason: str
    remedy: str | None
    contract_version: str
    review_id: str | None = None


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], profiles=["worker"])
async def check_action(
    call: ToolCall, action: RequestedAction, work_order: WorkOrderId | None = None
) -> ActionVerdict:
    """Ask whether an edit, shell command or fetch by your own tools fits the contract, before it.

    Not needed where the client's hooks ask already. Answers allow, deny or ask, with the rule and
    the remedy; nothing is done. Links are followed, and commands parsed.
    """
    return await judge_action(call, _held(call, work_order), action)


async def judge_action(call: ToolCall, held: HeldOrder, action: RequestedAction) -> ActionVerdict:
    """The verdict on what a client is about to do under a held work order, recorded."""
    resolver = held.resolver()
    judgement = await judge_requested(held, action, call.now(), resolver)
    if judgement.is_allowed:
        judgement = await judge_locks(call, held, action.as_action()) or judgement
    narrowed = NarrowedAction(judgement)
    if judgement.is_allowed:
        narrowed = await narrow_action(call, held, action.as_action(), judgement, resolver)
    transaction = await call.begin()
    judgement = await count_action(transaction, call, held, narrowed)
    await transaction.append(_judged(call, held, action, judgement, narrowed))
    return ActionVerdict(
        verdict=judgement.verdict,
        rule=judgement.rule,
        reason=judgement.reason,
        remedy=judgement.remedy,
        contract_version=judgement.contract_version or held.contract.version,
        review_id=narrowed.review_id,
    )


async def judge_requested(
    held: HeldOrder,
    requested: RequestedAction,
    now: datetime,
    resolver: PathResolver | None = None,
) -> Judgement:
    """The verdict, without holding up other calls while a large action is read."""
    action = requested.as_action()
    # The arguments come from a client: how much of them is read is only known afterwards.
    n_bytes = sum(map(len, requested.paths)) + len(requested.command or "")
    n_bytes += held.mandate.glob_bytes
    if requested.args is None and n_bytes <= MAX_INLINE_BYTES:
        return held.judge(action, now, resolver)
    return await asyncio.to_thread(held.judge, action, now, resolver)


def _held(call: ToolCall, work_order: str | None) -> HeldOrder:
    if work_order is not None:
        return require_held(call, work_order)
    held = held_order(call)
    if held is None:
        raise InvalidArgumentError(
            f"{call.principal.name} does not hold exactly one work order",
            remedy="claim a work order, or pass `work_order`",
        )
    if call.work_order is not None and call.work_order != held.id:
        raise ConflictError(f"the call is made under {held.id}, not {call.work_order}")
    return held


def _judged(
    call: ToolCall,
    held: HeldOrder,
    action: RequestedAction,
    judgement: Judgement,
    narrowed: NarrowedAction,
) -> NewEvent:
    asked = action.as_action()
    decided = {} if narrowed.record is None else {"decision": narrowed.record}
    return NewEvent(
        work_order_stream(held.id),
        "action.judged",
        call.principal.name,
        call.now(),
        {
            "work_order": held.id,
            "call": call.id,
            "action": action.model_dump(mode="json", exclude={"args"}),
            "capabilities": sorted(capabilities_of(asked)),
            "verdict": judgement.verdict,
            "rule": judgement.rule,
            "reason": judgement.reason[:2_000],
            "contract_version": judgement.contract_version or held.contract.version,
            **decided,
        },
    )

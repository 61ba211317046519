"""Answering for the work: the seven answers, and whether the log is what was written."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import BaseModel, Field

from agentos import CallRefusedError, Role, ToolCall, tool
from agentos_governance.authority.enforcement import held_order
from agentos_governance.authority.roles import AUDIT, WORK_ORDERS
from agentos_governance.evidence.packets import ensure_final_packet
from agentos_governance.projections import work_order_stream
from agentos_governance.report.build import build_report
from agentos_governance.report.model import WorkReport
from agentos_governance.tools.planning import WorkOrderId

MAX_REPORT_BYTES = 4 * 1024 * 1024


class FirstBadEvent(BaseModel):
    """The first place where the log is not what was written."""

    position: int | None
    stream: str
    seq: int
    reason: str


class AuditQueue:
    """One verification at a time in a process: each holds a connection for as long as it reads."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(1)


class AuditResult(BaseModel):
    """Whether the log verifies, and over how many events."""

    ok: bool
    events: int
    first_bad: FirstBadEvent | None


@tool(reads=[WORK_ORDERS], max_result_bytes=MAX_REPORT_BYTES, profiles=["reviewer"])
async def get_work_report(call: ToolCall, work_order: WorkOrderId) -> WorkReport:
    """The seven answers about a work order, for whoever has to trust it.

    Who did it, why that was allowed, what it rests on, whether it is correct, what it cost, who
    reviewed it, and how it can be recovered."""
    await ensure_final_packet(call.kernel, work_order)
    return await build_report(call.kernel, work_order)


@tool(reads=[AUDIT], timeout_s=600, profiles=["reviewer", "admin"])
async def verify_audit(
    call: ToolCall,
    stream: Annotated[
        str | None, Field(min_length=1, max_length=200, description="One stream; all if absent")
    ] = None,
) -> AuditResult:
    """Prove that the log was not changed; names the first bad event where it was.

    Recomputes the hash chain over every field of every event, and holds the whole log against
    its signed heads.

    For reviewers, planners and admins. A worker may verify the stream of the work order that it
    holds, which is what it gets without naming one.
    """
    stream = _visible_stream(call, stream)
    async with call.service(AuditQueue).turn:
        report = await call.kernel.verify_log(stream)
    bad = report.worst
    return AuditResult(
        ok=report.ok,
        events=report.events,
        first_bad=FirstBadEvent(
            position=bad.position, stream=bad.stream, seq=bad.seq, reason=bad.reason
        )
        if bad
        else None,
    )


def _visible_stream(call: ToolCall, stream: str | None) -> str | None:
    """The stream to verify, None for all; CallRefusedError for one that is none of the caller's."""
    role = call.principal.role
    if role in (Role.REVIEWER, Role.PLANNER, Role.ADMIN):
        return stream
    held = held_order(call)
    if held is None or role is not Role.WORKER or stream not in (None, work_order_stream(held.id)):
        raise CallRefusedError(
            f"the role {role} may verify only the stream of a work order that it holds",
            rule=f"role:{role}",
            remedy="ask a reviewer, a planner or an admin",
        )
    return work_order_stream(held.id)

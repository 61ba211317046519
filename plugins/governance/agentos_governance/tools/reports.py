"""Answering for the work: the seven answers, and whether the log is what was written."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from agentos import ToolCall, tool, verify_events
from agentos_governance.packets import ensure_final_packet
from agentos_governance.report import WorkReport, build_report
from agentos_governance.roles import AUDIT, WORK_ORDERS
from agentos_governance.tools.planning import WorkOrderId


class FirstBadEvent(BaseModel):
    """The first place where the log is not what was written."""

    position: int | None
    stream: str
    seq: int
    reason: str


class AuditResult(BaseModel):
    """Whether the log verifies, and over how many events."""

    ok: bool
    events: int
    first_bad: FirstBadEvent | None


@tool(reads=[WORK_ORDERS])
async def get_work_report(call: ToolCall, work_order: WorkOrderId) -> WorkReport:
    """The seven answers about a work order: who, why allowed, grounding, correctness, cost,
    reviewed by, recovery."""
    await ensure_final_packet(call.kernel, work_order)
    return await build_report(call.kernel, work_order)


@tool(reads=[AUDIT], timeout_s=600)
async def verify_audit(
    call: ToolCall,
    stream: Annotated[
        str | None, Field(min_length=1, max_length=200, description="One stream; all if absent")
    ] = None,
) -> AuditResult:
    """Recompute the hash chain over every field of every event; names the first bad one."""
    report = await verify_events(call.kernel.database, stream)
    bad = report.first_bad
    return AuditResult(
        ok=report.ok,
        events=report.events,
        first_bad=FirstBadEvent(
            position=bad.position, stream=bad.stream, seq=bad.seq, reason=bad.reason
        )
        if bad
        else None,
    )

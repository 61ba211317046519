"""Answering for the work: the seven answers, and whether the log is what was written."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import BaseModel, Field

from agentos import ToolCall, tool, verify_events
from agentos_governance.authority.roles import AUDIT, WORK_ORDERS
from agentos_governance.evidence.packets import ensure_final_packet
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


@tool(reads=[WORK_ORDERS], max_result_bytes=MAX_REPORT_BYTES)
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
    async with call.service(AuditQueue).turn:
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

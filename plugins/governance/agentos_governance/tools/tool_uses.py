"""What a client's hooks ask and tell: judged, recorded, and told at the start of a session.

Above: `agentos hook`, through the server's socket. Below: check_action's judging, evidence. None of
these tools is listed to models: a hook knows them by name.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from agentos import NewEvent, ToolCall, canonical_json, new_id, redact, tool
from agentos_governance.active_marks import align_mark
from agentos_governance.authority.enforcement import HeldOrder, held_order
from agentos_governance.authority.roles import OWN_WORK_ORDER, WORK_ORDERS
from agentos_governance.contracts.actions import Action
from agentos_governance.evidence.blobs import open_blob_store
from agentos_governance.evidence.kinds import TOOL_USE
from agentos_governance.evidence.tool_uses import written_files
from agentos_governance.orders import get_order, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.session_context import context_text, reminder_text
from agentos_governance.tools.checks import RequestedAction, judge_action
from agentos_governance.tools.leases import require_lease, resume_packet
from agentos_governance.tools.planning import WorkOrderId

NO_WORK_ORDER = "no_work_order"


class ToolUse(RequestedAction):
    """A client's own tool, about to be used or used, and where."""

    cwd: Annotated[str, Field(min_length=1, max_length=4_096)] = "."

    def as_action(self) -> Action:
        """The action as contracts judge it."""
        action = super().as_action()
        action.cwd = self.cwd
        return action


class ToolUseVerdict(BaseModel):
    """Whether the client may go on, and which rule says so."""

    verdict: Literal["allow", "deny", "ask"]
    work_order: str | None
    rule: str
    reason: str
    remedy: str | None = None
    review_id: str | None = None


class RecordedToolUse(BaseModel):
    """What was kept of a use; `evidence` is null where no work order is held."""

    evidence: str | None
    n_files: int = 0


class SessionContext(BaseModel):
    """What a session should know; empty texts where the caller holds nothing."""

    work_order: str | None
    epoch: int = 0
    context: str = ""
    reminder: str = ""


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], profiles=[])
async def judge_tool_use(
    call: ToolCall, action: ToolUse, work_order: WorkOrderId | None = None
) -> ToolUseVerdict:
    """Whether a client may use a tool of its own, for its hooks: as check_action, and recorded.

    `work_order` is the one in whose worktree it works, if any; who holds nothing may go on
    anywhere else.
    """
    held = held_order(call)
    if held is None:
        return await _without_order(call, work_order)
    verdict = await judge_action(call, held, action)
    return ToolUseVerdict(
        verdict=verdict.verdict,
        work_order=held.id,
        rule=verdict.rule,
        reason=verdict.reason,
        remedy=_with_place(verdict.rule, verdict.remedy, held),
        review_id=verdict.review_id,
    )


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], profiles=[], timeout_s=60)
async def record_tool_use(
    call: ToolCall,
    action: ToolUse,
    exit_code: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None,
    failed: bool = False,
    observed_by: Annotated[str | None, Field(max_length=200)] = None,
    work_order: WorkOrderId | None = None,
) -> RecordedToolUse:
    """Keep what a client's hook saw of a use of its own tools, as evidence of kind `tool_use`.

    The server takes the digests of the files itself; the exit code is the client's word.
    """
    held = held_order(call)
    if held is None or (work_order is not None and work_order != held.id):
        return RecordedToolUse(evidence=None)
    files = await asyncio.to_thread(written_files, held.workspace, action.as_action())
    seen = redact(
        {
            "tool": action.tool,
            "command": action.command,
            "exit_code": exit_code,
            "failed": failed,
            "files": files,
        }
    )
    content = canonical_json(seen)
    sha256 = await asyncio.to_thread(open_blob_store(call.kernel.settings).put, content)
    transaction = await require_lease(call, held)
    event = _recorded(call, held, action, sha256, len(content), exit_code, files, observed_by)
    await transaction.append(event)
    return RecordedToolUse(evidence=event.data["evidence"], n_files=len(files))


@tool(reads=[WORK_ORDERS], profiles=[], max_result_bytes=64 * 1024)
async def get_session_context(
    call: ToolCall, work_order: WorkOrderId | None = None
) -> SessionContext:
    """The contract, where the work stands and what is owed, as a session's first words."""
    held = held_order(call)
    if held is None:
        return SessionContext(work_order=None)
    row = await get_order(call.kernel.database, held.id)
    packet = await resume_packet(call.kernel.database, held.id)
    return SessionContext(
        work_order=held.id,
        epoch=held.epoch,
        context=context_text(row, held, packet, call.now()),
        reminder=reminder_text(held.id, packet),
    )


async def _without_order(call: ToolCall, work_order: str | None) -> ToolUseVerdict:
    """The caller holds nothing, or several, or another one than that whose worktree this is."""
    if work_order is not None:
        holder = await call.kernel.database.fetch_row(sql.find_holder, work_order)
        if holder is not None:
            return _denied(
                "workspace",
                f"this is the worktree of {work_order}, which {holder['worker']} holds",
                "work elsewhere, or claim the work order when it is free",
            )
        await align_mark(call.kernel, work_order)
    rows = await call.kernel.database.fetch(
        sql.find_held_orders, call.principal.name, None, call.now()
    )
    if any(row["expires_at"] > call.now() for row in rows):
        return _denied(
            "workspace",
            f"{call.principal.name} holds several work orders, and this lies in no worktree of them",
            "work in the worktree of one of them",
        )
    return ToolUseVerdict(
        verdict="allow", work_order=None, rule=NO_WORK_ORDER, reason="no work order is held"
    )


def _denied(rule: str, reason: str, remedy: str) -> ToolUseVerdict:
    return ToolUseVerdict(verdict="deny", work_order=None, rule=rule, reason=reason, remedy=remedy)


def _with_place(rule: str, remedy: str | None, held: HeldOrder) -> str | None:
    """A client that stands elsewhere needs to be told where the worktree is."""
    if rule not in {"workspace", "allowed_roots"} or held.workspace is None:
        return remedy
    return f"{remedy or 'stay inside the workspace'}; the worktree is {held.workspace}"


def _recorded(
    call: ToolCall,
    held: HeldOrder,
    action: ToolUse,
    sha256: str,
    size_bytes: int,
    exit_code: int | None,
    files: list[dict[str, Any]],
    observed_by: str | None,
) -> NewEvent:
    ended = "" if exit_code is None else f", exit code {exit_code}"
    return NewEvent(
        work_order_stream(held.id),
        "evidence.recorded",
        call.principal.name,
        call.now(),
        {
            "work_order": held.id,
            "evidence": new_id("EV"),
            "kind": TOOL_USE,
            "claim": f"{action.tool} was used: {len(files)} files looked at{ended}"[:2_000],
            "path": None,
            "lines": None,
            "sha256": sha256,
            "size_bytes": size_bytes,
            "facts": {"tool": action.tool, "exit_code": exit_code, "files": len(files)},
            # The server saw the files itself; how a command ended, it was told.
            "level": "observed" if exit_code is None and action.command is None else "reported",
            "worker": call.principal.name,
            "epoch": held.epoch,
            "observed_by": observed_by,
            "batch": TOOL_USE,
        },
    )

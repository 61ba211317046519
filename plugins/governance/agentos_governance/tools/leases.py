"""Claiming work, keeping the lease, giving it back, and finding out where it stands."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from pydantic import BaseModel, Field

from agentos import (
    CallRefusedError,
    ConflictError,
    GroundingNote,
    InvalidArgumentError,
    InvalidStateError,
    LeaseLostError,
    LimitExceededError,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    UnavailableError,
)
from agentos import tool as declare_tool
from agentos_governance.active_marks import align_mark, mark_active
from agentos_governance.authority.enforcement import HeldOrder, check_lease, held_order
from agentos_governance.authority.roles import OWN_WORK_ORDER, WORK_ORDERS
from agentos_governance.authority.separation import RULE as FOUR_EYES
from agentos_governance.authority.separation import require_apart
from agentos_governance.contracts.model import parse_contract
from agentos_governance.grounding import MAX_NOTE_CHARS, Grounding
from agentos_governance.orders import (
    MAX_DETAILS_BYTES,
    Reader,
    find_claimable,
    get_order,
    lease_view,
    lock_order,
    order_details,
    read_resume_events,
    roll_back,
    sql,
    workspace_view,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.resume import build_resume_packet
from agentos_governance.tools.planning import Name, WorkOrderId
from agentos_governance.views import ClaimView, LeaseView, NoteView, ResumePacketView
from agentos_governance.workspace.preparation import prepare_workspace
from agentos_governance.workspace.worktrees import Workspace

MAX_CANDIDATES = 20
MAX_PASSED_OVER = 200
"""Candidates of a claim by role, those that the claimant may not have included."""
# Text in text: what was escaped once in the packet is escaped again in the answer.
MAX_PACKET_BYTES = 4 * 1024 * 1024

# Somebody was faster, or its repository is not what it was: the next best may still do.
_UNCLAIMABLE = (
    ConflictError,
    InvalidStateError,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
    OSError,
)

_log = structlog.get_logger(__name__)


class RenewedLease(BaseModel):
    """The extended lease."""

    lease: LeaseView


class StoodDown(BaseModel):
    """Where the work stands for whoever claims it next."""

    resume_packet: ResumePacketView


@declare_tool(
    reads=[WORK_ORDERS],
    writes=[OWN_WORK_ORDER],
    timeout_s=300,
    max_result_bytes=MAX_DETAILS_BYTES + MAX_PACKET_BYTES,
    profiles=["worker"],
)
async def claim_work_order(
    call: ToolCall,
    work_order: WorkOrderId | None = None,
    role: Annotated[Name | None, Field(description="Only one for workers of this role")] = None,
) -> ClaimView:
    """Start, or take over, a work order: call this before you change anything.

    Names one, or takes the best ready one. Answers its objective and contract, the worktree to
    edit in, and the resume packet: what earlier workers did. Work renews the lease.
    """
    if work_order is not None and role is not None:
        raise InvalidArgumentError("pass `work_order` or `role`, not both")
    if work_order is not None:
        return await _claim(call, work_order)
    return await _claim_best(call, role)


@declare_tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], idempotent=True, profiles=[])
async def renew_lease(call: ToolCall, work_order: WorkOrderId) -> RenewedLease:
    """Extend the lease while you work without any other call; each call renews it as well."""
    held = require_held(call, work_order)
    transaction = await call.begin()
    await transaction.fetch_row(sql.renew_lease, held.id, held.worker, held.epoch, call.now())
    lease = lease_view(await get_order(transaction, work_order), call.now())
    assert lease is not None
    return RenewedLease(lease=lease)


@declare_tool(
    reads=[WORK_ORDERS],
    writes=[OWN_WORK_ORDER],
    max_result_bytes=MAX_PACKET_BYTES,
    profiles=["worker"],
)
async def stand_down(
    call: ToolCall,
    work_order: WorkOrderId,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> StoodDown:
    """Give the work order back when you cannot finish it; another worker continues. Files stay."""
    held = require_held(call, work_order)
    transaction = await call.begin()
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "work_order.stood_down",
            call.principal.name,
            call.now(),
            {"work_order": work_order, "reason": reason, "epoch": held.epoch},
        )
    )
    await transaction.execute(sql.drop_lease, work_order)
    return StoodDown(resume_packet=await resume_packet(transaction, work_order))


@declare_tool(
    reads=[WORK_ORDERS],
    writes=[WORK_ORDERS],
    max_result_bytes=MAX_PACKET_BYTES,
    profiles=["planner"],
)
async def take_over_work_order(
    call: ToolCall,
    work_order: WorkOrderId,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> StoodDown:
    """Take a work order from the worker that holds it, so that another can continue it.

    For planners and admins: a worker that hangs or goes astray. What it has written stays; from
    now on its writes under the old lease are refused. Files stay.
    """
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    if row["state"] != "active":
        raise InvalidStateError(
            f"{work_order} is {row['state']}; only what a worker holds can be taken over"
        )
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "work_order.taken_over",
            call.principal.name,
            call.now(),
            {
                "work_order": work_order,
                "worker": row["worker"],
                "epoch": row["epoch"],
                "reason": reason,
            },
        )
    )
    await transaction.execute(sql.drop_lease, work_order)
    return StoodDown(resume_packet=await resume_packet(transaction, work_order))


@declare_tool(reads=[WORK_ORDERS], max_result_bytes=MAX_PACKET_BYTES, profiles=[])
async def get_resume_packet(call: ToolCall, work_order: WorkOrderId) -> ResumePacketView:
    """Where the work stands, as canonical JSON: same state, same bytes, same SHA-256.

    claim_work_order answers it as well; call this to read it again, or before you hand over.
    """
    await get_order(call.kernel.database, work_order)
    return await resume_packet(call.kernel.database, work_order)


async def resume_packet(reader: Reader, work_order: str) -> ResumePacketView:
    """The packet as canonical JSON; the calls of a running attempt do not change it."""
    packet, sha256 = build_resume_packet(await read_resume_events(reader, work_order))
    return ResumePacketView(sha256=sha256, packet=packet)


def require_held(call: ToolCall, work_order: str) -> HeldOrder:
    """The caller's living lease on the work order; LeaseLostError without one."""
    held = held_order(call)
    if held is None or held.id != work_order:
        raise LeaseLostError(
            f"{call.principal.name} holds no living lease on {work_order}",
            remedy="claim the work order; its resume packet says where it stands",
        )
    return held


async def require_lease(call: ToolCall, held: HeldOrder) -> Transaction:
    """The call's transaction, with the lease checked and locked in it."""
    transaction = await call.begin()
    await check_lease(transaction, held, call.now())
    return transaction


class ClaimsUnderWay:
    """Work orders that a claim by role is taking in this process: others take the next best."""

    def __init__(self) -> None:
        self.ids: set[str] = set()


async def _claim_best(call: ToolCall, role: str | None) -> ClaimView:
    """The best work order that nobody else is faster to get."""
    under_way = call.service(ClaimsUnderWay).ids
    passed_over: set[str] = set()
    kept_apart = 0
    while len(passed_over) - kept_apart < MAX_CANDIDATES and len(passed_over) < MAX_PASSED_OVER:
        ids = await find_claimable(
            call.kernel.database,
            call.now(),
            MAX_CANDIDATES,
            role=role,
            without=under_way | passed_over,
        )
        free = next((id for id in ids if id not in under_way), None)
        if free is None:
            if ids:
                continue
            break
        under_way.add(free)
        try:
            return await _claim(call, free)
        except CallRefusedError as error:
            if error.rule != FOUR_EYES:
                raise
            kept_apart += 1
            passed_over.add(free)
            await roll_back(call)
        except _UNCLAIMABLE as error:
            _log.info("claim_passed_over", work_order=free, reason=str(error))
            passed_over.add(free)
            await roll_back(call)
        finally:
            under_way.discard(free)
    raise NotFoundError(
        "no work order is ready to be claimed" + (f" for the role {role!r}" if role else ""),
        remedy="list_work_orders shows what is blocked, held by others, or kept for others",
    )


async def _claim(call: ToolCall, work_order: str) -> ClaimView:
    row = await get_order(call.kernel.database, work_order)
    _require_claimable(row, call)
    await require_apart(call.kernel.database, call.principal, row)
    # Git works before the transaction; a worktree made for a claim that fails is reused later.
    workspace = await prepare_workspace(call, row)
    notes = await call.service(Grounding).find(
        work_order, row["title"], row["objective"], row["repo"]
    )
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    _require_claimable(row, call)
    await require_apart(transaction, call.principal, row)
    # Before the lease, so that no hook finds the work order held and not marked; under the lock,
    # so that nobody who was slower writes or removes the mark of who was faster.
    place = str(workspace.path) if workspace else None
    await mark_active(call.kernel.settings, work_order, call.principal.name, place, row["repo"])
    try:
        await _append_claim(call, transaction, row, workspace, [note.id for note in notes])
        return await _claim_view(call, transaction, work_order, notes)
    except Exception:
        await roll_back(call)
        await align_mark(call.kernel, work_order)
        raise


async def _append_claim(
    call: ToolCall,
    transaction: Transaction,
    row: Any,
    workspace: Workspace | None,
    notes: list[str],
) -> None:
    work_order, epoch, stream = row["id"], row["epoch"] + 1, work_order_stream(row["id"])
    ttl_s = parse_contract(row["contract"]).lease_ttl_s
    if row["state"] == "active":
        await transaction.append(lease_expired_event(call, row))
    await transaction.append(
        NewEvent(
            stream,
            "work_order.claimed",
            call.principal.name,
            call.now(),
            {
                "work_order": work_order,
                "worker": call.principal.name,
                "person": call.principal.person,
                "epoch": epoch,
                "lease_ttl_s": ttl_s,
                "workspace": str(workspace.path) if workspace else None,
                "branch": workspace.branch if workspace else None,
                "base_commit": workspace.base_commit if workspace else None,
                "observations": notes,
            },
        )
    )
    await transaction.execute(
        sql.put_lease, work_order, call.principal.name, epoch, ttl_s, call.now()
    )
    call.work_order, call.stream = work_order, stream


def lease_expired_event(call: ToolCall, row: Any) -> NewEvent:
    """The end of the lease that a claim takes over."""
    return NewEvent(
        work_order_stream(row["id"]),
        "work_order.lease_expired",
        "system",
        call.now(),
        {"work_order": row["id"], "worker": row["worker"], "epoch": row["epoch"]},
    )


async def _claim_view(
    call: ToolCall, transaction: Transaction, work_order: str, notes: list[GroundingNote]
) -> ClaimView:
    details = await order_details(transaction, work_order, call.now())
    assert details.lease is not None
    return ClaimView(
        work_order=details,
        lease=details.lease,
        workspace=workspace_view(await get_order(transaction, work_order)),
        resume_packet=await resume_packet(transaction, work_order),
        observations=[_note_view(note) for note in notes],
    )


def _note_view(note: GroundingNote) -> NoteView:
    text = note.text
    return NoteView(
        id=note.id,
        kind=note.kind,
        title=note.title,
        text=text if len(text) <= MAX_NOTE_CHARS else text[: MAX_NOTE_CHARS - 3] + "...",
        created_at=note.created_at,
        work_order=note.work_order,
        stale=note.is_stale,
        score=note.score,
    )


def _require_claimable(row: Any, call: ToolCall) -> None:
    if row["state"] in ("ready", "suspended"):
        return
    if row["state"] != "active":
        raise InvalidStateError(
            f"{row['id']} is {row['state']}; only ready or suspended work can be claimed"
        )
    lease = lease_view(row, call.now())
    # The same worker again is a restarted worker: the new epoch fences off its former self.
    if lease is not None and lease.worker != call.principal.name:
        raise ConflictError(
            f"{row['id']} is held by {lease.worker} until {lease.expires_at}",
            remedy="claim another one, or wait until that lease expires",
        )

"""Recording evidence: a claim with the digest of what supports it, taken by the server."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import (
    InvalidArgumentError,
    LimitExceededError,
    NewEvent,
    ToolCall,
    Transaction,
    new_id,
    redact_text,
    tool,
)
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.authority.roles import OWN_WORK_ORDER, WORK_ORDERS
from agentos_governance.contracts.model import EvidenceKind
from agentos_governance.evidence.blobs import MAX_BLOB_BYTES, BlobStore
from agentos_governance.orders import evidence_view, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.tools.leases import require_held, require_lease
from agentos_governance.tools.planning import WorkOrderId
from agentos_governance.views import EvidenceView
from agentos_governance.workspace.file_reading import read_workspace_file

MAX_EVIDENCE = 200
MAX_CONTENT_CHARS = 1_000_000


class RecordedEvidence(BaseModel):
    """The stored evidence."""

    evidence: EvidenceView


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], timeout_s=60)
async def record_evidence(
    call: ToolCall,
    work_order: WorkOrderId,
    kind: Annotated[EvidenceKind, Field(description="Such as test_report, diff or analysis")],
    claim: Annotated[
        str, Field(min_length=3, max_length=2_000, description="What this proves, in a sentence")
    ],
    path: Annotated[
        str | None,
        Field(min_length=1, max_length=4_096, description="A file in the workspace; or `content`"),
    ] = None,
    content: Annotated[
        str | None,
        Field(max_length=MAX_CONTENT_CHARS, description="The evidence itself, as text; or `path`"),
    ] = None,
    lines: Annotated[
        list[Annotated[int, Field(ge=1)]] | None,
        Field(min_length=2, max_length=2, description="First and last line, 1-based, inclusive"),
    ] = None,
    observed_by: Annotated[
        str | None, Field(max_length=200, description="Who saw it, such as a hook; kept as a claim")
    ] = None,
) -> RecordedEvidence:
    """Record evidence for a claim about the work.

    With `path` the server reads and hashes the file itself (level "observed"); with `content` it
    keeps the text (level "reported"). Give exactly one of the two. A claim about a file must still
    fit the file, or its base version, when the work is submitted. A file that holds what looks
    like a secret is refused; a work order holds at most 200 pieces of evidence.
    """
    if (path is None) == (content is None):
        raise InvalidArgumentError("give exactly one of `path` and `content`")
    held = require_held(call, work_order)
    blobs = BlobStore(call.kernel.settings.home / "blobs")
    if path is not None:
        level = "observed"
        relative, data = await asyncio.to_thread(_read_file, held, path)
    else:
        assert content is not None
        level, relative, data = "reported", None, redact_text(content).encode()
    _check_lines(lines, data)
    sha256 = await asyncio.to_thread(blobs.put, data)
    transaction = await require_lease(call, held)
    await _check_count(transaction, work_order)
    [event] = await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "evidence.recorded",
            call.principal.name,
            call.now(),
            {
                "work_order": work_order,
                "evidence": new_id("EV"),
                "kind": kind,
                "claim": claim,
                "path": relative,
                "lines": {"start": lines[0], "end": lines[1]} if lines else None,
                "sha256": sha256,
                "level": level,
                "worker": call.principal.name,
                "epoch": held.epoch,
                "observed_by": observed_by,
            },
        )
    )
    row: Any = await transaction.fetch_row(sql.get_evidence, event.data["evidence"])
    return RecordedEvidence(evidence=evidence_view(row))


def _read_file(held: HeldOrder, path: str) -> tuple[str, bytes]:
    if held.workspace is None:
        raise InvalidArgumentError(
            f"{held.id} has no workspace; pass the evidence as `content`",
        )
    relative, data = read_workspace_file(held.workspace, path, MAX_BLOB_BYTES)
    # Redacting it would store something else than the file that the claim is about.
    text = data.decode("utf-8", "replace")
    if b"\0" not in data and redact_text(text) != text:
        raise InvalidArgumentError(
            f"{path!r} contains what looks like a secret; evidence is kept and signed as it is",
            remedy="remove the secret first, or record the part that matters as `content`",
        )
    return relative, data


async def _check_count(transaction: Transaction, work_order: str) -> None:
    """Refuse evidence beyond the limit; the lease is locked, so nobody counts at the same time."""
    if await transaction.fetch_value(sql.count_evidence, work_order) >= MAX_EVIDENCE:
        raise LimitExceededError(
            f"{work_order} has {MAX_EVIDENCE} pieces of evidence; the limit is {MAX_EVIDENCE} a "
            "work order",
            remedy="submit what is there; one file may support several claims",
        )


def _check_lines(lines: list[int] | None, data: bytes) -> None:
    if lines is None:
        return
    n_lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if not lines[0] <= lines[1] <= max(n_lines, 1):
        raise InvalidArgumentError(
            f"argument `lines` is {lines}; there are lines 1 to {n_lines}, first before last"
        )

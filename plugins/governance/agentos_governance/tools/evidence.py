"""Recording evidence: a claim with the digest of what supports it, taken by the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import (
    CallRefusedError,
    ConflictError,
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
from agentos_governance.evidence.blobs import open_blob_store
from agentos_governance.evidence.keys import load_observers
from agentos_governance.evidence.kinds import EvidenceKinds, Fact
from agentos_governance.evidence.observations import (
    MAX_ENVELOPE_CHARS,
    Observed,
    verify_observation,
)
from agentos_governance.evidence.packet_lines import sql as evidence_sql
from agentos_governance.evidence.taking import (
    TakenFile,
    TakenFiles,
    Taker,
    examine,
    list_folder,
    read_evidence_file,
)
from agentos_governance.orders import evidence_view, get_order, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.tools.leases import require_held, require_lease
from agentos_governance.tools.planning import WorkOrderId
from agentos_governance.views import EvidenceView

MAX_EVIDENCE = 200
MAX_FILES = 10_000
MAX_CONTENT_CHARS = 1_000_000
EVENTS_AT_ONCE = 500

WorkspacePath = Annotated[str, Field(min_length=1, max_length=4_096)]
Kind = Annotated[EvidenceKind, Field(description="Such as test_report, diff, analysis")]


class RecordedEvidence(BaseModel):
    """The stored evidence."""

    evidence: EvidenceView


class RecordedFiles(BaseModel):
    """What was stored of many files."""

    batch: str = Field(description="Named by each of the pieces of evidence")
    n_files: int
    size_bytes: int
    manifest_sha256: str = Field(
        description="SHA-256 of the canonical JSON list of [path, sha256], in the order recorded"
    )


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], timeout_s=60, profiles=["worker"])
async def record_evidence(
    call: ToolCall,
    work_order: WorkOrderId,
    kind: Kind,
    claim: Annotated[
        str, Field(min_length=3, max_length=2_000, description="What it proves, in a sentence")
    ],
    path: Annotated[
        str | None,
        Field(min_length=1, max_length=4_096, description="File in the workspace"),
    ] = None,
    content: Annotated[
        str | None,
        Field(max_length=MAX_CONTENT_CHARS, description="The evidence as text"),
    ] = None,
    lines: Annotated[
        list[Annotated[int, Field(ge=1)]] | None,
        Field(min_length=2, max_length=2, description="First and last, from 1"),
    ] = None,
    observed_by: Annotated[str | None, Field(max_length=200, description="For hooks")] = None,
    observation: Annotated[
        str | None,
        Field(
            max_length=MAX_ENVELOPE_CHARS,
            description="For hooks: signed",
        ),
    ] = None,
) -> RecordedEvidence:
    """Prove a claim about the work: once for each kind in the contract's evidence_required.

    With `path` the server reads and hashes the file (level observed), which must not change
    before you submit; with `content` it keeps your text (reported). Give one of the two. A
    test_report is JUnit XML. Refuses secrets, and more than 200 pieces.
    """
    if (path is None) == (content is None):
        raise InvalidArgumentError("give exactly one of `path` and `content`")
    held = require_held(call, work_order)
    relative, data = await _read(held, path, content)
    _check_lines(lines, data)
    seen = None
    if observation is not None:
        seen = await _observed(call, work_order, kind, data, observation)
        if content is not None and data != content.encode():
            raise InvalidArgumentError("observed content that looks like a secret is not kept")
    facts, sha256 = await asyncio.to_thread(_store, call, held, kind, data)
    transaction = await require_lease(call, held)
    await _check_count(transaction, work_order, new_single=1)
    await _check_unused(transaction, seen)
    taken = TakenFile(relative or "", sha256, len(data), facts)
    [event] = await transaction.append(
        _recorded(
            call,
            held,
            kind,
            claim,
            taken,
            path=relative,
            lines={"start": lines[0], "end": lines[1]} if lines else None,
            level="reported" if relative is None and seen is None else "observed",
            observed_by=observed_by,
            **_observer(seen),
        )
    )
    row: Any = await transaction.fetch_row(sql.get_evidence, event.data["evidence"])
    return RecordedEvidence(evidence=evidence_view(row))


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], timeout_s=300, profiles=[])
async def record_evidence_files(
    call: ToolCall,
    work_order: WorkOrderId,
    kind: Kind,
    claim: Annotated[
        str, Field(min_length=3, max_length=200, description="What each file proves, in a sentence")
    ],
    paths: Annotated[
        list[WorkspacePath] | None,
        Field(min_length=1, max_length=MAX_FILES, description="Files; or `folder`"),
    ] = None,
    folder: Annotated[
        WorkspacePath | None, Field(description="Every file below this folder; or `paths`")
    ] = None,
    pattern: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            description="With `folder`: a glob over paths below it; `*` crosses folders",
        ),
    ] = "*",
) -> RecordedFiles:
    """Record many files of the workspace as evidence in one step, one piece for each.

    For more files than record_evidence is handy for. The server reads and hashes each (level
    observed); if one is refused, none is recorded. Links and `.git` are left out of a `folder`; a
    work order holds at most 10,000 files recorded so.
    """
    if (paths is None) == (folder is None):
        raise InvalidArgumentError("give exactly one of `paths` and `folder`")
    held = require_held(call, work_order)
    # Made here: a cancelled call lets go of it, and a thread that still takes files stops at that.
    with closing(TakenFiles()) as files:
        await asyncio.to_thread(_take_all, call, held, kind, paths, folder, pattern, files)
        batch = new_id("EB")
        transaction = await require_lease(call, held)
        await _check_count(transaction, work_order, new_files=len(files))
        taken = iter(files)
        while some := list(islice(taken, EVENTS_AT_ONCE)):
            await transaction.append(
                *(
                    _recorded(
                        call, held, kind, claim, file, path=file.path, level="observed", batch=batch
                    )
                    for file in some
                )
            )
        return RecordedFiles(
            batch=batch,
            n_files=len(files),
            size_bytes=files.size_bytes,
            manifest_sha256=files.manifest_sha256,
        )


def _recorded(
    call: ToolCall,
    held: HeldOrder,
    kind: str,
    claim: str,
    taken: TakenFile,
    *,
    path: str | None,
    level: str,
    lines: dict[str, int] | None = None,
    observed_by: str | None = None,
    **further: object,
) -> NewEvent:
    return NewEvent(
        work_order_stream(held.id),
        "evidence.recorded",
        call.principal.name,
        call.now(),
        {
            "work_order": held.id,
            "evidence": new_id("EV"),
            "kind": kind,
            "claim": claim,
            "path": path,
            "lines": lines,
            "sha256": taken.sha256,
            "size_bytes": taken.size_bytes,
            "facts": taken.facts,
            "level": level,
            "worker": call.principal.name,
            "epoch": held.epoch,
            "observed_by": observed_by,
            **further,
        },
    )


async def _read(held: HeldOrder, path: str | None, content: str | None) -> tuple[str | None, bytes]:
    if content is not None:
        return None, redact_text(content).encode()
    assert path is not None
    return await asyncio.to_thread(
        read_evidence_file, _workspace(held), path, partial(_check_read, held)
    )


def _check_read(held: HeldOrder, relative: str) -> None:
    """What the contract keeps from being read is not kept and signed for everybody either."""
    refusal = held.mandate.judge_read(relative)
    if refusal is not None:
        raise CallRefusedError(
            refusal.reason,
            rule=refusal.rule,
            contract_version=refusal.contract_version,
            remedy=refusal.remedy,
        )


def _workspace(held: HeldOrder) -> Path:
    if held.workspace is None:
        raise InvalidArgumentError(f"{held.id} has no workspace; pass the evidence as `content`")
    return held.workspace


def _store(call: ToolCall, held: HeldOrder, kind: str, data: bytes) -> tuple[dict[str, Fact], str]:
    required = held.contract.contract.evidence_required
    facts = examine(call.service(EvidenceKinds), kind, required, data)
    return facts, open_blob_store(call.kernel.settings).put(data)


def _take_all(
    call: ToolCall,
    held: HeldOrder,
    kind: str,
    paths: Sequence[str] | None,
    folder: str | None,
    pattern: str,
    taken: TakenFiles,
) -> None:
    workspace = _workspace(held)
    if paths is None:
        assert folder is not None
        paths = list_folder(workspace, folder, pattern, MAX_FILES)
    required = held.contract.contract.evidence_required
    blobs = open_blob_store(call.kernel.settings)
    kinds = call.service(EvidenceKinds)
    check_read = partial(_check_read, held)
    Taker(workspace, kinds, kind, required, blobs, check_read).take_all(paths, taken)


async def _observed(
    call: ToolCall, work_order: str, kind: str, data: bytes, observation: str
) -> Observed:
    row = await get_order(call.kernel.database, work_order)
    not_before: datetime = row["first_claimed_at"]
    observers = await asyncio.to_thread(load_observers, call.kernel.settings)
    return verify_observation(
        observation,
        observers,
        work_order=work_order,
        kind=kind,
        content=data,
        not_before=not_before,
        now=call.now(),
    )


def _observer(seen: Observed | None) -> dict[str, object]:
    if seen is None:
        return {}
    return {
        "observer": {"name": seen.observer, "key_id": seen.key_id},
        "observation_sha256": seen.sha256,
    }


async def _check_unused(transaction: Transaction, seen: Observed | None) -> None:
    """Refuse an observation that supports a claim already; an index holds where calls race."""
    if seen is None:
        return
    used = await transaction.fetch_value(evidence_sql.find_observation, seen.sha256)
    if used is not None:
        raise ConflictError(
            f"the observation supports {used} already", remedy="have the hook observe it again"
        )


async def _check_count(
    transaction: Transaction, work_order: str, *, new_single: int = 0, new_files: int = 0
) -> None:
    """Refuse evidence beyond the limits; the lease is locked, so nobody counts at the same time."""
    row: Any = await transaction.fetch_row(evidence_sql.count_evidence, work_order)
    if new_single and row["n_single"] + new_single > MAX_EVIDENCE:
        raise LimitExceededError(
            f"{work_order} has {MAX_EVIDENCE} pieces of evidence; the limit is {MAX_EVIDENCE} a "
            "work order",
            remedy="submit what is there, or use record_evidence_files for files",
        )
    if new_files and row["n_files"] + new_files > MAX_FILES:
        raise LimitExceededError(
            f"{work_order} has {row['n_files']} files recorded; {new_files} more would exceed the "
            f"limit of {MAX_FILES} a work order",
            remedy="submit what is there, or split the work",
        )


def _check_lines(lines: list[int] | None, data: bytes) -> None:
    if lines is None:
        return
    n_lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if not lines[0] <= lines[1] <= max(n_lines, 1):
        raise InvalidArgumentError(
            f"argument `lines` is {lines}; there are lines 1 to {n_lines}, first before last"
        )

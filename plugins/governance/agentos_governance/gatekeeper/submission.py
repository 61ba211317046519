"""Makes the work that checks read of a submission, and judges whether it may go on.

Above: submit_work_order. Below: work, checking. Everything is read once, before any check runs.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentos import (
    BlastRadiusSource,
    Completer,
    Git,
    InvalidArgumentError,
    Queries,
    ReviewedEvidence,
    ReviewedFile,
    ToolCall,
)
from agentos_governance.contracts.model import Contract
from agentos_governance.evidence.blobs import open_blob_store
from agentos_governance.evidence.gates import Submission
from agentos_governance.evidence.kinds import TOOL_USE
from agentos_governance.gatekeeper.checking import Adversarial, run_checks
from agentos_governance.gatekeeper.finding import Finding
from agentos_governance.gatekeeper.model_pass.review import CHECK as MODEL
from agentos_governance.gatekeeper.model_pass.review import review_with_model
from agentos_governance.gatekeeper.processes.outcome import CheckState
from agentos_governance.gatekeeper.processes.questions import question_about
from agentos_governance.gatekeeper.registry import ReviewChecks
from agentos_governance.gatekeeper.settings import GatekeeperSettings
from agentos_governance.gatekeeper.work import Work, list_tree, load_files
from agentos_governance.review.settings import ReviewSettings
from agentos_governance.views import EvidenceView

MAX_EVIDENCE = 2_000
"""Pieces that checks look at: the newest; of uses of tools as many again."""
CLOCKS_AGREE_S = 300.0

_sql = Queries("agentos_governance", "sql/gatekeeper.sql")


async def review_submission(call: ToolCall, submission: Submission, row: Any) -> Adversarial:
    """What the checks say of a submission; `row` is that of the work order.

    Raises ConflictError where the worktree changes meanwhile.
    """
    work = await _work_of(call, submission, row)
    registered = call.service(ReviewChecks)
    found = await run_checks(work, registered.checks, registered.skipped, registered.slots)
    if MODEL in registered.skipped:
        return found
    model = await review_with_model(
        # mypy wants a concrete class; services are asked for by their protocol.
        call.kernel.find_service(Completer),  # type: ignore[type-abstract]
        work,
        lambda suspicions, max_chars: question_about(work, suspicions, max_chars, registered.slots),
        suspicions=found.findings,
        settings=call.service(ReviewSettings),
    )
    state = CheckState(MODEL, model.state, model.why)
    return found.with_findings(model.findings, state, model.n_dropped)


def check_contest(
    contest: str | None, adversarial: Adversarial, checks: ReviewChecks, contract: Contract
) -> list[Finding]:
    """The blocking findings that stop the submission: all, or those that a contest cannot answer.

    Raises InvalidArgumentError for a contest where nobody is there to decide about it.
    """
    blocking = adversarial.blocking
    if contest is None or not blocking:
        return blocking
    if not contract.review.required or contract.review.by != "human":
        raise InvalidArgumentError(
            "argument `contest` needs a person who decides, and this contract's review does not "
            "require one",
            remedy="mend what was found, or have the contract say review.by = 'human'",
        )
    return [finding for finding in blocking if not checks.is_contestable(finding.check)]


async def _work_of(call: ToolCall, submission: Submission, row: Any) -> Work:
    workspace, diff = submission.workspace, submission.diff
    files: list[ReviewedFile] = []
    tree: dict[str, str] = {}
    links: frozenset[str] = frozenset()
    changed_at: dict[str, datetime] = {}
    if workspace is not None and diff is not None:
        files, (tree, links) = await asyncio.gather(
            load_files(workspace.repo_root, workspace.path, diff.changes),
            list_tree(Git(workspace.repo_root), workspace.base_commit),
        )
        if abs(call.now().timestamp() - time.time()) < CLOCKS_AGREE_S:
            changed_at = await asyncio.to_thread(_write_times, workspace.path, files)
    evidence = await asyncio.to_thread(_evidence, submission.evidence)
    return Work(
        work_order=submission.work_order,
        summary=submission.summary,
        objective=f"{row['title']}\n{row['objective']}",
        files=files,
        evidence=evidence,
        contract=submission.contract,
        repo_root=workspace.repo_root if workspace else None,
        base_commit=workspace.base_commit if workspace else None,
        branch=workspace.branch if workspace else None,
        base_tree=tree,
        base_links=links,
        blobs=await asyncio.to_thread(open_blob_store, call.kernel.settings),
        not_compared=submission.not_compared if diff is None else None,
        strays=() if diff is None else diff.strays,
        changed_at=changed_at,
        blob_ids={} if diff is None else {c.path: c.new_blob for c in diff.changes if c.new_blob},
        recorded_before=await _recorded_before(call, submission.work_order, evidence),
        began_at=row["first_claimed_at"],
        type_check=call.service(GatekeeperSettings).type_check,
        # mypy wants a concrete class; services are asked for by their protocol.
        blast_radius_source=call.kernel.find_service(BlastRadiusSource),  # type: ignore[type-abstract]
    )


def _write_times(worktree: Path, files: Sequence[ReviewedFile]) -> dict[str, datetime]:
    """When each changed file was last written, by the file system."""
    found = {}
    for file in files:
        if file.new is not None:
            status = os.lstat(os.path.join(worktree, file.path))
            found[file.path] = datetime.fromtimestamp(status.st_mtime, UTC)
    return found


def _evidence(evidence: Sequence[EvidenceView]) -> list[ReviewedEvidence]:
    """The newest pieces, oldest first; uses of tools are many, and do not displace the others."""
    kept: list[ReviewedEvidence] = []
    left = {True: MAX_EVIDENCE, False: MAX_EVIDENCE}
    for index in range(len(evidence) - 1, -1, -1):
        item = evidence[index]
        is_use = item.kind == TOOL_USE
        if left[is_use] > 0:
            left[is_use] -= 1
            kept.append(_reviewed(item))
    return kept[::-1]


def _reviewed(item: EvidenceView) -> ReviewedEvidence:
    return ReviewedEvidence(
        id=item.id,
        kind=item.kind,
        claim=item.claim,
        path=item.path,
        start_line=item.start_line,
        end_line=item.end_line,
        level=item.level,
        facts=item.facts,
        created_at=item.created_at,
        sha256=item.sha256,
    )


async def _recorded_before(
    call: ToolCall, work_order: str, evidence: Sequence[ReviewedEvidence]
) -> dict[str, str]:
    """Reports of runs that another work order recorded first, by their digest."""
    digests = sorted({item.sha256 for item in evidence if item.kind == "test_report"})
    if not digests:
        return {}
    rows = await call.kernel.database.fetch(_sql.find_reports_elsewhere, work_order, digests)
    return {row["sha256"]: row["work_order"] for row in rows}

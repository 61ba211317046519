"""What a submission must pass: evidence, digests, scope, and whatever plugins add.

Above: submit_work_order. Below: changes, scope, file_reading, verified_objects. Gates look at what is there, not at what the
worker says: files are hashed again and the worktree is compared with its base commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from agentos import (
    CallRefusedError,
    Git,
    InvalidArgumentError,
    InvalidStateError,
    NotFoundError,
    sha256_hex,
)
from agentos_governance.contracts.model import Contract
from agentos_governance.evidence.blobs import MAX_BLOB_BYTES
from agentos_governance.views import EvidenceView, GateView
from agentos_governance.workspace.changes import WorkspaceDiff
from agentos_governance.workspace.file_reading import read_workspace_file
from agentos_governance.workspace.scope import findings_outside_roots
from agentos_governance.workspace.verified_objects import read_file_at
from agentos_governance.workspace.worktrees import Workspace

MAX_FINDINGS = 200
MAX_FINDING_CHARS = 1_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """What gates judge: one work order at the moment it is submitted.

    `diff` is None without a workspace, and where it cannot be made; `not_compared` says why.
    """

    work_order: str
    contract: Contract
    evidence: Sequence[EvidenceView]
    workspace: Workspace | None
    diff: WorkspaceDiff | None
    summary: str
    not_compared: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A named check; no findings means passed."""

    name: str
    check: Callable[[Submission], Awaitable[Sequence[str]]]


async def run_gates(submission: Submission, further: Sequence[Gate] = ()) -> list[GateView]:
    """Every gate's outcome, in order; a gate that raises has not passed."""
    views = []
    for gate in (*GATES, *further):
        try:
            findings = list(await gate.check(submission))
        except Exception as error:  # a broken gate must not let work through
            _log.error("gate_failed", gate=gate.name, exc_info=error)
            findings = [f"the gate itself failed: {type(error).__name__}"]
        shown = [_shortened(finding) for finding in findings[:MAX_FINDINGS]]
        if len(findings) > MAX_FINDINGS:
            shown.append(f"... and {len(findings) - MAX_FINDINGS} more")
        views.append(GateView(name=gate.name, passed=not findings, findings=shown))
    return views


def _shortened(finding: str) -> str:
    return finding if len(finding) <= MAX_FINDING_CHARS else finding[:MAX_FINDING_CHARS] + "..."


async def _required_evidence(submission: Submission) -> list[str]:
    present = {item.kind for item in submission.evidence}
    return [
        f"evidence of kind {kind!r} is required and none was recorded"
        for kind in submission.contract.evidence_required
        if kind not in present
    ]


async def _evidence_digests(submission: Submission) -> list[str]:
    if submission.workspace is None:
        return []
    # A later claim of the same kind about the same file stands in place of the earlier one.
    current = {(item.kind, item.path): item for item in submission.evidence}
    findings = []
    for item in current.values():
        if item.path is not None:
            finding = await _check_claim(submission.workspace, item, item.path)
            if finding is not None:
                findings.append(finding)
    return findings


async def _check_claim(workspace: Workspace, item: EvidenceView, path: str) -> str | None:
    """Why a claim's file is not what was recorded; it may be the version of the base commit."""
    try:
        _, content = await asyncio.to_thread(
            read_workspace_file, workspace.path, path, MAX_BLOB_BYTES
        )
        now = "has changed since it was recorded; record it again"
        if sha256_hex(content) == item.sha256:
            return None
    except NotFoundError:
        now = f"does not exist; its digest was {item.sha256}"
    except (CallRefusedError, InvalidArgumentError) as error:
        now = f"cannot be read again: {error.message}"
    try:
        base = await read_file_at(
            Git(workspace.repo_root), workspace.base_commit, path, MAX_BLOB_BYTES
        )
    except InvalidStateError as error:
        return f"{item.id}: {path}: {error.message}"
    if base is not None and sha256_hex(base) == item.sha256:
        return None
    return f"{item.id}: {path} {now}"


async def _diff_in_roots(submission: Submission) -> list[str]:
    if submission.not_compared is not None:
        return [submission.not_compared]
    if submission.diff is None:
        return []
    return findings_outside_roots(submission.diff.changes, submission.contract)


GATES = (
    Gate("evidence_required", _required_evidence),
    Gate("evidence_digests", _evidence_digests),
    Gate("diff_in_allowed_roots", _diff_in_roots),
)

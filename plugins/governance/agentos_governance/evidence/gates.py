"""What a submission must pass: evidence, digests, scope, and whatever plugins add.

Above: submit_work_order. Below: changes, scope, file_reading, verified_objects. Gates look at what is there, not at what the
worker says: files are hashed again and the worktree is compared with its base commit.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

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
from agentos_governance.evidence.kinds import EvidenceKind, EvidenceKinds
from agentos_governance.evidence.shipped_kinds import SHIPPED_KINDS
from agentos_governance.evidence.threads import map_in_threads
from agentos_governance.views import EvidenceView, GateView
from agentos_governance.workspace.changes import WorkspaceDiff
from agentos_governance.workspace.file_reading import read_workspace_file
from agentos_governance.workspace.scope import findings_outside_roots
from agentos_governance.workspace.snapshots import IGNORED
from agentos_governance.workspace.verified_objects import read_file_at
from agentos_governance.workspace.worktrees import Workspace

MAX_FINDINGS = 200
MAX_FINDING_CHARS = 1_000
THREADS = 4

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """What gates judge: one work order at the moment it is submitted.

    `evidence` is read piece by piece where there is much of it: iterate it, do not keep it.
    `diff` is None without a workspace, and where it cannot be made; `not_compared` says why.
    """

    work_order: str
    contract: Contract
    evidence: Sequence[EvidenceView]
    workspace: Workspace | None
    diff: WorkspaceDiff | None
    summary: str
    not_compared: str | None = None
    kinds: EvidenceKinds = field(default_factory=lambda: EvidenceKinds(SHIPPED_KINDS))


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
    """What the contract requires is there, and the newest of it passes; tests pass in any case."""
    newest = await asyncio.to_thread(_newest_by_kind, submission.evidence)
    required = [submission.kinds.requirement(e) for e in submission.contract.evidence_required]
    findings = [
        f"evidence of kind {kind!r} is required and none was recorded"
        for kind in dict.fromkeys(requirement.kind for requirement in required)
        if kind not in newest
    ]
    judged = {requirement.kind for requirement in required}
    judged |= {kind.name for kind in submission.kinds if kind.is_always_judged}
    for name in sorted(judged & newest.keys()):
        kind = submission.kinds.find(name)
        if kind is not None:
            findings += await asyncio.to_thread(
                _all_failures, submission.evidence, newest[name], kind
            )
    return findings


def _newest_by_kind(evidence: Sequence[EvidenceView]) -> dict[str, _Newest]:
    newest: dict[str, _Newest] = {}
    for index, item in enumerate(evidence):
        before = newest.get(item.kind)
        if before is None or item.batch is None or before.batch != item.batch:
            newest[item.kind] = _Newest(index, item.batch)
    return newest


@dataclass(frozen=True, slots=True)
class _Newest:
    """Where the last piece of a kind stands; where it is one of many recorded at once, the first."""

    index: int
    batch: str | None


def _all_failures(
    evidence: Sequence[EvidenceView], newest: _Newest, kind: EvidenceKind
) -> list[str]:
    findings: list[str] = []
    for index in range(newest.index, len(evidence)):
        item = evidence[index]
        if item.kind == kind.name and item.batch == newest.batch:
            findings += _failures(item, kind)
    return findings


def _failures(item: EvidenceView, kind: EvidenceKind) -> list[str]:
    where = f" {item.path}" if item.path is not None else ""
    if kind.facts and not item.facts:
        # Recorded before the kind was declared, so nobody has looked into it.
        return [f"{item.id}: the {kind.name}{where} was never examined; record it again"]
    return [f"{item.id}: {kind.name}{where}: {found}" for found in kind.find_failures(item.facts)]


async def _evidence_digests(submission: Submission) -> list[str]:
    """Every claim's file is hashed again, in threads; those that differ may be the base version."""
    workspace = submission.workspace
    if workspace is None:
        return []
    differing = await asyncio.to_thread(
        _find_differing,
        workspace.path,
        _compared_states(submission),
        _standing(submission.evidence),
    )
    findings: list[str] = []
    for item, now in differing:
        if len(findings) > MAX_FINDINGS:
            # What is left is not compared with the base: the work is not let through anyhow.
            findings.append(f"{item.id}: {item.path} {now}")
        elif (finding := await _check_base(workspace, item, now)) is not None:
            findings.append(finding)
    return findings


def _standing(evidence: Sequence[EvidenceView]) -> Iterator[EvidenceView]:
    """Newest first: a later claim of a kind about a file stands in place of the earlier ones."""
    seen: set[bytes] = set()
    for index in range(len(evidence) - 1, -1, -1):
        item = evidence[index]
        if item.path:
            subject = sha256(f"{item.kind}\n{item.path}".encode()).digest()
            if subject not in seen:
                seen.add(subject)
                yield item


def _compared_states(submission: Submission) -> Mapping[str, str] | None:
    """The git blob of every file with a claim as it was when the difference was made."""
    return None if submission.diff is None else submission.diff.states


def _find_differing(
    workspace: Path, compared: Mapping[str, str] | None, items: Iterable[EvidenceView]
) -> list[tuple[EvidenceView, str]]:
    """The claims whose file is not what was recorded, each with what is there now."""
    states = map_in_threads(partial(_compare_file, workspace, compared), items, THREADS)
    return [(item, now) for item, now in states if now is not None][::-1]


def _compare_file(
    workspace: Path, compared: Mapping[str, str] | None, item: EvidenceView
) -> tuple[EvidenceView, str | None]:
    return item, _difference(workspace, compared, item)


def _difference(
    workspace: Path, compared: Mapping[str, str] | None, item: EvidenceView
) -> str | None:
    try:
        relative, content = read_workspace_file(workspace, item.path or "", MAX_BLOB_BYTES)
    except NotFoundError:
        return f"does not exist; its digest was {item.sha256}"
    except (CallRefusedError, InvalidArgumentError) as error:
        return f"cannot be read again: {error.message}"
    if sha256_hex(content) == item.sha256:
        # Also what is not changed, or left out: it may have been the base's file for a moment.
        blob = IGNORED if compared is None else compared.get(relative)
        if blob == IGNORED or (blob is not None and _is_blob(content, blob)):
            return None
        return "was another file when the changes were compared; submit while nothing writes to it"
    return "has changed since it was recorded; record it again"


def _is_blob(content: bytes, blob: str) -> bool:
    """Whether git stores these bytes, or these with its own line ends, under the id `blob`."""
    for stored in (content, content.replace(b"\r\n", b"\n")):
        digest = hashlib.new("sha1" if len(blob) == 40 else "sha256", b"blob %d\0" % len(stored))
        digest.update(stored)
        if digest.hexdigest() == blob:
            return True
    return False


async def _check_base(workspace: Workspace, item: EvidenceView, now: str) -> str | None:
    """Why a claim's file is not what was recorded; it may be the version of the base commit."""
    path = item.path or ""
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
    return [
        *findings_outside_roots(submission.diff.changes, submission.contract),
        *(
            f"{path}: the branch holds what is not in the worktree; commit what is there, or undo it"
            for path in submission.diff.strays
        ),
    ]


GATES = (
    Gate("evidence_required", _required_evidence),
    Gate("evidence_digests", _evidence_digests),
    Gate("diff_in_allowed_roots", _diff_in_roots),
)

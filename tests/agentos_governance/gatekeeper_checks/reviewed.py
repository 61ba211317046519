"""Makes reviewed work of two states of a repository, for tests of single checks.

Above: the tests beside it. Below: the gatekeeper's own types; what comes from git and from a worktree is
tested through submissions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from agentos import Finding, ReviewedEvidence, ReviewedFile
from agentos_governance.contracts.model import Contract
from agentos_governance.evidence.blobs import DirectoryBlobs
from agentos_governance.evidence.shipped_kinds import SHIPPED_KINDS
from agentos_governance.gatekeeper.work import Work

Tree = Mapping[str, str | bytes]
Check = Callable[[Work], Awaitable[Sequence[Finding]]]
RECORDED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def work_of(
    before: Tree,
    after: Tree,
    *,
    renamed: Mapping[str, str] | None = None,
    summary: str = "It is done",
    objective: str = "Do it",
    evidence: Sequence[ReviewedEvidence] = (),
    blobs: Path | None = None,
    roots: Sequence[str] = (".",),
) -> Work:
    """Work that turns one tree into the other; `renamed` maps old paths to new ones."""
    old, new = _bytes(before), _bytes(after)
    moves = dict(renamed or {})
    files = [
        ReviewedFile(path, "renamed", source, old[source], new[path], "100644", "100644")
        for source, path in moves.items()
    ]
    for path in sorted({*old, *new} - {*moves, *moves.values()}):
        if old.get(path) != new.get(path):
            files.append(_changed(path, old.get(path), new.get(path)))
    work = Work(
        work_order="WO-1",
        summary=summary,
        objective=objective,
        files=sorted(files, key=lambda file: file.path),
        evidence=evidence,
        contract=Contract(allowed_roots=list(roots)),
        repo_root=None,
        base_commit=None,
        branch=None,
        base_tree={path: f"blob of {path}" for path in old},
        blobs=DirectoryBlobs(blobs) if blobs is not None else None,
    )
    for path, content in old.items():
        work.remember(f"blob of {path}", content)
    return work


def _bytes(tree: Tree) -> dict[str, bytes]:
    return {path: c.encode() if isinstance(c, str) else c for path, c in tree.items()}


def _changed(path: str, old: bytes | None, new: bytes | None) -> ReviewedFile:
    status = "added" if old is None else "deleted" if new is None else "modified"
    return ReviewedFile(
        path,
        status,
        old=old,
        new=new,
        old_mode=None if old is None else "100644",
        new_mode=None if new is None else "100644",
    )


def recorded(
    blobs: Path,
    kind: str,
    content: str | bytes,
    *,
    number: int = 1,
    claim: str = "It is so",
    path: str | None = None,
    lines: tuple[int, int] | None = None,
    at: datetime = RECORDED,
) -> ReviewedEvidence:
    """A piece of evidence whose bytes lie in a store, with the facts that its kind yields."""
    data = content.encode() if isinstance(content, str) else content
    examine = next((k.examine for k in SHIPPED_KINDS if k.name == kind), _no_facts)
    return ReviewedEvidence(
        id=f"EV-{number}",
        kind=kind,
        claim=claim,
        path=path,
        start_line=lines[0] if lines else None,
        end_line=lines[1] if lines else None,
        level="observed",
        facts=dict(examine(data)),
        created_at=at.isoformat(),
        sha256=DirectoryBlobs(blobs).put(data),
    )


def _no_facts(content: bytes) -> Mapping[str, str | int | bool | None]:
    return {}


def tool_use(
    blobs: Path,
    tool: str,
    command: str | None,
    *,
    number: int,
    exit_code: int | None = None,
    files: Mapping[str, str | bytes] | None = None,
) -> ReviewedEvidence:
    """What a client's hook recorded of one use of a tool."""
    written = [
        {"path": path, "sha256": hashlib.sha256(_bytes({path: c})[path]).hexdigest()}
        for path, c in (files or {}).items()
    ]
    document = {"tool": tool, "command": command, "exit_code": exit_code, "files": written}
    return recorded(blobs, "tool_use", orjson.dumps(document), number=number, claim=tool)


async def severities(check: Check, work: Work) -> list[str]:
    """The severities of what a check finds, worst first."""
    found = [finding.severity for finding in await check(work)]
    return sorted(found, key=("blocking", "warning", "note").index)


async def worst(check: Check, work: Work) -> str | None:
    """The worst severity that a check finds; None where it finds nothing."""
    return next(iter(await severities(check, work)), None)

"""Findings of a review: their identity, their order, and the document that events keep.

Above: the gatekeeper, the model's pass. Below: `agentos.Finding`. The id of a finding is a function
of what it says, so that the same work gives the same ids in any process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from agentos import Finding, canonical_json, redact_text, sha256_hex
from agentos_governance.workspace.shown_paths import shown_path

__all__ = ["Finding", "as_document", "is_blocking", "merged", "numbered"]

ID_DIGITS = 10
MAX_MESSAGE_CHARS = 1_000
MAX_CLAIM_CHARS = 200
_RANKS = {"blocking": 0, "warning": 1, "note": 2}


def numbered(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with ids, bounded and free of secrets: worst first, then by place; no twins."""
    return merged(map(_identified, findings))


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that have their ids, in the same order; what is shown is not made fit again."""
    unique: dict[str, Finding] = {}
    for finding in findings:
        unique.setdefault(finding.id, finding)
    return sorted(unique.values(), key=_rank)


def as_document(finding: Finding) -> dict[str, Any]:
    """The finding as a JSON value."""
    return {
        "id": finding.id,
        "check": finding.check,
        "severity": finding.severity,
        "claim": finding.claim,
        "path": finding.path,
        "start_line": finding.start_line,
        "end_line": finding.end_line,
        "message": finding.message,
        "by": finding.by,
    }


def is_blocking(finding: Finding) -> bool:
    """Whether it stops a submission that nobody contests."""
    return finding.severity == "blocking"


def _identified(finding: Finding) -> Finding:
    clean = replace(
        finding,
        message=_bounded(finding.message, MAX_MESSAGE_CHARS),
        claim=None if finding.claim is None else _bounded(finding.claim, MAX_CLAIM_CHARS),
        path=None if finding.path is None else _shown_path(finding.path),
    )
    content = {name: value for name, value in as_document(clean).items() if name != "id"}
    return replace(clean, id=f"F-{sha256_hex(canonical_json(content))[:ID_DIGITS]}")


def _bounded(text: str, limit: int) -> str:
    # What is quoted from a file may be no text at all, and may hold what no record may keep.
    plain = redact_text(text.encode("utf-8", "replace").decode())
    # A character that turns text around, or takes no room, would let it read as another one.
    plain = "".join(
        each if each.isprintable() or each in "\n\t" else _escaped(each) for each in plain
    )
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def _shown_path(path: str) -> str:
    """The path as differences show it; a model may name one that no file system has."""
    return shown_path(path.encode("utf-8", "surrogateescape" if _is_of_files(path) else "replace"))


def _is_of_files(path: str) -> bool:
    return not any(
        0xD800 <= ord(each) <= 0xDFFF and not 0xDC80 <= ord(each) <= 0xDCFF for each in path
    )


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace"))


def _rank(finding: Finding) -> tuple[int, str, str, int, str]:
    return (
        _RANKS[finding.severity],
        finding.check,
        finding.path or "",
        finding.start_line or 0,
        finding.id,
    )
